// The list of foods: a picture, name or best guess, how much there is, and what it overlaps.

import { createCrops } from "../canvas/crops.js";
import { colourOf } from "../canvas/scene.js";
import { overlapping } from "../canvas/stacking.js";
import { fill, icon, keepInView, make, muted, swatch } from "../dom.js";
import { evidenceOf, labelOf, selectedFoods } from "../state.js";
import { percent, portionText, words } from "../words.js";
import { maskOf } from "../work.js";

const CROSS = "M6 6l12 12M18 6 6 18";
const SIZE = { width: 48, height: 36 };

// What a food without a name may be: the best guess.
export function guessText(food, evidence) {
  const top = evidence?.suggestions?.[0];
  if (!top) return { name: `Food ${food.id}`, detail: "" };
  const guess = evidence.sure
    ? `${words(top.label)}? ${percent(top.probability)}`
    : `not sure: ${words(top.label)}?`;
  return { name: `Food ${food.id}`, detail: guess };
}

// What a food is called once it can be named.
export const nameText = (food, label) => ({
  name: label ? words(label.name) : "no name yet",
  detail: portionText(food.portion),
});

// Which foods a food overlaps, "" where there are none.
export function overlapText(names) {
  if (!names.length) return "";
  return `overlaps ${names.length > 2 ? `${names.length} foods` : names.join(" and ")}`;
}

export const RULE = "Where two foods overlap, the smaller one lies on top and counts there.";

// What a click on a row means: with Ctrl or Cmd it selects one more, with Shift all up to it.
export function meaningOfRowClick({ ctrlKey, metaKey, shiftKey }, choosing) {
  if (shiftKey) return "through";
  return ctrlKey || metaKey || choosing ? "toggle" : "select";
}

export function createFoodList({ find, state }, on) {
  const list = find("#rv-foods");
  const cropOf = createCrops(SIZE);

  function textOf(food) {
    const label = labelOf(state, food);
    if (state.project || label) return nameText(food, label);
    return guessText(food, evidenceOf(state, maskOf(food)));
  }

  function overlapOf(food, foods) {
    const names = overlapping(foods, food).map((other) => textOf(other).name);
    return muted(overlapText(names.map((name) => (name === "no name yet" ? "a food" : name))), {
      class: "rv-muted rv-overlap",
      title: RULE,
    });
  }

  function rowOf(food, foods, { active, selected }) {
    const { name, detail } = textOf(food);
    const status = state.current.stored?.get(food.id)?.status;
    const isSelected = selected.includes(food);
    return make(
      "li",
      {
        "data-food": food.id,
        "aria-current": food.id === active ? "true" : null,
        "data-selected": isSelected,
      },
      make(
        "button",
        {
          type: "button",
          class: "rv-food",
          "aria-pressed": String(isSelected),
          onclick: (event) => on[meaningOfRowClick(event, state.choosing)](food.id),
        },
        make("span", { class: "rv-tick", "aria-hidden": "true" }),
        cropOf(state.current, maskOf(food), colourOf(state, food)),
        make(
          "span",
          { class: "rv-food-text" },
          make("span", { class: "rv-food-head" }, swatch(colourOf(state, food)), nameNode(name)),
          make(
            "span",
            { class: "rv-food-more" },
            muted(detail, { class: "rv-muted rv-reviewed", "data-status": status }),
            overlapOf(food, foods),
          ),
        ),
      ),
      removeButton(food, name),
    );
  }

  const nameNode = (name) => make("span", { class: "rv-food-name" }, name);

  const removeButton = (food, name) =>
    make(
      "button",
      {
        type: "button",
        class: "rv-icon rv-remove",
        "aria-label": `Remove ${name}, food ${food.id}`,
        title: "Remove (Delete)",
        onclick: () => on.remove(food.id),
      },
      icon(CROSS),
    );

  function drawSeveral(selected) {
    const several = state.choosing || selected.length > 1;
    find("#rv-several").hidden = !several;
    find("#rv-choose").setAttribute("aria-pressed", String(state.choosing));
    list.toggleAttribute("data-choosing", state.choosing);
    find("#rv-several-count").textContent =
      selected.length > 1 ? `${selected.length} selected: type one name` : "Tap the foods of one name";
    find("#rv-several-remove").disabled = !selected.length;
  }

  return function drawFoods() {
    const { foods, active } = state.current?.work.present ?? { foods: [], active: null };
    const selected = selectedFoods(state);
    fill(
      list,
      foods.map((food) => rowOf(food, foods, { active, selected })),
    );
    keepInView(list, list.querySelector("[aria-current]"));
    drawSeveral(selected);
    find("#rv-choose").hidden = foods.length < 2;
    find("#rv-foods-empty").hidden = foods.length > 0;
    find("#rv-download").disabled = !foods.length;
    find("#rv-clear").disabled = !foods.length;
    find("#rv-next-food").disabled = active === null;
  };
}
