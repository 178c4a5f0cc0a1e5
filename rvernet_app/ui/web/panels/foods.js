// The list of foods: colour, name or best guess, and how much there is.

import { fill, icon, keepInView, make, muted, swatch } from "../dom.js";
import { evidenceOf } from "../state.js";
import { percent, portionText, words } from "../words.js";
import { maskOf } from "../work.js";

const CROSS = "M6 6l12 12M18 6 6 18";

// What a food is called on the front page, where nobody names it: the best guess, when it is sure.
export function guessText(food, evidence) {
  const top = evidence?.suggestions?.[0];
  if (!top) return { name: `Food ${food.id}`, detail: "" };
  if (evidence.sure) return { name: words(top.label), detail: percent(top.probability) };
  return { name: `Food ${food.id}`, detail: `not sure: ${words(top.label)}?` };
}

// What a food is called in a project.
export const nameText = (food, label) => ({
  name: label ? words(label.name) : "no name yet",
  detail: portionText(food.portion),
});

export function createFoodList({ find, state }, on) {
  const list = find("#rv-foods");

  function textOf(food) {
    if (state.project) return nameText(food, state.project.labels.get(food.label));
    return guessText(food, evidenceOf(state, maskOf(food)));
  }

  function rowOf(food, active) {
    const { name, detail } = textOf(food);
    const status = state.current.stored?.get(food.id)?.status;
    return make(
      "li",
      { "data-food": food.id, "aria-current": food.id === active ? "true" : null },
      make(
        "button",
        { type: "button", class: "rv-food", onclick: () => on.select(food.id) },
        swatch(food.colour),
        make("span", { class: "rv-food-name" }, name),
        muted(detail, { class: "rv-muted rv-reviewed", "data-status": status }),
      ),
      make(
        "button",
        {
          type: "button",
          class: "rv-icon rv-remove",
          "aria-label": `Remove food ${food.id}`,
          title: "Remove (Delete)",
          onclick: () => on.remove(food.id),
        },
        icon(CROSS),
      ),
    );
  }

  return function drawFoods() {
    const { foods, active } = state.current?.work.present ?? { foods: [], active: null };
    fill(
      list,
      foods.map((food) => rowOf(food, active)),
    );
    keepInView(list, list.querySelector("[aria-current]"));
    find("#rv-foods-empty").hidden = foods.length > 0;
    find("#rv-download").disabled = active === null;
    find("#rv-clear").disabled = !foods.length;
    find("#rv-next-food").disabled = active === null;
  };
}
