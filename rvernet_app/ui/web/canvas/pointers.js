// Pointers and touch on the canvas, turned into the few things a person can mean.

import { boxBetween } from "./geometry.js";
import { hasStrayed, isBox, isCut, kindOfDrag, kindOfPress, spreadOf, wheelFactor } from "./gestures.js";
import { nearestPixelTo, pan, pixelUnder, placeUnder, zoomAt } from "./view.js";

// `on` takes: point, box, stroke, corner, grip, dragCorner, dropCorner, select, hover.
export function listenToPointers(page, on) {
  const { overlay, state } = page;
  const pointers = new Map(); // pointerId -> [clientX, clientY]
  let gesture = null; // { kind, from, event, ... } of the press under way
  let spaceHeld = false;

  const at = ({ clientX, clientY }) => [clientX, clientY];
  const boxTo = (event, { from }) =>
    boxBetween(nearestPixelTo(page, ...from), nearestPixelTo(page, ...at(event)));
  const paints = ({ places, cut }) =>
    state.set({ stroke: { places: [...places], erase: cut || state.tool === "eraser" } });

  const begin = {
    pinch() {
      state.set({ draftBox: null, stroke: null });
      return spreadOf([...pointers.values()]);
    },
    pan: () => ({ moved: false }),
    stroke(event, { cut }) {
      const places = [nearestPixelTo(page, ...at(event))];
      paints({ places, cut });
      return { places };
    },
    press(event) {
      const grip = state.tool === "polygon" && on.grip(placeUnder(page, ...at(event)));
      return grip ? { kind: "corner", grip, moved: false } : {};
    },
  };

  const move = {
    pinch(_event, _last) {
      const now = spreadOf([...pointers.values()]);
      const [[x, y], [nowX, nowY]] = [gesture.middle, now.middle];
      zoomAt(page, x, y, now.distance / gesture.distance);
      pan(page, [nowX - x, nowY - y]);
      Object.assign(gesture, now);
    },
    pan(event, [x, y]) {
      gesture.moved ||= hasStrayed(gesture.from, at(event));
      pan(page, [event.clientX - x, event.clientY - y]);
    },
    stroke(event) {
      const place = nearestPixelTo(page, ...at(event));
      const [x, y] = gesture.places.at(-1);
      if (place[0] !== x || place[1] !== y) gesture.places.push(place);
      paints(gesture);
    },
    corner(event) {
      gesture.moved ||= hasStrayed(gesture.from, at(event));
      if (gesture.moved) on.dragCorner(gesture.grip, placeUnder(page, ...at(event)));
    },
    press(event, last) {
      if (!hasStrayed(gesture.from, at(event))) return;
      gesture.kind = kindOfDrag({ pointerType: event.pointerType, tool: state.tool });
      if (gesture.kind !== "press") move[gesture.kind](event, last);
    },
    box: (event) => state.set({ draftBox: boxTo(event, gesture) }),
    spent() {},
  };

  const end = {
    stroke: (_event, { places, cut }) => on.stroke(places, cut),
    corner(event, { grip, moved, cut }) {
      if (moved || cut) on.dropCorner(grip, placeUnder(page, ...at(event)), cut && !moved);
    },
    press(event, { from, cut, event: { ctrlKey, metaKey, shiftKey } }) {
      if (state.tool === "polygon") return on.corner(nearestPixelTo(page, ...at(event)));
      const pixel = pixelUnder(page, ...from);
      const given = { label: cut ? 0 : 1, startsNew: shiftKey && !cut, several: ctrlKey || metaKey };
      if (pixel) on.point(pixel, { ...given, since: event.timeStamp });
    },
    pan(_event, { from, moved }) {
      if (moved || state.tool !== "move") return;
      const pixel = pixelUnder(page, ...from);
      if (pixel) on.select(pixel);
    },
    box(event, done) {
      const box = boxTo(event, done);
      state.set({ draftBox: null });
      if (isBox(box)) on.box(box, done.event.shiftKey, event.timeStamp);
    },
    pinch() {},
    spent() {},
  };

  overlay.addEventListener("contextmenu", (event) => event.preventDefault());

  overlay.addEventListener("pointerdown", (event) => {
    overlay.dataset.byPointer = ""; // who points sees where; the focus frame is for the keyboard
    overlay.focus({ preventScroll: true });
    overlay.setPointerCapture(event.pointerId);
    if (!state.shown) return;
    pointers.set(event.pointerId, at(event));
    const { button } = event;
    const kind = kindOfPress({ pointers: pointers.size, button, spaceHeld, tool: state.tool });
    gesture = { kind, from: at(event), event, cut: isCut(event, state.cut) };
    Object.assign(gesture, begin[kind](event, gesture));
  });

  overlay.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch") on.hover(pixelUnder(page, ...at(event)));
    const last = pointers.get(event.pointerId);
    if (!last || !gesture) return;
    pointers.set(event.pointerId, at(event));
    move[gesture.kind](event, last);
  });

  overlay.addEventListener("pointerup", (event) => {
    pointers.delete(event.pointerId);
    const done = gesture;
    if (!done) return;
    // The finger that stays down after a pinch does nothing more.
    gesture = done.kind === "pinch" && pointers.size ? { ...done, kind: "spent" } : null;
    end[done.kind](event, done);
  });

  overlay.addEventListener("pointercancel", (event) => {
    pointers.delete(event.pointerId);
    gesture = null;
    state.set({ draftBox: null, stroke: null });
  });

  overlay.addEventListener("pointerleave", () => on.hover(null));

  const onWheel = (event) => {
    event.preventDefault();
    zoomAt(page, event.clientX, event.clientY, wheelFactor(event));
  };
  overlay.addEventListener("wheel", onWheel, { passive: false });

  overlay.addEventListener("keydown", (event) => {
    if (event.code === "Space") spaceHeld = true;
    if (event.key.startsWith("Arrow")) delete overlay.dataset.byPointer;
  });
  overlay.addEventListener("keyup", (event) => {
    if (event.code === "Space") spaceHeld = false;
  });
  overlay.addEventListener("blur", () => {
    spaceHeld = false;
    delete overlay.dataset.byPointer;
  });
}
