import assert from "node:assert/strict";
import { test } from "node:test";
import { isChanged, mayLeave, rememberFilled } from "../../rvernet_app/ui/web/leaving.js";
import { createLabelField, createUntaken } from "../../rvernet_app/ui/web/panels/label-field.js";
import { createLabelSet } from "../../rvernet_app/ui/web/project/labels.js";

const [photo, other] = [{}, {}];

test("what was typed for a food is kept for that food alone", () => {
  const untaken = createUntaken();
  untaken.keep({ photo, id: 1 }, "chick", "");
  assert.equal(untaken.of({ photo, id: 1 }, ""), "chick");
  assert.equal(untaken.of({ photo, id: 2 }, ""), null);
  assert.equal(untaken.of({ photo: other, id: 1 }, ""), null);
  assert.equal(untaken.of(null, ""), null);
});

test("what was typed goes once it is dropped or the food has another name", () => {
  const untaken = createUntaken();
  untaken.keep({ photo, id: 1 }, "chick", "");
  assert.equal(untaken.of({ photo, id: 1 }, "Rice"), null);
  untaken.drop({ photo, id: 1 });
  assert.equal(untaken.of({ photo, id: 1 }, ""), null);
});

test("a synonym and a name that two labels share are the name of no one label", () => {
  const labels = createLabelSet([
    { id: 1, name: "Rice", synonyms: ["pilaf"] },
    { id: 2, name: "soup", synonyms: [] },
    { id: 3, name: "Soup", synonyms: [] },
  ]);
  assert.equal(labels.onlyNamed("rice").id, 1);
  assert.equal(labels.onlyNamed("pilaf"), null);
  assert.equal(labels.onlyNamed("soup"), null);
});

class Input extends EventTarget {
  value = "";
  select() {}
  setAttribute() {}
}

function labelField() {
  const input = new Input();
  globalThis.document = { activeElement: null };
  const said = [];
  const says = { textContent: "" };
  const field = createLabelField(
    { input, list: { replaceChildren() {} }, says },
    {
      search: () => new Promise(() => {}),
      named: (typed) => (typed === "Rice" ? { id: 7, name: "Rice" } : null),
      left: (label) => said.push(label?.id ?? null),
    },
  );
  const type = (text) => {
    document.activeElement = input;
    input.value = text;
    input.dispatchEvent(new Event("input"));
  };
  const leave = () => {
    document.activeElement = null;
    input.dispatchEvent(new Event("blur"));
  };
  return { input, field, says, said, type, leave };
}

test("a name left without Enter stays with its food, which says that it is not taken", () => {
  const { input, field, says, said, type, leave } = labelField();
  field.show("", { photo, id: 1 });
  type("chick");
  leave();
  field.show("", { photo: other, id: 1 });
  assert.equal(input.value, "");
  assert.equal(says.textContent, "");
  field.show("", { photo, id: 1 });
  assert.equal(input.value, "chick");
  assert.equal(says.textContent, "Not taken yet: press Enter, or choose a label.");
  assert.deepEqual(said, [null]);
});

test("the next photo keeps what is typed for the one before", () => {
  const { input, field, type } = labelField();
  field.show("", { photo, id: 1 });
  type("chick");
  field.show("Soup", { photo: other, id: 1 });
  assert.equal(input.value, "Soup");
  field.show("", { photo, id: 1 });
  assert.equal(input.value, "chick");
});

test("the whole name of a label is taken when the field is left", () => {
  const { field, said, type, leave } = labelField();
  field.show("", { photo, id: 1 });
  type("Rice");
  leave();
  assert.deepEqual(said, [7]);
});

test("a form is changed once it differs from what it was filled with", async () => {
  globalThis.FormData = class {
    constructor(form) {
      this.form = form;
    }
    *[Symbol.iterator]() {
      yield* Object.entries(this.form.values);
    }
  };
  const form = { dataset: {}, values: { name: "Rice" } };
  assert.equal(isChanged(form), false);
  rememberFilled(form);
  assert.equal(await mayLeave({}, form), true);
  form.values.name = "Ric";
  assert.equal(isChanged(form), true);
});
