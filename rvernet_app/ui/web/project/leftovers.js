// A photo of leftovers: which photo shows the meal, and its foods, looked for again in this one.

import { refuses } from "../canvas/prompts.js";
import { attempt, status, whileBusy } from "../feedback.js";
import { commitFoods } from "../foods.js";
import { learnEvidence, updatePhoto } from "../state.js";
import { words } from "../words.js";
import { newFood } from "../work.js";
import { tellOf } from "./sync.js";

// Links the photo to an earlier one, of which it shows the leftovers; to the one in front of it unless
// `served` is the position of another.
export async function linkBefore(page, linked, served = null) {
  const { state } = page;
  const photo = state.current;
  state.set({ linking: true });
  await attempt(page, async () => {
    const about = { project: photo.project.id, linked, served };
    const { before } = await tellOf(page, photo, "link_before", about);
    updatePhoto(state, photo, { before, served: before && (served ?? photo.position - 1) });
    if (!state.unsaved.size) state.set({ saved: "saved" });
  });
  state.set({ linking: false });
}

// Looks for the foods of the served photo in this one. What is not found again is said and not copied.
export async function findAgain(page) {
  const { state } = page;
  const photo = state.current;
  if (!photo?.item || refuses(page, photo)) return;
  const about = { project: photo.project.id };
  const reply = await whileBusy(page, "Looking for the foods again…", () =>
    tellOf(page, photo, "find_again", about),
  );
  if (!reply) return;
  for (const { mask } of reply.foods) learnEvidence(state, mask, { timings: {} });
  const found = reply.foods.map((row) => foodAgain(row, newFood(photo.work), state.facts.segmenter_id));
  if (found.length) {
    const foods = [...photo.work.present.foods, ...found];
    commitFoods(page, photo, { foods, active: found.at(-1).id });
  }
  status(page, saidOf(found.length, reply.lost));
}

export const foodAgain = ({ label, mask, point }, food, segmenter) => ({
  ...food,
  points: [point],
  candidates: [mask],
  label,
  segmenter,
});

// "3 of 4 foods found again; rice was not found"
export function saidOf(found, lost) {
  const all = `${found} of ${found + lost.length} foods found again`;
  if (!lost.length) return all;
  const names = lost.map(words);
  const last = names.at(-1);
  const listed = names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${last} were` : `${last} was`;
  return `${all}; ${listed} not found`;
}
