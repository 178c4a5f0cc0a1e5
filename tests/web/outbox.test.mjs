import assert from "node:assert/strict";
import { test } from "node:test";
import * as contents from "../../rvernet_app/ui/web/project/contents.js";
import * as outbox from "../../rvernet_app/ui/web/project/outbox.js";
import { food, mask, projectPhoto, snapshot } from "./helpers.mjs";

const textOf = (each) => contents.textOf(contents.contentOf(each));
const asRow = (each, id, revision = 1) => ({ ...contents.rowOf(each), id, revision, status: "saved" });

// A photo of which the store has these foods, by the page's numbers from 1 on.
function storedPhoto(...foods) {
  const photo = projectPhoto();
  outbox.takeOver(
    photo,
    foods.map((each, index) => asRow(each, 100 + index)),
  );
  return photo;
}

const shape = (steps) => steps.map(({ step, changes }) => [step, changes.map(({ id, food: f }) => [id, !f])]);

test("a step id is a random UUID, also on plain http", () => {
  const plain = { getRandomValues: (bytes) => bytes.fill(0xff) };
  assert.equal(outbox.newStep(plain), "ffffffff-ffff-4fff-bfff-ffffffffffff");
  assert.match(outbox.newStep(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.notEqual(outbox.newStep(), outbox.newStep());
});

test("contents are the same whatever the order of their names", () => {
  assert.equal(
    contents.textOf({ a: 1, b: { c: [2, 3], d: null } }),
    contents.textOf({ b: { d: null, c: [2, 3] }, a: 1 }),
  );
  assert.notEqual(contents.textOf({ a: [1, 2] }), contents.textOf({ a: [2, 1] }));
});

test("a food that goes to the store and back says the same", () => {
  const named = food(1, {
    points: [[1, 2, 1]],
    box: [0, 0, 5, 5],
    label: 8,
    portion: { amount: 5, unit: "g", method: "weighed", low: null, high: null },
    note: "warm",
    edits: 2,
    suggestions: [["rice", 0.5]],
    taken: true,
  });
  assert.equal(textOf(contents.foodOf(contents.rowOf(named), 9)), textOf(named));
});

test("a prompt the page does not know is kept", () => {
  const row = { ...contents.rowOf(food(1)), prompts: { points: [], imported_from: "labelme" } };
  assert.equal(contents.contentOf(contents.foodOf(row, 1)).prompts.imported_from, "labelme");
});

test("differences are foods to save, then foods to delete", () => {
  const [same, changed, fresh] = [food(1), food(2, { note: "new" }), food(4)];
  const known = new Map([
    [1, textOf(same)],
    [2, textOf(food(2))],
    [3, textOf(food(3))],
    [5, contents.DELETED],
  ]);
  const found = contents.differences([same, changed, fresh], known);
  assert.deepEqual(found, [
    { id: 2, food: changed },
    { id: 4, food: fresh },
    { id: 3, food: null },
  ]);
});

test("each thing a person does is a step of its own", () => {
  const photo = storedPhoto(food(1));
  outbox.commitStep(photo, snapshot(food(1), food(2)), "add");
  outbox.commitStep(photo, snapshot(food(1), food(2, { label: 8 })), "name");
  outbox.commitStep(photo, snapshot(), "clear");
  assert.deepEqual(shape(outbox.pendingSteps(photo)), [
    ["add", [[2, false]]],
    ["name", [[2, false]]],
    [
      "clear",
      [
        [1, true],
        [2, true],
      ],
    ],
  ]);
});

test("several foods found at once are one step", () => {
  const photo = storedPhoto();
  outbox.commitStep(photo, snapshot(food(1), food(2), food(3)), "propose");
  assert.deepEqual(shape(outbox.pendingSteps(photo)), [
    [
      "propose",
      [
        [1, false],
        [2, false],
        [3, false],
      ],
    ],
  ]);
});

test("a step that changes nothing has nothing to send", () => {
  const photo = storedPhoto(food(1));
  outbox.commitStep(photo, { ...photo.work.present, active: null }, "nothing");
  assert.equal(outbox.nextDifference(photo), null);
});

test("steps made again on their own foods are the same steps", () => {
  const photo = storedPhoto(food(1));
  const [first] = photo.work.present.foods;
  outbox.commitStep(photo, snapshot(first, food(2)), "add");
  outbox.commitStep(photo, snapshot(food(2)), "remove");
  assert.deepEqual(outbox.replay([first], outbox.pendingSteps(photo)), photo.outbox);
});

test("a food keeps its number when the store tells it again", () => {
  const photo = storedPhoto(food(1), food(2));
  const [one, two] = photo.work.present.foods;
  outbox.takeOver(photo, [asRow(two, 101, 4), asRow(one, 100, 3)]);
  assert.deepEqual(
    photo.work.present.foods.map(({ id }) => id),
    [2, 1],
  );
  assert.equal(photo.stored.get(1).revision, 3);
});

test("a food that comes back after it was deleted is the one it was", () => {
  const photo = storedPhoto(food(1), food(2));
  const [one, two] = photo.work.present.foods;
  outbox.takeOver(photo, [asRow(one, 100)]);
  assert.equal(photo.stored.get(2).content, contents.DELETED);
  outbox.takeOver(photo, [asRow(one, 100), asRow(two, 101, 3), asRow(food(9), 200)]);
  assert.deepEqual(
    photo.work.present.foods.map(({ id }) => id),
    [1, 2, 3],
  );
});

test("a mask the page has had is the same object again, so that its evidence is kept", () => {
  const photo = storedPhoto(food(1));
  const [before] = photo.work.present.foods[0].candidates;
  outbox.commitStep(photo, snapshot(food(1, { candidates: [mask("painted")] })));
  photo.outbox = [];
  outbox.takeOver(photo, [asRow(food(1, { candidates: [structuredClone(before)] }), 100, 2)]);
  assert.equal(photo.work.present.foods[0].candidates[0], before);
});

test("the selected food stays selected, else the last one is", () => {
  const photo = storedPhoto(food(1), food(2));
  const [one, two] = photo.work.present.foods;
  photo.work.present.active = 1;
  outbox.takeOver(photo, [asRow(one, 100), asRow(two, 101)]);
  assert.equal(photo.work.present.active, 1);
  outbox.takeOver(photo, [asRow(two, 101)]);
  assert.equal(photo.work.present.active, 2);
  outbox.takeOver(photo, []);
  assert.equal(photo.work.present.active, null);
});

test("steps made while the store takes one back are made on what it has then", () => {
  const photo = storedPhoto(food(1), food(2));
  const [one, two] = photo.work.present.foods;
  outbox.commitStep(photo, snapshot(one, two, food(3)), "add");
  outbox.takeOver(photo, [asRow(one, 100)]);
  assert.deepEqual(
    photo.work.present.foods.map(({ id }) => id),
    [1, 3],
  );
  assert.deepEqual(shape(outbox.pendingSteps(photo)), [["add", [[3, false]]]]);
});

test("a food as someone else has it takes the place of one's own in all steps", () => {
  const photo = storedPhoto(food(1));
  outbox.commitStep(photo, snapshot(food(1, { label: 5 }), food(2)), "a");
  outbox.commitStep(photo, snapshot(food(1, { label: 6 }), food(2)), "b");
  outbox.replaceEverywhere(photo, 1, food(1, { label: 9 }));
  const labels = photo.outbox.map(({ foods }) => foods.map(({ label }) => label));
  assert.deepEqual(labels, [
    [9, undefined],
    [9, undefined],
  ]);
  outbox.replaceEverywhere(photo, 1, null);
  assert.deepEqual(
    photo.work.present.foods.map(({ id }) => id),
    [2],
  );
});

test("two who say the same have no conflict", () => {
  const mine = contents.contentOf(food(1, { label: 8, note: "" }));
  const none = { amount: null, unit: null, method: null, low: null, high: null };
  const theirs = { ...none, counts: "mask 1", label_id: 8, note: "", status: "saved" };
  assert.equal(contents.saysTheSame(mine, theirs), true);
  assert.equal(contents.saysTheSame(mine, { ...theirs, label_id: 9 }), false);
  assert.equal(contents.saysTheSame(mine, { ...theirs, counts: "other" }), false);
  assert.equal(contents.saysTheSame(mine, { ...theirs, amount: 5 }), false);
  assert.equal(contents.saysTheSame(mine, { ...theirs, status: "deleted" }), false);
  assert.equal(contents.saysTheSame(null, { ...theirs, status: "deleted" }), true);
  assert.equal(contents.saysTheSame(null, theirs), false);
});
