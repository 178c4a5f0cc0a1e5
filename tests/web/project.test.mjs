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

test("names are compared without case, accents and underscores", () => {
  assert.equal(plain(" Käse_Spätzle "), "kase spatzle");
});

test("what holds the letters is found without the server too", () => {
  const names = (typed) => SET.holding(typed).map(({ name }) => name);
  assert.deepEqual(names("rice"), ["rice", "fried rice", "licorice", "tofu"]);
  assert.deepEqual(names("KASESP"), ["Käsespätzle"]);
  assert.deepEqual(names("1688"), ["rice"]);
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

test("a name goes before a synonym", () => {
  const set = createLabelSet([label(1, "tofu", { synonyms: ["curd"] }), label(2, "curd")]);
  assert.equal(set.named("curd").id, 2);
});

test("a label that was merged is the other one; one that was deleted is none", () => {
  const removed = [
    { id: 8, name: "courgette", into: 2 },
    { id: 9, name: "chiken", into: null },
  ];
  const set = createLabelSet([label(2, "zucchini")], { removed, version: 5 });
  assert.equal(set.get(8).name, "zucchini");
  assert.equal(set.get(9), null);
  assert.equal(withLabel(set, label(10, "beef")).get(8).name, "zucchini");
  assert.deepEqual([set.version, withLabel(set, label(10, "beef"), 6).version], [5, 6]);
});

const match = (kind, name, through = null) => ({ kind, through, label: label(1, name) });
const shown = ({ rows }) => rows.map((row) => row.label?.name ?? `+${row.create}`);

test("Enter takes what is certainly meant, and the name can be added too", () => {
  const exact = offersFor("rice", [match("exact", "rice"), match("inside", "licorice")], true);
  assert.deepEqual([shown(exact), exact.at, exact.question], [["rice", "licorice"], 0, null]);
  const begun = offersFor("chick", [match("beginning", "chicken")], true);
  assert.deepEqual([shown(begun), begun.at], [["chicken", "+chick"], 0]);
});

test("a label that only holds the letters is never what Enter takes", () => {
  const offers = offersFor("cola", [match("inside", "chocolate")], true);
  assert.deepEqual([shown(offers), offers.at, offers.question], [["+cola", "chocolate"], 0, null]);
  const closed = offersFor("cola", [match("inside", "chocolate")], false);
  assert.deepEqual([shown(closed), closed.at], [["chocolate"], -1]);
});

test("a typing error is asked about, and nothing is taken unasked", () => {
  const offers = offersFor("chiken", [match("near", "chicken_duck", "chicken")], true);
  assert.deepEqual([shown(offers), offers.at], [["chicken_duck", "+chiken"], -1]);
  assert.equal(offers.question, "Did you mean “chicken”?");
  const sure = offersFor("pea", [match("beginning", "peach"), match("near", "pear")], true);
  assert.deepEqual([shown(sure), sure.at, sure.rows[1].like], [["peach", "+pea", "pear"], 0, "pear"]);
});

test("part of a name is offered behind the name itself", () => {
  const offers = offersFor("mashed potato", [match("part", "potato")], true);
  assert.deepEqual([shown(offers), offers.at], [["+mashed potato", "potato"], 0]);
});

test("nothing is offered for nothing", () => {
  assert.deepEqual(offersFor("", [], true), { rows: [], at: -1, question: null });
  assert.deepEqual(offersFor("x", [], false).rows, []);
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
