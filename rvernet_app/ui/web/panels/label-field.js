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

const NOT_TAKEN = "Not taken yet: press Enter, or choose a label.";
const NONE = { rows: [], at: -1, question: null };

const sameFood = (one, other) => one?.photo === other?.photo && one?.id === other?.id;

// What was typed for foods and not taken. It goes once the food gets another name.
export function createUntaken() {
  const ofPhoto = new WeakMap(); // photo -> food -> what was typed, and the name that the food had
  return {
    keep({ photo, id }, typed, name) {
      if (!ofPhoto.has(photo)) ofPhoto.set(photo, new Map());
      ofPhoto.get(photo).set(id, { typed, name });
    },
    drop(food) {
      if (food) ofPhoto.get(food.photo)?.delete(food.id);
    },
    of(food, name) {
      const kept = food && ofPhoto.get(food.photo)?.get(food.id);
      return kept?.name === name ? kept.typed : null;
    },
  };
}

// `on` takes: search (typed -> a promise of matches), searchHere (typed -> matches, while the server does not
// answer), named (typed -> the one label with this name), mayCreate, take (a label), create (a name -> a promise
// of whether it was added), confirm, left (with the label whose whole name was typed, or null).
export function createLabelField({ input, list, says }, on) {
  let offers = NONE;
  let at = -1;
  let asked = 0; // searches so far: only the newest one is shown
  let answer = null; // the one that is awaited
  let isTyped = false; // since the field was entered, and not taken
  let owner = null; // the food that the field is shown for
  let shown = ""; // its name
  const untaken = createUntaken();

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
    isTyped = false;
    untaken.drop(owner);
    offer(NONE);
    if (chosen?.create) create(chosen.create);
    else if (chosen) on.take(chosen.label);
  }

  // What is typed stays in the field until the label is there.
  async function create(name) {
    const meant = owner;
    const named = shown;
    if (await on.create(name)) return;
    if (meant) untaken.keep(meant, name, named);
    if (sameFood(meant, owner)) input.value = name;
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

  // What was typed is not lost when the field is left.
  function leave(label) {
    if (!isTyped) return;
    isTyped = false;
    const typed = input.value.trim();
    if (label || !typed || typed === shown) untaken.drop(owner);
    else if (owner) untaken.keep(owner, typed, shown);
  }

  input.addEventListener("input", () => {
    isTyped = true;
    look();
  });
  input.addEventListener("focus", () => {
    input.select();
    look();
  });
  input.addEventListener("blur", () => {
    asked++;
    offer(NONE);
    const label = (isTyped && on.named(input.value.trim())) || null;
    leave(label);
    on.left(label);
  });
  input.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.isComposing) return;
    if (event.key in steps && offers.rows.length) step(steps[event.key]);
    else if (event.key === "Enter") enter();
    else if (event.key === "Escape") {
      isTyped = false;
      untaken.drop(owner);
      input.blur();
    } else return;
    event.preventDefault();
    event.stopPropagation();
    draw();
  });

  return {
    // `of` is the food: its photo and id.
    show(text, of) {
      const isSame = sameFood(of, owner);
      if (!isSame) leave(null);
      else if (document.activeElement === input) return;
      owner = of;
      shown = text;
      const typed = untaken.of(of, text);
      input.value = typed ?? text;
      say(typed ? NOT_TAKEN : null);
    },
  };
}
