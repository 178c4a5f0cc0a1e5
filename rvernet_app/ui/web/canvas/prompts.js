// A prompt goes to the server; its mask comes back and is drawn, unless a newer click was made.

import { busy, complain, status } from "../feedback.js";
import { commitFoods } from "../foods.js";
import { FULL, keep } from "../project/sync.js";
import { ask } from "../server.js";
import {
  addDraft,
  commit,
  dropDraft,
  isAwaited,
  learnEvidence,
  pendingFood,
  refuseDraft,
  selectedFood,
} from "../state.js";
import { maskOf, newFood, nextId, withFood } from "../work.js";

const PATIENCE_MS = 400;

// The food that clicks work on; null where the next one starts a food.
export const clickedFood = (state) => (state.startNext ? null : (pendingFood(state) ?? selectedFood(state)));

// A point [x, y] on a food (`label` 1) or off it (0); without a food it starts one.
export function addPoint(page, food, [x, y], label, since) {
  const change = (known) => ({ ...known, points: [...known.points, [x, y, label]] });
  prompt(page, { food, change, since, at: [x, y], label });
}

export function setBox(page, food, box, since) {
  const at = [Math.floor((box[0] + box[2]) / 2), Math.floor((box[1] + box[3]) / 2)];
  prompt(page, { food, change: (known) => ({ ...known, box }), since, at, label: 1 });
}

// Nobody can add to a photo that has all its annotators; it is there to look at.
export function refuses(page, photo) {
  if (photo?.full) complain(page, new Error(FULL));
  return Boolean(photo?.full);
}

function prompt(page, { food, change, since, at, label }) {
  const { state } = page;
  const photo = state.current;
  if (!photo || refuses(page, photo)) return;
  const base = food ?? newFood(photo.work);
  const corrected = isOfPrompts(base) ? null : correction(base, change, label);
  addDraft(state, { food: change(base), fresh: !food, since, photo, corrected, at });
  segment(page);
}

// Whether the mask is what the segmenter makes of the food's own points and box. One corrected by hand is not,
// nor one that was proposed, imported or copied.
const isOfPrompts = ({ candidates, edits, points, box }) =>
  !candidates.length || (!edits && (points.length > 0 || box !== null));

// Such a mask is kept: what a click finds is added to it, or cut from it.
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

// The same prompt once more, for a person who says that there is a food.
export function insist(page, draft) {
  const id = draft.fresh ? nextId(draft.photo.work) : draft.food.id;
  addDraft(page.state, { ...draft, food: { ...draft.food, id, insist: true }, since: performance.now() });
  segment(page);
}

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
  const insists = draft.food.insist && { insist: true };
  try {
    const reply = await ask(page, "segment", { photo: draft.photo.id, ...promptOf(draft), ...insists });
    if (isAwaited(state, draft)) await takeMask(page, draft, reply);
  } catch (error) {
    if (!isAwaited(state, draft)) return;
    if (error.no_food) {
      refuseDraft(state, draft);
      status(page, "No food found here");
    } else {
      dropDraft(state, draft);
      complain(page, error);
    }
  }
}

// The mask is drawn before anything else follows from it.
async function takeMask(page, draft, { candidates, token, timings }) {
  const { state, root } = page;
  const { photo, since, seq, corrected, left } = draft;
  dropDraft(state, draft);
  for (const mask of candidates) learnEvidence(state, mask, { timings });
  const origin = corrected ? draft.food.origin : null; // of the mask; another one has its own
  const edits = corrected ? Math.max(1, draft.food.edits ?? 0) : draft.food.edits;
  const made = { origin, edits, candidates, token, chosen: 0, segmenter: state.facts.segmenter_id };
  const { present } = photo.work;
  const snapshot = withFood(present, { ...draft.food, ...made });
  if (left) Object.assign(snapshot, { active: present.active, also: present.also }); // others are selected
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
