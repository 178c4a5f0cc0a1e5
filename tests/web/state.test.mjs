import assert from "node:assert/strict";
import { test } from "node:test";
import { sceneOf } from "../../rvernet_app/ui/web/canvas/scene.js";
import * as state from "../../rvernet_app/ui/web/state.js";
import { newFood } from "../../rvernet_app/ui/web/work.js";
import { boxFood, fakePage, food, frontPhoto, mask, projectPhoto, snapshot } from "./helpers.mjs";

// A state whose draws are counted by part.
function counted(given = {}) {
  const made = state.createState(given);
  const draws = [];
  made.subscribe((parts) => draws.push([...parts].sort()));
  return { made, draws, settle: () => made.drawn() };
}

test("all changes of one task are drawn once", async () => {
  const { made, draws, settle } = counted();
  await settle();
  draws.length = 0;
  made.set({ tool: "box" });
  made.set({ cut: true });
  made.set({ crosshair: [1, 2] });
  assert.deepEqual(draws, []);
  await settle();
  assert.deepEqual(draws, [["panels", "scene"]]);
});

test("a value set to what it is draws nothing", async () => {
  const { made, draws, settle } = counted({ tool: "box" });
  await settle();
  draws.length = 0;
  made.set({ tool: "box", cut: false });
  await settle();
  assert.deepEqual(draws, []);
});

test("only the parts that show a value are drawn", async () => {
  const { made, draws, settle } = counted();
  await settle();
  draws.length = 0;
  made.set({ draftBox: [0, 0, 5, 5] });
  await settle();
  made.set({ awaited: { seq: 1 } });
  await settle();
  made.set({ openSeq: 4 });
  await settle();
  assert.deepEqual(draws, [["scene"], ["panels"]]);
});

test("a change made while drawing is drawn next", async () => {
  const { made, draws, settle } = counted();
  await settle();
  draws.length = 0;
  made.subscribe(() => made.set({ cut: true }));
  made.set({ crosshair: [0, 0] });
  await settle();
  await settle();
  assert.deepEqual(draws, [["scene"], ["panels"]]);
});

test("a name the state does not have is a mistake", () => {
  assert.throws(() => state.createState().set({ tol: "box" }), /no state "tol"/);
});

test("the state cannot be changed but by its functions", () => {
  const made = state.createState();
  assert.throws(() => {
    made.tool = "box";
  }, TypeError);
});

test("a mask that arrives draws the scene once", async () => {
  const photo = frontPhoto();
  const { made, draws, settle } = counted({ current: photo });
  state.addDraft(made, { photo, food: food(1) });
  await settle();
  draws.length = 0;
  const [draft] = made.drafts;
  state.dropDraft(made, draft);
  state.learnEvidence(made, mask("a"), { timings: { segment: 1 } });
  state.commit(made, photo, snapshot(food(1)));
  await settle();
  state.learnEvidence(made, mask("a"), { suggestions: [] });
  made.set({ awaited: null });
  await settle();
  assert.equal(draws.filter((parts) => parts.includes("scene")).length, 1);
});

test("a front photo has the page's history, a project's photo an outbox", () => {
  const made = state.createState();
  const [front, ofProject] = [frontPhoto(), projectPhoto()];
  state.commit(made, front, snapshot(food(1)));
  state.commit(made, ofProject, snapshot(food(1)));
  assert.equal(front.work.past.length, 1);
  assert.equal(ofProject.work.past.length, 0);
  assert.equal(ofProject.outbox.length, 1);
  assert.equal(state.undo(made, front), true);
  assert.equal(state.undo(made, front), false);
  assert.equal(state.redo(made, front), true);
});

test("to select a food is no step", () => {
  const made = state.createState();
  const photo = projectPhoto();
  state.commit(made, photo, snapshot(food(1), food(2)));
  state.select(made, photo, 1);
  assert.equal(photo.outbox.length, 1);
  assert.equal(photo.work.present.active, 1);
  state.select(made, photo, null);
  assert.equal(made.startNext, true);
});

test("a newer prompt of a food takes the place of the older one", () => {
  const photo = frontPhoto();
  const made = state.createState({ current: photo });
  for (const id of [1, 2, 1]) state.addDraft(made, { photo, food: food(id) });
  assert.deepEqual(
    made.drafts.map(({ seq, food: { id } }) => [seq, id]),
    [
      [2, 2],
      [3, 1],
    ],
  );
  assert.equal(state.pendingFood(made).id, 1);
});

test("keys and fields mean the food being found, else the selected one", () => {
  const photo = frontPhoto();
  const made = state.createState({ current: photo });
  assert.equal(state.meantFood(made), null);
  state.commit(made, photo, snapshot(food(1)));
  assert.deepEqual(state.meantFood(made), { photo, id: 1, ids: [1] });
  state.addDraft(made, { photo, food: food(2) });
  assert.deepEqual(state.meantFood(made), { photo, id: 2, ids: [2] });
  state.dropDrafts(made, photo, 2);
  assert.equal(state.meantFood(made).id, 1);
});

test("a name goes to all foods that are selected", () => {
  const photo = frontPhoto();
  const made = state.createState({ current: photo });
  state.commit(made, photo, snapshot(food(1), food(2), food(3)));
  state.select(made, photo, 3, [1]);
  assert.deepEqual(state.meantFood(made), { photo, id: 3, ids: [1, 3] });
});

test("a food that was left while its mask is on the way is not meant any more", () => {
  const photo = frontPhoto();
  const made = state.createState({ current: photo });
  state.commit(made, photo, snapshot(food(1)));
  state.addDraft(made, { photo, food: food(2) });
  state.select(made, photo, 1);
  assert.deepEqual(state.meantFood(made), { photo, id: 1, ids: [1] });
  assert.equal(state.isPending(made, photo), true);
});

test("a click on no food leaves all as it was, and a callout says so", () => {
  const photo = frontPhoto();
  const made = state.createState({ current: photo });
  const first = newFood(photo.work);
  state.commit(made, photo, snapshot({ ...first, candidates: [mask("a")] }));
  const before = structuredClone(photo.work);
  const fresh = newFood(photo.work);
  state.addDraft(made, { photo, food: fresh, fresh: true, at: [4, 5] });
  state.refuseDraft(made, made.drafts[0]);
  assert.deepEqual(photo.work, before);
  assert.deepEqual([made.callout.kind, made.callout.at, made.drafts], ["no food", [4, 5], []]);
  state.select(made, photo, first.id);
  assert.equal(made.callout, null);
});

test("drafts of another photo stay", () => {
  const [one, other] = [frontPhoto(), frontPhoto()];
  const made = state.createState({ current: one });
  state.addDraft(made, { photo: one, food: food(1) });
  state.addDraft(made, { photo: other, food: food(1) });
  state.dropDrafts(made, one);
  assert.deepEqual(
    made.drafts.map(({ photo }) => photo === other),
    [true],
  );
  assert.equal(state.pendingFood(made), null);
});

test("evidence comes in parts, its timings are added up", () => {
  const made = state.createState();
  const of = mask("a");
  state.learnEvidence(made, of, { timings: { segment: 5 } });
  state.learnEvidence(made, of, { sure: true, timings: { classify: 9 } });
  assert.deepEqual(state.evidenceOf(made, of), { sure: true, timings: { segment: 5, classify: 9 } });
  state.forgetEvidence(made, { classes: [] });
  assert.equal(state.evidenceOf(made, of), undefined);
});

test("labels given lately are kept once each, six of them", () => {
  const made = state.createState();
  for (const id of [1, 2, 3, 4, 5, 6, 7, 3]) state.rememberLabel(made, id);
  assert.deepEqual(made.recent, [3, 7, 6, 5, 4, 2]);
});

test("a listed photo that does not change leaves the strip alone", async () => {
  const { made, draws, settle } = counted({ listed: [{ item: 3, foods: 1, state: "open" }] });
  await settle();
  draws.length = 0;
  state.changeListed(made, 3, { foods: 1, state: "open" });
  state.changeListed(made, 4, { foods: 2 });
  await settle();
  assert.deepEqual(draws, []);
  state.changeListed(made, 3, { foods: 2 });
  assert.deepEqual(made.listed, [{ item: 3, foods: 2, state: "open" }]);
});

test("the scene has the masks of all foods in their labels' colours, the selected ones strong", () => {
  const labels = { get: (id) => ({ id, colour: `#00000${id}` }) };
  const photo = frontPhoto();
  const { state: made } = fakePage({}, { current: photo, project: { labels } });
  const foods = [boxFood(1, [0, 0, 9, 9], { label: 4 }), boxFood(2, [20, 0, 8, 8], { points: [[25, 6, 1]] })];
  state.commit(made, photo, snapshot(...foods, boxFood(3, [40, 0, 7, 7])));
  state.select(made, photo, 2, [3]);
  const scene = sceneOf(made);
  assert.deepEqual(
    scene.masks.map(({ colour, active }) => [colour, active]),
    [
      ["#000004", false],
      ["#5f7d99", true],
      ["#5f7d99", true],
    ],
  );
  assert.deepEqual(scene.points, [[25, 6, 1]]);
  made.set({ masksHidden: true });
  assert.deepEqual(sceneOf(made).masks, []);
});

test("the smaller of two foods is drawn over the larger, and tells which it covers", () => {
  const photo = frontPhoto();
  const { state: made } = fakePage({}, { current: photo });
  const [sauce, pasta] = [boxFood(1, [10, 10, 10, 10]), boxFood(2, [0, 0, 50, 50])];
  state.commit(made, photo, snapshot(sauce, pasta));
  const { masks } = sceneOf(made);
  assert.deepEqual(
    masks.map(({ mask: drawn, covered }) => [drawn, covered.map((below) => below.mask)]),
    [
      [pasta.candidates[0], []],
      [sauce.candidates[0], [pasta.candidates[0]]],
    ],
  );
});

test("corners can be dragged with the polygon tool only, and not on a photo to look at", () => {
  const photo = frontPhoto();
  const { state: made } = fakePage({}, { current: photo });
  state.commit(made, photo, snapshot(food(1)));
  assert.deepEqual(sceneOf(made).handles, []);
  made.set({ tool: "polygon" });
  assert.equal(sceneOf(made).handles.length, 4);
  state.updatePhoto(made, photo, { full: true });
  assert.deepEqual(sceneOf(made).handles, []);
});

test("in a review rejected masks are gone, and merged ones there", () => {
  const { state: made } = fakePage({});
  const opinion = (status) => ({ ...mask(status), status });
  const compared = [{ foods: [opinion("saved"), opinion("rejected")] }, { foods: [null, opinion("saved")] }];
  const merged = [opinion("accepted"), opinion("rejected")];
  made.set({ reviewed: { item: 1, compared, merged }, picked: 1, opacity: 50 });
  const { masks, opacity } = sceneOf(made);
  assert.deepEqual(
    masks.map(({ colour, active }) => [colour, active]),
    [
      ["#e4572e", false],
      ["#1b7fc4", true],
      ["#2a9d5c", false],
    ],
  );
  assert.equal(opacity, 0.25);
});
