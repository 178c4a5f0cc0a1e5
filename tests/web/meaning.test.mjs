import assert from "node:assert/strict";
import { test } from "node:test";
import { meaningOfBox, meaningOfClick } from "../../rvernet_app/ui/web/canvas/meaning.js";
import { areaOf, holds, likeness, sharedArea } from "../../rvernet_app/ui/web/canvas/runs.js";
import { overlapping, stacked, topFood } from "../../rvernet_app/ui/web/canvas/stacking.js";
import { candidatesOf, nextToName } from "../../rvernet_app/ui/web/foods.js";
import { calloutPlace } from "../../rvernet_app/ui/web/panels/callout.js";
import { captionOf } from "../../rvernet_app/ui/web/panels/candidates.js";
import { partShown } from "../../rvernet_app/ui/web/panels/enlarge.js";
import { meaningOfRowClick, overlapText } from "../../rvernet_app/ui/web/panels/foods.js";
import { boxFood, boxMask, food } from "./helpers.mjs";

// As pycocotools writes them: 5-29 x 3-20 with a hole at 12-14 x 10-13, and the last pixel; and 0-19 x 0-11.
const HOLED = {
  rle: {
    size: [40, 60],
    counts: "[6b0f0000000000000E^O0b00^O0b00^O0b0;0000000000000000000000000000\\U1_O",
  },
  bbox: [5, 3, 55, 37],
};
const CORNER = {
  rle: { size: [40, 60], counts: "0<l00000000000000000000000000000000000000Pb1" },
  bbox: [0, 0, 20, 12],
};

test("an RLE is read to the pixel", () => {
  const at = (...pixel) => holds(HOLED, pixel);
  assert.equal(areaOf(HOLED), 439);
  assert.deepEqual([at(5, 3), at(29, 20), at(59, 39)], [true, true, true]);
  assert.deepEqual([at(4, 3), at(5, 2), at(30, 20), at(29, 21), at(58, 39)], Array(5).fill(false));
  assert.deepEqual([at(11, 10), at(12, 10), at(14, 13), at(14, 14)], [true, false, false, true]);
});

test("what two masks share is counted in pixels", () => {
  assert.equal(areaOf(CORNER), 240);
  assert.equal(sharedArea(HOLED, CORNER), 129);
  assert.equal(sharedArea(CORNER, HOLED), 129);
  assert.equal(sharedArea(boxMask(0, 0, 5, 5), boxMask(5, 0, 5, 5)), 0);
  assert.equal(likeness(boxMask(0, 0, 10, 10), boxMask(0, 0, 10, 5)), 0.5);
});

const PASTA = boxFood(1, [0, 0, 60, 60], { label: 7 });
const SAUCE = boxFood(2, [10, 10, 20, 20], { label: 8, points: [[15, 15, 1]] });
const BREAD = boxFood(3, [70, 70, 20, 20], { points: [[75, 75, 1]] });
const FOODS = [SAUCE, PASTA, BREAD];

test("the smaller of two foods lies on top, the newer of two equal ones", () => {
  const twin = boxFood(4, [10, 10, 20, 20]);
  assert.deepEqual(
    stacked([SAUCE, PASTA, twin]).map(({ id }) => id),
    [1, 2, 4],
  );
  const top = (foods, ...pixel) => topFood(foods, pixel)?.id;
  assert.deepEqual([top(FOODS, 15, 15), top(FOODS, 5, 5), top(FOODS, 65, 65)], [2, 1, undefined]);
  assert.equal(top([SAUCE, PASTA, twin], 15, 15), 4);
});

test("foods that touch at an edge do not overlap", () => {
  const [one, wide, narrow] = [
    [0, 0, 50, 50],
    [49, 0, 40, 50],
    [40, 0, 50, 50],
  ].map((box, id) => boxFood(id, box));
  const thin = boxFood(9, [0, 49, 99, 51]); // shares 50 of 2,500 pixels
  assert.deepEqual(overlapping([one, narrow], one), [narrow]);
  assert.deepEqual(overlapping([one, wide], one), [wide]);
  assert.deepEqual(overlapping([one, thin], one), [thin]);
  const edge = boxFood(10, [0, 0, 50, 50], { candidates: [boxMask(49, 49, 50, 50)] }); // 1 of 2,500
  assert.deepEqual(overlapping([one, edge], one), []);
});

const means = (base, pixel, given = {}) => {
  const { kind, food: meant } = meaningOfClick({ foods: FOODS, base, pixel, label: 1, ...given });
  return meant ? [kind, meant.id] : [kind];
};

test("a click on no food starts one, or adds to the one clicked before", () => {
  assert.deepEqual(means(null, [65, 5]), ["start"]);
  assert.deepEqual(means(BREAD, [65, 5]), ["add", 3]);
  assert.deepEqual(means(PASTA, [65, 5]), ["add", 1]);
});

test("a click on another food selects it; where two lie there, the smaller", () => {
  assert.deepEqual(means(null, [5, 5]), ["select", 1]);
  assert.deepEqual(means(BREAD, [5, 5]), ["select", 1]);
  assert.deepEqual(means(PASTA, [15, 15]), ["select", 2]);
  assert.deepEqual(means(SAUCE, [5, 5]), ["select", 1]);
});

test("a click in the selected food is no new prompt", () => {
  assert.deepEqual(means(PASTA, [5, 5]), ["inside", 1]);
  assert.deepEqual(means(SAUCE, [15, 15]), ["inside", 2]);
});

test("more of a food without a name is found on the food it lies on", () => {
  const ball = boxFood(5, [40, 40, 5, 5], { points: [[42, 42, 1]] });
  const at = (base) => meaningOfClick({ foods: [...FOODS, base], base, pixel: [5, 50], label: 1 }).kind;
  assert.equal(at(ball), "add");
  assert.equal(at({ ...ball, label: 9 }), "select");
  assert.deepEqual(means({ ...ball, candidates: [] }, [5, 50]), ["add", 5]); // its mask is on the way
});

test("Shift, or N before, starts a food inside another", () => {
  assert.deepEqual(means(PASTA, [5, 5], { startsNew: true }), ["start"]);
  assert.deepEqual(means(null, [15, 15], { startsNew: true }), ["start"]);
});

test("a cut is of the selected food, whatever lies there", () => {
  assert.deepEqual(means(PASTA, [15, 15], { label: 0 }), ["cut", 1]);
  assert.deepEqual(means(BREAD, [5, 5], { label: 0 }), ["cut", 3]);
  assert.deepEqual(means(null, [5, 5], { label: 0 }), ["orphan"]);
});

test("with Ctrl a click selects one more", () => {
  assert.deepEqual(means(BREAD, [15, 15], { several: true }), ["toggle", 2]);
  assert.deepEqual(means(BREAD, [65, 5], { several: true }), ["add", 3]);
});

test("a box is for the selected food where it can be around it", () => {
  const meant = (base, box) => meaningOfBox({ base, mask: base?.candidates[0], box })?.id ?? null;
  assert.equal(meant(null, [0, 0, 9, 9]), null);
  assert.equal(meant(BREAD, [60, 60, 80, 99]), 3);
  assert.equal(meant(BREAD, [0, 0, 70, 99]), null); // apart
  assert.equal(meant(PASTA, [0, 0, 55, 60]), 1);
  assert.equal(meant(PASTA, [10, 10, 30, 30]), null); // something on the pasta
  assert.equal(meaningOfBox({ base: { id: 4 }, mask: undefined, box: [0, 0, 9, 9] }).id, 4);
});

test("candidates that look alike are offered once, the chosen one always", () => {
  const [small, near, large] = [boxMask(0, 0, 20, 20), boxMask(0, 0, 20, 19), boxMask(0, 0, 60, 60)];
  assert.deepEqual(candidatesOf(food(1, { candidates: [small, near, large] })), [0, 2]);
  assert.deepEqual(candidatesOf(food(1, { candidates: [small, near, large], chosen: 1 })), [0, 1, 2]);
  assert.deepEqual(candidatesOf(food(1, { candidates: [small] })), [0]);
});

test("after a food the next proposal without a name comes, around the end", () => {
  const clicked = food(4, { points: [[1, 1, 1]] });
  const foods = [food(1, { label: 5 }), food(2), food(3), clicked];
  const after = (id, given = foods) => nextToName(given, id)?.id ?? null;
  assert.deepEqual([after(1), after(2), after(3), after(4), after(null)], [2, 3, 2, 2, 2]);
  assert.equal(after(2, [food(2), clicked]), null);
  assert.equal(after(2, [food(2, { edits: 1 }), food(3, { label: 5 })]), null);
});

test("what is about the food is enlarged around it, its surroundings whole", () => {
  const [photo, room] = [
    { width: 400, height: 300 },
    { width: 800, height: 400 },
  ];
  const seen = (name, bbox) => partShown(name, { bbox }, photo, room);
  assert.deepEqual(seen("roi", [100, 100, 50, 50]), [57, 91, 136, 68]);
  assert.deepEqual(seen("map_roi", [0, 0, 50, 50]), [0, 0, 93, 59]);
  assert.deepEqual(seen("extra_roi", [100, 100, 50, 50]), [0, 0, 400, 300]);
  assert.deepEqual(seen("map_extra_roi", [100, 100, 50, 50]), [0, 0, 400, 300]);
  assert.deepEqual(seen("roi", [0, 0, 400, 300]), [0, 0, 400, 300]);
});

test("candidates have plain names", () => {
  assert.equal(captionOf({ kind: "part", score: 0.9 }, 1), "part");
  assert.equal(captionOf({ score: null }, 0), "by hand");
});

test("a row says which foods it overlaps", () => {
  assert.equal(overlapText([]), "");
  assert.equal(overlapText(["rice"]), "overlaps rice");
  assert.equal(overlapText(["rice", "peas"]), "overlaps rice and peas");
  assert.equal(overlapText(["rice", "peas", "egg"]), "overlaps 3 foods");
});

test("a click on a row selects one food, one more, or all up to it", () => {
  assert.equal(meaningOfRowClick({}, false), "select");
  assert.equal(meaningOfRowClick({}, true), "toggle");
  assert.equal(meaningOfRowClick({ metaKey: true }, false), "toggle");
  assert.equal(meaningOfRowClick({ shiftKey: true }, true), "through");
});

test("a callout lies below its place, above where there is no room, and never over the edge", () => {
  const place = (spot) => calloutPlace(spot, { width: 100, height: 40 }, { width: 300, height: 200 });
  assert.deepEqual(place([150, 50]), [100, 66]);
  assert.deepEqual(place([150, 190]), [100, 134]);
  assert.deepEqual(place([2, 50]), [8, 66]);
  assert.deepEqual(place([298, 50]), [192, 66]);
  assert.deepEqual(place([900, 900]), [192, 152]);
});
