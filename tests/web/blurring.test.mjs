// Boxes over faces, as they are sent to the server.

import assert from "node:assert/strict";
import { test } from "node:test";
import { addBox, boxWithin, nudgeBox, removeBox } from "../../rvernet_app/ui/web/project/blurring.js";
import { createState } from "../../rvernet_app/ui/web/state.js";

const photo = { width: 200, height: 100 };
const pageWith = (boxes) => ({ state: createState({ blurring: { photo, boxes, draft: null } }) });

test("a box is whole pixels within the photo, whichever way it was dragged", () => {
  assert.deepEqual(boxWithin([50.4, 90, 10.6, 20], photo), [11, 20, 50, 90]);
  assert.deepEqual(boxWithin([-30, 40, 20, 400], photo), [0, 40, 20, 100]);
});

test("a slip of the hand makes no box", () => {
  assert.equal(boxWithin([50, 20, 53, 90], photo), null);
  const page = pageWith([]);
  addBox(page, [50, 20, 50, 20]);
  assert.deepEqual(page.state.blurring.boxes, []);
});

test("the arrow keys move a box, change its size, and Delete takes it away", () => {
  const page = pageWith([[0, 0, 20, 20]]);
  addBox(page, [100, 50, 120, 70]);
  nudgeBox(page, 1, [1, 0], false);
  assert.deepEqual(page.state.blurring.boxes[1], [102, 50, 122, 70]);
  nudgeBox(page, 1, [0, -1], true);
  assert.deepEqual(page.state.blurring.boxes[1], [102, 50, 122, 68]);
  removeBox(page, 0);
  assert.deepEqual(page.state.blurring.boxes, [[102, 50, 122, 68]]);
});
