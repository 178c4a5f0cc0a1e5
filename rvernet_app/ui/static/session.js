// What is on the page now, how it is drawn, and what is said to the person.

const find = (selector) => element.querySelector(selector);
find.all = (selector) => element.querySelectorAll(selector);
const root = find(".rv");
const overlay = find(".rv-overlay");
const view = createView(find(".rv-stage"), find(".rv-photo"), overlay);
const photos = new Map(); // id -> { id, name, sample, width, height, image, thumb, work }
let evidenceOf = new WeakMap(); // mask -> { suggestions, sure, cutouts, maps, timings, label }

let current = null;
let tool = "point";
let cut = false;
let masksHidden = false;
let crosshair = null;
let draftBox = null;
let hovered = null; // photo pixel under the pointer
let drafts = []; // foods as prompted whose masks are not here yet, one entry a food
let startNext = false; // the next click starts a food
let promptSeq = 0;
let segmenting = false;
let evidenceSeq = 0;
let awaited = null; // { seq, mask, stage } of the evidence under way
let openSeq = 0;
let method = props.method;
let scale = "own";

const panel = createPanel(find, {
  selectFood, removeFood, chooseCandidate, enlarge,
  suggestion: (label) => (project ? takeSuggestion(label) : explain(label)), explain,
  showPhoto: (id) => show(photos.get(id)),
  method: (value) => { method = value; remap(); },
  scale: (value) => { scale = value; remap(); },
});

function changed() {
  drawScene();
  keep(current);
  const mask = shownMask();
  const evidence = mask && evidenceOf.get(mask);
  if (mask && !mapsAreChosen(evidence)) {
    if (awaited?.mask !== mask) request(mask, evidence?.suggestions ? "maps" : "all", evidence?.label);
  } else if (!awaited) nameTheRest();
  drawPanel();
}

function drawScene() {
  if (reviewed) return view.drawOverlay(reviewScene());
  const food = pendingFood() ?? (current && activeFood(current.work));
  const { foods, active } = current?.work.present ?? { foods: [], active: null };
  view.drawOverlay({
    masks: masksHidden ? [] : foods.map((each) => ({ path: maskPath(maskOf(each)), colour: each.colour, active: each.id === active })),
    points: food?.points ?? [],
    box: draftBox ?? food?.box ?? null,
    boxIsDraft: draftBox !== null,
    colour: food?.colour ?? COLOURS[(current?.work.made ?? 0) % COLOURS.length],
    opacity: Number(find("#rv-opacity").value) / 100,
    crosshair,
    stroke: stroke && { ...stroke, radius: brushRadius(), colour: food?.colour ?? COLOURS[0] },
    corners,
    handles: gripped ? [gripped.place] : handleRings().flatMap(({ points, at }) => at.map((index) => points[index])),
    outline: gripped && ringWith(gripped, gripped.place),
    brush: hovered && ["brush", "eraser"].includes(tool) ? { at: hovered, radius: brushRadius() } : null,
  });
  find("#rv-zoom-level").textContent = `${Math.round(view.state.scale * 100)} %`;
}

function drawPanel() {
  const { foods, active } = current?.work.present ?? { foods: [], active: null };
  const food = current && activeFood(current.work);
  const mask = current?.blind ? null : shownMask();
  panel.drawFoods(foods, active, (each) => evidenceOf.get(maskOf(each)), project && ((each) => project.labels.get(each.label)), (each) => current?.stored?.get(each.id)?.status);
  panel.drawCandidates(food);
  find("#rv-show-meal").textContent = current?.meal ?? "Meal";
  fill(find("#rv-said"), (current?.comments ?? []).map(({ who, words: said }) => make("li", {}, make("strong", {}, who), ` ${said}`)));
  drawNaming(pendingFood() ?? food);
  panel.drawEvidence(mask ? evidenceOf.get(mask) : null, {
    pending: awaited?.mask === mask && mask ? (awaited.stage === "maps" ? "maps" : "suggestions") : null, scale, method,
  });
  for (const button of find.all("[data-tool]")) button.setAttribute("aria-checked", String(button.dataset.tool === tool));
  find("#rv-polarity").setAttribute("aria-pressed", String(cut));
  find("#rv-undo").disabled = !current?.item && !current?.work.past.length;
  find("#rv-redo").disabled = !current?.item && !current?.work.future.length;
  find("#rv-clear").disabled = !foods.length;
  find("#rv-next-food").disabled = active === null;
  const count = current && find(`[data-photo="${current.id}"]`);
  if (count && (count.querySelector(".rv-count")?.textContent ?? "0") !== String(foods.length)) drawStrip();
  overlay.dataset.tool = tool;
  root.toggleAttribute("data-full", Boolean(current?.full));
}

// What a food of a project is called, how much it is, and a note.
function drawNaming(food) {
  if (!project) return;
  for (const field of find.all(".rv-naming input, .rv-naming select, .rv-naming textarea")) field.disabled = !food;
  labelField.show(food?.label ? words(project.labels.get(food.label)?.name ?? "") : "");
  portionFields.show(food?.portion ?? null);
  if (document.activeElement !== find("#rv-note")) find("#rv-note").value = food?.note ?? "";
  fill(find("#rv-recent"), recent.slice(0, 4).map((id, index) => make("button", {
    type: "button", class: "rv-tag", disabled: !food, title: `Name it so (${index + 6})`, onclick: () => nameFood(project.labels.get(id)),
  }, make("kbd", {}, String(index + 6)), words(project.labels.get(id)?.name ?? ""))));
  if (!("asked" in find("#rv-before").dataset)) find("#rv-before").checked = Boolean(current?.before);
  find("#rv-before").disabled = !current?.position;
  find("#rv-blind").hidden = !current?.blind;
}

// What is typed in a field of a food is the food's once the field is left.
function leaveFields() {
  const field = document.activeElement;
  if (field?.closest?.(".rv-naming")) field.blur();
}

function drawStrip() {
  if (project) {
    const inReview = "review" in root.dataset;
    const shown = inReview ? reviewed?.item : current?.item;
    panel.drawQueue(listed, shown, (item) => (inReview ? openReview({ item }) : openItem({ item })), () => list(false).catch(complain), !filters() && listEarlier);
    return keepInView(find("#rv-strip"), find("#rv-strip [aria-current]"));
  }
  panel.drawStrip([...photos.values()], current?.id, { open: openSample, samples: props.samples });
  keepInView(find("#rv-strip"), find("#rv-strip [aria-current]"));
}

async function ask(name, message) {
  const reply = await server[name](message).catch(() => null);
  if (!reply) throw await unanswered("Check that it is running, then try again.");
  if (reply.error) throw new Error(reply.error);
  return reply;
}

// Why no answer came. What was asked for may have been done all the same.
async function unanswered(hint) {
  const checked = await fetch(served("gradio_api/login_check"), { signal: AbortSignal.timeout(5000) }).catch(() => null);
  const why = checked?.status === 401
    ? "You are logged out. Log in in another tab; what is not saved yet is kept on this page and saved then."
    : `The server does not answer. ${hint}`;
  return Object.assign(new Error(why), { unanswered: true });
}

const served = (url) => `${window.gradio_config?.root ?? ""}/${url}`;

function status(text) { find("#rv-status").textContent = text; }

function busy(text, stop = null) {
  find("#rv-busy").hidden = text === null;
  find("#rv-busy-stop").hidden = stop === null;
  find("#rv-busy-stop").onclick = stop;
  if (text !== null) find("#rv-busy-text").textContent = text;
}

let toastTimer = null;
function complain(error) {
  find("#rv-toast").textContent = error.message;
  find("#rv-toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { find("#rv-toast").hidden = true; }, 8000);
}

function enlarge(button) {
  find("#rv-picture").src = button.querySelector("img").src;
  find("#rv-picture-title").textContent = button.nextElementSibling.firstChild.textContent;
  find("#rv-picture-sheet").showModal();
}
