// Which segmenter and classifier are at work, and what the classifier knows.

import { make, optionsOf } from "../dom.js";
import { words } from "../words.js";

export function drawFacts({ find, state }) {
  const { segmenter, checkpoint, classes, rows, problems = [] } = state.facts;
  const known = [make("span", { class: "rv-wide" }, "knows "), `${classes.length} foods`];
  find("#rv-models-label").replaceChildren(...known);
  find("#rv-models").classList.toggle("rv-warning", problems.length > 0);
  find("#rv-problems").replaceChildren(
    ...problems.map((problem) => make("p", { class: "rv-note rv-warning" }, problem)),
  );
  find("#rv-models").title = `Outlines by ${segmenter}, names by ${checkpoint}`;
  const facts = rows.map(([name, value, term]) =>
    make("div", {}, make("dt", {}, name), make("dd", { title: term }, value)),
  );
  find("#rv-facts").replaceChildren(...facts);
  find("#rv-unsure").textContent = `Not sure. The best guesses among ${classes.length} known foods:`;
  find("#rv-classes-title").textContent = `The ${classes.length} foods it knows`;
  find("#rv-classes").replaceChildren(...classes.map((label) => make("span", {}, words(label))));
  find("#rv-class").replaceChildren(...optionsOf(classes.map((label) => [label, words(label)])));
}
