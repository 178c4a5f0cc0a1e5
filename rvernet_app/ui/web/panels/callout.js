// A few words and buttons beside a place on the photo.

import { CHOICES, textOf } from "../canvas/clicks.js";
import { spotOf } from "../canvas/transform.js";
import { fill, make } from "../dom.js";

const GAP = 16; // CSS pixels between the place and the callout
const MARGIN = 8; // CSS pixels that stay free at the sides of the stage

// Where a callout of this size lies on the stage: below the spot, above it where there is no room, and never
// beyond an edge.
export function calloutPlace([x, y], size, stage) {
  const left = Math.min(Math.max(x - size.width / 2, MARGIN), stage.width - size.width - MARGIN);
  const below = y + GAP;
  const top = below + size.height + MARGIN <= stage.height ? below : y - GAP - size.height;
  return [Math.max(left, MARGIN), Math.min(Math.max(top, MARGIN), stage.height - size.height - MARGIN)];
}

export function createCallout(page) {
  const { canvas, find, overlay, state } = page;
  const node = find("#rv-callout");
  let drawn = null;

  function choice(name, callout) {
    const { act, text } = CHOICES[name];
    const onclick = () => {
      overlay.focus({ preventScroll: true });
      state.set({ callout: null });
      act(page, callout);
    };
    return make("button", { type: "button", class: "rv-link", onclick }, text(state, callout));
  }

  function write(callout) {
    const { title, hint, choices } = textOf(state, callout);
    find("#rv-callout-title").textContent = title;
    find("#rv-callout-hint").textContent = hint;
    fill(
      find("#rv-callout-choices"),
      choices.map((name) => choice(name, callout)),
    );
  }

  return function drawCallout() {
    const callout = state.callout?.photo === state.current ? state.callout : null;
    node.hidden = !callout;
    if (callout && callout !== drawn) write(callout);
    drawn = callout;
    if (!callout) return;
    const size = { width: node.offsetWidth, height: node.offsetHeight };
    const [left, top] = calloutPlace(spotOf(state.view, callout.at), size, canvas.size());
    node.style.left = `${left}px`;
    node.style.top = `${top}px`;
  };
}
