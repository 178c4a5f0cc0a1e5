// The whole photo is looked over; what is found comes as foods to be named, all in one step to undo.

import { busy, complain, status } from "../feedback.js";
import { commitFoods } from "../foods.js";
import { percent } from "../words.js";
import { maskOf, newFood } from "../work.js";
import { overlaps } from "./geometry.js";
import { refuses } from "./prompts.js";

export function proposeAll(page) {
  const { state, trigger } = page;
  const photo = state.current;
  if (!photo || state.proposing || refuses(page, photo)) return;
  const seq = state.proposalSeq + 1;
  state.set({ proposalSeq: seq, proposing: { seq, photo } });
  trigger("propose", { seq, photo: photo.id });
  busy(page, "Looking the photo over…", () => stopProposing(page));
}

function stopProposing(page) {
  const { state, trigger } = page;
  const seq = state.proposalSeq + 1;
  state.set({ proposing: null, proposalSeq: seq });
  trigger("propose", { seq, stop: true });
  busy(page, null);
}

export function proposalsArrived(page, { seq, share, masks, error }) {
  const { state } = page;
  const { proposing } = state;
  if (!proposing || (seq !== proposing.seq && !error)) return;
  if (!error && !masks) {
    busy(page, `Looking the photo over… ${percent(share)}`, () => stopProposing(page));
    return;
  }
  state.set({ proposing: null });
  busy(page, null);
  if (error) complain(page, new Error(error));
  else takeProposals(page, proposing.photo, masks);
}

function takeProposals(page, photo, masks) {
  const fresh = newAmong(photo.work.present.foods, masks);
  if (!fresh.length) {
    status(page, "Nothing new was found");
    return;
  }
  const segmenter = page.state.facts.segmenter_id;
  const foods = fresh.map((mask) => ({ ...newFood(photo.work), candidates: [mask], segmenter }));
  commitFoods(page, photo, { foods: [...photo.work.present.foods, ...foods], active: foods[0].id });
  status(page, `${fresh.length} regions to name`);
}

// What is already a food is not offered again.
export const newAmong = (foods, masks) =>
  masks.filter((mask) => !foods.some((food) => overlaps(maskOf(food).bbox, mask.bbox)));
