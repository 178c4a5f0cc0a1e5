// Corrections by hand: brush, eraser, polygon, corners, holes, crumbs, edges. The server makes the mask, so
// that it is exact.

import { complain } from "../feedback.js";
import { commitFoods } from "../foods.js";
import { ask } from "../server.js";
import { selectedFood, shownMask, stillThere } from "../state.js";
import { maskOf, newFood, withFood } from "../work.js";
import { clamp, distance, findGrip, ringWith, thinned } from "./geometry.js";
import { isHandTool } from "./gestures.js";
import { refuses } from "./prompts.js";
import { gripRings } from "./scene.js";
import { brushRadius } from "./transform.js";

const GRIP = 9; // CSS pixels within which a corner or an edge is meant
const CLOSING = 10; // CSS pixels from its first corner within which a click closes a polygon
const MOST_PLACES = 5000; // of a stroke: what the server takes
const [SMALLEST_BRUSH, LARGEST_BRUSH] = [2, 120];

export function setTool({ state }, tool) {
  const leavesPolygon = state.tool === "polygon" && tool !== state.tool;
  state.set({ tool, ...(leavesPolygon && { corners: [] }) });
}

export const handToolOf = ({ tool }) => (isHandTool(tool) ? tool : "");

export const setBrush = ({ state }, radius) =>
  state.set({ brush: clamp(radius, SMALLEST_BRUSH, LARGEST_BRUSH) });

// One correction after the other, each of what the one before left, and of the food that was selected when it
// was made.
export function editMask(page, edit) {
  const { state } = page;
  const photo = state.current;
  if (!photo || refuses(page, photo)) return;
  const selected = selectedFood(state);
  if (!selected && state.begun?.photo !== photo) state.set({ begun: { photo, food: newFood(photo.work) } });
  const target = selected ?? state.begun.food;
  state.set({ editing: state.editing.then(() => correctMask(page, photo, target, edit)) });
}

async function correctMask(page, photo, target, edit) {
  const { state } = page;
  const before = stillThere(photo, target.id);
  const makesMask = edit.kind === "paint" || edit.kind === "polygon";
  if (!before && (target.candidates.length || !makesMask)) return;
  try {
    const rle = before && edit.kind !== "polygon" ? maskOf(before).rle : null;
    const { mask } = await ask(page, "edit_mask", { photo: photo.id, rle, edit });
    const food = stillThere(photo, target.id) ?? (before ? null : target); // named meanwhile, or removed
    if (!food) return;
    const made = { candidates: [mask], chosen: 0, token: null, edits: (food.edits ?? 0) + 1 };
    commitFoods(page, photo, withFood(photo.work.present, { ...food, ...made }));
    if (state.begun?.food === target) state.set({ begun: null });
  } catch (error) {
    complain(page, error);
  }
}

export function finishStroke(page, places, cut) {
  const { state } = page;
  state.set({ stroke: null });
  if (!state.current || !places.length) return;
  const kind = state.tool === "eraser" || cut ? "erase" : "paint";
  const radius = brushRadius(state.brush, state.view.scale);
  editMask(page, { kind, stroke: thinned(places, MOST_PLACES), radius });
}

export function addCorner(page, pixel) {
  const { state } = page;
  const [first] = state.corners;
  const closes = state.corners.length > 2 && distance(pixel, first) * state.view.scale < CLOSING;
  if (closes) closePolygon(page);
  else state.set({ corners: [...state.corners, pixel] });
}

export function closePolygon(page) {
  const done = page.state.corners;
  page.state.set({ corners: [] });
  if (done.length > 2) editMask(page, { kind: "polygon", stroke: done });
}

export function smoothMask(page) {
  const mask = shownMask(page.state);
  if (!mask) return;
  const [, , width, height] = mask.bbox;
  editMask(page, { kind: "smooth", radius: Math.max(1, 0.04 * Math.sqrt(width * height)) });
}

// The corner or edge of the selected mask that a pointer has hold of.
export const gripAt = ({ state }, place) =>
  findGrip({ rings: gripRings(state), place, reach: GRIP / state.view.scale });

export const dragCorner = ({ state }, grip, place) => state.set({ gripped: { ...grip, place } });

export function dropCorner(page, grip, place, cut) {
  page.state.set({ gripped: null });
  if (cut && !grip.removable) return;
  editMask(page, { kind: "outline", outline: grip.points, stroke: ringWith(grip, cut ? null : place) });
}
