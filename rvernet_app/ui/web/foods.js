// What a person does to the foods of a photo, but for finding them.

import { keep } from "./project/sync.js";
import { changeDraft, commit, dropDrafts, meantFood, select, selectedFood, stillThere } from "./state.js";
import { withFood, withoutFood } from "./work.js";

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
  commitFoods(page, photo, { ...withFood(present, { ...food, ...change }), active: present.active });
}

export function chooseCandidate(page, index) {
  const { current } = page.state;
  const food = selectedFood(page.state);
  if (!food?.candidates[index] || index === food.chosen) return;
  commitFoods(page, current, withFood(current.work.present, { ...food, chosen: index }));
}

export function nextCandidate(page) {
  const food = selectedFood(page.state);
  if (food?.candidates.length) chooseCandidate(page, (food.chosen + 1) % food.candidates.length);
}

// Null lets the next click start a food.
export function selectFood({ state }, id) {
  if (state.current) select(state, state.current, id);
}

// Selects the food so many places further on, around the end.
export function stepThroughFoods({ state }, by) {
  const { foods, active } = state.current?.work.present ?? { foods: [] };
  if (!foods.length) return;
  const at = foods.findIndex((food) => food.id === active);
  select(state, state.current, foods[(at + by + foods.length) % foods.length].id);
}

export function removeFood(page, id) {
  const { current } = page.state;
  dropDrafts(page.state, current, id);
  commitFoods(page, current, withoutFood(current.work.present, id));
}

export function removeSelected(page) {
  const food = selectedFood(page.state);
  if (food) removeFood(page, food.id);
}

export function removeAll(page) {
  const { current } = page.state;
  dropDrafts(page.state, current);
  if (current?.work.present.foods.length) commitFoods(page, current, { foods: [], active: null });
}
