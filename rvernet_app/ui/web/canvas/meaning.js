// What a click of the point tool means. One function decides; all it needs comes in as an argument.

import { maskOf } from "../work.js";
import { holds } from "./runs.js";
import { topFood } from "./stacking.js";

// A food that has no name yet is still being found: clicks work on its mask.
const isUnderWay = (food) => Boolean(food) && !food.label;

// Whether a food was clicked inside another, as meatballs on pasta are. More of it may lie there.
const liesOn = (food, other) => food.points.some(([x, y, label]) => label && holds(maskOf(other), [x, y]));

const isThere = (food) => Boolean(food?.candidates.length || food?.box || food?.points.length);

// { kind, food }: "start" a food, "add" to the one clicked on before or "cut" from it, "select" a food,
// "toggle" it among several; "inside" where the point is in the mask already, "orphan" where there is nothing
// to cut from.
//
// `base` is the food that clicks work on, or null; `label` is 1 on the food and 0 off it.
export function meaningOfClick({ foods, base, pixel, label, startsNew = false, several = false }) {
  const hit = topFood(foods, pixel);
  if (several && hit) return { kind: "toggle", food: hit };
  if (!label) return isThere(base) ? { kind: "cut", food: base } : { kind: "orphan", food: null };
  if (startsNew) return { kind: "start", food: null };
  if (!hit) return base ? { kind: "add", food: base } : { kind: "start", food: null };
  if (hit.id === base?.id) return { kind: "inside", food: hit };
  if (isUnderWay(base) && liesOn(base, hit)) return { kind: "add", food: base };
  return { kind: "select", food: hit };
}

const ALIKE = 0.5; // of two boxes: what they share of what either has

// The food that a box [left, top, right, bottom] is drawn for, or null for a new one. A box apart from the
// food is around another; a named food takes a new box only from a box that is much like its own. `mask` is that
// of the food.
export function meaningOfBox({ base, mask, box }) {
  if (!base || !mask) return base ?? null;
  const [x0, y0, x1, y1] = box;
  const [left, top, width, height] = mask.bbox;
  const across = Math.min(x1, left + width) - Math.max(x0, left);
  const down = Math.min(y1, top + height) - Math.max(y0, top);
  if (across <= 0 || down <= 0) return null;
  const shared = across * down;
  const alike = shared / ((x1 - x0) * (y1 - y0) + width * height - shared) > ALIKE;
  return isUnderWay(base) || alike ? base : null;
}
