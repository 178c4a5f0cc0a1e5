import assert from "node:assert/strict";
import { test } from "node:test";
import * as gestures from "../../rvernet_app/ui/web/canvas/gestures.js";
import * as transform from "../../rvernet_app/ui/web/canvas/transform.js";

const PHOTO = { width: 200, height: 100 };
const STAGE = { width: 424, height: 424 };
const FITTED = { scale: 2, x: 12, y: 112, fitted: true };

test("a fitted photo has a margin and lies in the middle", () => {
  assert.deepEqual(transform.fitted(PHOTO, STAGE), FITTED);
});

test("a stage without room still gives a scale above 0", () => {
  assert.equal(transform.fitted(PHOTO, { width: 10, height: 10 }).scale, 0.001);
});

test("zooming keeps what is under the pointer there", () => {
  const spot = [112, 212];
  const view = transform.zoomed(FITTED, spot, 2, PHOTO, STAGE);
  assert.deepEqual(view, { scale: 4, x: -88, y: 12, fitted: false });
  assert.deepEqual(transform.pixelAt(view, spot, PHOTO), transform.pixelAt(FITTED, spot, PHOTO));
});

test("a photo is zoomed to 40 times its size at most, and to half of fitting at least", () => {
  const spot = [0, 0];
  assert.equal(transform.zoomed(FITTED, spot, 1000, PHOTO, STAGE).scale, 40);
  assert.equal(transform.zoomed(FITTED, spot, 0.001, PHOTO, STAGE).scale, 1);
});

test("moving a photo leaves its scale", () => {
  assert.deepEqual(transform.panned(FITTED, [40, -25]), { scale: 2, x: 52, y: 87, fitted: false });
});

test("the pixel under a spot is a whole one, none beside the photo", () => {
  const at = (spot) => transform.pixelAt(FITTED, spot, PHOTO);
  assert.deepEqual(at([12, 112]), [0, 0]);
  assert.deepEqual(at([15.9, 113.9]), [1, 0]);
  assert.deepEqual(at([411.9, 311.9]), [199, 99]);
  assert.deepEqual([at([11.9, 200]), at([412, 200]), at([200, 312])], [null, null, null]);
});

test("beside the photo the nearest pixel counts where a drag ends", () => {
  assert.deepEqual(transform.nearestPixel(FITTED, [-50, 1000], PHOTO), [0, 99]);
  assert.deepEqual(transform.nearestPixel(FITTED, [1000, 113], PHOTO), [199, 0]);
});

test("a place lies between pixels and within the photo", () => {
  assert.deepEqual(transform.placeAt(FITTED, [13, 115], PHOTO), [0.5, 1.5]);
  assert.deepEqual(transform.placeAt(FITTED, [1000, -1], PHOTO), [200, 0]);
});

test("a brush is finer the closer one looks, and within what the server takes", () => {
  assert.equal(transform.brushRadius(16, 4), 4);
  assert.equal(transform.brushRadius(120, 0.01), 1000);
});

test("a press begins what button, tool, Space and fingers say", () => {
  const kind = (given) =>
    gestures.kindOfPress({ pointers: 1, button: 0, spaceHeld: false, tool: "point", ...given });
  assert.equal(kind({}), "press");
  assert.equal(kind({ button: 2 }), "press");
  assert.equal(kind({ button: 1 }), "pan");
  assert.equal(kind({ spaceHeld: true, tool: "brush" }), "pan");
  assert.equal(kind({ tool: "move" }), "pan");
  assert.equal(kind({ tool: "eraser" }), "stroke");
  assert.equal(kind({ pointers: 2, tool: "brush" }), "pinch");
});

test("a drag is a box; one finger moves the photo; a polygon has clicks only", () => {
  const kind = (pointerType, tool) => gestures.kindOfDrag({ pointerType, tool });
  assert.equal(kind("mouse", "point"), "box");
  assert.equal(kind("touch", "point"), "pan");
  assert.equal(kind("touch", "box"), "box");
  assert.equal(kind("mouse", "polygon"), "press");
});

test("the right button, Alt and the Cut tool cut away", () => {
  const cuts = [[{ button: 2 }], [{ button: 0, altKey: true }], [{ button: 0, altKey: false }, true]];
  assert.deepEqual(
    cuts.map(([event, cut = false]) => gestures.isCut(event, cut)),
    [true, true, true],
  );
  assert.equal(gestures.isCut({ button: 0, altKey: false }, false), false);
});

test("a click may stray by five pixels", () => {
  assert.equal(gestures.hasStrayed([0, 0], [3, 4]), false);
  assert.equal(gestures.hasStrayed([0, 0], [3, 4.1]), true);
});

test("two fingers have a distance and a middle", () => {
  assert.deepEqual(
    gestures.spreadOf([
      [0, 0],
      [6, 8],
    ]),
    { distance: 10, middle: [3, 4] },
  );
  assert.equal(
    gestures.spreadOf([
      [5, 5],
      [5, 5],
    ]).distance,
    1,
  ); // never divided by 0
});

test("a box under three pixels is a slip of the hand", () => {
  assert.equal(gestures.isBox([0, 0, 3, 3]), true);
  assert.equal(gestures.isBox([0, 0, 2, 9]), false);
});

test("the wheel zooms in when turned up, more by lines than by pixels", () => {
  assert.ok(gestures.wheelFactor({ deltaY: -100, deltaMode: 0 }) > 1.17);
  assert.ok(gestures.wheelFactor({ deltaY: 3, deltaMode: 1 }) < 0.87);
  assert.equal(gestures.wheelFactor({ deltaY: 0, deltaMode: 0 }), 1);
});
