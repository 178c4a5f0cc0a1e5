// A project's queue: which photo is open, how far one is, and the way from one photo to the next.

const KEPT_PHOTOS = 8; // photos of a queue whose pictures stay in memory
const IDLE_MS = 30_000; // a longer pause is not counted as work

let project = null; // { id, name, labels, new_labels, progress }
let annotator = null; // the name one goes by; the server's own where one logs in
let listed = []; // the photos on the strip
let filter = { state: null, label: null, by: null };
let order = "queue";
let recent = []; // ids of the labels last given
const queuePhotos = new Map(); // item -> photo
let lastAct = performance.now();

async function learnProjects() {
  const reply = await tell("projects", {});
  annotator = reply.me;
  portionFields.setUp(reply);
  find("#rv-me").value = reply.me;
  fill(find("#rv-projects"), reply.projects.map(({ id, name, progress }) => make("li", {},
    make("button", { type: "button", class: "rv-project", "data-project": id, onclick: () => openProject(id) },
      make("span", { class: "rv-food-name" }, name), make("span", { class: "rv-muted" }, progressText(progress)),
      make("span", { class: "rv-meter", "aria-hidden": "true" }, make("span", { style: `width:${100 * finished(progress) / Math.max(1, total(progress))}%` }))))));
  find("#rv-projects-empty").hidden = reply.projects.length > 0;
}

async function chooseProject() {
  try {
    await learnProjects();
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
      name: values.get("name"), new_labels: values.has("new_labels"),
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
    queuePhotos.clear();
    recent = [];
    filter = { state: null, label: null, by: null };
    root.dataset.mode = "project";
    delete root.dataset.review;
    reviewed = null;
    find("#rv-project-name").textContent = project.name;
    const options = (values) => values.map(([value, text]) => make("option", { value }, text));
    find("#rv-filters [name=label]").replaceChildren(...options([["", "any"], ...project.labels.all().map(({ id, name }) => [id, words(name)])]));
    find("#rv-filters [name=by]").replaceChildren(...options([["", "anyone"], ...project.annotators.map((name) => [name, name])]));
    showFilter();
    find("#rv-projects-sheet").close();
    await list(true);
    if (listed.length) await openItem({ after: -1, order });
    else close();
  } catch (error) {
    complain(error);
  }
}

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
      status(query.step ? "No more photos that way" : "Every photo is labelled");
      return current || !listed.length ? null : await openItem({ item: listed[0].item });
    }
    const photo = queuePhotos.get(reply.item) ?? (await taken(reply));
    if (seq !== openSeq) return;
    lastAct = performance.now();
    show(photo);
    aheadOf(photo);
  } catch (error) {
    complain(error);
  } finally {
    busy(null);
  }
}

// A photo of the queue as the server tells it, with the foods saved on it.
async function taken(reply) {
  const image = new Image();
  image.src = served(reply.photo.url);
  await image.decode();
  const work = emptyWork();
  const foods = reply.foods.map((row) => ({ row, food: foodOf(work, row) }));
  work.present = { foods: foods.map(({ food }) => food), active: foods.at(-1)?.food.id ?? null };
  const photo = { ...reply.photo, image, work, encoded: false, seconds: 0, item: reply.item, position: reply.position, blind: reply.blind, state: reply.state, before: reply.before };
  photo.stored = new Map(foods.map(({ row, food }) => [food.id, { id: row.id, revision: row.revision, content: JSON.stringify(contentOf(photo, food)) }]));
  queuePhotos.set(photo.item, photo);
  for (const [item, old] of queuePhotos) {
    if (queuePhotos.size <= KEPT_PHOTOS) break;
    if (old !== current && old !== photo && !unsaved.has(old)) queuePhotos.delete(item);
  }
  return photo;
}

// After a conflict: the photo as the store has it now.
async function reload(photo) {
  const fresh = await taken(await tell("open_item", { project: project.id, item: photo.item }));
  Object.assign(photo, { work: fresh.work, stored: fresh.stored });
  queuePhotos.set(photo.item, photo);
  if (photo === current) changed();
}

// Opens and encodes the photo that comes next, while one works on this one.
async function aheadOf(photo) {
  try {
    const reply = await tell("open_item", { project: project.id, after: photo.position, order });
    if (reply.item === null || queuePhotos.has(reply.item) || reply.item === photo.item) return;
    const next = await taken(reply);
    if (photo !== current) return;
    await ask("prepare", { photo: next.id });
    next.encoded = true;
  } catch { /* it is opened when its turn comes, and says then what is wrong */ }
}

async function giveVerdict(state, reason = "") {
  const photo = current;
  if (!photo?.item) return;
  const unnamed = state === "done" ? photo.work.present.foods.find((food) => !food.label) : null;
  if (unnamed) {
    selectFood(unnamed.id);
    return complain(new Error("This food has no name yet; name it, or remove it."));
  }
  try {
    keep(photo);
    while (syncing) await new Promise((resolve) => setTimeout(resolve, 20));
    if (unsaved.has(photo)) throw new Error("This photo is not saved yet; it is tried again.");
    const { progress } = await tell("give_verdict", { project: project.id, item: photo.item, state, reason, seconds: photo.seconds });
    photo.seconds = 0;
    photo.state = state;
    showProgress(progress);
    const entry = listed.find(({ item }) => item === photo.item);
    if (entry) Object.assign(entry, { state, foods: photo.work.present.foods.length });
    await openItem({ after: photo.position, order });
    drawStrip();
  } catch (error) {
    complain(error);
  }
}

function nameFood(label, suggested = false) {
  const food = current && activeFood(current.work);
  if (!food || !project) return;
  const evidence = evidenceOf.get(maskOf(food));
  const suggestions = evidence?.suggestions?.map((each) => [each.label, each.probability]) ?? null;
  recent = [label.id, ...recent.filter((id) => id !== label.id)].slice(0, 6);
  commit(current.work, withFood(current.work.present, { ...food, label: label.id, suggestions, checkpoint: suggestions && props.facts.checkpoint_id, taken: current.blind || !suggestions ? null : suggested }));
  changed();
}

// A suggestion is a class of the checkpoint; a project may not have it as a label yet.
async function takeSuggestion(name) {
  const label = project.labels.named(name);
  if (label) nameFood(label, true);
  else if (project.new_labels) await createLabel(words(name), true);
  else complain(new Error(`“${words(name)}” is not in this project's label set.`));
}

async function createLabel(name, suggested = false) {
  try {
    const { label } = await tell("add_label", { project: project.id, name });
    project.labels.add(label);
    nameFood(label, suggested);
  } catch (error) {
    complain(error);
  }
}

function changeFood(change) {
  const food = current && activeFood(current.work);
  if (!food) return;
  commit(current.work, withFood(current.work.present, { ...food, ...change }));
  changed();
}

// The foods of the photo before, as foods of this one: leftovers lie where the meal lay.
async function copyFoods() {
  const photo = current;
  if (!photo?.item) return;
  try {
    const query = photo.before ? { item: photo.before } : { position: photo.position, step: -1 };
    const reply = await tell("open_item", { project: project.id, ...query });
    if (reply.item === null || !reply.foods.length) throw new Error("The photo before has no foods of yours.");
    if (reply.photo.width !== photo.width || reply.photo.height !== photo.height) throw new Error("The photo before has another size, so its masks do not fit.");
    const copies = reply.foods.map((row) => ({ ...foodOf(photo.work, row), portion: null, note: "", suggestions: null, taken: null }));
    const foods = [...photo.work.present.foods, ...copies];
    commit(photo.work, { foods, active: copies.at(-1).id });
    changed();
  } catch (error) {
    complain(error);
  }
}

function showFilter() {
  const parts = [filter.state === "open" ? "begun" : filter.state, filter.label && words(project.labels.get(filter.label).name), filter.by && `by ${filter.by}`].filter(Boolean);
  find("#rv-filter").textContent = parts.length ? parts.join(", ") : "All photos";
}

// "Uncertain first" wants every photo looked over once; that can be stopped, and goes on when it is chosen again.
async function chooseOrder(name) {
  order = name;
  if (order !== "uncertain first") return;
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
  if (project && current?.state === "new") openItem({ after: -1, order });
}

async function linkBefore(linked) {
  const photo = current;
  try {
    photo.before = (await tell("link_before", { project: project.id, item: photo.item, linked })).before;
    saved("saved");
  } catch (error) {
    complain(error);
  }
  drawPanel();
}

async function list(anew) {
  const after = anew ? -1 : (listed.at(-1)?.position ?? -1);
  const { items } = await tell("list_items", { project: project.id, after, ...filter });
  listed = anew ? items : [...listed, ...items];
  drawStrip();
}

async function addPhotos(sources) {
  const chosen = [...sources];
  const problems = [];
  stopAdding = false;
  for (const [index, { name, message }] of chosen.entries()) {
    if (stopAdding) break;
    busy(`Adding photo ${index + 1} of ${chosen.length}…`, () => { stopAdding = true; });
    try {
      const added = await tell(message.folder === undefined ? "add_photo" : "add_from_folder", { project: project.id, ...(await message.of()), folder: message.folder });
      if (added.problem) problems.push(`${name}: ${added.problem}`);
      else if (added.was_there) problems.push(`${name}: is in this project already`);
    } catch (error) {
      problems.push(`${name}: ${error.message}`);
    }
  }
  busy(null);
  await list(true);
  showProgress((await tell("open_project", { project: project.id })).progress);
  if (problems.length) complain(new Error(`${problems.length} of ${chosen.length} photos were not added. ${problems.slice(0, 3).join(" · ")}`));
  if (!current && listed.length) await openItem({ after: -1, order });
}
let stopAdding = false;

const addFiles = (files) => addPhotos([...files].map((file) => ({ name: file.name, message: { of: () => uploaded(file) } })));

async function addFolder(folder) {
  try {
    const { names } = await tell("list_folder", { folder });
    if (!names.length) throw new Error("There are no photos in this folder.");
    find("#rv-add-sheet").close();
    await addPhotos(names.map((name) => ({ name, message: { folder, of: async () => ({ name }) } })));
  } catch (error) {
    complain(error);
  }
}

const total = (progress) => Object.values(progress).reduce((sum, count) => sum + count, 0);
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

// Time in which something was done counts as work on the open photo.
for (const kind of ["pointerdown", "pointermove", "keydown", "wheel"]) {
  root.addEventListener(kind, () => {
    const now = performance.now();
    if (current?.item) current.seconds += Math.min(now - lastAct, IDLE_MS) / 1000;
    lastAct = now;
  }, { passive: true });
}
