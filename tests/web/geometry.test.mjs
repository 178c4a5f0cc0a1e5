import assert from "node:assert/strict";
import { test } from "node:test";
import * as geometry from "../../rvernet_app/ui/web/canvas/geometry.js";
import { newAmong } from "../../rvernet_app/ui/web/canvas/proposals.js";
import { food, mask } from "./helpers.mjs";

// 100 x 100 with a point in the middle of each edge.
const SQUARE = [
  [0, 0],
  [50, 0],
  [100, 0],
  [100, 50],
  [100, 100],
  [50, 100],
  [0, 100],
  [0, 50],
];
const FLAT = SQUARE.flat();
const CORNERS = [0, 2, 4, 6];

const grip = (place, reach = 9) =>
  geometry.findGrip({ rings: geometry.handleRings([FLAT], 1), place, reach });

test("the distance to a segment is that to its nearest point", () => {
  const to = (point) => geometry.distanceToSegment(point, [0, 0], [10, 0]);
  assert.equal(to([5, 3]), 3);
  assert.equal(to([13, 4]), 5);
  assert.equal(to([-3, 4]), 5);
  assert.equal(geometry.distanceToSegment([3, 4], [0, 0], [0, 0]), 5);
});

test("handles are the corners, not the points on straight edges", () => {
  assert.deepEqual(geometry.handlesAmong(SQUARE, 1), CORNERS);
});

test("a wide tolerance leaves the two farthest points", () => {
  assert.deepEqual(geometry.handlesAmong(SQUARE, 1000), [0, 4]);
});

test("an outline that leaves fewer than three handles is left out", () => {
  const rings = geometry.handleRings([FLAT, [0, 0, 4, 0, 4, 1]], 3);
  assert.deepEqual(
    rings.map(({ at }) => at),
    [CORNERS],
  );
});

test("a corner is gripped within reach, with its neighbours", () => {
  const { after, before, place, removable } = grip([97, 4]);
  assert.deepEqual(
    { after, before, place, removable },
    { after: 0, before: 4, place: [100, 0], removable: true },
  );
});

test("the first corner has the last one before it", () => {
  const { after, before } = grip([2, 2]);
  assert.deepEqual([after, before], [6, 2]);
});

test("the nearest of two corners within reach is meant", () => {
  assert.deepEqual(grip([40, 2], 90).place, [0, 0]);
  assert.deepEqual(grip([60, 2], 90).place, [100, 0]);
});

test("a corner comes before an edge that is nearer", () => {
  assert.deepEqual(grip([93, 1]).place, [100, 0]);
});

test("an edge is gripped where no corner is, and gets a corner of its own", () => {
  const { after, before, place, removable } = grip([50, 5]);
  assert.deepEqual(
    { after, before, place, removable },
    { after: 0, before: 2, place: [50, 5], removable: false },
  );
});

test("nothing is gripped out of reach", () => {
  assert.equal(grip([50, 50]), null);
  assert.equal(grip([50, 9]), null);
  assert.equal(geometry.findGrip({ rings: [], place: [0, 0], reach: 9 }), null);
});

test("the corners of a triangle cannot be cut away", () => {
  const rings = geometry.handleRings([[0, 0, 100, 0, 0, 100]], 1);
  assert.equal(geometry.findGrip({ rings, place: [1, 1], reach: 9 }).removable, false);
});

test("a dragged corner takes the place of what was between its neighbours", () => {
  const ring = geometry.ringWith({ points: SQUARE, after: 0, before: 4 }, [120, -20]);
  assert.deepEqual(ring, [
    [100, 100],
    [50, 100],
    [0, 100],
    [0, 50],
    [0, 0],
    [120, -20],
  ]);
});

test("without a place the corner is gone", () => {
  const ring = geometry.ringWith({ points: SQUARE, after: 6, before: 2 }, null);
  assert.deepEqual(ring, [
    [100, 0],
    [100, 50],
    [100, 100],
    [50, 100],
    [0, 100],
  ]);
});

test("a box holds both its pixels, however it is dragged", () => {
  assert.deepEqual(geometry.boxBetween([5, 9], [2, 3]), [2, 3, 6, 10]);
  assert.deepEqual(geometry.boxBetween([2, 3], [5, 9]), [2, 3, 6, 10]);
});

test("boxes overlap when they share most of the smaller one", () => {
  const big = [0, 0, 100, 100];
  assert.equal(geometry.overlaps(big, [90, 0, 20, 20]), false); // half of it
  assert.equal(geometry.overlaps(big, [85, 0, 20, 20]), true); // three quarters
  assert.equal(geometry.overlaps(big, [100, 0, 20, 20]), false); // side by side
});

test("what is already a food is not proposed again", () => {
  const masks = [mask("same", 0, 0), mask("near", 1, 1), mask("far", 50, 50)];
  const fresh = newAmong([food(1, { candidates: [mask("same", 0, 0)] })], masks);
  assert.deepEqual(fresh, [masks[2]]);
});

test("a long stroke is thinned, its last place kept", () => {
  const stroke = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  assert.deepEqual(geometry.thinned(stroke, 10), stroke);
  assert.deepEqual(geometry.thinned(stroke, 6), [0, 2, 4, 6, 8, 9]);
  assert.deepEqual(geometry.thinned(stroke, 4), [0, 4, 8, 9]);
});

test("a crosshair starts in the middle and stays on the photo", () => {
  const photo = { width: 101, height: 50 };
  assert.deepEqual(geometry.movedCrosshair(null, [0, 0], photo, 1), [50, 25]);
  assert.deepEqual(geometry.movedCrosshair([50, 25], [1, -1], photo, 1), [54, 21]);
  assert.deepEqual(geometry.movedCrosshair([50, 25], [1, 0], photo, 8), [51, 25]); // zoomed in: by pixels
  assert.deepEqual(geometry.movedCrosshair([98, 1], [10, -10], photo, 1), [100, 0]);
});
