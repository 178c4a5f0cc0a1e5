// What is on the page goes to the store: step after step of each photo, one request at a time. The page says
// "saved" only when no step waits.

import { attempt, complain } from "../feedback.js";
import { keepPhoto } from "../front/keeping.js";
import { tell } from "../server.js";
import { markSaved, markUnsaved, notePhoto, saveLater, updatePhoto } from "../state.js";
import { chooseBetween } from "./conflict.js";
import { contentOf, DELETED, foodOf, saysTheSame, textOf } from "./contents.js";
import { forgetPhoto } from "./gone.js";
import { noteFoods } from "./listing.js";
import {
  finishStep,
  nextDifference,
  noteSent,
  noteStored,
  relabelEverywhere,
  replaceEverywhere,
} from "./outbox.js";
import { refreshLabels } from "./search.js";
import { writeStash } from "./stash.js";

export const RETRY_MS = 5000;
const PAUSE_MS = 5;
export const FULL = "This photo has all the annotators it wants; go on to the next.";

// Keeps in this tab what waits of a photo, and starts to send it. A photo of the front page is kept by the
// browser.
export function keep(page, photo) {
  if (photo && !photo.item) return keepPhoto(page, photo);
  if (!photo || photo.refused) return;
  markUnsaved(page.state, photo);
  stash(page, photo);
  if (!page.state.syncing) sync(page);
}

function stash({ state }, photo) {
  if (!writeStash(photo)) state.set({ stashFull: true }); // leaving the page asks first
}

async function sync(page) {
  const { state } = page;
  clearTimeout(state.retry);
  state.set({ syncing: true, saved: "saving" });
  let photo = null;
  try {
    for (photo = nextToSave(state); photo; photo = nextToSave(state)) {
      await send(page, photo);
      noteFoods(page, photo);
      markSaved(state, photo);
      stash(page, photo);
    }
    const refused = [...state.projectPhotos.values()].some((each) => each.refused);
    state.set({ complained: null, saved: refused ? "not taken" : "saved" });
  } catch (error) {
    notSaved(page, photo, error);
  } finally {
    state.set({ syncing: false });
  }
}

const nextToSave = (state) => [...state.unsaved].find((photo) => !photo.held);

function notSaved(page, photo, error) {
  const { state } = page;
  if (error.gone) {
    complain(page, error);
    state.set({ saved: state.unsaved.size ? "saving" : "saved", retry: setTimeout(() => sync(page)) });
    return;
  }
  // Others were quicker: the photo is there to look at, and what was done on it stays in this tab's storage.
  if (error.full) {
    markSaved(state, photo);
    updatePhoto(state, photo, { full: true, refused: true });
  } else saveLater(state, photo);
  if (state.complained !== error.message) complain(page, error);
  state.set({ saved: "not saved", complained: error.message, retry: setTimeout(() => sync(page), RETRY_MS) });
}

async function send(page, photo) {
  if (photo.sent) await findSent(page, photo);
  while (photo.outbox.length) {
    for (let next = nextDifference(photo); next; next = nextDifference(photo)) {
      await sendFood(page, photo, photo.outbox[0].step, next);
    }
    finishStep(photo);
  }
}

async function sendFood(page, photo, step, { id, food }) {
  const known = photo.stored.get(id);
  const content = food && contentOf(food);
  const text = food ? textOf(content) : DELETED;
  if (!known) {
    noteSent(photo, { id, text });
    stash(page, photo);
  }
  const place = known && { id: known.id, revision: known.revision };
  const reply = await tellOf(page, photo, food ? "save_food" : "delete_food", { step, ...place, ...content });
  noteSent(photo, null);
  if (reply.conflict) return settleConflict(page, photo, id, content, reply.conflict);
  const kept = content && isRelabelled(content, reply) ? relabel(page, photo, id, reply.label) : text;
  noteStored(photo, id, { id: reply.id, revision: reply.revision, content: kept });
  stash(page, photo);
  if (photo.project.labels.version < reply.labels_version) {
    attempt(page, () => refreshLabels(page, photo.project, reply.labels_version));
  }
}

const isRelabelled = ({ label }, reply) => reply.label !== undefined && reply.label !== label;

// The label of a food was merged or deleted meanwhile. Returns what the store has of the food now, as text.
function relabel(page, photo, id, label) {
  const food = { ...photo.outbox[0].foods.find((each) => each.id === id), label };
  relabelEverywhere(photo, id, label);
  if (!label) {
    complain(page, new Error("The label of this food was deleted meanwhile. The food has no name now."));
  }
  updatePhoto(page.state, photo, {});
  return textOf(contentOf(food));
}

// Tells the store of a photo, in the name of who opened it.
export async function tellOf(page, photo, name, message) {
  try {
    return await tell(page, name, { me: photo.me, item: photo.item, ...message });
  } catch (error) {
    if (!error.unanswered) noteSent(photo, null);
    if (error.gone) forgetPhoto(page.state, photo.item);
    throw error;
  }
}

export const foodsInStore = async (page, photo) =>
  (await tellOf(page, photo, "open_item", { project: photo.project.id })).foods;

// A new food was sent and no answer came: the store may have it all the same, and must not get it twice.
async function findSent(page, photo) {
  const { id, text } = photo.sent;
  const rows = await foodsInStore(page, photo);
  const known = new Set([...photo.stored.values()].map((stored) => stored.id));
  const row = rows.find((each) => !known.has(each.id) && textOf(contentOf(foodOf(each, id))) === text);
  if (row) noteStored(photo, id, { id: row.id, revision: row.revision, content: text });
  noteSent(photo, null);
}

// What both say alike needs no choice: then it was oneself whose answer was lost.
async function settleConflict(page, photo, id, content, theirs) {
  const known = { id: photo.stored.get(id).id, revision: theirs.revision };
  if (saysTheSame(content, theirs)) {
    noteStored(photo, id, { ...known, content: content ? textOf(content) : DELETED });
  } else if (await chooseBetween(page, photo, content, theirs)) {
    noteStored(photo, id, { ...known, content: null });
  } else await takeTheirs(page, photo, id);
}

// One food as the store has it now; the others of the photo stay as they are.
async function takeTheirs(page, photo, id) {
  const known = photo.stored.get(id);
  const row = (await foodsInStore(page, photo)).find((each) => each.id === known.id);
  if (row) {
    const food = foodOf(row, id, photo.masks);
    const content = textOf(contentOf(food));
    replaceEverywhere(photo, id, food);
    noteStored(photo, id, { id: row.id, revision: row.revision, status: row.status, content });
  } else {
    replaceEverywhere(photo, id, null);
    noteStored(photo, id, { ...known, content: DELETED });
  }
  updatePhoto(page.state, photo, {});
}

const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

// Resolves once no mask and no correction of a photo is under way.
export async function atRest({ state }, photo) {
  await state.editing;
  while (state.drafts.some((draft) => draft.photo === photo)) await pause();
}

// Resolves once all that was done on a photo has reached the store.
export async function reached(page, photo) {
  const { state } = page;
  await atRest(page, photo);
  keep(page, photo);
  while (state.syncing) await pause();
  if (photo.full) throw new Error(FULL);
  if (state.unsaved.has(photo)) throw new Error("This photo is not saved yet; it is tried again.");
}

// Nothing of the photo is sent while the store takes a step of it back.
export async function whileHeld(page, photo, act) {
  notePhoto(photo, { held: true });
  try {
    return await act();
  } finally {
    notePhoto(photo, { held: false });
    if (page.state.unsaved.has(photo)) keep(page, photo);
  }
}
