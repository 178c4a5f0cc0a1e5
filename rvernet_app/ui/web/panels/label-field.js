// The field that finds a label while one types: a combobox (ARIA 1.2). Arrows choose, Enter takes, Escape
// leaves.

import { keepInView, make, muted, swatch } from "../dom.js";
import { words } from "../words.js";

const CERTAIN = ["exact", "code", "words", "beginning"];
const OFFLINE = "Labels cannot be searched now: the server does not answer.";

// What is offered for what is typed: `rows` of labels or a name to add, the row `at` that Enter takes (-1 is
// none), and a `question` where the name may be a typing error. Enter never takes a label that only may be
// meant.
export function offersFor(typed, matches, mayCreate) {
  const sure = matches.filter(({ kind }) => CERTAIN.includes(kind));
  const near = matches.filter(({ kind }) => kind === "near");
  const others = matches.filter((match) => !sure.includes(match) && !near.includes(match));
  const isThere = matches.some(({ kind }) => kind === "exact");
  const like = near[0] ? nameOf(near[0]) : null;
  const create = typed && mayCreate && !isThere ? [{ create: typed, like }] : [];
  if (sure.length) return { rows: [...sure, ...create, ...near, ...others], at: 0, question: null };
  if (near.length) {
    return { rows: [...near, ...create, ...others], at: -1, question: `Did you mean “${like}”?` };
  }
  return { rows: [...create, ...others], at: create.length ? 0 : -1, question: null };
}

const nameOf = ({ label, through }) => words(through ?? label.name);

const NONE = { rows: [], at: -1, question: null };

// `on` takes: search (typed -> a promise of matches), searchHere (typed -> matches, while the server does not
// answer), mayCreate, take (a label), create (a name -> a promise of whether it was added), confirm, left.
export function createLabelField({ input, list, says }, on) {
  let offers = NONE;
  let at = -1;
  let asked = 0; // searches so far: only the newest one is shown
  let answer = null; // the one that is awaited

  function optionOf({ label, through, create, like }, index) {
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
    const note = like ? `new label, much like “${like}”` : "new label";
    if (create) return make("li", attributes, make("span", {}, `Add “${create}”`), muted(note));
    const name = make("span", {}, swatch(label.colour), words(label.name));
    return make("li", attributes, name, muted(through ? words(through) : (label.code ?? "")));
  }

  function draw() {
    list.hidden = !offers.rows.length || document.activeElement !== input;
    input.setAttribute("aria-expanded", String(!list.hidden));
    list.replaceChildren(...offers.rows.map(optionOf));
    input.setAttribute("aria-activedescendant", list.hidden || at < 0 ? "" : `rv-label-option-${at}`);
    if (!list.hidden) keepInView(list, list.children[Math.max(at, 0)]);
  }

  function say(text) {
    says.textContent = text ?? "";
    says.hidden = !text;
  }

  function offer(found, sentence = found.question) {
    offers = found;
    at = found.at;
    say(sentence);
    draw();
  }

  function look() {
    const typed = input.value.trim();
    const number = ++asked;
    answer = null;
    if (!typed) {
      offer(NONE);
      return;
    }
    const answered = (matches, sentence) => {
      if (number !== asked) return;
      answer = null;
      offer(offersFor(typed, matches, on.mayCreate()), sentence);
    };
    answer = on.search(typed).then(
      (matches) => answered(matches),
      () => answered(on.searchHere(typed), OFFLINE),
    );
  }

  function take(index) {
    const chosen = offers.rows[index];
    asked++;
    offer(NONE);
    if (chosen?.create) create(chosen.create);
    else if (chosen) on.take(chosen.label);
  }

  // What is typed stays in the field until the label is there.
  async function create(name) {
    if (!(await on.create(name))) input.value = name;
  }

  // What is typed is looked up first; meanwhile nothing more is typed.
  async function enterOnceAnswered() {
    input.readOnly = true;
    await answer;
    input.readOnly = false;
    if (document.activeElement === input) enter();
  }

  function enter() {
    if (answer) enterOnceAnswered();
    else if (at >= 0) take(at);
    else if (offers.rows.length) {
      at = 0;
      draw();
    } else if (input.value.trim()) say(`No label is called “${input.value.trim()}”.`);
    else on.confirm();
  }

  const step = (by) => {
    const { length } = offers.rows;
    at = at < 0 ? (by > 0 ? 0 : length - 1) : (at + by + length) % length;
  };

  input.addEventListener("input", look);
  input.addEventListener("focus", () => {
    input.select();
    look();
  });
  input.addEventListener("blur", () => {
    asked++;
    offer(NONE);
    on.left();
  });
  input.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.isComposing) return;
    if (event.key in steps && offers.rows.length) step(steps[event.key]);
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
