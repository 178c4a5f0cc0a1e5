import assert from "node:assert/strict";
import { test } from "node:test";
import { actionOf, nameOf } from "../../rvernet_app/ui/web/keys.js";
import { secondsText, timingsText } from "../../rvernet_app/ui/web/panels/evidence.js";
import { guessText, nameText } from "../../rvernet_app/ui/web/panels/foods.js";
import { savedText, titleOf } from "../../rvernet_app/ui/web/panels/header.js";
import { faultOf, isHalf, readPortion } from "../../rvernet_app/ui/web/panels/portion.js";
import { food } from "./helpers.mjs";

const typed = (given) => ({ amount: "", unit: "g", method: "weighed", low: "", high: "", ...given });

test("what is typed is a portion once it has an amount", () => {
  assert.equal(readPortion(typed()), null);
  assert.deepEqual(readPortion(typed({ amount: "12.5" })), {
    amount: 12.5,
    unit: "g",
    method: "weighed",
    low: null,
    high: null,
  });
  assert.equal(readPortion(typed({ amount: "0", low: "0", high: "2" })).high, 2);
});

test("an amount of 0 is one; a negative one and a text are none", () => {
  assert.equal(faultOf(typed({ amount: "0" })), null);
  assert.equal(faultOf(typed({ amount: "-1" })), "The amount is a number from 0 on.");
  assert.equal(faultOf(typed({ amount: "abc" })), "The amount is a number from 0 on.");
  assert.equal(faultOf(typed(), ["amount"]), "An amount is a number.");
});

test("a range holds its amount", () => {
  const range = (low, high) => faultOf(typed({ amount: "120", low, high }));
  assert.equal(range("100", "160"), null);
  assert.equal(range("120", "120"), null);
  assert.equal(range("150", "160"), "The range does not hold 120.");
  assert.equal(range("160", "100"), "The range does not hold 120.");
  assert.equal(range("-5", "160"), "The range does not hold 120.");
});

test("a range needs an amount; half of one is still being typed", () => {
  assert.equal(faultOf(typed({ low: "5" })), "A range needs the amount it is around.");
  assert.equal(faultOf(typed({ amount: "120", low: "150" })), null);
  assert.equal(isHalf(readPortion(typed({ amount: "120", low: "150" }))), true);
  assert.equal(isHalf(readPortion(typed({ amount: "120" }))), false);
  assert.equal(isHalf(null), false);
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

test("D downloads, and in a project says done", () => {
  assert.deepEqual(actionOf("d", { inProject: false }), ["download"]);
  assert.deepEqual(actionOf("d", { inProject: true }), ["done"]);
});

test("numbers explain suggestions, and in a project take them", () => {
  assert.deepEqual(actionOf("1", { inProject: false }), ["explainSuggestion", 0]);
  assert.equal(actionOf("6", { inProject: false }), null);
  assert.deepEqual(actionOf("1", { inProject: true }), ["takeNumber", 1]);
  assert.deepEqual(actionOf("9", { inProject: true }), ["takeNumber", 9]);
  assert.deepEqual(actionOf("0", { inProject: true }), ["zoomFit"]);
});

test("arrows and Space belong to the canvas", () => {
  const free = { inProject: false, free: true };
  assert.deepEqual(actionOf("arrowup", free), ["moveCrosshair", 0, -1]);
  assert.deepEqual(actionOf("shift+arrowright", free), ["moveCrosshair", 10, 0]);
  assert.deepEqual(actionOf("shift+space", free), ["crosshairPoint", 0]);
  assert.equal(actionOf("arrowup", { inProject: false, free: false }), null);
});

test("Enter goes on to the next food, in a project from anywhere", () => {
  assert.deepEqual(actionOf("enter", { inProject: false, free: true }), ["goOn"]);
  assert.equal(actionOf("enter", { inProject: false, free: false }), null);
  assert.deepEqual(actionOf("enter", { inProject: true, free: false }), ["goOn"]);
});

test("undo and redo have the keys people know", () => {
  const action = (name) => actionOf(name, { inProject: true })[0];
  assert.deepEqual(["z", "ctrl+z"].map(action), ["undo", "undo"]);
  assert.deepEqual(["y", "ctrl+y", "shift+z", "ctrl+shift+z"].map(action), Array(4).fill("redo"));
});

test("on the front page a food is called by its best guess, when that is sure", () => {
  const suggestions = [{ label: "fried_rice", probability: 0.87 }];
  assert.deepEqual(guessText(food(2), undefined), { name: "Food 2", detail: "" });
  assert.deepEqual(guessText(food(2), { suggestions, sure: true }), { name: "fried rice", detail: "87 %" });
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
