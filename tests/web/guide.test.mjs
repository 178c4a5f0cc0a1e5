import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { actionOf, KEYS, nameOf } from "../../rvernet_app/ui/web/keys.js";
import { hintFor, nextHint } from "../../rvernet_app/ui/web/panels/guide.js";
import { createState } from "../../rvernet_app/ui/web/state.js";
import { withoutKey } from "../../rvernet_app/ui/web/words.js";
import { food, frontPhoto, snapshot } from "./helpers.mjs";

const page = readFileSync(new URL("../../rvernet_app/ui/web/workbench.html", import.meta.url), "utf8");
const help = page.slice(page.indexOf('id="rv-help-sheet"'), page.indexOf('id="rv-projects-sheet"'));

// As a key event has it: "Shift+Z" -> { key: "Z", shiftKey: true }
function pressed(written) {
  const shiftKey = written.startsWith("Shift+");
  const key = (shiftKey ? written.slice(6) : written).replace(" ", "");
  return { key: key === "Space" ? " " : key, code: key === "Space" ? "Space" : "", shiftKey };
}

test("Help names every key, and none that does nothing", () => {
  const named = [...help.matchAll(/<kbd>(.+?)<\/kbd>/g)].map(([, key]) => nameOf(pressed(key)));
  const idle = named.filter((key) => !actionOf(key, { inProject: true, free: true }));
  assert.deepEqual(idle, []);
  const also = ["y", "ctrl+z", "ctrl+y", "ctrl+shift+z", "backspace", "=", "/", "escape", "shift+space"];
  const missing = KEYS.filter((key) => !named.includes(key) && !also.includes(key));
  assert.deepEqual(missing, []);
});

const withFoods = (given, ...foods) => {
  const photo = frontPhoto(given);
  photo.work.present = snapshot(...foods);
  return photo;
};

test("a hint fits what is on the page", () => {
  const fitting = (current, given = {}) => hintFor(createState({ current, ...given }));
  assert.equal(fitting(null), null);
  assert.equal(fitting(withFoods({})), 0);
  assert.equal(fitting(withFoods({}, food(1))), 1);
  assert.equal(fitting(withFoods({}, food(1), food(2, { label: 5 }))), 2);
  assert.equal(fitting(withFoods({ full: true }, food(1))), null);
  assert.equal(fitting(withFoods({}), { reviewing: true }), null);
});

test("hints come in order, each once, and end when the person goes on", () => {
  const seen = [];
  let at = 0;
  for (const fitting of [null, 0, null, 1, 0, 1, 2, null, 2, 0, 1, 2]) {
    const next = nextHint(at, fitting);
    at = next.at;
    seen.push(next.shown);
  }
  assert.deepEqual(seen, [null, 0, null, 1, null, 1, 2, null, 2, null, null, null]);
});

test("a field on a touch screen names no key", () => {
  assert.equal(withoutKey("Type a name (T)"), "Type a name");
  assert.equal(withoutKey("if they are of one"), "if they are of one");
});
