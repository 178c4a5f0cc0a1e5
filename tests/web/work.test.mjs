import assert from "node:assert/strict";
import { test } from "node:test";
import * as work from "../../rvernet_app/ui/web/work.js";
import { food, snapshot } from "./helpers.mjs";

const names = ({ present }) => present.foods.map(({ id }) => id);

test("foods are numbered in turn, and no number comes twice", () => {
  const made = work.emptyWork();
  const foods = Array.from({ length: 9 }, () => work.newFood(made));
  assert.deepEqual(
    foods.map(({ id }) => id),
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
});

test("a number that no food came to have is given again, unless another followed", () => {
  const made = work.emptyWork();
  const [first, second] = [work.newFood(made), work.newFood(made)];
  work.giveBackId(made, first.id);
  assert.equal(made.made, 2);
  work.giveBackId(made, second.id);
  assert.equal(work.newFood(made).id, 2);
});

test("several foods are selected besides the main one, as long as they are there", () => {
  const foods = [food(1), food(2), food(3)];
  const idsOf = (snapshot) => work.selectedOf(snapshot).map(({ id }) => id);
  assert.deepEqual(idsOf({ foods, active: 3, also: [1, 7] }), [1, 3]);
  assert.deepEqual(idsOf({ foods, active: 3 }), [3]);
  assert.deepEqual(idsOf({ foods, active: null }), []);
});

test("undo and redo walk one line", () => {
  const done = work.emptyWork();
  work.commitWork(done, snapshot(food(1)));
  work.commitWork(done, snapshot(food(1), food(2)));
  work.commitWork(done, snapshot());
  const seen = [names(done)];
  while (work.undoWork(done)) seen.push(names(done));
  assert.deepEqual(seen, [[], [1, 2], [1], []]);
  while (work.redoWork(done)) seen.push(names(done));
  assert.deepEqual(seen.slice(4), [[1], [1, 2], []]);
});

test("after an undo, another change ends what could be done again", () => {
  const done = work.emptyWork();
  work.commitWork(done, snapshot(food(1)));
  work.undoWork(done);
  work.commitWork(done, snapshot(food(2)));
  assert.equal(work.redoWork(done), false);
  assert.deepEqual(names(done), [2]);
});

test("a snapshot is never changed in place", () => {
  const before = snapshot(food(1), food(2));
  const copy = structuredClone(before);
  work.withFood(before, food(1, { label: 5 }));
  work.withoutFoods(before, [1]);
  work.withFoods(before, [food(3)]);
  assert.deepEqual(before, copy);
});

test("a food that is put in is selected; one that was there stays in its place", () => {
  const { foods, active } = work.withFood(snapshot(food(1), food(2)), food(1, { label: 5 }));
  assert.deepEqual(
    foods.map(({ id, label }) => [id, label]),
    [
      [1, 5],
      [2, undefined],
    ],
  );
  assert.equal(active, 1);
  assert.equal(work.withFood(snapshot(food(1)), food(4)).foods.length, 2);
});

test("when the selected food goes, the last one left is selected", () => {
  const three = { foods: [food(1), food(2), food(3)], active: 2 };
  assert.equal(work.withoutFoods(three, [2]).active, 3);
  assert.equal(work.withoutFoods(three, [1]).active, 2);
  assert.equal(work.withoutFoods(three, [2, 3]).active, 1);
  assert.equal(work.withoutFoods(snapshot(food(1)), [1]).active, null);
});

test("the selected food is found, or none", () => {
  assert.equal(work.activeFood({ present: snapshot(food(1), food(2)) }).id, 2);
  assert.equal(work.activeFood(work.emptyWork()), null);
});
