// All that changes while the page is open. Everybody reads it; it is changed through the functions here only.
// Each value says which parts of the page show it, and all changes of one task are drawn once, together.

import { createLabelSet } from "./project/labels.js";
import { commitStep } from "./project/outbox.js";
import {
  activeFood,
  commitWork,
  foodWith,
  giveBackId,
  maskOf,
  redoWork,
  selectedOf,
  undoWork,
} from "./work.js";

const NO_FILTER = { state: null, label: null, by: null, uncertain: null };
const NO_GRID = { filter: NO_FILTER, items: [], found: [], selected: new Set() };

// value -> [how it starts, the parts that are drawn when it changes]. "work" is no part of the page: it
// stands for what follows from other foods or another selection, such as asking for suggestions.
const VALUES = {
  // The photo that is open, and what is drawn of it.
  current: [() => null, ["scene", "panels", "strip", "work"]],
  shown: [() => null, ["photo", "scene"]], // { photo, image } on the canvas; also in a review
  view: [() => ({ scale: 1, x: 0, y: 0, fitted: true }), ["photo", "scene"]],
  photos: [() => new Map(), ["strip", "front"]], // outside a project, by id
  openSeq: [() => 0, []],
  callout: [() => null, ["callout"]], // { kind, photo, at, ... } beside a photo pixel
  masksHidden: [() => false, ["scene"]],
  opacity: [() => 45, ["scene"]], // of masks, in percent

  // The front page, whose work this browser keeps.
  front: [() => ({ id: null, labels: createLabelSet([]), new_labels: true }), ["panels"]],
  kept: [() => null, ["front"]], // "kept", "no room" or "no storage"
  keeping: [() => false, ["front"]],
  unkept: [() => new Set(), []], // photos with changes that the browser does not keep yet
  opening: [() => 0, []], // files on their way to the server
  moving: [() => false, []], // into a project

  // Tools, and what they have under way.
  tool: [() => "point", ["scene", "panels"]],
  cut: [() => false, ["panels"]],
  crosshair: [() => null, ["scene"]],
  hovered: [() => null, []], // photo pixel under the pointer
  draftBox: [() => null, ["scene"]],
  stroke: [() => null, ["scene"]], // { places, erase } of a brush
  corners: [() => [], ["scene"]], // of a polygon
  gripped: [() => null, ["scene"]], // the corner of a mask that is dragged
  brush: [() => 16, ["scene"]], // radius in CSS pixels, so that zooming in makes it finer

  // Masks under way.
  drafts: [() => [], ["scene", "panels"]], // prompts whose masks are not here yet, one a food
  choosing: [() => false, ["panels"]], // a tap in the list of foods selects one more
  startNext: [() => false, []], // the next click starts a food
  lastFood: [() => null, []], // { photo, id } of the food selected before none was
  promptSeq: [() => 0, []],
  segmenting: [() => false, []],
  editing: [() => Promise.resolve(), []], // settles when all corrections by hand so far are done
  begun: [() => null, []], // { photo, food } that corrections under way make
  proposing: [() => null, []], // { seq, photo }
  proposalSeq: [() => 0, []],

  // Suggestions and maps.
  facts: [() => null, ["facts", "panels"]], // of the segmenter and classifier at work
  evidence: [() => new WeakMap(), ["panels"]], // mask -> { suggestions, sure, cutouts, maps, timings, label }
  awaited: [() => null, ["panels"]], // { seq, mask, stage } of the evidence under way
  evidenceSeq: [() => 0, []],
  method: [() => "gradcam", ["panels"]],
  scale: [() => "own", ["panels"]],

  // The project and its queue.
  annotator: [() => null, []], // the name one goes by; the server's own where one logs in
  account: [() => null, ["account"]], // who is signed in
  loggedOut: [() => false, ["account"]], // the server asks for a log-in by now
  rights: [() => null, ["panels"]], // { alone, makesProjects }; null before the server said it
  project: [() => null, ["panels", "strip", "tabs"]], // { id, name, labels, new_labels, progress }
  projectPhotos: [() => new Map(), []], // item -> photo
  order: [() => "queue", []],
  recent: [() => [], ["panels"]], // ids of the labels given last
  listed: [() => [], ["strip"]],
  filter: [() => NO_FILTER, ["strip"]],
  tab: [() => "projects", ["tabs"]], // of the projects sheet
  // The grid of all photos: those loaded, the ids of all that the filter leaves, and the selected ids.
  grid: [() => NO_GRID, ["grid"]],
  blurring: [() => null, ["blurring"]], // { photo, boxes, draft } while boxes are drawn over faces
  added: [() => null, ["added"]], // what came of adding photos, see project/adding.js
  importing: [() => null, ["importing"]], // { files, format, report, done } of an import
  linking: [() => false, ["panels"]], // the answer to "leftovers of the photo before" is on the way
  lastAct: [() => 0, []], // when something was last done, for the seconds spent on a photo
  addingStopped: [() => false, []],
  foodCounts: [() => new Map(), []], // label -> how many foods have it, as last counted
  labelAt: [() => null, []], // id of the label in the form of the label set; null is a new one
  polling: [() => null, []], // timer that asks how far a training is

  // Saving.
  unsaved: [() => new Set(), []], // photos with changes that the store does not have yet
  syncing: [() => false, []],
  retry: [() => null, []], // timer
  complained: [() => null, []], // why something could not be saved, as said last
  saved: [() => null, ["saved"]], // "saving", "saved", "not saved" or "not taken"
  turns: [() => 0, ["saved"]], // undos and redos that wait for the store
  lastTurn: [() => Promise.resolve(), []],
  leaving: [() => false, []], // for a log-in, from which one comes back
  stashFull: [() => false, []], // the browser has no room for what is unsaved

  // Review.
  reviewing: [() => false, ["panels", "strip"]],
  reviewed: [() => null, ["scene", "panels", "strip"]], // the photo under review with its compared foods
  picked: [() => 0, ["scene", "panels"]], // of its foods

  said: [() => null, ["status"]], // { of } of the line of status, see feedback.js
  toastTimer: [() => null, []],
  hint: [() => 0, ["panels"]], // for the first photo: the last one so far
};

// Reads as plain values; `set` changes them. `schedule` runs a function soon: a microtask comes also in a tab
// that is hidden, where animation frames do not.
export function createState(given = {}, schedule = queueMicrotask) {
  const values = Object.fromEntries(Object.entries(VALUES).map(([name, [start]]) => [name, start()]));
  const listeners = [];
  let stale = new Set();
  let flush = null;

  function redraw(...parts) {
    for (const part of parts) stale.add(part);
    if (!parts.length || flush) return;
    flush = new Promise((resolve) => {
      schedule(() => {
        const drawn = stale;
        [stale, flush] = [new Set(), null];
        for (const listener of listeners) listener(drawn);
        resolve();
      });
    });
  }

  function set(changes) {
    const names = Object.keys(changes).filter((name) => {
      if (!(name in VALUES)) throw new Error(`The page has no state "${name}".`);
      return !Object.is(values[name], changes[name]);
    });
    for (const name of names) values[name] = changes[name];
    redraw(...names.flatMap((name) => VALUES[name][1]));
  }

  const state = { set, redraw, subscribe: (listener) => listeners.push(listener), drawn: async () => flush };
  for (const name of Object.keys(VALUES)) {
    Object.defineProperty(state, name, { get: () => values[name], enumerable: true });
  }
  set(given);
  return state;
}

// A photo of the front page has the page's own history. A photo of a project has the store's: there each
// change is a step that waits in the outbox until the store has it.
export function commit(state, photo, snapshot) {
  if (photo.item) commitStep(photo, snapshot);
  else commitWork(photo.work, snapshot);
  state.set({ callout: null });
  state.redraw("scene", "panels", "work");
}

// The page's own history; false where there is nothing to take back.
export function undo(state, photo) {
  if (!undoWork(photo.work)) return false;
  state.set({ callout: null });
  state.redraw("scene", "panels", "work");
  return true;
}

export function redo(state, photo) {
  if (!redoWork(photo.work)) return false;
  state.set({ callout: null });
  state.redraw("scene", "panels", "work");
  return true;
}

// Which food is selected is no part of the history. `also` are others that are selected with it. A food whose
// mask is on the way by now is not selected when it comes.
export function select(state, photo, id, also = []) {
  const { active } = photo.work.present;
  if (id === null && active !== null) state.set({ lastFood: { photo, id: active } });
  photo.work.present = { ...photo.work.present, active: id, also };
  for (const draft of state.drafts) if (draft.photo === photo) draft.left = true;
  state.set({ startNext: id === null, begun: null, callout: null });
  state.redraw("scene", "panels", "work");
}

export function updatePhoto(state, photo, changes) {
  Object.assign(photo, changes);
  if (photo === state.current) state.redraw("scene", "panels", "work");
}

// Changes of a photo that nothing shows.
export function notePhoto(photo, changes) {
  Object.assign(photo, changes);
}

export function addPhoto(state, photo) {
  state.set({ photos: new Map([...state.photos, [photo.id, photo]]) });
}

// No photo of the front page is left.
export function dropPhotos(state) {
  state.set({ photos: new Map(), unkept: new Set() });
  if (state.current && !state.current.item) state.set({ current: null, openSeq: state.openSeq + 1 });
}

export const markUnkept = (state, photo) => state.unkept.add(photo);

export const markKept = (state, photo) => state.unkept.delete(photo);

export function addProjectPhoto(state, photo) {
  state.projectPhotos.set(photo.item, photo);
}

export function dropProjectPhoto(state, item) {
  state.projectPhotos.delete(item);
}

// One draft a food: a newer prompt of the same food takes its place.
export function addDraft(state, draft) {
  const seq = state.promptSeq + 1;
  const others = state.drafts.filter(({ photo, food }) => photo !== draft.photo || food.id !== draft.food.id);
  const added = { ...draft, seq, left: false };
  state.set({ promptSeq: seq, startNext: false, callout: null, drafts: [...others, added] });
}

export const isAwaited = (state, draft) => state.drafts.includes(draft);

// There is no food where it was looked for. All is as before, and a callout says so.
export function refuseDraft(state, draft) {
  const { photo, at, fresh, food } = draft;
  dropDraft(state, draft);
  if (fresh) giveBackId(photo.work, food.id);
  if (photo === state.current) state.set({ callout: { kind: "no food", photo, at, draft } });
}

// Drops the drafts of a photo; of one of its foods when `id` is given.
export function dropDrafts(state, photo, id = null) {
  const stays = (draft) => draft.photo !== photo || (id !== null && draft.food.id !== id);
  state.set({ drafts: state.drafts.filter(stays) });
}

export const dropDraft = (state, draft) =>
  state.set({ drafts: state.drafts.filter((other) => other !== draft) });

// The draft stays the same one: its mask is on the way.
export function changeDraft(state, draft, change) {
  draft.food = { ...draft.food, ...change };
  state.redraw("scene", "panels");
}

// The food whose mask is on the way, newest first; none where another was selected meanwhile.
export const pendingFood = (state) =>
  state.drafts.findLast(({ photo, left }) => photo === state.current && !left)?.food ?? null;

export const selectedFood = (state) => state.current && activeFood(state.current.work);

// The number of the selected food, or else of the one that was before none was.
export function lastSelected({ current, lastFood }) {
  return current?.work.present.active ?? (lastFood?.photo === current ? lastFood.id : null);
}

// All that are selected, in the order of the list.
export const selectedFoods = (state) => (state.current ? selectedOf(state.current.work.present) : []);

// The food that keys and fields mean: the one being found, else the one selected. `ids` are all that a name
// goes to.
export function meantFood(state) {
  const pending = pendingFood(state);
  const food = pending ?? selectedFood(state);
  const ids = pending ? [pending.id] : selectedFoods(state).map(({ id }) => id);
  return food && { photo: state.current, id: food.id, ids };
}

// The labels that foods can have: the project's, or those of the front page.
export const labelsOf = (state) => (state.project ?? state.front).labels;

// The label a food has; null where it has none yet.
export const labelOf = (state, food) => (food?.label ? (labelsOf(state).get(food.label) ?? null) : null);

// The labels given lately, newest first.
export function recentLabels(state) {
  const found = state.recent.map((id) => labelsOf(state).get(id)).filter(Boolean);
  return [...new Set(found)];
}

// The mask that suggestions and maps are shown of.
// Whether people log in here, so that they have roles.
export const withOthers = ({ rights }) => rights !== null && !rights.alone;

export function shownMask(state) {
  const food = selectedFood(state);
  return food ? maskOf(food) : null;
}

export const evidenceOf = (state, mask) => (mask ? state.evidence.get(mask) : undefined);

export function learnEvidence(state, mask, evidence) {
  const known = state.evidence.get(mask);
  state.evidence.set(mask, { ...known, ...evidence, timings: { ...known?.timings, ...evidence.timings } });
  state.redraw("panels");
}

// Another classifier is at work: what the last one said of the masks does not hold any more.
export const forgetEvidence = (state, facts) => state.set({ evidence: new WeakMap(), facts });

export function markUnsaved(state, photo) {
  state.unsaved.add(photo);
}

// Behind the others, which may have nothing wrong with them.
export function saveLater(state, photo) {
  state.unsaved.delete(photo);
  state.unsaved.add(photo);
}

// A photo that was deleted: nothing of it is on its way any more.
export function forgetUnsaved(state, photo) {
  state.unsaved.delete(photo);
  dropDrafts(state, photo);
}

export function markSaved(state, photo) {
  state.unsaved.delete(photo);
}

export function setProgress(state, project, progress) {
  project.progress = progress;
  if (project === state.project) state.redraw("panels");
}

export function setLabels(state, project, labels) {
  project.labels = labels;
  state.redraw("panels");
}

export function changeListed(state, item, changes) {
  const entry = state.listed.find((each) => each.item === item);
  if (!entry || Object.entries(changes).every(([name, value]) => entry[name] === value)) return;
  state.set({ listed: state.listed.map((each) => (each === entry ? { ...each, ...changes } : each)) });
}

export function rememberLabel(state, id) {
  state.set({ recent: [id, ...state.recent.filter((other) => other !== id)].slice(0, 6) });
}

export const changeGrid = (state, changes) => state.set({ grid: { ...state.grid, ...changes } });

export const emptyGrid = (state) => state.set({ grid: NO_GRID });

export function changeProject(state, project, changes) {
  Object.assign(project, changes);
  if (project === state.project) state.redraw("panels");
}

export const isFiltered = (state) => Object.values(state.filter).some((value) => value !== null);

export const clearFilter = (state) => state.set({ filter: NO_FILTER });

// Whether work on a photo is still on its way to the store.
export const isPending = (state, photo) =>
  state.unsaved.has(photo) || Boolean(photo.refused) || state.drafts.some((draft) => draft.photo === photo);

export const stillThere = (photo, id) => foodWith(photo.work.present, id);
