// What a food is called, how much it is, and a note.

import { fill, make } from "../dom.js";
import { labelsOf, pendingFood, selectedFood } from "../state.js";
import { words } from "../words.js";

const SHOWN_LABELS = 4;
export const FIRST_RECENT_KEY = 6; // keys 6 to 9 give the labels given last

export function createNaming({ find, state, fields }, on) {
  const inputs = find.all(".rv-naming input, .rv-naming select, .rv-naming textarea");
  const nameOf = (id) => words(labelsOf(state).get(id)?.name ?? "");

  function recentButton(id, index, disabled) {
    const key = String(index + FIRST_RECENT_KEY);
    const onclick = () => on.name(labelsOf(state).get(id));
    return make(
      "button",
      { type: "button", class: "rv-tag", disabled, title: `Name it so (${key})`, onclick },
      make("kbd", {}, key),
      nameOf(id),
    );
  }

  return function drawNaming() {
    const food = pendingFood(state) ?? selectedFood(state);
    for (const input of inputs) input.disabled = !food;
    fields.label.show(food?.label ? nameOf(food.label) : "");
    fields.portion.show(food?.portion ?? null);
    const note = find("#rv-note");
    if (document.activeElement !== note) note.value = food?.note ?? "";
    const recent = state.recent.slice(0, SHOWN_LABELS);
    fill(
      find("#rv-recent"),
      recent.map((id, index) => recentButton(id, index, !food)),
    );
    const before = find("#rv-before");
    if (!state.linking) before.checked = Boolean(state.current?.before);
    before.disabled = !state.current?.position;
    const served = find("#rv-served");
    served.hidden = !before.checked;
    served.max = String(state.current?.position ?? 1);
    if (document.activeElement !== served) served.value = String((state.current?.served ?? 0) + 1);
    find("#rv-blind").hidden = !state.current?.blind;
  };
}
