// The field that finds a label while one types: a combobox (ARIA 1.2). Arrows choose, Enter takes, Escape
// leaves.

import { keepInView, make, muted, swatch } from "../dom.js";
import { plain } from "../project/labels.js";
import { words } from "../words.js";

// What is offered for what is typed: labels that match, and to add it where none is called so.
export function offersFor(typed, found, mayCreate) {
  const isThere = found.some(({ label }) => plain(label.name) === plain(typed));
  return typed && mayCreate && !isThere ? [...found, { create: typed }] : found;
}

// `on` takes: search (typed -> matches), mayCreate, take (a label), create (a name), confirm, left.
export function createLabelField(input, list, on) {
  let offers = [];
  let at = 0;

  function optionOf({ label, through, create }, index) {
    const onpointerdown = (event) => {
      event.preventDefault();
      take(index);
    };
    const attributes = {
      id: `rv-label-option-${index}`,
      role: "option",
      "aria-selected": String(index === at),
      onpointerdown,
    };
    if (create) return make("li", attributes, make("span", {}, `Add “${create}”`), muted("new label"));
    const name = make("span", {}, swatch(label.colour), words(label.name));
    return make("li", attributes, name, muted(through ? words(through) : (label.code ?? "")));
  }

  function draw() {
    list.hidden = !offers.length || document.activeElement !== input;
    input.setAttribute("aria-expanded", String(!list.hidden));
    list.replaceChildren(...offers.map(optionOf));
    input.setAttribute("aria-activedescendant", list.hidden ? "" : `rv-label-option-${at}`);
    if (!list.hidden) keepInView(list, list.children[at]);
  }

  function offer(found) {
    offers = found;
    at = 0;
    draw();
  }

  function look() {
    const typed = input.value.trim();
    offer(offersFor(typed, on.search(typed), on.mayCreate()));
  }

  function take(index) {
    const chosen = offers[index];
    offers = [];
    if (chosen?.create) on.create(chosen.create);
    else if (chosen) on.take(chosen.label);
    draw();
  }

  function enter() {
    if (offers.length) take(at);
    else on.confirm();
  }

  const step = (by) => {
    at = (at + by + offers.length) % offers.length;
  };

  input.addEventListener("input", look);
  input.addEventListener("focus", () => {
    input.select();
    look();
  });
  input.addEventListener("blur", () => {
    offer([]);
    on.left();
  });
  input.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps && offers.length) step(steps[event.key]);
    else if (event.key === "Enter") enter();
    else if (event.key === "Escape") input.blur();
    else return;
    event.preventDefault();
    event.stopPropagation();
    draw();
  });

  return {
    show(text) {
      if (document.activeElement !== input) input.value = text;
    },
  };
}
