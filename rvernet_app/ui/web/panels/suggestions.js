// What the selected food may be, seen with what surrounds it and seen alone.

import { fill, icon, make, spoken } from "../dom.js";
import { labelOf, labelsOf, selectedFood } from "../state.js";
import { percent, words } from "../words.js";

// What the suggestions are for: a food without a name, or one whose name may be changed.
export const offerText = (label) =>
  label ? `Named “${words(label.name)}”.` : "No name yet. Take one, or type a name.";

const CHECK = "M5 12.5 10 17.5 19 7";

export function createSuggestions({ find, state }, on) {
  const list = find("#rv-suggestions");

  // Whether a suggestion is the name that the food has.
  function isTaken(name) {
    const given = labelOf(state, selectedFood(state));
    return Boolean(given) && labelsOf(state)?.named(name)?.id === given.id;
  }

  function rowOf({ label, probability, without_context: without }, index) {
    const taken = isTaken(label);

    return make(
      "li",
      {},
      make(
        "button",
        {
          type: "button",
          class: "rv-suggestion",
          "aria-pressed": String(taken),
          title: taken ? `The food is named ${words(label)}` : `Name it ${words(label)} (${index + 1})`,
          onclick: () => on.take(label),
        },
        make("kbd", {}, taken ? icon(CHECK) : String(index + 1)),
        make("span", { class: "rv-suggestion-name" }, words(label)),
        make(
          "span",
          { class: "rv-bars", "aria-hidden": "true" },
          make("span", { class: "rv-fill", style: `width:${probability * 100}%` }),
          make("span", { class: "rv-fill-without", style: `width:${without * 100}%` }),
        ),
        make("span", { class: "rv-share" }, percent(probability), spoken(" with its surroundings, ")),
        make("span", { class: "rv-share rv-share-without" }, percent(without), spoken(" the food alone")),
      ),
    );
  }

  return function drawSuggestions(evidence, pending) {
    const suggestions = evidence?.suggestions ?? [];
    const unsure = suggestions.length > 0 && !evidence.sure;
    find("#rv-unsure").hidden = !unsure;
    list.toggleAttribute("data-unsure", unsure);
    const food = selectedFood(state);
    find("#rv-offer").hidden = !suggestions.length || !food;
    find("#rv-offer").textContent = offerText(labelOf(state, food));
    fill(list, suggestions.map(rowOf));
    find("#rv-suggestions-empty").hidden = suggestions.length > 0 || pending === "suggestions";
  };
}
