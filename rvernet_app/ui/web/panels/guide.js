// Three hints for the first photo. Each appears when its moment comes, beside the place it speaks of, and
// stops nobody from working. They are shown on the first visit only, and again when Help is asked for them.

import { pendingFood, selectedFood } from "../state.js";
import { remember, remembered } from "../storage.js";
import { clickWord } from "../words.js";

const SEEN = "rvernet-hints-seen";
const GAP = 12; // CSS pixels between a hint, what it points at, and the edge of the window
const INSIDE = 14; // CSS pixels below the upper edge of the photo

// The first place that is on the screen is pointed at.
const HINTS = [
  { places: [".rv-stage"], text: () => `${clickWord()} a food in the photo.` },
  {
    places: [".rv-combo", "#rv-suggestions"],
    text: () => "Name it: take a suggestion, or type the name.",
  },
  {
    places: ["[data-action=done]", "#rv-next-food"],
    text: ({ project }) =>
      project
        ? `${clickWord()} Next for the next food, or Done when all have a name.`
        : `${clickWord()} Next for the next food.`,
  },
];

// Which hint fits what is on the page; null for none.
export function hintFor(state) {
  const { current, reviewing } = state;
  if (!current || reviewing || current.full || pendingFood(state)) return null;
  const food = selectedFood(state);
  return food ? 1 + Boolean(food.label) : 0;
}

// Hints come in order. `at` is the last one so far, HINTS.length when they are over.
export function nextHint(at, fitting) {
  if (at === HINTS.length || fitting === null) return { at, shown: null };
  if (fitting >= at) return { at: fitting, shown: fitting };
  const isOver = at === HINTS.length - 1; // the person went on as the last one says
  return { at: isOver ? HINTS.length : at, shown: null };
}

export function createGuide({ find, overlay, state }) {
  const bubble = find("#rv-hint");
  let shown = null;
  if (remembered(SEEN)) state.set({ hint: HINTS.length });

  const target = () => HINTS[shown].places.map(find).find((place) => place?.checkVisibility());

  // Beside what it points at; above it where there is no room.
  function place() {
    const on = shown === null ? null : target();
    if (!on) return;
    const { left, right, top, bottom, width } = on.getBoundingClientRect();
    const stage = find(".rv-stage").getBoundingClientRect();
    const { offsetWidth, offsetHeight } = bubble;
    const middle = (top + bottom - offsetHeight) / 2;
    const spots = {
      inside: [stage.left + (stage.width - offsetWidth) / 2, stage.top + INSIDE],
      left: [left - GAP - offsetWidth, middle],
      right: [right + GAP, middle],
      above: [left + (width - offsetWidth) / 2, top - GAP - offsetHeight],
    };
    // What lies below the window cannot be pointed at.
    const side = top > innerHeight - offsetHeight ? "inside" : sideOf(left, right, offsetWidth);
    const within = (value, most) => Math.max(GAP, Math.min(value, most - GAP));
    bubble.dataset.side = side;
    bubble.style.left = `${within(spots[side][0], innerWidth - offsetWidth)}px`;
    bubble.style.top = `${within(spots[side][1], innerHeight - offsetHeight)}px`;
  }

  function sideOf(left, right, width) {
    if (shown === 0) return "inside";
    if (left > width + 2 * GAP) return "left";
    return innerWidth - right > width + 2 * GAP ? "right" : "above";
  }

  function close() {
    state.set({ hint: HINTS.length });
    overlay.focus({ preventScroll: true });
  }

  find("#rv-hint-close").addEventListener("click", close);
  window.addEventListener("resize", place);
  window.addEventListener("scroll", place, { capture: true, passive: true });

  return function drawGuide() {
    const next = nextHint(state.hint, hintFor(state));
    state.set({ hint: next.at });
    if (next.shown !== shown) {
      shown = next.shown;
      bubble.hidden = shown === null;
      // Read aloud once: the words change only with the hint.
      if (shown !== null) {
        find("#rv-hint-step").textContent = `${shown + 1} of ${HINTS.length}`;
        find("#rv-hint-text").textContent = HINTS[shown].text(state);
        remember(SEEN, "yes");
      }
    }
    place();
  };
}
