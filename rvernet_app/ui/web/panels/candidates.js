// The masks the segmenter offers for the selected food, best first, where they differ.

import { createCrops } from "../canvas/crops.js";
import { colourOf } from "../canvas/scene.js";
import { fill, make } from "../dom.js";
import { candidatesOf } from "../foods.js";
import { selectedFood } from "../state.js";

const SIZE = { width: 62, height: 46 };
const KINDS = { part: "part", whole: "whole" };

// What a candidate is called; one that was asked for again and again has no kind.
export const captionOf = ({ kind, score }, place) => {
  if (score === null) return "by hand";
  return KINDS[kind] ?? (place === 0 ? "best" : "other");
};

export function createCandidates({ find, state }, on) {
  const list = find("#rv-candidates");
  const cropOf = createCrops(SIZE);

  function buttonOf(food, index, place, boxes) {
    const mask = food.candidates[index];
    const caption = captionOf(mask, place);
    return make(
      "button",
      {
        type: "button",
        role: "radio",
        "aria-checked": String(index === food.chosen),
        "aria-label": `Mask: ${caption}`,
        title: `Take this mask (C steps through them)`,
        onclick: () => on.choose(index),
      },
      cropOf(state.current, mask, colourOf(state, food), boxes),
      make("span", { class: "rv-candidate-name" }, caption),
    );
  }

  return function drawCandidates() {
    const food = selectedFood(state);
    const offered = food ? candidatesOf(food) : [];
    const boxes = offered.map((index) => food.candidates[index].bbox);
    list.hidden = offered.length < 2;
    fill(list, list.hidden ? [] : offered.map((index, place) => buttonOf(food, index, place, boxes)));
  };
}
