// Which segmenter and classifier are at work, and what the classifier knows.

import { make, optionsOf } from "../dom.js";
import { words } from "../words.js";

export function drawFacts({ find, state }) {
  const { segmenter, checkpoint, classes, rows } = state.facts;
  find("#rv-models-label").textContent = `${segmenter} · ${checkpoint} · ${classes.length} foods`;
  const facts = rows.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)));
  find("#rv-facts").replaceChildren(...facts);
  find("#rv-unsure").textContent = `Not sure. The best guesses among ${classes.length} known foods:`;
  find("#rv-classes-title").textContent = `The ${classes.length} foods it knows`;
  find("#rv-classes").replaceChildren(...classes.map((label) => make("span", {}, words(label))));
  find("#rv-class").replaceChildren(...optionsOf(classes.map((label) => [label, words(label)])));
}
