// A project's queue: which photo is open, how far one is, and the way from one photo to the next.

const KEPT_PHOTOS = 8; // photos of a queue whose pictures stay in memory
const IDLE_MS = 30_000; // a longer pause is not counted as work

let project = null; // { id, name, labels, new_labels, progress }
let annotator = null; // the name one goes by; the server's own where one logs in
let order = "queue";
let recent = []; // ids of the labels last given
const queuePhotos = new Map(); // item -> photo
let lastAct = performance.now();

async function learnProjects() {
  const reply = await tell("projects", {});
  annotator = reply.me;
  showAccount(reply.me);
  portionFields.setUp(reply);
  find("#rv-me").value = reply.me;
  fill(find("#rv-projects"), reply.projects.map(({ id, name, progress }) => make("li", {},
    make("button", { type: "button", class: "rv-project", "data-project": id, onclick: () => openProject(id) },
      make("span", { class: "rv-food-name" }, name), make("span", { class: "rv-muted" }, progressText(progress)),
      make("span", { class: "rv-meter", "aria-hidden": "true" }, make("span", { style: `width:${100 * finished(progress) / Math.max(1, total(progress))}%` }))))));
  find("#rv-projects-empty").hidden = reply.projects.length > 0;
}

// Whether what is labelled here is kept elsewhere too, where the disk does not last.
async function learnKeeping() {
  const { problem } = await tell("keeping", {}).catch((error) => ({ problem: error.message }));
  find("#rv-not-kept").hidden = props.facts.kept && !problem;
  if (problem) find("#rv-not-kept").textContent = problem;
}

async function chooseProject() {
  try {
    await learnProjects();
    learnKeeping();
    train("training");
    if (!find("#rv-projects-sheet").open) find("#rv-projects-sheet").showModal();
  } catch (error) {
    complain(error);
  }
}

async function createProject(form) {
  const values = new FormData(form);
  try {
    const { id } = await tell("create_project", {
      name: values.get("name"), label_set: await values.get("label_set").text(), new_labels: values.has("new_labels"),
      double_share: Number(values.get("double_share")) / 100, blind_share: Number(values.get("blind_share")) / 100,
    });
    form.reset();
    await openProject(id);
  } catch (error) {
    complain(error);
  }
}

async function openProject(id) {
  try {
    const reply = await tell("open_project", { project: id });
    project = { ...reply, labels: createLabelSet(reply.labels) };
    remember("rvernet-project", String(id));
    for (const [item, photo] of queuePhotos) if (!unsaved.has(photo)) queuePhotos.delete(item);
    recent = [];
    filter = { state: null, label: null, by: null, uncertain: null };
    root.dataset.mode = "project";
    delete root.dataset.review;
    reviewed = null;
    find("#rv-project-name").textContent = project.name;
    find("#rv-filters").reset();
    find("#rv-filters [name=label]").replaceChildren(...labelOptions());
    find("#rv-filters [name=by]").replaceChildren(...options([["", "anyone"], ...project.annotators.map((name) => [name, name])]));
    showFilter();
    find("#rv-projects-sheet").close();
    await list(true);
    await saveStashed();
    if (listed.length) await openItem({ after: -1, order });
    else close();
  } catch (error) {
    complain(error);
  }
}

const options = (values) => values.map(([value, text]) => make("option", { value }, text));
const labelOptions = () => options([["", "any"], ...project.labels.all().map(({ id, name }) => [id, words(name)])]);

function leaveProject() {
  project = null;
  remember("rvernet-project", "");
  delete root.dataset.mode;
  find("#rv-projects-sheet").close();
  close();
}

// No photo is open.
function close() {
  openSeq++;
  current = null;
  root.dataset.state = "empty";
  find("#rv-photo-name").textContent = project ? "No photo yet" : "No photo open";
  find("#rv-photo-size").textContent = "";
  drawStrip();
  changed();
}

// The photo asked for: { item }, { after, order } for the next to label, { position, step } for a neighbour.
async function openItem(query) {
  const seq = ++openSeq;
  busy("Opening the photo…");
  try {
    const reply = await tell("open_item", { project: project.id, ...query });
    showProgress(reply.progress);
    if (reply.item === null) {
      status(query.step ? "No more photos that way" : ended(reply.progress));
      return current || !listed.length ? null : await openItem({ item: listed[0].item });
    }
    const photo = upToDate(reply) ?? (await taken(reply));
    if (seq !== openSeq) return;
    photo.project = project;
    lastAct = performance.now();
    show(photo);
    if (!listed.some(({ item }) => item === photo.item)) await listAround(photo.position);
    aheadOf(photo);
  } catch (error) {
    complain(error);
    if (seq === openSeq && error.item && !query.item) await stepPast(error, query);
  } finally {
    busy(null);
  }
}

// A photo whose file is missing or damaged holds nobody up.
const stepPast = ({ position }, { step = 1 }) => openItem({ position, step });

// Why nothing is left to be led to.
function ended(progress) {
  const left = progress.new + progress.open + progress.skipped;
  if (left) return `${left} photos are left, skipped or held by others`;
  return progress.full ? `All is done; others have ${progress.full} photos` : "Every photo is labelled";
}

// One in memory already, unless the store has other foods by now, as another tab or device leaves them.
function upToDate(reply) {
  const photo = cached(reply.item);
  if (!photo) return null;
  const pending = unsaved.has(photo) || refused.has(photo) || drafts.some((draft) => draft.photo === photo);
  const stored = [...photo.stored.values()].filter(({ content }) => content !== "deleted");
  const same = stored.length === reply.foods.length && reply.foods.every((row) => stored.some(({ id, revision }) => id === row.id && revision === row.revision));
  if (!pending && !same) return null;
  return Object.assign(photo, ofQueue(reply));
}

// What the queue, and not a food, says of a photo.
const ofQueue = ({ item, position, blind, state, before, full, meal, comments }) => ({ item, position, blind, state, before, full, meal, comments });

// A photo of the queue that is in memory already, as its annotator has it.
function cached(item) {
  const photo = queuePhotos.get(item);
  return photo?.me === annotator ? photo : null;
}

// A photo of the queue as the server tells it, with the foods saved on it and what this tab changed before.
async function taken(reply) {
  const [of, me] = [project, annotator];
  const image = new Image();
  image.src = served(reply.photo.url);
  await image.decode();
  const work = emptyWork();
  const stored = takeFoods(work, reply.foods);
  const photo = { ...reply.photo, image, work, encoded: false, seconds: keptSeconds(reply.item), project: of, me, sent: null, stored, ...ofQueue(reply) };
  unstash(photo);
  queuePhotos.set(photo.item, photo);
  for (const [item, old] of queuePhotos) {
    if (queuePhotos.size <= KEPT_PHOTOS) break;
    if (old === current || old === photo || unsaved.has(old) || refused.has(old)) continue;
    keepSeconds(old);
    queuePhotos.delete(item);
  }
  return photo;
}

// The foods of a photo as the store tells them; what it has of each, by the page's own numbers.
function takeFoods(work, rows) {
  const foods = rows.map((row) => ({ row, food: foodOf(work, row) }));
  work.present = { foods: foods.map(({ food }) => food), active: foods.at(-1)?.food.id ?? null };
  return new Map(foods.map(({ row, food }) => [food.id, { id: row.id, revision: row.revision, status: row.status, content: textOf(contentOf(food)) }]));
}

let takingBack = Promise.resolve();

// What this page does not remember doing, as before a reload, the store takes back from its events, one by one.
function undoStored(name) {
  const photo = current;
  if (photo?.item) takingBack = takingBack.then(() => takeBack(photo, name));
}

async function takeBack(photo, name) {
  try {
    await reached(photo);
    const { undone, foods } = await tellOf(photo, name, { project: photo.project.id });
    if (undone) photo.stored = takeFoods(photo.work, foods);
    status(undone ? "Taken back" : "There is nothing more to take back");
    changedOn(photo);
  } catch (error) {
    complain(error);
  }
}

async function setMeal(meal) {
  const photo = current;
  try {
    photo.meal = (await tellOf(photo, "set_meal", { project: photo.project.id, meal })).meal;
    const entry = listed.find(({ item }) => item === photo.item);
    if (entry) entry.meal = photo.meal;
    drawPanel();
  } catch (error) {
    complain(error);
  }
}

// Opens and encodes the photo that comes next, while one works on this one.
async function aheadOf(photo) {
  try {
    const reply = await tell("open_item", { project: project.id, after: photo.position, order });
    if (reply.item === null || cached(reply.item) || reply.item === photo.item) return;
    const next = await taken(reply);
    if (photo !== current) return;
    await ask("prepare", { photo: next.id });
    next.encoded = true;
  } catch { /* it is opened when its turn comes, and says then what is wrong */ }
}

async function giveVerdict(state, reason = "") {
  const photo = current;
  if (!photo?.item) return false;
  try {
    await reached(photo);
    const unnamed = state === "done" ? photo.work.present.foods.find((food) => !food.label) : null;
    if (unnamed) {
      if (photo === current) selectFood(unnamed.id);
      throw new Error("This food has no name yet; name it, or remove it.");
    }
    const { progress } = await tellOf(photo, "give_verdict", { project: photo.project.id, state, reason, seconds: photo.seconds });
    photo.seconds = 0;
    keepSeconds(photo);
    photo.state = state;
    const entry = listed.find(({ item }) => item === photo.item);
    if (entry) Object.assign(entry, { state, foods: photo.work.present.foods.length });
    if (photo.project === project) showProgress(progress);
    if (photo === current) await openItem({ after: photo.position, order });
    drawStrip();
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}

function nameFood(label, suggested = false, meant = meantFood()) {
  if (!meant || !project) return;
  const mask = meant.photo.work.present.foods.filter((food) => food.id === meant.id).map(maskOf)[0];
  const evidence = mask && evidenceOf.get(mask);
  const suggestions = evidence?.suggestions?.map((each) => [each.label, each.probability]) ?? null;
  recent = [label.id, ...recent.filter((id) => id !== label.id)].slice(0, 6);
  changeFood({ label: label.id, suggestions, checkpoint: suggestions && evidence.checkpoint, taken: meant.photo.blind || !suggestions ? null : suggested }, meant);
}

// A suggestion is a class of the checkpoint; a project may not have it as a label yet.
async function takeSuggestion(name) {
  const label = project.labels.named(name);
  const food = current && activeFood(current.work);
  if (!food) return;
  const meant = { photo: current, id: food.id }; // the suggestions shown are of no other
  if (label) nameFood(label, true, meant);
  else if (project.new_labels) await createLabel(words(name), true, meant);
  else complain(new Error(`“${words(name)}” is not in this project's label set.`));
}

async function createLabel(name, suggested = false, meant = meantFood()) {
  const of = project;
  try {
    const { label } = await tell("add_label", { project: of.id, name });
    of.labels.add(label);
    if (of === project) nameFood(label, suggested, meant);
  } catch (error) {
    complain(error);
  }
}

// The foods of the photo before, as foods of this one: leftovers lie where the meal lay.
async function copyFoods() {
  const photo = current;
  if (!photo?.item || refuses(photo)) return;
  try {
    const query = photo.before ? { item: photo.before } : { position: photo.position, step: -1 };
    const reply = await tell("open_item", { project: project.id, ...query });
    if (reply.item === null || !reply.foods.length) throw new Error("The photo before has no foods of yours.");
    if (reply.photo.width !== photo.width || reply.photo.height !== photo.height) throw new Error("The photo before has another size, so its masks do not fit.");
    const copies = reply.foods.map((row) => ({ ...foodOf(photo.work, row), portion: null, note: "", suggestions: null, taken: null }));
    const foods = [...photo.work.present.foods, ...copies];
    commit(photo.work, { foods, active: copies.at(-1).id });
    changedOn(photo);
  } catch (error) {
    complain(error);
  }
}

async function chooseOrder(name) {
  order = name;
  if (order !== "uncertain first") return;
  await lookOver();
  if (project && current?.state === "new") openItem({ after: -1, order });
}

// What asks how uncertain photos are wants each looked over once; that can be stopped, and goes on when it is asked again.
async function lookOver() {
  let stopped = false;
  try {
    for (let left = 1; left && !stopped && project;) {
      const reply = await tell("rank_next", { project: project.id });
      left = reply.left;
      busy(`Looking photos over, ${reply.total - left} of ${reply.total}…`, () => { stopped = true; });
    }
  } catch (error) {
    complain(error);
  } finally {
    busy(null);
  }
}

async function linkBefore(linked) {
  const photo = current;
  const box = find("#rv-before");
  box.dataset.asked = ""; // its answer is on the way
  try {
    photo.before = (await tellOf(photo, "link_before", { project: photo.project.id, linked })).before;
    if (!unsaved.size) saved("saved");
  } catch (error) {
    complain(error);
  }
  delete box.dataset.asked;
  drawPanel();
}

// Of the photos that are one's own to label; others have the rest.
const total = ({ full, ...mine }) => Object.values(mine).reduce((sum, count) => sum + count, 0);
const finished = ({ done, unusable, skipped }) => done + unusable + skipped;
const progressText = (progress) => `${finished(progress)} of ${total(progress)} photos`;

function showProgress(progress) {
  project.progress = progress;
  find("#rv-progress").textContent = progressText(progress);
  find("#rv-progress-bar").style.width = `${100 * finished(progress) / Math.max(1, total(progress))}%`;
}

function remember(name, value) {
  try { value ? localStorage.setItem(name, value) : localStorage.removeItem(name); } catch { /* no storage: it is chosen anew */ }
}

// Seconds spent on a photo outlive a reload, until a verdict takes them.
const SECONDS = "rvernet-seconds-";
const keptSeconds = (item) => { try { return Number(sessionStorage.getItem(`${SECONDS}${annotator} ${item}`)) || 0; } catch { return 0; } };

function keepSeconds({ me, item, seconds }) {
  try {
    if (seconds) sessionStorage.setItem(`${SECONDS}${me} ${item}`, String(seconds));
    else sessionStorage.removeItem(`${SECONDS}${me} ${item}`);
  } catch { /* no storage: they are counted anew */ }
}

window.addEventListener("pagehide", () => { for (const photo of queuePhotos.values()) keepSeconds(photo); });

// Time in which something was done counts as work on the open photo.
for (const kind of ["pointerdown", "pointermove", "keydown", "wheel"]) {
  root.addEventListener(kind, () => {
    const now = performance.now();
    if (current?.item) current.seconds += Math.min(now - lastAct, IDLE_MS) / 1000;
    lastAct = now;
  }, { passive: true });
}
