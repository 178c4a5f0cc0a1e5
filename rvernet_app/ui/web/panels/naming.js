// What a food is called, how much it is, and a note.

import { fill, make } from "../dom.js";
import { labelOf, labelsOf, pendingFood, recentLabels, selectedFood } from "../state.js";
import { words } from "../words.js";

const SHOWN_LABELS = 4;
export const FIRST_RECENT_KEY = 6; // keys 6 to 9 give the labels given last

export function createNaming({ find, state, fields }, on) {
  const inputs = find.all(".rv-naming input, .rv-naming select, .rv-naming textarea");
  const nameOf = (id) => words(labelsOf(state).get(id)?.name ?? "");

  function recentButton(label, index, disabled) {
    const key = String(index + FIRST_RECENT_KEY);
    const onclick = () => on.name(label);
    return make(
      "button",
      { type: "button", class: "rv-tag", disabled, title: `Name the food so (${key})`, onclick },
      make("kbd", {}, key),
      words(label.name),
    );
  }

  return function drawNaming() {
    const food = pendingFood(state) ?? selectedFood(state);
    for (const input of inputs) input.disabled = !food;
    const of = food && { photo: state.current, id: food.id };
    fields.label.show(food?.label ? nameOf(food.label) : "", of);
    fields.portion.show(food?.portion ?? null, of, labelOf(state, food)?.unit);
    const note = find("#rv-note");
    if (document.activeElement !== note) note.value = food?.note ?? "";
    const recent = recentLabels(state).slice(0, SHOWN_LABELS);
    fill(
      find("#rv-recent"),
      recent.map((label, index) => recentButton(label, index, !food)),
    );
    const before = find("#rv-before");
    if (!state.linking) before.checked = Boolean(state.current?.before);
    before.disabled = !state.current?.position;
    const served = find("#rv-served");
    const position = state.current?.position ?? 0;
    served.disabled = !before.checked;
    served.max = String(Math.max(1, position));
    if (document.activeElement !== served) {
      served.value = String((state.current?.served ?? Math.max(0, position - 1)) + 1);
    }
    find("#rv-blind").hidden = !state.current?.blind;
  };
}
