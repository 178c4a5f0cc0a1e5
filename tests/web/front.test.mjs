// The front page's work is kept by the browser, is the same in two tabs, and turns into a project.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { commitFoods, removeAll } from "../../rvernet_app/ui/web/foods.js";
import {
  forgetPhotos,
  keepFile,
  keepPhoto,
  labelFor,
  lostByLeaving,
  restorePhotos,
} from "../../rvernet_app/ui/web/front/keeping.js";
import { moveIntoProject } from "../../rvernet_app/ui/web/front/moving.js";
import { newRecord, onTopOf, photoOf, recordOf } from "../../rvernet_app/ui/web/front/records.js";
import { redoLast, undoLast } from "../../rvernet_app/ui/web/history.js";
import { frontText, sizeOfFront } from "../../rvernet_app/ui/web/panels/front.js";
import { createLabelSet } from "../../rvernet_app/ui/web/project/labels.js";
import { addPhoto } from "../../rvernet_app/ui/web/state.js";
import { fakePage, fakeStorage, food, snapshot, until } from "./helpers.mjs";

const named = (id, name) => ({ id, name, synonyms: [], parent: null, colour: "#112233", code: null });
const DEFAULTS = [named(1, "rice"), named(2, "tofu")];
const PORTION = { amount: 120, unit: "g", method: "guessed", low: null, high: null };

// What a browser keeps: copies, as its database makes them.
class FakeDatabase {
  works_ = new Map();
  files = new Map();
  notes = new Map();
  refuses = null; // the name of the error that a write ends with

  #write() {
    if (this.refuses) throw Object.assign(new Error("refused"), { name: this.refuses });
  }

  works = async () => structuredClone([...this.works_.values()]);
  work = async (id) => structuredClone(this.works_.get(id));
  file = async (id) => this.files.get(id);
  note = async (name) => this.notes.get(name);

  async putFile(id, file) {
    this.#write();
    this.files.set(id, file);
  }

  async putNote(name, note) {
    this.#write();
    this.notes.set(name, note);
  }

  async changeWork(id, change) {
    this.#write();
    const work = structuredClone(change(structuredClone(this.works_.get(id))));
    this.works_.set(id, work);
    return structuredClone(work);
  }

  async clear() {
    for (const each of [this.works_, this.files, this.notes]) each.clear();
  }
}

let database;
let page;

function newTab(server = {}) {
  const front = { id: null, labels: createLabelSet(DEFAULTS), new_labels: true };
  return { ...fakePage(server, { front }), database };
}

beforeEach(() => {
  globalThis.window = {};
  globalThis.sessionStorage = fakeStorage();
  globalThis.localStorage = fakeStorage();
  globalThis.fetch = async () => ({ status: 200 });
  database = new FakeDatabase();
  page = newTab();
});

afterEach(() => clearTimeout(page.state.toastTimer));

function open(tab, id, given = {}) {
  const photo = {
    ...newRecord({ id, name: `${id}.jpg`, width: 100, height: 100, thumb: "" }),
    file: `file of ${id}`,
    ...given,
  };
  addPhoto(tab.state, photo);
  tab.state.set({ current: photo });
  return photo;
}

const kept = (tab) => until(() => !tab.state.keeping && !tab.state.unkept.size);

const said = (photo) =>
  photo.work.present.foods.map(({ candidates, label, portion }) => [
    candidates[0].rle.counts,
    label ?? null,
    portion?.amount ?? null,
  ]);

async function reloaded() {
  await kept(page);
  const tab = newTab();
  await restorePhotos(tab);
  return tab;
}

test("photos, foods, names, amounts and the history are there after a reload", async () => {
  const photo = open(page, "lunch");
  await keepFile(page, photo);
  commitFoods(page, photo, snapshot(food(1, { label: 1, portion: PORTION, note: "warm" })));
  commitFoods(page, photo, snapshot(...photo.work.present.foods, food(2)));
  removeAll(page);
  page = await reloaded();
  assert.equal(database.files.get("lunch"), "file of lunch");
  const again = page.state.photos.get("lunch");
  page.state.set({ current: again });
  assert.deepEqual(said(again), []);
  for (const expected of [2, 1, 0, 0]) {
    undoLast(page);
    await page.state.lastTurn;
    assert.equal(again.work.present.foods.length, expected);
  }
  redoLast(page);
  await page.state.lastTurn;
  page = await reloaded();
  const [rice] = page.state.photos.get("lunch").work.present.foods;
  assert.deepEqual([rice.label, rice.portion, rice.note], [1, PORTION, "warm"]);
  assert.equal(page.state.photos.get("lunch").work.future.length, 2);
});

test("labels are kept by name, for the default label set may change", () => {
  const labels = createLabelSet(DEFAULTS);
  const photo = { ...newRecord({ id: "a" }) };
  photo.work.present = snapshot(food(1, { label: 2 }), food(2));
  const record = recordOf(photo, labels);
  const another = createLabelSet([named(7, "tofu"), named(8, "rice")]);
  const again = photoOf(record, another.named);
  assert.deepEqual(
    again.work.present.foods.map(({ label }) => label),
    [7, undefined],
  );
});

test("a name that the default label set lacks is made, once", () => {
  const made = labelFor(page, "zebra cake");
  assert.equal(made.id, 3);
  assert.equal(labelFor(page, "Zebra cake"), made);
  assert.equal(labelFor(page, "rice").id, 1);
});

test("a sample on which nothing was done is not kept", async () => {
  const photo = open(page, "sample", { sample: "tray", file: null });
  await keepFile(page, photo);
  assert.equal(database.works_.size, 0);
  photo.work.made = 1;
  commitFoods(page, photo, snapshot(food(1)));
  await kept(page);
  assert.equal(database.works_.size, 1);
});

test("what two tabs do at once is both there: the other's is a step back", async () => {
  const photo = open(page, "lunch");
  await keepFile(page, photo);
  await kept(page);
  const other = await reloaded();
  const theirs = other.state.photos.get("lunch");
  commitFoods(other, theirs, snapshot(food(1)));
  await kept(other);
  commitFoods(page, photo, snapshot(food(1, { candidates: [food(9).candidates[0]] })));
  await kept(page);
  assert.deepEqual(said(photo), [["mask 9", null, null]]);
  undoLast(page);
  await page.state.lastTurn;
  assert.deepEqual(said(photo), [["mask 1", null, null]]);
});

test("what comes on top of another tab's is a step of it", () => {
  const record = (revision, ...foods) => ({
    revision,
    work: { past: [], present: snapshot(...foods), future: [], made: foods.length },
  });
  assert.equal(onTopOf(undefined, record(0)).revision, 1);
  assert.deepEqual(onTopOf(record(3, food(1)), record(3)), record(4));
  const both = onTopOf(record(5, food(1)), record(3, food(2), food(3)));
  assert.deepEqual([both.revision, both.work.past.length, both.work.made], [6, 1, 2]);
});

for (const [name, says] of [
  ["QuotaExceededError", "no room"],
  ["InvalidStateError", "no storage"],
]) {
  test(`what cannot be kept is said, and asked about before one leaves (${name})`, async () => {
    const photo = open(page, "lunch");
    await keepFile(page, photo);
    await kept(page);
    assert.deepEqual(lostByLeaving(page), []);
    database.refuses = name;
    commitFoods(page, photo, snapshot(food(1)));
    await until(() => page.state.kept === says && !page.state.keeping);
    assert.deepEqual(lostByLeaving(page), [photo]);
    database.refuses = null;
    keepPhoto(page, photo);
    await kept(page);
    assert.equal(page.state.kept, "kept");
    assert.deepEqual(lostByLeaving(page), []);
  });
}

test("nothing is left after a fresh start", async () => {
  await keepFile(page, open(page, "lunch"));
  await kept(page);
  await forgetPhotos(page);
  assert.equal(page.state.photos.size, 0);
  assert.equal(page.state.current, null);
  assert.deepEqual(await database.works(), []);
});

test("own photos count, and samples with foods", () => {
  open(page, "lunch");
  open(page, "bare", { sample: "bare" });
  const worked = open(page, "worked", { sample: "worked" });
  worked.work.present = snapshot(food(1));
  assert.deepEqual(sizeOfFront(page.state), { photos: 2, foods: 1 });
  assert.equal(frontText({ photos: 1, foods: 2 }), "1 photo with 2 foods");
});

// A server with projects, photos and foods; it breaks off after so many saved foods.
function projectServer() {
  const there = {
    projects: [],
    items: new Map(),
    labels: [named(50, "tofu"), named(51, "rice")],
    saved: 0,
    most: Infinity,
  };
  const answer = (act) => async (message) => JSON.parse(JSON.stringify(act(message)));
  return {
    there,
    open_photo: answer(({ photo, sample }) => ({ id: photo ?? sample })),
    create_project: answer(({ name }) => ({
      id: there.projects.push({ id: there.projects.length + 1, name, progress: {} }),
    })),
    projects: answer(() => ({ me: "Ann", projects: there.projects })),
    open_project: answer(() => ({ label_set: { version: 1, labels: there.labels, removed: [] } })),
    add_label: answer(({ name }) => {
      const label = named(60 + there.labels.length, name);
      there.labels.push(label);
      return { label };
    }),
    add_photo: answer(({ photo, name }) => {
      if (!there.items.has(photo)) there.items.set(photo, { item: there.items.size + 1, name, foods: [] });
      return { item_id: there.items.get(photo).item, problem: null };
    }),
    open_item: answer(({ item }) => ({
      foods: [...there.items.values()].find((each) => each.item === item).foods,
    })),
    save_food: async ({ item, step, me, ...content }) => {
      if (there.saved >= there.most) throw new Error("no connection");
      there.saved += 1;
      const { foods } = [...there.items.values()].find((each) => each.item === item);
      foods.push({ ...content, id: there.saved, revision: 1, polygons: [], bbox: [0, 0, 1, 1] });
      return { id: there.saved, revision: 1 };
    },
  };
}

test("a move that breaks off loses nothing, goes on where it stopped, and saves nothing twice", async () => {
  globalThis.FormData = class {
    constructor(values) {
      this.values = values;
    }
    [Symbol.iterator] = () => Object.entries(this.values)[Symbol.iterator]();
  };
  const server = projectServer();
  page = newTab(server);
  const photo = open(page, "lunch");
  await keepFile(page, photo);
  const cake = labelFor(page, "zebra cake");
  const rice = food(1, { label: 1, portion: PORTION });
  commitFoods(
    page,
    photo,
    snapshot(rice, food(2, { label: 2, note: "warm" }), food(3, { label: cake.id }), food(4)),
  );
  await kept(page);
  page.find("#rv-move-sheet").close = () => {};
  server.there.most = 2;
  await moveIntoProject(page, { name: " Lunches ", me: "" });
  assert.match(page.find("#rv-toast-text").textContent, /does not answer/);
  assert.equal(page.state.photos.get("lunch"), photo);
  assert.equal(database.works_.size, 1);

  server.there.most = Infinity;
  await moveIntoProject(page, { name: "Lunches", me: "" });
  assert.deepEqual(
    server.there.projects.map(({ name }) => name),
    ["Lunches"],
  );
  const [{ name, foods }] = [...server.there.items.values()];
  assert.equal(name, "lunch.jpg");
  const called = (id) => server.there.labels.find((label) => label.id === id)?.name ?? null;
  assert.deepEqual(
    foods.map(({ rle, label, portion, note }) => [rle.counts, called(label), portion?.amount ?? null, note]),
    [
      ["mask 1", "rice", 120, ""],
      ["mask 2", "tofu", null, "warm"],
      ["mask 3", "zebra cake", null, ""],
      ["mask 4", null, null, ""],
    ],
  );
  assert.equal(page.state.photos.size, 0);
  assert.equal(database.works_.size, 0);
});
