import assert from "node:assert/strict";
import { test } from "node:test";
import { actionOf, nameOf } from "../../rvernet_app/ui/web/keys.js";
import { readNumber, readShare } from "../../rvernet_app/ui/web/panels/amounts.js";
import { secondsText, timingsText } from "../../rvernet_app/ui/web/panels/evidence.js";
import { guessText, nameText } from "../../rvernet_app/ui/web/panels/foods.js";
import { savedText, titleOf } from "../../rvernet_app/ui/web/panels/header.js";
import { doubtOf, readPortion } from "../../rvernet_app/ui/web/panels/portion.js";
import { offerText } from "../../rvernet_app/ui/web/panels/suggestions.js";
import { food } from "./helpers.mjs";

const LIMITS = { g: { usual: 2000, most: 20000 } };
const typed = (given) => ({ amount: "", unit: "g", method: "weighed", low: "", high: "", ...given });
const faultOf = (given) => readPortion(typed(given), LIMITS).fault;

test("numbers are read with a comma, a point, groups and fractions", () => {
  const value = (text) => readNumber(text).value;
  assert.deepEqual(["12,5", "12.5", " 120 ", "0,125", "1250,5"].map(value), [12.5, 12.5, 120, 0.125, 1250.5]);
  assert.deepEqual(
    ["1.234,5", "1,234.5", "1 200", "1'250", "1.234.567"].map(value),
    [1234.5, 1234.5, 1200, 1250, 1234567],
  );
  assert.deepEqual(["1/2", "1 1/2", "½", "1½", "2 ¼", "1/3"].map(value), [0.5, 1.5, 0.5, 1.5, 2.25, 0.3333]);
  assert.equal(value("  "), null);
});

test("what can be read in two ways, or not at all, is no number", () => {
  assert.match(readNumber("1,234").fault, /“1,234” is unclear. Write 1234, or 1.2340/);
  assert.match(readNumber("12.500").fault, /unclear/);
  assert.equal(readNumber("-1").fault, "An amount is a number from 0 on.");
  for (const text of ["abc", "1e9", "12 g", "1.2.3", "1,2,3", "1/0", "Infinity", "0x10", "1.234.5", "+5"])
    assert.match(readNumber(text).fault, /is not a number/, text);
});

test("a share is in percent, at most 100", () => {
  assert.deepEqual(readShare("12,5"), { value: 0.125 });
  assert.deepEqual(readShare("20 %"), { value: 0.2 });
  assert.deepEqual(readShare(""), { value: 0 });
  assert.equal(readShare("101").fault, "A share is at most 100 %.");
  assert.match(readShare("half").fault, /not a number/);
});

test("what is typed is a portion once it has an amount", () => {
  assert.deepEqual(readPortion(typed()), { portion: null });
  assert.deepEqual(readPortion(typed({ amount: "12,5" })).portion, {
    amount: 12.5,
    unit: "g",
    method: "weighed",
    low: null,
    high: null,
  });
  assert.equal(readPortion(typed({ amount: "0", low: "0", high: "2" })).portion.high, 2);
});

test("an amount that is no number says so and names its field", () => {
  const { fault, field, portion } = readPortion(typed({ amount: "120", low: "abc" }), LIMITS);
  assert.match(fault, /“abc” is not a number/);
  assert.equal(field, "low");
  assert.equal(portion, undefined);
});

test("an amount has limits: a question above the usual, a refusal above the possible", () => {
  const of = (amount) => readPortion(typed({ amount }), LIMITS);
  assert.equal(doubtOf(of("2000").portion, LIMITS), null);
  assert.equal(doubtOf(of("2500").portion, LIMITS), "2500 g is a lot for one food.");
  assert.equal(doubtOf(null, LIMITS), null);
  assert.equal(of("1000000000").fault, "At most 20000 g can be saved for one food.");
  assert.equal(of("20000").fault, undefined);
  assert.equal(
    faultOf({ amount: "100", low: "50", high: "30000" }),
    "At most 20000 g can be saved for one food.",
  );
});

test("a range holds its amount", () => {
  const range = (low, high) => faultOf({ amount: "120", low, high });
  assert.equal(range("100", "160"), undefined);
  assert.equal(range("120", "120"), undefined);
  assert.equal(range("150", "160"), "The range does not hold 120.");
  assert.equal(range("160", "100"), "The range does not hold 120.");
});

test("a range needs an amount; half of one is still being typed", () => {
  assert.equal(faultOf({ low: "5" }), "A range needs the amount it is around.");
  const half = readPortion(typed({ amount: "120", low: "150" }), LIMITS);
  assert.equal(half.half, true);
  assert.equal(half.fault, "A range needs both its ends.");
  assert.equal(readPortion(typed({ amount: "120" }), LIMITS).half, undefined);
});

const pressed = (key, given = {}) => nameOf({ key, code: "", ...given });

test("a key has a name, with what is held", () => {
  assert.equal(pressed("Z", { shiftKey: true }), "shift+z");
  assert.equal(pressed("z", { metaKey: true }), "ctrl+z");
  assert.equal(pressed("Z", { ctrlKey: true, shiftKey: true }), "ctrl+shift+z");
  assert.equal(pressed("?", { shiftKey: true }), "?"); // typed with Shift, and still itself
  assert.equal(pressed("ArrowLeft", { shiftKey: true }), "shift+arrowleft");
  assert.equal(nameOf({ key: " ", code: "Space" }), "space");
});

test("D says done and Shift+D downloads, in a project and outside", () => {
  for (const inProject of [false, true]) {
    assert.deepEqual(actionOf("d", { inProject }), ["done"]);
    assert.deepEqual(actionOf("shift+d", { inProject }), ["download"]);
  }
});

test("numbers name the food, in a project and outside", () => {
  for (const inProject of [false, true]) {
    assert.deepEqual(actionOf("1", { inProject }), ["takeNumber", 1]);
    assert.deepEqual(actionOf("9", { inProject }), ["takeNumber", 9]);
    assert.deepEqual(actionOf("0", { inProject }), ["zoomFit"]);
  }
});

test("arrows and Space belong to the canvas", () => {
  const free = { inProject: false, free: true };
  assert.deepEqual(actionOf("arrowup", free), ["moveCrosshair", 0, -1]);
  assert.deepEqual(actionOf("shift+arrowright", free), ["moveCrosshair", 10, 0]);
  assert.deepEqual(actionOf("shift+space", free), ["crosshairPoint", 0]);
  assert.equal(actionOf("arrowup", { inProject: false, free: false }), null);
});

test("Enter goes on from anywhere, and no key means another thing outside a project", () => {
  const keys = [
    "enter",
    "d",
    "shift+d",
    "t",
    "a",
    "i",
    "w",
    "1",
    "6",
    "z",
    "n",
    "u",
    "q",
    "pagedown",
    "delete",
  ];
  for (const free of [false, true]) {
    assert.deepEqual(actionOf("enter", { inProject: false, free }), ["goOn"]);
    for (const key of keys) {
      const outside = actionOf(key, { inProject: false, free });
      if (outside) assert.deepEqual(actionOf(key, { inProject: true, free }), outside, key);
    }
  }
});

test("undo and redo have the keys people know", () => {
  const action = (name) => actionOf(name, { inProject: true })[0];
  assert.deepEqual(["z", "ctrl+z"].map(action), ["undo", "undo"]);
  assert.deepEqual(["y", "ctrl+y", "shift+z", "ctrl+shift+z"].map(action), Array(4).fill("redo"));
});

test("a food without a name shows its best guess as a question", () => {
  const suggestions = [{ label: "fried_rice", probability: 0.87 }];
  assert.deepEqual(guessText(food(2), undefined), { name: "Food 2", detail: "" });
  assert.deepEqual(guessText(food(2), { suggestions, sure: true }), {
    name: "Food 2",
    detail: "fried rice? 87 %",
  });
  const unsure = { name: "Food 2", detail: "not sure: fried rice?" };
  assert.deepEqual(guessText(food(2), { suggestions, sure: false }), unsure);
});

test("in a project a food is called by its label, with its amount", () => {
  const portion = { amount: 120, unit: "g" };
  assert.deepEqual(nameText(food(1, { portion }), { name: "fried_rice" }), {
    name: "fried rice",
    detail: "120 g",
  });
  assert.deepEqual(nameText(food(1), null), { name: "no name yet", detail: "" });
});

test("suggestions are offers while the food has no name", () => {
  assert.equal(offerText(null), "No name yet. Take one, or type a name.");
  assert.equal(offerText({ name: "hamburg" }), "Named “hamburger”.");
});

test("an undo that waits for the store is not saved yet", () => {
  assert.equal(savedText({ saved: "saved", turns: 1 }), "saving");
  assert.equal(savedText({ saved: "not saved", turns: 1 }), "not saved");
  assert.equal(savedText({ saved: "saved", turns: 0 }), "saved");
});

test("the header says what is open", () => {
  const none = { current: null, project: null, reviewing: false, reviewed: null };
  const photo = { name: "a.jpg", width: 64, height: 48 };
  const progress = { new: 2, done: 1, full: 4 };
  assert.deepEqual(titleOf(none), ["No photo open", ""]);
  assert.deepEqual(titleOf({ ...none, project: {} }), ["No photo yet", ""]);
  assert.deepEqual(titleOf({ ...none, current: photo }), ["a.jpg", "64 × 48"]);
  const item = { ...photo, item: 3, position: 1, project: { progress } };
  assert.deepEqual(titleOf({ ...none, current: item }), ["a.jpg", "photo 2 of 7"]);
  assert.deepEqual(titleOf({ ...none, reviewing: true, reviewed: { item: 3, position: 4, photo } }), [
    "a.jpg",
    "photo 5",
  ]);
  assert.deepEqual(
    titleOf({ ...none, reviewing: true, reviewed: { item: null } })[0],
    "Nothing waits for a review",
  );
});

test("times are short, and those under a twentieth of a millisecond left out", () => {
  assert.equal(timingsText({ encode: 0.01, segment: 9.96, classify: 24.6 }), "segment 10.0 · classify 25 ms");
  assert.equal(timingsText(undefined), "");
  assert.equal(secondsText({ encode: 4, classify: 256 }), "answered in 0.3 s");
  assert.equal(secondsText({}), "");
});
