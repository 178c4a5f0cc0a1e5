// What becomes of the work on the front page: where it is kept, and the way into a project.

import { count } from "../words.js";

const KEPT = {
  kept: "Kept in this browser only",
  "no room": "Not kept: this browser has no room left",
  "no storage": "Not kept: this browser window keeps nothing",
};

// What a person did on the front page, as numbers.
export function sizeOfFront({ photos }) {
  const all = [...photos.values()];
  const worked = all.filter(({ sample, work }) => !sample || work.present.foods.length);
  return { photos: worked.length, foods: all.reduce((sum, { work }) => sum + work.present.foods.length, 0) };
}

export const frontText = ({ photos, foods }) => `${count(photos, "photo")} with ${count(foods, "food")}`;

export function drawFront({ find, root, state }) {
  const size = sizeOfFront(state);
  const shows = size.photos > 0 && state.kept !== null;
  find("#rv-front").hidden = !shows;
  root.toggleAttribute("data-not-kept", shows && state.kept !== "kept");
  if (shows) find("#rv-front-kept").textContent = KEPT[state.kept];
}
