// What a person does to the foods of a photo, but for finding them.

import { likeness } from "./canvas/runs.js";
import { keep } from "./project/sync.js";
import {
  changeDraft,
  commit,
  dropDrafts,
  lastSelected,
  meantFood,
  select,
  selectedFood,
  selectedFoods,
  stillThere,
} from "./state.js";
import { putFood, withFood, withoutFoods } from "./work.js";

const ALIKE = 0.9; // above it two candidates look the same to a person

export function commitFoods(page, photo, snapshot) {
  commit(page.state, photo, snapshot);
  keep(page, photo);
}

// Changes a food, which by now may be of another photo than the one that is open, or still be looked for.
export function changeFood(page, change, meant = meantFood(page.state)) {
  if (!meant) return;
  const { photo, id } = meant;
  const draft = page.state.drafts.find((each) => each.photo === photo && each.food.id === id);
  if (draft) changeDraft(page.state, draft, change);
  const food = stillThere(photo, id);
  if (!food) return;
  const { present } = photo.work;
  commitFoods(page, photo, { ...present, foods: putFood(present.foods, { ...food, ...change }) });
}

// Changes several foods of a photo in one step to undo: `changes` is number -> change.
export function changeFoods(page, photo, changes) {
  const { present } = photo.work;
  const foods = present.foods.map((food) => ({ ...food, ...changes.get(food.id) }));
  commitFoods(page, photo, { ...present, foods });
}

export function chooseCandidate(page, index) {
  const { current } = page.state;
  const food = selectedFood(page.state);
  if (!food?.candidates[index] || index === food.chosen) return;
  commitFoods(page, current, withFood(current.work.present, { ...food, chosen: index }));
}

// The candidates worth a choice: each differs from those before it. One that was chosen stays.
export function candidatesOf(food) {
  const kept = [];
  food.candidates.forEach((mask, index) => {
    const isNew = !kept.some((other) => likeness(food.candidates[other], mask) > ALIKE);
    if (isNew || index === food.chosen) kept.push(index);
  });
  return kept;
}

export function nextCandidate(page) {
  const food = selectedFood(page.state);
  if (!food) return;
  const offered = candidatesOf(food);
  chooseCandidate(page, offered[(offered.indexOf(food.chosen) + 1) % offered.length]);
}

// Null lets the next click start a food.
export function selectFood({ state }, id) {
  if (state.current) select(state, state.current, id);
}

// A food that was proposed, imported or copied, and not clicked; it waits for a name.
const awaitsName = ({ label, points, box, edits }) => !label && !points.length && !box && !edits;

// The next food after this one that waits for a name, around the end; null where no other does.
export function nextToName(foods, id) {
  const at = foods.findIndex((food) => food.id === id);
  return [...foods.slice(at + 1), ...foods.slice(0, Math.max(at, 0))].find(awaitsName) ?? null;
}

// Selects the food so many places further on, around the end.
export function stepThroughFoods({ state }, by) {
  const { foods } = state.current?.work.present ?? { foods: [] };
  if (!foods.length) return;
  const at = foods.findIndex((food) => food.id === lastSelected(state));
  select(state, state.current, foods[(at + by + foods.length) % foods.length].id);
}

// Selects a food besides those that are, or no longer; the last one selected is the main one.
export function toggleFood({ state }, id) {
  const others = selectedFoods(state).map((food) => food.id);
  const ids = others.includes(id) ? others.filter((other) => other !== id) : [...others, id];
  const main = ids.includes(id) ? id : (ids.at(-1) ?? null);
  select(state, state.current, main, ids);
}

// Selects the foods from the main one to this one, in the order of the list.
export function selectThrough({ state }, id) {
  const { foods, active } = state.current.work.present;
  const [from, to] = [active ?? id, id].map((each) => foods.findIndex((food) => food.id === each));
  const range = foods.slice(Math.min(from, to), Math.max(from, to) + 1);
  select(
    state,
    state.current,
    active ?? id,
    range.map((food) => food.id),
  );
}

export const selectEvery = ({ state }) => {
  const { foods, active } = state.current?.work.present ?? { foods: [] };
  const ids = foods.map((food) => food.id);
  if (ids.length) select(state, state.current, active ?? ids[0], ids);
};

// Removes foods in one step to undo.
export function removeFoods(page, ids) {
  const { current } = page.state;
  for (const id of ids) dropDrafts(page.state, current, id);
  commitFoods(page, current, withoutFoods(current.work.present, ids));
}

export const removeFood = (page, id) => removeFoods(page, [id]);

export function removeSelected(page) {
  const ids = selectedFoods(page.state).map(({ id }) => id);
  if (ids.length) removeFoods(page, ids);
}

export function removeAll(page) {
  const { current } = page.state;
  dropDrafts(page.state, current);
  if (current?.work.present.foods.length) commitFoods(page, current, { foods: [], active: null });
}
