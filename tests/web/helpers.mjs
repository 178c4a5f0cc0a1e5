// Small foods and photos, and a store that keeps what it is told.

import { webcrypto } from "node:crypto";
import { emptyRecord } from "../../rvernet_app/ui/web/project/outbox.js";
import { createState } from "../../rvernet_app/ui/web/state.js";
import { emptyWork } from "../../rvernet_app/ui/web/work.js";

globalThis.crypto ??= webcrypto; // Node 18 has it under another name

// A square of 10 x 10 pixels; `name` tells one mask from another.
export const mask = (name, x = 0, y = 0) => ({
  rle: { size: [100, 100], counts: name },
  polygons: [[x, y, x + 10, y, x + 10, y + 10, x, y + 10]],
  bbox: [x, y, 10, 10],
  score: 0.9,
});

// COCO's compressed RLE of run lengths.
export function countsOf(lengths) {
  return lengths
    .map((length, index) => {
      let [left, text] = [index > 2 ? length - lengths[index - 2] : length, ""];
      for (let more = true; more; ) {
        const code = left & 0x1f;
        left >>= 5;
        more = code & 0x10 ? left !== -1 : left !== 0;
        text += String.fromCharCode(48 + code + (more ? 0x20 : 0));
      }
      return text;
    })
    .join("");
}

// A mask of a box in a photo of 100 x 100 pixels, with the RLE that the store would give it.
export function boxMask(x, y, width, height) {
  const runs = [100 * x + y];
  for (let column = 0; column < width; column++) runs.push(height, 100 - height);
  runs[runs.length - 1] += 100 * (100 - x - width) - y;
  const corners = [x, y, x + width, y, x + width, y + height, x, y + height];
  return {
    rle: { size: [100, 100], counts: countsOf(runs) },
    polygons: [corners],
    bbox: [x, y, width, height],
    score: 0.9,
  };
}

export const boxFood = (id, box, given = {}) => food(id, { candidates: [boxMask(...box)], ...given });

export const food = (id, given = {}) => ({
  id,
  points: [],
  box: null,
  candidates: [mask(`mask ${id}`)],
  chosen: 0,
  token: null,
  ...given,
});

export const frontPhoto = (given = {}) => ({
  id: "sha",
  name: "lunch.jpg",
  width: 100,
  height: 100,
  work: emptyWork(),
  ...given,
});

export function projectPhoto(given = {}) {
  const project = { id: 7, labels: { get: () => null }, progress: {} };
  return { ...frontPhoto(), item: 3, position: 0, me: "Ann", project, ...emptyRecord(), ...given };
}

// A step with foods, as a person makes it.
export const snapshot = (...foods) => ({ foods, active: foods.at(-1)?.id ?? null });

// A store of one photo. It knows revisions, refuses stale ones, undoes whole steps, and no step twice.
export class FakeStore {
  constructor() {
    this.rows = new Map(); // id -> row
    this.told = []; // [name, message]
    this.down = false;
    this.losesAnswers = false;
    this.removed = new Map(); // label -> what it was merged into
    this.lastId = 100;
    this.steps = []; // { step, before } to undo
    this.undoneSteps = [];
    this.walked = new Set(); // names of undos and redos
  }

  foods = () => [...this.rows.values()].filter(({ status }) => status !== "deleted");

  server = {
    save_food: async (message) => this.#answer("save_food", message, () => this.#save(message)),
    delete_food: async (message) => this.#answer("delete_food", message, () => this.#delete(message)),
    open_item: async (message) => this.#answer("open_item", message, () => ({ foods: this.foods() })),
    undo_food: async (message) =>
      this.#answer("undo_food", message, () => this.#walk("steps", "undoneSteps", message.step)),
    redo_food: async (message) =>
      this.#answer("redo_food", message, () => this.#walk("undoneSteps", "steps", message.step)),
  };

  async #answer(name, message, act) {
    if (this.down) throw new Error("no connection");
    this.told.push([name, JSON.parse(JSON.stringify(message))]);
    const reply = act();
    if (this.losesAnswers) throw new Error("the answer was lost");
    return JSON.parse(JSON.stringify(reply));
  }

  #remember(step) {
    this.undoneSteps = [];
    if (this.steps.at(-1)?.step !== step) this.steps.push({ step, rows: this.#copy() });
  }

  #copy = () => new Map([...this.rows].map(([id, row]) => [id, { ...row }]));

  #walk(from, to, step) {
    if (this.walked.has(step)) return { undone: true, foods: this.foods() };
    const last = this[from].pop();
    if (!last) return { undone: false, foods: this.foods() };
    this.walked.add(step);
    this[to].push({ step: last.step, rows: this.#copy() });
    const now = this.rows;
    this.rows = last.rows;
    for (const [id, row] of now) {
      const back = this.rows.get(id) ?? { ...row, status: "deleted" };
      this.rows.set(id, { ...back, revision: row.revision + 1 });
    }
    return { undone: true, foods: this.foods() };
  }

  #save({ id, revision, step, me, item, ...content }) {
    const known = this.rows.get(id);
    if (known && known.revision !== revision) return { error: "changed", conflict: asConflict(known) };
    this.#remember(step);
    const place = { id: id ?? ++this.lastId, revision: (known?.revision ?? 0) + 1, status: "saved" };
    if (this.removed.has(content.label)) content.label = this.removed.get(content.label);
    const { rle } = content;
    this.rows.set(place.id, {
      ...content,
      ...place,
      polygons: [[0, 0, 1, 0, 1, 1]],
      bbox: [0, 0, 1, 1],
      rle,
    });
    return { ...place, label: content.label };
  }

  #delete({ id, revision, step }) {
    const known = this.rows.get(id);
    if (known.revision !== revision) return { error: "changed", conflict: asConflict(known) };
    this.#remember(step);
    this.rows.set(id, { ...known, status: "deleted", revision: revision + 1 });
    return { id, revision: revision + 1 };
  }
}

const asConflict = ({ label, rle, portion, ...row }) => ({
  ...row,
  label_id: label,
  counts: rle.counts,
  ...(portion ?? { amount: null, unit: null, method: null, low: null, high: null }),
});

// What the modules need of a page, without a document: elements only take what they are given.
export function fakePage(server, given = {}) {
  const elements = new Map();
  const find = (selector) => {
    if (!elements.has(selector))
      elements.set(selector, { dataset: {}, append: () => {}, matches: () => false });
    return elements.get(selector);
  };
  const state = createState({ annotator: "Ann", ...given });
  return { find, server, state, root: { dataset: {} }, trigger: () => {} };
}

export function fakeStorage() {
  const kept = new Map();
  return {
    get length() {
      return kept.size;
    },
    key: (index) => [...kept.keys()][index],
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => kept.set(name, value),
    removeItem: (name) => kept.delete(name),
  };
}

export async function until(isTrue) {
  for (let tries = 0; !isTrue(); tries++) {
    if (tries > 500) throw new Error("it never came to be");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
