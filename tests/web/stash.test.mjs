import assert from "node:assert/strict";
import { test } from "node:test";
import { contentOf, rowOf, textOf } from "../../rvernet_app/ui/web/project/contents.js";
import { commitStep, pendingSteps, takeOver } from "../../rvernet_app/ui/web/project/outbox.js";
import { readStashes, restore, stashOf, writeStash } from "../../rvernet_app/ui/web/project/stash.js";
import { fakeStorage, food, projectPhoto, snapshot } from "./helpers.mjs";

const asRow = (each, id, revision = 1) => ({ ...rowOf(each), id, revision, status: "saved" });

function photoWith(rows) {
  const photo = projectPhoto();
  takeOver(photo, rows);
  return photo;
}

// The photo as it is after a reload: told by the store, and given what this tab kept.
function reloaded(photo, rows) {
  const storage = fakeStorage();
  writeStash(photo, storage);
  const again = photoWith(rows);
  for (const stash of readStashes("Ann", storage)) restore(again, stash);
  return again;
}

const shape = (photo) =>
  pendingSteps(photo).map(({ step, changes }) => [
    step,
    changes.map(({ id, food: f }) => [id, f?.label ?? null]),
  ]);

test("nothing is kept where nothing waits", () => {
  const storage = fakeStorage();
  const photo = photoWith([asRow(food(1), 100)]);
  assert.equal(stashOf(photo), null);
  commitStep(photo, snapshot(), "clear");
  assert.equal(writeStash(photo, storage), true);
  assert.equal(storage.length, 1);
  photo.outbox = [];
  writeStash(photo, storage);
  assert.equal(storage.length, 0);
});

test("after a reload the steps are sent as the steps they were", () => {
  const rows = [asRow(food(1), 100)];
  const photo = photoWith(rows);
  const [first] = photo.work.present.foods;
  commitStep(photo, snapshot(first, food(2)), "add");
  commitStep(photo, snapshot(first, food(2, { label: 8 })), "name");
  commitStep(photo, snapshot(), "clear");
  const again = reloaded(photo, rows);
  assert.deepEqual(shape(again), [
    ["add", [[2, null]]],
    ["name", [[2, 8]]],
    [
      "clear",
      [
        [1, null],
        [2, null],
      ],
    ],
  ]);
  assert.deepEqual(again.work.present.foods, []);
});

test("what was sent of a step is not sent again", () => {
  const photo = photoWith([]);
  const [one, two] = [food(1, { label: 5 }), food(2, { label: 6 })];
  commitStep(photo, snapshot(one, two), "propose");
  photo.stored.set(1, { id: 100, revision: 1, content: textOf(contentOf(one)) });
  const again = reloaded(photo, [asRow(one, 100)]);
  assert.deepEqual(shape(again), [["propose", [[2, 6]]]]);
});

test("a change is made from the revision it was made from, so that a conflict is met", () => {
  const photo = photoWith([asRow(food(1), 100, 3)]);
  commitStep(photo, snapshot(food(1, { label: 8 })), "name");
  const again = reloaded(photo, [asRow(food(1, { label: 9 }), 100, 4)]);
  const { id, revision } = again.stored.get(1);
  assert.deepEqual({ id, revision }, { id: 100, revision: 3 });
  assert.deepEqual(shape(again), [["name", [[1, 8]]]]);
});

test("a new food whose answer was lost is found in the store, and not saved twice", () => {
  const photo = photoWith([]);
  const fresh = food(1, { label: 5 });
  commitStep(photo, snapshot(fresh), "add");
  photo.sent = { id: 1, text: textOf(contentOf(fresh)) };
  const again = reloaded(photo, [asRow(fresh, 100)]);
  assert.deepEqual(shape(again), [["add", []]]);
  assert.equal(again.sent, null);
  assert.equal(again.work.present.foods.length, 1);
});

test("a new food that was sent and is not there yet is looked for before it is sent again", () => {
  const photo = photoWith([]);
  const fresh = food(1, { label: 5 });
  commitStep(photo, snapshot(fresh), "add");
  photo.sent = { id: 1, text: textOf(contentOf(fresh)) };
  const again = reloaded(photo, []);
  assert.deepEqual(again.sent, { id: 1, text: textOf(contentOf(fresh)) });
});

test("a change whose answer was lost goes on from the revision it made", () => {
  const photo = photoWith([asRow(food(1), 100, 3)]);
  const named = food(1, { label: 8 });
  commitStep(photo, snapshot(named), "name");
  commitStep(photo, snapshot(food(1, { label: 8, note: "warm" })), "note");
  const again = reloaded(photo, [asRow(named, 100, 4)]);
  assert.equal(again.stored.get(1).revision, 4);
  assert.deepEqual(shape(again), [
    ["name", []],
    ["note", [[1, 8]]],
  ]);
});

test("a food that was deleted by someone else meanwhile meets its conflict", () => {
  const photo = photoWith([asRow(food(1), 100, 3)]);
  commitStep(photo, snapshot(food(1, { label: 8 })), "name");
  const again = reloaded(photo, []);
  assert.equal(again.stored.get(1).id, 100);
  assert.deepEqual(shape(again), [["name", [[1, 8]]]]);
});

test("to delete what is gone already needs nothing", () => {
  const photo = photoWith([asRow(food(1), 100)]);
  commitStep(photo, snapshot(), "clear");
  assert.deepEqual(shape(reloaded(photo, [])), [["clear", []]]);
});

test("a stash of the page before steps had ids is one step", () => {
  const old = { known: null, row: rowOf(food(1, { label: 5 })), sent: null };
  const photo = photoWith([asRow(food(1), 100)]);
  const changed = { known: { id: 100, revision: 1 }, row: null, sent: null };
  restore(photo, { me: "Ann", project: 7, item: 3, foods: [old, changed] });
  const [{ step, changes }] = pendingSteps(photo);
  assert.match(step, /^[0-9a-f-]{36}$/);
  assert.deepEqual(
    changes.map(({ id, food: f }) => [id, f?.label ?? null]),
    [
      [2, 5],
      [1, null],
    ],
  );
});

test("each annotator has a stash of their own", () => {
  const storage = fakeStorage();
  const photo = photoWith([]);
  commitStep(photo, snapshot(food(1)), "add");
  writeStash(photo, storage);
  assert.equal(readStashes("Ann", storage).length, 1);
  assert.equal(readStashes("Ben", storage).length, 0);
});

test("a browser without room says so", () => {
  const photo = photoWith([]);
  commitStep(photo, snapshot(food(1)), "add");
  const full = {
    setItem() {
      throw new Error("quota");
    },
  };
  assert.equal(writeStash(photo, full), false);
  assert.deepEqual(readStashes("Ann", null), []);
});
