import assert from "node:assert/strict";
import { test } from "node:test";
import { offersFor } from "../../rvernet_app/ui/web/panels/label-field.js";
import { createLabelSet, plain, withLabel } from "../../rvernet_app/ui/web/project/labels.js";
import { foodAgain, saidOf } from "../../rvernet_app/ui/web/project/leftovers.js";
import { hasFoods } from "../../rvernet_app/ui/web/project/queue.js";
import { portionsOf } from "../../rvernet_app/ui/web/review/review.js";
import { food } from "./helpers.mjs";

const label = (id, name, given = {}) => ({ id, name, synonyms: [], code: null, parent: null, ...given });

const SET = createLabelSet([
  label(1, "chicken_duck"),
  label(2, "rice", { code: "168878" }),
  label(3, "fried rice"),
  label(4, "Käsespätzle", { synonyms: ["mac and cheese"] }),
  label(5, "licorice"),
  label(6, "tofu", { synonyms: ["bean curd", "rice cheese"] }),
]);

const found = (typed, limit) => SET.search(typed, limit).map(({ label: { name } }) => name);

test("names are compared without case, accents and underscores", () => {
  assert.equal(plain(" Käse_Spätzle "), "kase spatzle");
});

test("a name itself comes first, then beginnings, words, synonyms, and what is inside a word", () => {
  assert.deepEqual(found("rice"), ["rice", "tofu", "fried rice", "licorice"]);
});

test("accents need not be typed", () => {
  assert.deepEqual(found("kasesp"), ["Käsespätzle"]);
});

test("a synonym finds its label and is told", () => {
  const [{ label: match, through }] = SET.search("bean");
  assert.deepEqual([match.name, through], ["tofu", "bean curd"]);
  assert.equal(SET.search("tofu")[0].through, undefined);
});

test("a food code finds its label", () => {
  assert.deepEqual(found("1688"), ["rice"]);
});

test("nothing typed finds nothing, and no more than wanted is found", () => {
  assert.deepEqual(found("  "), []);
  assert.equal(found("rice", 2).length, 2);
});

test("a class of a checkpoint is found as a label, by name or synonym", () => {
  assert.equal(SET.named("chicken duck").id, 1);
  assert.equal(SET.named("MAC AND CHEESE").id, 4);
  assert.equal(SET.named("beef"), null);
  assert.equal(SET.get(99), null);
});

test("where two labels have one name, the first has it", () => {
  const set = createLabelSet([label(1, "curd"), label(2, "tofu", { synonyms: ["curd"] })]);
  assert.equal(set.named("curd").id, 1);
});

test("a label that was added is found, and one that changed is there once", () => {
  const more = withLabel(withLabel(SET, label(9, "beef")), label(2, "white rice"));
  assert.equal(more.named("beef").id, 9);
  assert.equal(more.get(2).name, "white rice");
  assert.equal(more.all().length, 7);
  assert.equal(SET.named("beef"), null);
});

test("a new label is offered where none is called so, and the project takes it", () => {
  const matches = SET.search("rice");
  assert.deepEqual(offersFor("rice", matches, true), matches);
  assert.deepEqual(offersFor("ric", [], true), [{ create: "ric" }]);
  assert.deepEqual(offersFor("ric", [], false), []);
  assert.deepEqual(offersFor("", [], true), []);
});

test("a food found again has its label and a mask of its own; amount and note are the other photo's", () => {
  const mask = { rle: { counts: "abc" }, score: 0.75 };
  const made = foodAgain({ label: 8, mask, point: [3, 4, 1] }, food(4), "small_sam@0");
  assert.deepEqual([made.id, made.label, made.points, made.candidates], [4, 8, [[3, 4, 1]], [mask]]);
  assert.deepEqual([made.segmenter, made.portion ?? null, made.note ?? ""], ["small_sam@0", null, ""]);
});

test("what was not found again is said by name", () => {
  assert.equal(saidOf(4, []), "4 of 4 foods found again");
  assert.equal(saidOf(3, ["fried_rice"]), "3 of 4 foods found again; fried rice was not found");
  assert.equal(saidOf(0, ["rice", "beans"]), "0 of 2 foods found again; rice and beans were not found");
});

test("a photo in memory is up to date when it has the store's foods at their revisions", () => {
  const stored = new Map([
    [1, { id: 100, revision: 2, content: "a" }],
    [2, { id: 101, revision: 1, content: "deleted" }],
  ]);
  assert.equal(hasFoods({ stored }, [{ id: 100, revision: 2 }]), true);
  assert.equal(hasFoods({ stored }, [{ id: 100, revision: 3 }]), false);
  assert.equal(hasFoods({ stored }, []), false);
  assert.equal(
    hasFoods({ stored }, [
      { id: 100, revision: 2 },
      { id: 101, revision: 2 },
    ]),
    false,
  );
});

test("portions that differ are there once each", () => {
  const portion = (amount) => ({ portion: { amount, unit: "g" } });
  const differing = portionsOf([portion(100), portion(110), portion(100), { portion: null }]);
  assert.deepEqual(differing, [
    { amount: 100, unit: "g" },
    { amount: 110, unit: "g" },
  ]);
});
