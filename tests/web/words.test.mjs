import assert from "node:assert/strict";
import { test } from "node:test";
import { addedText, mealOf } from "../../rvernet_app/ui/web/project/adding.js";
import { sentencesOf } from "../../rvernet_app/ui/web/project/conflict.js";
import { lossText } from "../../rvernet_app/ui/web/project/deleting.js";
import { exportText } from "../../rvernet_app/ui/web/project/export.js";
import { refusedText } from "../../rvernet_app/ui/web/project/grid.js";
import { importLines } from "../../rvernet_app/ui/web/project/importing.js";
import { lookingText } from "../../rvernet_app/ui/web/project/queue.js";
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
  assert.equal(words.progressText(PROGRESS), "3 of 10 labelled · 1 skipped · 1 unusable");
  assert.equal(words.totalOf(PROGRESS), 10);
  assert.equal(words.progressShare(PROGRESS), 100 / 3);
  const none = { new: 0, open: 0, done: 0, unusable: 0, skipped: 0, full: 0 };
  assert.equal(words.progressShare(none), 0);
  assert.equal(words.progressText(none), "0 of 0 labelled");
  assert.equal(words.progressShare({ ...none, done: 3, unusable: 2 }), 100);
});

test("the end of a queue says what is left", () => {
  const none = { new: 0, open: 0, skipped: 0, unusable: 0, done: 9 };
  assert.equal(words.endOfQueue({ ...none, full: 0 }), "Every photo is labelled");
  assert.equal(words.endOfQueue({ ...none, full: 2 }), "All is done; others have 2 photos");
  assert.equal(words.endOfQueue({ ...none, unusable: 2, full: 0 }), "9 photos are labelled, 2 unusable");
  assert.equal(
    words.endOfQueue({ ...none, unusable: 2, full: 1 }),
    "All is done, 2 unusable; others have 1 photos",
  );
  assert.equal(
    words.endOfQueue({ ...none, skipped: 3, full: 2 }),
    "3 photos are left, skipped or held by others",
  );
});

test("foods without a name are counted in the question before done", () => {
  assert.equal(words.doneWithoutNames(1).title, "1 food has no name yet");
  assert.equal(words.doneWithoutNames(2).title, "2 foods have no name yet");
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

test("what came of adding photos is one sentence", () => {
  const result = { added: 3, known: ["a.jpg"], refused: [{ name: "b", why: "damaged" }], left: 0 };
  const text = "3 photos added. 1 photo is here already. 1 file is not taken:";
  assert.equal(addedText(result), text);
  const nothing = { added: 0, known: [], refused: [], left: 2 };
  assert.equal(addedText(nothing), "No photo was added. You stopped before the other 2.");
  const copies = { added: 3, known: [], refused: [], left: 0, stray: 2 };
  assert.equal(addedText(copies), "3 photos added. 2 files left out: copies that other programs keep.");
  const part = { added: 3, known: [], refused: [], left: 0, more: true };
  const rest = "The folder holds more than is listed at once: add its folders one by one.";
  assert.equal(addedText(part), `3 photos added. ${rest}`);
});

test("a deletion says what goes, and whose it is", () => {
  const loss = { photos: 2, foods: { Ann: 3, Ben: 1 }, comments: 1, people: ["Ann", "Ben", "Eve"] };
  assert.equal(
    lossText(loss),
    "This deletes 2 photos, 4 foods (3 of Ann and 1 of Ben) and 1 comment, and the files, unless another " +
      "project uses them. Begun by Eve, without a food.",
  );
  const bare = { photos: 1, foods: {}, comments: 0, people: [] };
  assert.equal(
    lossText(bare),
    "This deletes 1 photo and no foods, and the files, unless another project uses them.",
  );
});

test("an import says what comes of it, and all that is left out", () => {
  const report = {
    photos: 12,
    known_photos: 1,
    foods: 40,
    labels: ["dal", "naan"],
    left_out: [{ what: "x.jpg", why: "It is damaged." }],
  };
  assert.deepEqual(importLines(report, false), [
    "This would import 12 new photos, 1 photo that is here already, 40 foods and 2 new labels (dal, naan).",
    "1 left out:",
    "x.jpg: It is damaged.",
  ]);
  const all = { photos: 1, known_photos: 0, foods: 0, labels: [], left_out: [] };
  assert.deepEqual(importLines(all, true), ["Imported 1 new photo and 0 foods.", "Nothing is left out."]);
});

test("looking photos over says how long the rest takes", () => {
  assert.equal(
    lookingText({ left: 288, total: 300 }, 2.5),
    "Looking photos over, 12 of 300, about 12 minutes left",
  );
  assert.equal(
    lookingText({ left: 3, total: 300 }, 2.5),
    "Looking photos over, 297 of 300, about 10 seconds left",
  );
  assert.equal(lookingText({ left: 0, total: 300 }, 2.5), "Looking photos over, 300 of 300");
});

test("photos that stay as they are are named with why", () => {
  const refused = [{ item: 1, name: "a.jpg", why: "Others have it." }];
  assert.equal(refusedText(refused), "1 photo stayed as it is. a.jpg: Others have it.");
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

test("class names that do not read well are written otherwise", () => {
  assert.equal(words.words("hamburg"), "hamburger");
  assert.equal(words.words("chicken_duck"), "chicken or duck");
  assert.equal(words.words("cheese butter"), "cheese or butter");
  assert.equal(words.words("fried_rice"), "fried rice");
  assert.equal(words.words("constructor"), "constructor");
});
