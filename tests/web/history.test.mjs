// Any sequence of actions, undos, redos and reloads equals a model of it: a line of snapshots and a place on it.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { commitFoods, removeAll, removeFoods } from "../../rvernet_app/ui/web/foods.js";
import { redoLast, undoLast } from "../../rvernet_app/ui/web/history.js";
import { takeOver } from "../../rvernet_app/ui/web/project/outbox.js";
import { readStashes, restore } from "../../rvernet_app/ui/web/project/stash.js";
import { keep, RETRY_MS } from "../../rvernet_app/ui/web/project/sync.js";
import { addDraft, dropDrafts } from "../../rvernet_app/ui/web/state.js";
import { nextId } from "../../rvernet_app/ui/web/work.js";
import {
  FakeStore,
  fakePage,
  fakeStorage,
  food,
  frontPhoto,
  projectPhoto,
  snapshot,
  until,
} from "./helpers.mjs";

let page;

beforeEach(() => {
  globalThis.window = {};
  globalThis.sessionStorage = fakeStorage();
  globalThis.fetch = async () => ({ status: 200 });
});

const stopTimers = () => {
  clearTimeout(page.state.retry);
  clearTimeout(page.state.toastTimer);
};

afterEach(() => {
  stopTimers();
  mock.timers.reset();
});

function randomFrom(seed) {
  let last = seed;
  return (most) => {
    last = (last * 48271) % 2147483647;
    return last % most;
  };
}

const settled = async () => {
  await page.state.lastTurn;
  await until(() => !page.state.syncing && !page.state.turns);
};

// What a food says, whatever its number: a reload may give foods other numbers.
const said = ({ foods }) =>
  foods.map(({ candidates, label, portion }) => [
    candidates[0].rle.counts,
    label ?? null,
    portion?.amount ?? null,
  ]);

class Model {
  line = [[]];
  at = 0;

  do(foods) {
    this.line = [...this.line.slice(0, this.at + 1), foods];
    this.at += 1;
  }

  undo() {
    this.at = Math.max(0, this.at - 1);
  }

  redo() {
    this.at = Math.min(this.line.length - 1, this.at + 1);
  }

  get present() {
    return this.line[this.at];
  }
}

// One action of a person, on the page and in the model.
function act(photo, model, random, made) {
  const { foods } = photo.work.present;
  const now = model.present;
  const at = random(Math.max(1, foods.length));
  const fresh = () => food(nextId(photo.work), { candidates: [food(made.count++).candidates[0]] });
  const actions = {
    addSome() {
      const added = Array.from({ length: 1 + random(3) }, fresh);
      commitFoods(page, photo, snapshot(...foods, ...added));
      model.do([...now, ...said({ foods: added })]);
    },
    name() {
      if (!foods.length) return;
      const change = {
        label: made.count++,
        portion: { amount: random(90) + 1, unit: "g", method: "guessed", low: null, high: null },
      };
      commitFoods(
        page,
        photo,
        snapshot(...foods.map((each, n) => (n === at ? { ...each, ...change } : each))),
      );
      model.do(now.map((each, n) => (n === at ? [each[0], change.label, change.portion.amount] : each)));
    },
    remove() {
      if (!foods.length) return;
      removeFoods(page, [foods[at].id]);
      model.do(now.filter((_, n) => n !== at));
    },
    clear() {
      removeAll(page);
      if (now.length) model.do([]);
    },
    undo() {
      undoLast(page);
      model.undo();
    },
    redo() {
      redoLast(page);
      model.redo();
    },
  };
  const names = ["addSome", "addSome", "name", "remove", "clear", "undo", "undo", "undo", "redo", "redo"];
  const name = names[random(names.length)];
  actions[name]();
  return name;
}

for (const seed of [3, 11, 2026, 70001]) {
  test(`a project's photo, also after reloads and lost answers (seed ${seed})`, async () => {
    const random = randomFrom(seed);
    const store = new FakeStore();
    const model = new Model();
    const made = { count: 1 };
    let photo = projectPhoto();
    page = fakePage(store.server, { current: photo });
    for (let turn = 0; turn < 80; turn++) {
      const name = act(photo, model, random, made);
      if (name === "undo" || name === "redo" || random(2)) await settled();
      if (random(5) === 0) {
        store.down = true; // what waits is kept by the tab, and sent by the next page
        act(photo, model, () => 0, made);
        await until(() => page.state.saved === "not saved" && !page.state.syncing);
        stopTimers();
        store.down = false;
        photo = projectPhoto();
        page = fakePage(store.server, { current: photo });
        takeOver(photo, store.foods());
        for (const stash of readStashes("Ann")) restore(photo, stash);
        keep(page, photo);
        await settled();
      }
      if (photo.outbox.length) continue;
      assert.deepEqual(said(photo.work.present), model.present, `the page after ${name}, turn ${turn}`);
      const rows = store
        .foods()
        .map(({ rle, label, portion }) => [rle.counts, label, portion?.amount ?? null]);
      assert.deepEqual(rows.sort(), [...model.present].sort(), `the store after ${name}, turn ${turn}`);
    }
  });

  test(`a photo of the front page (seed ${seed})`, async () => {
    const random = randomFrom(seed);
    const model = new Model();
    const made = { count: 1 };
    const photo = frontPhoto();
    page = fakePage({}, { current: photo });
    for (let turn = 0; turn < 200; turn++) {
      const name = act(photo, model, random, made);
      await page.state.lastTurn;
      assert.deepEqual(said(photo.work.present), model.present, `after ${name}, turn ${turn}`);
    }
  });
}

test("an undo whose answer was lost is not done twice", async () => {
  const store = new FakeStore();
  const photo = projectPhoto();
  page = fakePage(store.server, { current: photo });
  commitFoods(page, photo, snapshot(food(1)));
  commitFoods(page, photo, snapshot(food(1), food(2)));
  await settled();
  mock.timers.enable({ apis: ["setTimeout"] });
  store.losesAnswers = true;
  undoLast(page);
  const later = () => new Promise((resolve) => setImmediate(resolve));
  for (let tries = 0; !page.find("#rv-toast-text").textContent; tries++) {
    assert.ok(tries < 500, "nothing was said");
    mock.timers.tick(10);
    await later();
  }
  store.losesAnswers = false;
  mock.timers.tick(RETRY_MS);
  await page.state.lastTurn;
  assert.deepEqual(said(photo.work.present), [["mask 1", null, null]]);
  assert.equal(store.foods().length, 1);
  assert.equal(store.told.filter(([name]) => name === "undo_food").length, 2);
});

test("what someone else changed since is shown, and not taken back", async () => {
  const store = new FakeStore();
  const photo = projectPhoto();
  page = fakePage(store.server, { current: photo });
  commitFoods(page, photo, snapshot(food(1)));
  await settled();
  Object.assign(store.rows.get(101), { label: 9, revision: 2 });
  store.server.undo_food = async () => ({ error: "changed", conflict: { id: 101 } });
  undoLast(page);
  await settled();
  assert.deepEqual(said(photo.work.present), [["mask 1", 9, null]]);
  assert.match(page.find("#rv-toast-text").textContent, /Someone else changed one of these foods since/);
});

test("undo on the front page waits for the mask under way, and takes it back", async () => {
  const photo = frontPhoto();
  page = fakePage({}, { current: photo });
  commitFoods(page, photo, snapshot(food(1)));
  addDraft(page.state, { photo, food: food(2) });
  undoLast(page);
  dropDrafts(page.state, photo); // its mask has come
  commitFoods(page, photo, snapshot(food(1), food(2)));
  await page.state.lastTurn;
  assert.deepEqual(said(photo.work.present), [["mask 1", null, null]]);
});
