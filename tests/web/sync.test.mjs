import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { commitFoods } from "../../rvernet_app/ui/web/foods.js";
import { redoLast, undoLast } from "../../rvernet_app/ui/web/history.js";
import { keep, reached } from "../../rvernet_app/ui/web/project/sync.js";
import { FakeStore, fakePage, fakeStorage, food, mask, projectPhoto, snapshot, until } from "./helpers.mjs";

let store;
let page;
let photo;

beforeEach(() => {
  globalThis.window = {};
  globalThis.sessionStorage = fakeStorage();
  globalThis.fetch = async () => ({ status: 200 });
  store = new FakeStore();
  photo = projectPhoto();
  page = fakePage(store.server, { current: photo });
});

afterEach(() => {
  clearTimeout(page.state.retry);
  clearTimeout(page.state.toastTimer);
});

const act = (...foods) => commitFoods(page, photo, snapshot(...foods));
const saved = () => until(() => page.state.saved === "saved" && !page.state.syncing && !page.state.turns);
const here = () => photo.work.present.foods.map(({ id, label }) => (label ? `${id}:${label}` : `${id}`));
const there = () => store.foods().map(({ id, label }) => (label ? `${id}:${label}` : `${id}`));
const messages = () => store.told.map(([name, { step, id }]) => [name, step, id]);

test("the differences of each step are sent with its id, one after the other", async () => {
  act(food(1), food(2));
  act(food(1, { label: 8 }), food(2));
  act();
  const [propose, name, clear] = photo.outbox.map(({ step }) => step);
  await saved();
  assert.deepEqual(messages(), [
    ["save_food", propose, undefined],
    ["save_food", propose, undefined],
    ["save_food", name, 101],
    ["delete_food", clear, 101],
    ["delete_food", clear, 102],
  ]);
  assert.deepEqual(there(), []);
  assert.deepEqual(photo.outbox, []);
});

test("a change is sent with the revision it was made from", async () => {
  act(food(1));
  await saved();
  act(food(1, { label: 8 }));
  act(food(1, { label: 9 }));
  await saved();
  assert.deepEqual(
    store.told.map(([, { revision }]) => revision),
    [undefined, 1, 2],
  );
});

test("while the store is away steps wait, in this tab too, and are sent once it is back", async () => {
  store.down = true;
  act(food(1));
  act(food(1), food(2));
  await until(() => page.state.saved === "not saved");
  assert.match(page.find("#rv-toast-text").textContent, /does not answer/);
  assert.equal(photo.outbox.length, 2);
  assert.equal(sessionStorage.length, 1);
  await assert.rejects(reached(page, photo), /not saved yet/);
  store.down = false;
  keep(page, photo);
  await saved();
  assert.deepEqual(there(), ["101", "102"]);
  assert.equal(sessionStorage.length, 0);
});

test("a food whose answer was lost is found again and not saved twice", async () => {
  store.losesAnswers = true;
  act(food(1));
  await until(() => page.state.saved === "not saved");
  store.losesAnswers = false;
  keep(page, photo);
  await saved();
  assert.deepEqual(there(), ["101"]);
});

test("a photo that others have is not sent again", async () => {
  store.server.save_food = async () => ({ error: "This photo has all its annotators.", full: true });
  act(food(1));
  await until(() => photo.refused);
  assert.equal(photo.full, true);
  await assert.rejects(reached(page, photo), /all the annotators/);
});

test("what someone else changed alike is no conflict", async () => {
  act(food(1));
  await saved();
  store.rows.get(101).label = 8;
  store.rows.get(101).revision = 5;
  act(food(1, { label: 8 }));
  await saved();
  assert.equal(photo.stored.get(1).revision, 5);
});

// Answers the sheet that asks which version to keep.
function answer(choice) {
  page.find("#rv-conflict-sheet").showModal = () => {};
  page.find("#rv-conflict-sheet").removeEventListener = () => {};
  page.find("#rv-conflict-sheet").addEventListener = (_, closed) => {
    page.find("#rv-conflict-sheet").returnValue = choice;
    closed();
  };
}

async function conflict(choice) {
  answer(choice);
  act(food(1), food(2));
  await saved();
  Object.assign(store.rows.get(101), { label: 9, revision: 5 });
  act(food(1, { label: 8 }), food(2));
  act(food(1, { label: 8, note: "warm" }), food(2, { note: "cold" }));
  await saved();
}

test("theirs is kept, in all steps, and one's other foods stay", async () => {
  await conflict("theirs");
  assert.deepEqual(here(), ["1:9", "2"]);
  assert.deepEqual(there(), ["101:9", "102"]);
  assert.equal(store.rows.get(102).note, "cold");
});

test("one's own is saved over theirs", async () => {
  await conflict("mine");
  assert.deepEqual(there(), ["101:8", "102"]);
  assert.deepEqual(here(), ["1:8", "2"]);
});

test("clear is one step: undo brings all foods back, redo takes all away", async () => {
  const three = [food(1, { label: 5 }), food(2, { label: 6 }), food(3, { label: 7 })];
  act(three[0]);
  act(three[0], three[1]);
  act(...three);
  act();
  undoLast(page);
  await saved();
  assert.deepEqual(here(), ["1:5", "2:6", "3:7"]);
  redoLast(page);
  await saved();
  assert.deepEqual(here(), []);
  undoLast(page);
  undoLast(page);
  await saved();
  assert.deepEqual(here(), ["1:5", "2:6"]);
  redoLast(page);
  await saved();
  assert.deepEqual(here(), ["1:5", "2:6", "3:7"]);
  assert.deepEqual(there(), ["101:5", "102:6", "103:7"]);
});

test("undo waits until all that was done has reached the store", async () => {
  act(food(1));
  act(food(1, { label: 8 }));
  undoLast(page);
  assert.equal(page.state.turns, 1);
  await saved();
  assert.deepEqual(
    store.told.map(([name]) => name),
    ["save_food", "save_food", "undo_food"],
  );
  assert.deepEqual(here(), ["1"]);
});

test("undos are asked one after the other", async () => {
  act(food(1));
  act(food(1), food(2));
  act(food(1), food(2), food(3));
  for (let times = 0; times < 5; times++) undoLast(page);
  await saved();
  assert.deepEqual(here(), []);
  for (let times = 0; times < 2; times++) redoLast(page);
  await saved();
  assert.deepEqual(here(), ["1", "2"]);
});

test("a step made while an undo is under way is sent after it", async () => {
  act(food(1));
  act(food(1), food(2));
  undoLast(page);
  await until(() => store.told.some(([name]) => name === "undo_food"));
  act(...photo.work.present.foods, food(4));
  await saved();
  assert.deepEqual(here(), ["1", "4"]);
  assert.deepEqual(there(), ["101", "103"]);
});

test("a mask that undo brings back is the one whose evidence is known", async () => {
  const [first, painted] = [mask("first"), mask("painted")];
  act(food(1, { candidates: [first] }));
  act(food(1, { candidates: [painted] }));
  undoLast(page);
  await saved();
  assert.equal(photo.work.present.foods[0].candidates[0], first);
});

test("a food whose label was merged meanwhile gets the other one, here too, and is sent once", async () => {
  store.removed.set(8, 9);
  act(food(1, { label: 8 }));
  act(food(1, { label: 8, note: "hot" }));
  await saved();
  assert.deepEqual(here(), ["1:9"]);
  assert.deepEqual(
    store.foods().map(({ label, note }) => [label, note]),
    [[9, "hot"]],
  );
  assert.equal(store.told.length, 2);
  assert.deepEqual(photo.outbox, []);
});

test("a food whose label was deleted meanwhile has no name, and that is said", async () => {
  store.removed.set(8, null);
  act(food(1, { label: 8 }));
  await saved();
  assert.deepEqual([here(), store.foods()[0].label], [["1"], null]);
  assert.match(page.find("#rv-toast-text").textContent, /was deleted meanwhile/);
});
