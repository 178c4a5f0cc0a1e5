// What is to be seen over the photo, as plain data made from the state.

import { labelOf, pendingFood, selectedFood, selectedFoods } from "../state.js";
import { maskOf } from "../work.js";
import { handleRings, ringWith } from "./geometry.js";
import { overlapping, stacked } from "./stacking.js";
import { brushRadius } from "./transform.js";

const STRAY = 4; // CSS pixels by which an outline may stray from the lines between its handles

// Of annotators in a review, not of foods.
export const REVIEW_COLOURS = ["#e4572e", "#1b7fc4", "#c445a5", "#e0a100"];
const MERGED_COLOUR = "#2a9d5c";

// Of a food that has no name yet.
const UNNAMED_COLOUR = "#5f7d99";

// A food has the colour of its label, on the photo and in every list.
export const colourOf = (state, food) => labelOf(state, food)?.colour ?? UNNAMED_COLOUR;

// mask -> { scale, rings }. They are costly to find, and asked for at every move of the pointer.
const ringsOf = new WeakMap();

// The outlines of the selected food whose corners can be dragged now.
export function gripRings(state) {
  const food = selectedFood(state);
  if (state.tool !== "polygon" || state.corners.length || !food || state.current.full) return [];
  const [mask, { scale }] = [maskOf(food), state.view];
  if (ringsOf.get(mask)?.scale !== scale)
    ringsOf.set(mask, { scale, rings: handleRings(mask.polygons, STRAY / scale) });
  return ringsOf.get(mask).rings;
}

export const isBrush = (tool) => tool === "brush" || tool === "eraser";

export function sceneOf(state) {
  return state.reviewed ? reviewScene(state) : labelScene(state);
}

function labelScene(state) {
  const { current, stroke, hovered, gripped, tool } = state;
  const food = pendingFood(state) ?? selectedFood(state);
  const radius = brushRadius(state.brush, state.view.scale);
  const colour = colourOf(state, food);
  return {
    masks: state.masksHidden ? [] : masksOf(state, current?.work.present.foods ?? []),
    opacity: state.opacity / 100,
    colour,
    points: food?.points ?? [],
    box: state.draftBox ?? food?.box ?? null,
    boxIsDraft: state.draftBox !== null,
    crosshair: state.crosshair,
    stroke: stroke && { ...stroke, radius, colour },
    corners: state.corners,
    handles: gripped ? [gripped.place] : handlesOf(state),
    outline: gripped && ringWith(gripped, gripped.place),
    brush: hovered && isBrush(tool) ? { at: hovered, radius } : null,
  };
}

// The masks from the lowest to the topmost, each with the masks below that it covers a part of.
function masksOf(state, foods) {
  const selected = selectedFoods(state);
  const below = [];
  return stacked(foods).map((food) => {
    const covered = overlapping(below, food).map((each) => ({
      mask: maskOf(each),
      colour: colourOf(state, each),
    }));
    below.push(food);
    return { mask: maskOf(food), colour: colourOf(state, food), active: selected.includes(food), covered };
  });
}

const handlesOf = (state) => gripRings(state).flatMap(({ points, at }) => at.map((index) => points[index]));

// The masks of a review: strong for the food picked, none where one was rejected.
function reviewScene({ reviewed, picked, masksHidden, opacity }) {
  const masks = reviewed.compared.flatMap(({ foods }, index) =>
    foods.flatMap((food, who) =>
      food && food.status !== "rejected"
        ? [{ mask: food, colour: REVIEW_COLOURS[who % 4], active: index === picked }]
        : [],
    ),
  );
  const merged = reviewed.merged
    .filter((food) => food.status === "accepted")
    .map((food) => ({ mask: food, colour: MERGED_COLOUR, active: false }));
  return { masks: masksHidden ? [] : [...masks, ...merged], points: [], box: null, opacity: opacity / 200 };
}
