// Which food counts where two overlap. One rule, here and in every export: the smaller lies on top; of two
// equal ones, the newer.

import { maskOf } from "../work.js";
import { areaOf, holds, sharedArea } from "./runs.js";

// Masks of neighbours touch at their edges; below this share of the smaller one it is not worth words.
const WORTH_SAYING = 0.01;

const sizeOf = (food) => areaOf(maskOf(food));

// From the lowest to the topmost. Foods come oldest first, and sorting keeps the order of equal ones.
export const stacked = (foods) => [...foods].sort((one, other) => sizeOf(other) - sizeOf(one));

// The food that counts at a pixel; null where none is.
export const topFood = (foods, pixel) =>
  stacked(foods).findLast((food) => holds(maskOf(food), pixel)) ?? null;

// The foods that a food shares more than an edge with.
export function overlapping(foods, food) {
  return foods.filter((other) => {
    if (other === food) return false;
    const least = Math.min(sizeOf(food), sizeOf(other));
    return sharedArea(maskOf(food), maskOf(other)) > WORTH_SAYING * least;
  });
}
