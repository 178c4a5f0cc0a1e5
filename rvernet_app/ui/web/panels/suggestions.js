// What the selected food may be, seen with what surrounds it and seen alone.

import { fill, make, spoken } from "../dom.js";
import { percent, words } from "../words.js";

export function createSuggestions({ find }, on) {
  const list = find("#rv-suggestions");

  function rowOf({ label, probability, without_context: without }, index, explained) {
    return make(
      "li",
      {},
      make(
        "button",
        {
          type: "button",
          class: "rv-suggestion",
          "aria-pressed": String(label === explained),
          title: `${words(label)} (${index + 1})`,
          onclick: () => on.take(label),
        },
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
    const explained = evidence?.maps?.label ?? evidence?.label ?? suggestions[0]?.label;
    fill(
      list,
      suggestions.map((suggestion, index) => rowOf(suggestion, index, explained)),
    );
    find("#rv-suggestions-empty").hidden = suggestions.length > 0 || pending === "suggestions";
  };
}
