// A click of the point tool, or a box, does what it means; a callout beside it offers what else it may mean.

import { complain, status } from "../feedback.js";
import { selectFood, toggleFood } from "../foods.js";
import { labelOf } from "../state.js";
import { clickWord, words } from "../words.js";
import { maskOf } from "../work.js";
import { meaningOfBox, meaningOfClick } from "./meaning.js";
import { addPoint, clickedFood, insist, setBox } from "./prompts.js";

const OFFER_MS = 8000;

// `given`: label (1 on the food, 0 off it), startsNew, several, since.
export function clickAt(page, pixel, { label, startsNew, several, since }) {
  const { state } = page;
  const { foods } = state.current?.work.present ?? { foods: [] };
  const base = startsNew ? null : clickedFood(state);
  const { kind, food } = meaningOfClick({ foods, base, pixel, label, startsNew, several });
  if (kind === "orphan")
    complain(page, new Error(`${clickWord()} the food first, then cut away what is too much.`));
  else if (kind === "toggle") toggleFood(page, food.id);
  else if (kind === "select") selectAt(page, food, base, pixel);
  else if (kind === "inside") offer(page, { kind: "inside", food, pixel, base: null });
  else addPoint(page, food, pixel, label, since);
}

export function boxAround(page, box, startsNew, since) {
  const base = startsNew ? null : clickedFood(page.state);
  setBox(page, meaningOfBox({ base, mask: base && maskOf(base), box }), box, since);
}

function selectAt(page, food, base, pixel) {
  selectFood(page, food.id);
  offer(page, { kind: "selected", food, pixel, base });
}

// What else the click may have meant, for a while: `base` is the food that was clicked on before.
function offer(page, { kind, food, pixel, base }) {
  const { state } = page;
  if (state.current.full) return;
  const callout = { kind, photo: state.current, at: pixel, food, base };
  state.set({ callout });
  status(page, textOf(state, callout).title);
  setTimeout(() => {
    const inUse = page.find("#rv-callout").matches(":hover, :focus-within");
    if (callout === state.callout && !inUse) state.set({ callout: null });
  }, OFFER_MS);
}

// What a callout says, and the buttons it has: { title, hint, choices: [[text, what it does], ...] }.
export function textOf(state, callout) {
  const { kind, food, base } = callout;
  if (kind === "no food") {
    return { title: "No food found here", hint: "Or draw a box around it (B).", choices: ["insist"] };
  }
  const label = labelOf(state, food);
  const name = label ? words(label.name) : "the food";
  if (kind === "inside") return { title: `This is part of ${name} already`, hint: "", choices: ["start"] };
  const title = label ? `Selected: ${name}` : "Selected this food";
  return { title, hint: "", choices: base ? ["start", "add"] : ["start"] };
}

// What the buttons of a callout do.
export const CHOICES = {
  insist: { text: () => "Take it anyway", act: (page, { draft }) => insist(page, draft) },
  start: {
    text: () => "New food here",
    act: (page, { at }) => addPoint(page, null, at, 1, performance.now()),
  },
  add: {
    text: (state, { base }) => `Add to ${words(labelOf(state, base)?.name ?? "the food before")}`,
    act: (page, { at, base }) => addPoint(page, base, at, 1, performance.now()),
  },
};
