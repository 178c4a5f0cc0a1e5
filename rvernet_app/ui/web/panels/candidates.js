// The masks the segmenter offers for the selected food, best first.

import { fill, make, muted } from "../dom.js";
import { selectedFood } from "../state.js";
import { percent } from "../words.js";

export function createCandidates({ find, state }, on) {
  const list = find("#rv-candidates");

  function buttonOf({ score }, index, chosen) {
    const byHand = score === null;
    const predicted = `Candidate ${index + 1}, predicted IoU ${score?.toFixed(2)} (C for the next)`;
    return make(
      "button",
      {
        type: "button",
        role: "radio",
        "aria-checked": String(index === chosen),
        title: byHand ? "Corrected by hand" : predicted,
        onclick: () => on.choose(index),
      },
      `${index + 1}`,
      muted(byHand ? "by hand" : percent(score)),
    );
  }

  return function drawCandidates() {
    const food = selectedFood(state);
    list.hidden = !food;
    find("#rv-dock").dataset.empty = String(!food);
    fill(list, food?.candidates.map((mask, index) => buttonOf(mask, index, food.chosen)) ?? []);
  };
}
