import assert from "node:assert/strict";
import { test } from "node:test";
import { mealOf, problemText } from "../../rvernet_app/ui/web/project/adding.js";
import { sentencesOf } from "../../rvernet_app/ui/web/project/conflict.js";
import { exportText } from "../../rvernet_app/ui/web/project/export.js";
import { secondsSince } from "../../rvernet_app/ui/web/project/time.js";
import { knowledgeText, qualityText, trainingText } from "../../rvernet_app/ui/web/project/training.js";
import { eventText } from "../../rvernet_app/ui/web/review/history.js";
import * as words from "../../rvernet_app/ui/web/words.js";

const PROGRESS = { new: 4, open: 1, done: 3, unusable: 1, skipped: 1, full: 5 };

test("a share is a whole number of percent, never 0", () => {
  const written = [1, 0.996, 0.994, 0.5, 0.0149, 0.009, 0].map(words.percent);
  assert.deepEqual(written, ["100 %", "100 %", "99 %", "50 %", "1 %", "< 1 %", "< 1 %"]);
});

test("progress counts one's own photos, and those that others have not", () => {
  assert.equal(words.progressText(PROGRESS), "5 of 10 photos");
  assert.equal(words.totalOf(PROGRESS), 10);
  assert.equal(words.progressShare(PROGRESS), 50);
  assert.equal(words.progressShare({ done: 0, unusable: 0, skipped: 0 }), 0);
});

test("the end of a queue says what is left", () => {
  const none = { new: 0, open: 0, skipped: 0, done: 9 };
  assert.equal(words.endOfQueue({ ...none, full: 0 }), "Every photo is labelled");
  assert.equal(words.endOfQueue({ ...none, full: 2 }), "All is done; others have 2 photos");
  assert.equal(
    words.endOfQueue({ ...none, skipped: 3, full: 2 }),
    "3 photos are left, skipped or held by others",
  );
});

test("a filter is read as a sentence", () => {
  const nameOf = (id) => ({ 5: "fried_rice" })[id];
  const filter = { state: "open", label: 5, by: "Ben", uncertain: 0.25 };
  assert.equal(words.filterText(filter, nameOf), "begun, fried rice, by Ben, 25 % uncertain");
  const none = { state: null, label: null, by: null, uncertain: null };
  assert.equal(words.filterText(none, nameOf), "All photos");
});

test("a portion is its amount and unit", () => {
  assert.equal(words.portionText({ amount: 120, unit: "g" }), "120 g");
  assert.equal(words.portionText(null), "");
});

test("photos that were not added are named, three of them", () => {
  const problems = ["a: damaged", "b: empty", "c: text", "d: text"];
  const text = "4 of 9 photos were not added. a: damaged · b: empty · c: text";
  assert.equal(problemText(problems, 9), text);
});

test("each folder of a folder is a meal", () => {
  assert.deepEqual(mealOf("monday/lunch/1.jpg"), { meal: "monday/lunch" });
  assert.deepEqual(mealOf("1.jpg"), {});
});

test("an export says what is not in it", () => {
  assert.equal(exportText({ photos: 2, foods: 5, left_out: {} }), "2 photos with 5 foods.");
  const leftOut = { "without a name": 1, rejected: 2 };
  const text = "2 photos with 5 foods. Not in it: 1 without a name, 2 rejected.";
  assert.equal(exportText({ photos: 2, foods: 5, left_out: leftOut }), text);
});

test("two versions of a food are put beside each other", () => {
  const nameOf = (id) => ({ 1: "rice", 2: "tofu" })[id] ?? "no name";
  const mine = { rle: { counts: "a" }, label: 1, note: "", portion: { amount: 5, unit: "g" } };
  const theirs = { counts: "b", label_id: 2, note: "spicy", amount: 9, unit: "ml", status: "saved" };
  assert.deepEqual(sentencesOf(mine, theirs, nameOf), {
    theirs: "Theirs is now “tofu”, 9 ml, with another mask and another note.",
    mine: "Yours is “rice”, 5 g.",
  });
  assert.deepEqual(sentencesOf(null, { ...theirs, amount: null }, nameOf), {
    theirs: "Theirs is now “tofu”.",
    mine: "You removed it.",
  });
  const deleted = sentencesOf(mine, { ...theirs, status: "deleted" }, nameOf);
  assert.equal(deleted.theirs, "Theirs was deleted.");
});

test("a long pause does not count as work", () => {
  assert.equal(secondsSince(1000, 3500), 2.5);
  assert.equal(secondsSince(0, 600_000), 30);
});

test("a change of a food is a line of the history", () => {
  const nameOf = (id) => `label ${id}`;
  const food = (given) => ({ label_id: 1, status: "saved", amount: null, unit: null, area: 9, ...given });
  const text = (before, after) => eventText({ subject: "annotation", before, after }, nameOf);
  assert.equal(text(null, food()), "added label 1");
  assert.equal(text(null, food({ label_id: null })), "added a food without a name");
  assert.equal(text(food(), food({ status: "deleted" })), "removed label 1");
  assert.equal(text(food(), food({ status: "accepted" })), "label 1 is accepted");
  assert.equal(text(food({ label_id: null }), food()), "a food without a name is now label 1");
  assert.equal(text(food(), food({ amount: 5, unit: "g" })), "label 1: 5 g");
  assert.equal(text(food({ amount: 5, unit: "g" }), food()), "label 1: no amount");
  assert.equal(text(food(), food({ area: 8 })), "changed the mask of label 1");
  assert.equal(text(food(), food()), "changed label 1");
});

test("verdicts, comments and photos are lines of the history too", () => {
  assert.equal(
    eventText({ subject: "verdict", after: { state: "unusable", reason: "dark" } }),
    "photo unusable: dark",
  );
  assert.equal(eventText({ subject: "verdict", after: { state: "done" } }), "photo done");
  assert.equal(eventText({ subject: "comment", after: { words: "nice" } }), "said “nice”");
  assert.equal(eventText({ subject: "item" }), "photo added");
});

const COMPARISON = {
  old_macro_f1: 0.5,
  new_macro_f1: 0.625,
  regions: 30,
  photos: 12,
  better: true,
  difference_interval: [0.01, 0.2],
  old_classes: 61,
  new_classes: 10,
  forgotten: 54,
  learned: 3,
  calibrated: true,
};

test("a classifier is called better only where chance does not explain it", () => {
  assert.match(
    qualityText(COMPARISON),
    /the new model scores 63 of 100, the one it started from 50\. It is better\.$/,
  );
  assert.match(qualityText({ ...COMPARISON, difference_interval: [-0.1, 0.2] }), /may be chance\.$/);
  assert.match(qualityText({ ...COMPARISON, better: false }), /It is not better; more photos may help\.$/);
});

test("what a classifier forgot is said", () => {
  const text = "It knows 10 foods, 51 fewer than the one it started from: 3 new ones, and 54 are forgotten";
  assert.ok(knowledgeText(COMPARISON).startsWith(text));
  const kept = { ...COMPARISON, forgotten: 0, calibrated: false };
  const all = "It knows all foods of the one it started from and 3 more.";
  assert.equal(knowledgeText(kept), `${all} Too few meals were held out to learn when it is not sure.`);
});

test("a training says how far it is", () => {
  const at = (share) => trainingText({ state: "running", project: "Trays", share });
  assert.match(at(null), /reading the photos…$/);
  assert.match(at(0.4), /^Training on Trays, which ends when the server does: 40 %$/);
  assert.match(at(1), /measuring what it learned…$/);
  const failed = { state: "failed", project: "Trays", said: "no photos" };
  assert.equal(trainingText(failed), "The training on Trays ended: no photos");
  assert.equal(trainingText({ state: "none" }), null);
});
