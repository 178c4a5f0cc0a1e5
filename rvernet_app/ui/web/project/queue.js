// A project's queue: which photo is open, and the way from one photo to the next.

import { choose } from "../asking.js";
import { attempt, busy, complain, status } from "../feedback.js";
import { selectFood } from "../foods.js";
import { pictureOf, show } from "../photos.js";
import { ask, tell } from "../server.js";
import {
  addProjectPhoto,
  changeListed,
  dropProjectPhoto,
  isFiltered,
  isPending,
  notePhoto,
  setProgress,
  updatePhoto,
} from "../state.js";
import { doneWithoutFoods, doneWithoutNames, durationText, endOfQueue } from "../words.js";
import { emptyWork } from "../work.js";
import { DELETED } from "./contents.js";
import { forgetPhoto } from "./gone.js";
import { listAround, listFirst, listMore } from "./listing.js";
import { emptyRecord, takeOver } from "./outbox.js";
import { readStashes, restore } from "./stash.js";
import { keep, reached, tellOf } from "./sync.js";
import { keepSeconds, keptSeconds } from "./time.js";

const NO_FOOD = "no food on it";
const KEPT_PHOTOS = 8; // photos of a queue whose pictures stay in memory

// Opens the photo asked for: { item }, { after, order } for the next to label, { position, step } for a
// neighbour.
export async function openItem(page, query) {
  const { state } = page;
  const seq = state.openSeq + 1;
  state.set({ openSeq: seq });
  busy(page, "Opening the photo…");
  try {
    const reply = await tell(page, "open_item", { project: state.project.id, ...query });
    setProgress(state, state.project, reply.progress);
    if (reply.item === null) return await queueEnds(page, query, reply.progress);
    const photo = upToDate(state, reply) ?? (await taken(page, reply));
    if (seq === state.openSeq) await showItem(page, photo);
  } catch (error) {
    complain(page, error);
    if (error.gone) await passOver(page, query);
    else if (seq === state.openSeq && error.item && !query.item) await stepPast(page, error, query);
  } finally {
    busy(page, null);
  }
}

async function showItem(page, photo) {
  const { state } = page;
  notePhoto(photo, { project: state.project });
  state.set({ lastAct: performance.now() });
  show(page, photo);
  if (!state.listed.some(({ item }) => item === photo.item)) await listAround(page, photo.position);
  openAhead(page, photo);
}

async function queueEnds(page, query, progress) {
  const { current, listed } = page.state;
  status(page, query.step ? "No more photos that way" : endOfQueue(progress));
  if (!current && listed.length) await openItem(page, { item: listed[0].item });
}

// A photo was deleted in another tab.
async function passOver(page, { item }) {
  const { state } = page;
  forgetPhoto(state, item);
  await listFirst(page);
  if (!state.current && state.listed.length) await openNext(page, -1);
}

// A photo whose file is missing or damaged holds nobody up.
const stepPast = (page, { position }, { step = 1 }) => openItem(page, { position, step });

export const openNext = (page, after) => openItem(page, { after, order: page.state.order });

// What the queue, and not a food, says of a photo.
function ofQueue({ item, position, blind, state, before, served, full, meal, comments }) {
  return { item, position, blind, state, before, served, full, meal, comments };
}

// The photo in memory; null where the store has other foods by now, as another tab or device leaves them.
function upToDate(state, reply) {
  const photo = inMemory(state, reply.item);
  if (!photo) return null;
  if (!isPending(state, photo) && !hasFoods(photo, reply.foods)) return null;
  updatePhoto(state, photo, ofQueue(reply));
  return photo;
}

export function hasFoods({ stored }, rows) {
  const known = [...stored.values()].filter(({ content }) => content !== DELETED);
  const isKnown = (row) => known.some(({ id, revision }) => id === row.id && revision === row.revision);
  return known.length === rows.length && rows.every(isKnown);
}

// A photo of the queue that is in memory, as its annotator has it.
function inMemory({ projectPhotos, annotator }, item) {
  const photo = projectPhotos.get(item);
  return photo?.me === annotator ? photo : null;
}

// A photo as the server sends it, with the foods saved on it and the steps that this tab still has of it.
async function taken(page, reply) {
  const { project, annotator: me } = page.state;
  const image = await pictureOf(reply.photo);
  const seconds = keptSeconds(me, reply.item);
  const work = emptyWork();
  const photo = { ...reply.photo, image, work, encoded: false, seconds, project, me, ...emptyRecord() };
  notePhoto(photo, ofQueue(reply));
  takeOver(photo, reply.foods);
  const stash = readStashes(me).find(({ item }) => item === photo.item);
  if (stash) restore(photo, stash);
  addProjectPhoto(page.state, photo);
  forgetOldest(page.state, photo);
  return photo;
}

function forgetOldest(state, newest) {
  for (const [item, photo] of state.projectPhotos) {
    if (state.projectPhotos.size <= KEPT_PHOTOS) break;
    if (photo === state.current || photo === newest || isPending(state, photo) || photo.held) continue;
    keepSeconds(photo);
    dropProjectPhoto(state, item);
  }
}

// Sends what this tab still has of a project from before it was loaded.
export async function sendStashed(page) {
  const { state } = page;
  for (const { item } of readStashes(state.annotator).filter(({ project }) => project === state.project.id)) {
    if (inMemory(state, item)) continue;
    await attempt(page, async () => {
      const reply = await tell(page, "open_item", { project: state.project.id, item });
      keep(page, await taken(page, reply));
    });
  }
}

// Opens and encodes the photo that comes next, while one works on this one.
async function openAhead(page, photo) {
  const { state } = page;
  try {
    const query = { project: state.project.id, after: photo.position, order: state.order };
    const reply = await tell(page, "open_item", query);
    if (reply.item === null || inMemory(state, reply.item) || reply.item === photo.item) return;
    const next = await taken(page, reply);
    if (photo !== state.current) return;
    await ask(page, "prepare", { photo: next.id });
    notePhoto(next, { encoded: true });
  } catch {
    // it is opened when its turn comes, and says then what is wrong
  }
}

// To the photo before (-1) or behind (1); of those listed, where a filter says which.
export async function stepTo(page, by) {
  const { state } = page;
  if (!state.current?.item) return;
  const { position } = state.current;
  if (!isFiltered(state)) return openItem(page, { position, step: by });
  const behind = () => state.listed.find((each) => each.position > position);
  if (by > 0 && !behind()) await attempt(page, () => listMore(page));
  const next = by < 0 ? state.listed.findLast((each) => each.position < position) : behind();
  if (next) await openItem(page, { item: next.item });
  else status(page, "No more photos that way");
}

// Says how far one is with the photo that is open, and opens the next. True where the store took it. A photo
// is done unasked only where all its foods are there and have names.
export async function giveVerdict(page, verdict, reason = "") {
  const photo = page.state.current;
  if (!photo) return false;
  if (!photo.item) {
    status(page, "Photos are marked as done in a project");
    return false;
  }
  return Boolean(await attempt(page, () => decide(page, photo, verdict, reason)));
}

async function decide(page, photo, verdict, reason) {
  await page.state.lastTurn;
  await reached(page, photo);
  if (verdict !== "done") return sendVerdict(page, photo, verdict, reason);
  const answer = await confirmDone(page, photo);
  if (answer === "unusable") return sendVerdict(page, photo, "unusable", NO_FOOD);
  return answer === "done" && sendVerdict(page, photo, "done", reason);
}

// "done", "unusable", or null to go back.
async function confirmDone(page, photo) {
  const { foods } = photo.work.present;
  requireAmounts(page, photo);
  const unnamed = foods.filter((food) => !photo.project.labels.get(food.label));
  if (!foods.length) return choose(page, doneWithoutFoods);
  if (!unnamed.length) return "done";
  if (photo === page.state.current) selectFood(page, unnamed[0].id);
  return choose(page, doneWithoutNames(unnamed.length));
}

// An amount that is typed and cannot be saved is not left behind unseen.
function requireAmounts(page, photo) {
  const unsettled = page.fields.portion.unsettled(photo);
  const food = photo.work.present.foods.find(({ id }) => unsettled.includes(id));
  if (!food) return;
  if (photo === page.state.current) selectFood(page, food.id);
  throw new Error("The amount of this food is not saved yet; correct it, or empty its field.");
}

async function sendVerdict(page, photo, verdict, reason) {
  const { state } = page;
  const { seconds, position } = photo;
  const message = { project: photo.project.id, state: verdict, reason, seconds };
  const { progress } = await tellOf(page, photo, "give_verdict", message);
  updatePhoto(state, photo, { seconds: 0, state: verdict });
  keepSeconds(photo);
  changeListed(state, photo.item, { state: verdict, foods: photo.work.present.foods.length });
  setProgress(state, photo.project, progress);
  if (photo === state.current) await openNext(page, position);
  return true;
}

export async function chooseOrder(page, order) {
  const { state } = page;
  state.set({ order });
  if (order !== "uncertain first") return;
  await lookOver(page);
  if (state.project && state.current?.state === "new") openNext(page, -1);
}

// To know how uncertain photos are, each is looked over once; that can be stopped, and goes on when it is
// asked again.
async function lookOver(page) {
  const { state } = page;
  const { project } = state;
  const began = performance.now();
  let stopped = false;
  const stop = () => {
    stopped = true;
  };
  await attempt(page, async () => {
    for (let left = 1, seen = 0; left && !stopped && state.project === project; seen += 1) {
      if (!seen) busy(page, "Looking photos over…", stop);
      const reply = await tell(page, "rank_next", { project: project.id });
      left = reply.left;
      busy(page, lookingText(reply, (performance.now() - began) / 1000 / (seen + 1)), stop);
    }
  });
  busy(page, null);
  return !stopped;
}

// How far it is, and how long the rest takes at so many seconds a photo.
export function lookingText({ left, total }, secondsEach) {
  const rest = left ? `, ${durationText(left * secondsEach)} left` : "";
  return `Looking photos over, ${total - left} of ${total}${rest}`;
}

export async function applyFilter(page, filter) {
  page.state.set({ filter });
  if (filter.uncertain) await lookOver(page);
  await attempt(page, () => listFirst(page));
}

export function setMeal(page, meal) {
  const photo = page.state.current;
  return attempt(page, async () => {
    const reply = await tellOf(page, photo, "set_meal", { project: photo.project.id, meal });
    updatePhoto(page.state, photo, { meal: reply.meal });
    changeListed(page.state, photo.item, { meal: reply.meal });
  });
}
