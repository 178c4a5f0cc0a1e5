// The page starts: its parts are made, and drawn whenever the state changes.

import { createActions, setTheme } from "./actions.js";
import { wireButtons } from "./buttons.js";
import { createCanvas } from "./canvas/canvas.js";
import { boxAround, clickAt } from "./canvas/clicks.js";
import { addCorner, dragCorner, dropCorner, finishStroke, gripAt } from "./canvas/corrections.js";
import { listenToPointers } from "./canvas/pointers.js";
import { proposalsArrived } from "./canvas/proposals.js";
import { isBrush, sceneOf } from "./canvas/scene.js";
import { topFood } from "./canvas/stacking.js";
import { resize } from "./canvas/view.js";
import { finder } from "./dom.js";
import { chooseMaps, evidenceArrived, explain, followMask } from "./evidence.js";
import { attempt, complain, drawStatus } from "./feedback.js";
import { listenToFiles } from "./files.js";
import { changeFood, chooseCandidate, removeFoods, selectFood, selectThrough, toggleFood } from "./foods.js";
import { createDatabase } from "./front/database.js";
import { listenToTabs, lostByLeaving, restorePhotos } from "./front/keeping.js";
import { listenToKeys } from "./keys.js";
import { createBlurring } from "./panels/blurring.js";
import { createCallout } from "./panels/callout.js";
import { createCandidates } from "./panels/candidates.js";
import { createEvidence } from "./panels/evidence.js";
import { drawFacts } from "./panels/facts.js";
import { createFoodList } from "./panels/foods.js";
import { drawFront } from "./panels/front.js";
import { createGrid } from "./panels/grid.js";
import { createGuide } from "./panels/guide.js";
import { drawHeader, drawSaved, drawSettings } from "./panels/header.js";
import { createLabelField } from "./panels/label-field.js";
import { createNaming } from "./panels/naming.js";
import { createPortionFields } from "./panels/portion.js";
import { drawAdded, drawImporting } from "./panels/reports.js";
import { createSheets } from "./panels/sheets.js";
import { createStrip } from "./panels/strip.js";
import { drawTabs } from "./panels/tabs.js";
import { leaveFields, openAgain, openSample, showPhoto } from "./photos.js";
import { drawAccount } from "./project/account.js";
import { showFormats } from "./project/export.js";
import { moreOfGrid, openFromGrid, toggleInGrid } from "./project/grid.js";
import { createLabelSet } from "./project/labels.js";
import { listEarlier, listMore } from "./project/listing.js";
import { createLabel, nameFood, takeSuggestion } from "./project/naming.js";
import { removeMember, setRole } from "./project/people.js";
import { learnProjects, openProject } from "./project/projects.js";
import { openItem } from "./project/queue.js";
import { searchHere, searchLabels } from "./project/search.js";
import { countSeconds } from "./project/time.js";
import { drawReview, openReview } from "./review/review.js";
import { createState, labelsOf } from "./state.js";
import { remembered } from "./storage.js";
import { isTouch, withoutKey } from "./words.js";

// `element` holds the page's HTML; the rest is how Gradio lets it speak with the server.
export function start({ element, props, server, trigger, watch, upload }) {
  const page = createPage({ element, props, server, trigger, upload });
  const actions = createActions(page);
  page.sendAgain = (photo) => openAgain(page, photo);
  page.fields = createFields(page, actions);
  page.sheets = createSheets(page, {
    project: (id) => openProject(page, id),
    role: (name, role) => setRole(page, name, role),
    remove: (name) => removeMember(page, name),
  });
  drawOnChange(page);
  wireButtons(page, actions);
  listenToCanvas(page);
  listenToKeys(page, actions);
  listenToFiles(page);
  countSeconds(page);
  askBeforeLeaving(page);
  watch("value", () => arrived(page));
  begin(page);
}

function createPage({ element, props, server, trigger, upload }) {
  const find = finder(element);
  const overlay = find(".rv-overlay");
  const canvas = createCanvas(find(".rv-table"), find(".rv-photo"), overlay);
  const state = createState({
    facts: props.facts,
    method: props.method,
    annotator: remembered("rvernet-me"),
    front: { id: null, labels: createLabelSet(props.labels), new_labels: true },
  });
  const database = createDatabase();
  return { find, root: find(".rv"), overlay, canvas, state, database, props, server, trigger, upload };
}

function createFields(page, actions) {
  const { find, overlay, props, state } = page;
  const toCanvas = () => overlay.focus({ preventScroll: true });
  const nextFood = () => {
    toCanvas();
    actions.followingName();
  };
  const elements = {
    input: find("#rv-label"),
    list: find("#rv-label-options"),
    says: find("#rv-label-says"),
  };
  const label = createLabelField(elements, {
    search: (typed) => searchLabels(page, typed),
    searchHere: (typed) => searchHere(state, typed),
    mayCreate: () => (state.project ?? state.front).new_labels,
    take: (chosen) => {
      nameFood(page, chosen);
      toCanvas();
    },
    create: async (name) => {
      const created = await createLabel(page, name);
      if (created) toCanvas();
      return Boolean(created);
    },
    confirm: nextFood,
    named: (typed) => labelsOf(state).onlyNamed(typed),
    left: (label) => {
      if (label) nameFood(page, label);
      state.redraw("panels");
    },
  });
  const portion = createPortionFields(find("#rv-portion"), {
    change: (changed, meant) => changeFood(page, { portion: changed }, meant),
    confirm: nextFood,
  });
  portion.setUp({ units: props.units, methods: props.portion_methods, limits: props.limits });
  return { label, portion };
}

// What is drawn of the parts that changed. What follows from another mask comes after that mask is on the
// screen.
function drawOnChange(page) {
  const { state, canvas } = page;
  const strip = createStrip(page, {
    photo: (id) => showPhoto(page, state.photos.get(id)),
    sample: (name) => openSample(page, name),
    item: (item) => (state.reviewing ? openReview(page, { item }) : openItem(page, { item })),
    more: () => attempt(page, () => listMore(page)),
    earlier: () => attempt(page, () => listEarlier(page)),
  });
  const drawGrid = createGrid(page, {
    open: (item) => openFromGrid(page, item),
    toggle: (item, through) => toggleInGrid(page, item, through),
    more: () => moreOfGrid(page),
  });
  const drawPanels = createPanels(page);
  const drawBlurring = createBlurring(page);
  const drawCallout = createCallout(page);
  state.subscribe((parts) => {
    if (parts.has("photo")) canvas.drawPhoto(state.shown, state.view);
    if (parts.has("scene")) canvas.drawScene(sceneOf(state), state.view, state.shown);
    if (parts.has("scene")) drawSettings(page);
    if (["callout", "photo", "panels"].some((part) => parts.has(part))) drawCallout();
    if (parts.has("facts")) drawFacts(page);
    if (parts.has("panels")) drawPanels();
    if (parts.has("strip") || (parts.has("work") && strip.isStale())) strip.draw();
    drawStatus(page);
    if (parts.has("tabs")) drawTabs(page);
    if (parts.has("grid")) drawGrid();
    if (parts.has("blurring")) drawBlurring();
    if (parts.has("added")) drawAdded(page);
    if (parts.has("importing")) drawImporting(page);
    if (parts.has("account")) drawAccount(page);
    if (parts.has("front") || parts.has("work")) drawFront(page);
    if (parts.has("saved")) drawSaved(page);
    if (parts.has("work")) setTimeout(() => followMask(page));
  });
}

function createPanels(page) {
  const { sheets } = page;
  const drawFoods = createFoodList(page, {
    select: (id) => selectFood(page, id),
    toggle: (id) => toggleFood(page, id),
    through: (id) => selectThrough(page, id),
    remove: (id) => removeFoods(page, [id]),
  });
  const drawCandidates = createCandidates(page, { choose: (index) => chooseCandidate(page, index) });
  const drawNaming = createNaming(page, { name: (label) => nameFood(page, label) });
  const drawEvidence = createEvidence(page, {
    suggestion: (label) => takeSuggestion(page, label),
    explain: (label) => explain(page, label),
    choose: (choice) => chooseMaps(page, choice),
    enlarge: sheets.enlarge,
  });
  const drawGuide = createGuide(page);
  return () => {
    drawHeader(page);
    drawFoods();
    drawCandidates();
    drawNaming();
    drawEvidence();
    drawReview(page);
    drawGuide();
  };
}

function listenToCanvas(page) {
  const { find, state } = page;
  listenToPointers(page, {
    point: (...given) => clickAt(page, ...given),
    box: (...given) => boxAround(page, ...given),
    stroke: (places, cut) => finishStroke(page, places, cut),
    corner: (pixel) => addCorner(page, pixel),
    grip: (place) => gripAt(page, place),
    dragCorner: (grip, place) => dragCorner(page, grip, place),
    dropCorner: (grip, place, cut) => dropCorner(page, grip, place, cut),
    select: (pixel) => {
      const foods = state.current?.work.present.foods ?? [];
      selectFood(page, topFood(foods, pixel)?.id ?? null);
    },
    hover: (pixel) => {
      state.set({ hovered: pixel });
      if (isBrush(state.tool)) state.redraw("scene");
    },
  });
  new ResizeObserver(() => resize(page)).observe(find(".rv-table"));
}

// The newest reply of the engine: evidence of a mask, or proposals all over the photo.
function arrived(page) {
  const reply = page.props.value;
  if (reply?.proposals) proposalsArrived(page, reply.proposals);
  else evidenceArrived(page, reply);
}

// Whether something is under way, or was done, that nothing but this page has.
function wouldLose(page) {
  const { drafts, leaving, opening, stashFull, unsaved } = page.state;
  const isStashed = leaving && !stashFull;
  return (
    (unsaved.size > 0 && !isStashed) || drafts.length > 0 || opening > 0 || lostByLeaving(page).length > 0
  );
}

function askBeforeLeaving(page) {
  const { root } = page;
  window.addEventListener("beforeunload", (event) => {
    if (!root.isConnected) return;
    leaveFields();
    if (wouldLose(page)) event.preventDefault();
  });
}

// The photos of the front page as they were left; in a project they wait.
async function restoreFront(page, showsThem) {
  const { state } = page;
  await restorePhotos(page);
  const photo = state.photos.get(remembered("rvernet-photo")) ?? [...state.photos.values()].at(-1);
  if (showsThem && photo && !state.current && !state.project) await showPhoto(page, photo);
}

function begin(page) {
  const { root, state } = page;
  const theme = remembered("rvernet-theme");
  if (theme) setTheme(theme);
  if (isTouch()) {
    for (const field of page.find.all("[placeholder]")) field.placeholder = withoutKey(field.placeholder);
  }
  page.find("#rv-folder").hidden = !page.props.opens_folder;
  resize(page);
  showFormats(page);
  state.redraw("facts", "panels", "strip", "account", "front", "tabs");
  if (state.facts.problems.length) complain(page, new Error(state.facts.problems.join(" ")));
  const project = Number(remembered("rvernet-project"));
  listenToTabs(page);
  restoreFront(page, !project);
  if (project) attempt(page, () => learnProjects(page).then(() => openProject(page, project)));
  // When nobody is signed in yet, the header says so.
  else if (state.facts.signs_in) learnProjects(page).catch(() => {});
  state.drawn().then(() => {
    root.dataset.ready = "true";
  });
}
