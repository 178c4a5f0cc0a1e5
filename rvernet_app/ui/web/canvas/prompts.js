// A prompt goes to the server; its mask comes back and is drawn, unless a newer click was made.

import { busy, complain } from "../feedback.js";
import { commitFoods } from "../foods.js";
import { FULL, keep } from "../project/sync.js";
import { ask } from "../server.js";
import { addDraft, commit, dropDraft, learnEvidence, pendingFood, selectedFood } from "../state.js";
import { clickWord } from "../words.js";
import { maskOf, newFood, withFood } from "../work.js";

const PATIENCE_MS = 400;

export function addPoint(page, [x, y], label, startNew, since) {
  const change = (food) => ({ ...food, points: [...food.points, [x, y, label]] });
  prompt(page, { change, startNew, since, label });
}

export function setBox(page, box, startNew, since) {
  prompt(page, { change: (food) => ({ ...food, box }), startNew, since, label: 1 });
}

// Nobody can add to a photo that has all its annotators; it is there to look at.
export function refuses(page, photo) {
  if (photo?.full) complain(page, new Error(FULL));
  return Boolean(photo?.full);
}

function prompt(page, { change, startNew, since, label }) {
  const { state } = page;
  const photo = state.current;
  if (!photo || refuses(page, photo)) return;
  const fresh = startNew || state.startNext;
  const base = (!fresh && (pendingFood(state) ?? selectedFood(state))) || newFood(photo.work);
  if (!label && !base.box && !base.points.some((point) => point[2])) {
    complain(page, new Error(`${clickWord()} the food first, then cut away what is too much.`));
    return;
  }
  const corrected = base.edits ? correction(base, change, label) : null;
  addDraft(state, { food: change(base), since, photo, corrected });
  segment(page);
}

// A mask corrected by hand is kept: what a click finds is added to it, or cut from it.
function correction(base, change, label) {
  const { points, box } = change({ ...base, points: [], box: null });
  return { points: points.map(([x, y]) => [x, y, 1]), box, onto: maskOf(base).rle, cut: !label };
}

const promptOf = ({ food, corrected }) =>
  corrected ?? {
    points: food.points,
    box: food.box,
    refine: food.token && { token: food.token, candidate: food.chosen },
  };

// One request at a time. A food that was clicked again meanwhile is asked for once more, with all its points;
// the reply to what it was before never shows.
async function segment(page) {
  const { state } = page;
  if (state.segmenting) return;
  state.set({ segmenting: true });
  const slow = setInterval(() => busy(page, "Finding the food…"), PATIENCE_MS);
  while (state.drafts.length) await segmentNext(page, state.drafts[0]);
  clearInterval(slow);
  busy(page, null);
  state.set({ segmenting: false });
}

async function segmentNext(page, draft) {
  const { state } = page;
  const isNewest = () => state.drafts.includes(draft);
  try {
    const reply = await ask(page, "segment", { photo: draft.photo.id, ...promptOf(draft) });
    if (isNewest()) await takeMask(page, draft, reply);
  } catch (error) {
    if (!isNewest()) return;
    dropDraft(state, draft);
    complain(page, error);
  }
}

// The mask is drawn before anything else follows from it.
async function takeMask(page, draft, { candidates, token, timings }) {
  const { state, root } = page;
  const { photo, since, seq, corrected } = draft;
  dropDraft(state, draft);
  for (const mask of candidates) learnEvidence(state, mask, { timings });
  const origin = corrected ? draft.food.origin : null; // of the mask; another one has its own
  const made = { origin, candidates, token, chosen: 0, segmenter: state.facts.segmenter_id };
  const snapshot = withFood(photo.work.present, { ...draft.food, ...made });
  if (photo !== state.current) {
    commitFoods(page, photo, snapshot);
    return;
  }
  commit(state, photo, snapshot);
  await state.drawn();
  root.dataset.maskMs = String(performance.now() - since);
  root.dataset.maskSeq = String(seq);
  root.dataset.engineMs = String(timings.segment);
  setTimeout(() => keep(page, photo));
}
