// Steps that the store does not have yet are kept in this tab's session storage too: after a reload, or a
// log-in on the way, they are sent as the steps they were. Another tab has a storage of its own and never
// sends them twice.

import { nextId, withFoods } from "../work.js";
import { contentOf, DELETED, foodOf, rowOf, textOf } from "./contents.js";
import { newStep, pendingSteps, replay } from "./outbox.js";

const PREFIX = "rvernet-unsaved-";

// What is kept of a photo; null where nothing waits. `key` is the page's number of a food, `known` what the
// store has of it, `row` the food as it shall be, null to delete it.
export function stashOf(photo) {
  const steps = pendingSteps(photo).filter(({ changes }) => changes.length);
  if (!steps.length) return null;
  return {
    me: photo.me,
    project: photo.project.id,
    item: photo.item,
    sent: photo.sent && { key: photo.sent.id, text: photo.sent.text },
    steps: steps.map(({ step, changes }) => ({
      step,
      changes: changes.map(({ id, food }) => ({
        key: id,
        known: photo.stored.has(id) ? placeOf(photo.stored.get(id)) : null,
        row: food && rowOf(food),
      })),
    })),
  };
}

// Before steps had ids, a stash was one list of foods.
export function upgraded(kept) {
  if (kept.steps) return kept;
  const changes = kept.foods.map(({ known, row }, index) => ({ key: `old ${index}`, known, row }));
  const sent = kept.foods.findIndex((food) => food.sent);
  return {
    ...kept,
    steps: [{ step: newStep(), changes }],
    sent: sent < 0 ? null : { key: `old ${sent}`, text: kept.foods[sent].sent },
  };
}

// Puts what was kept on a photo newly told by the store.
export function restore(photo, stash) {
  const kept = upgraded(stash);
  const numbers = new Map();
  const arrived = kept.sent && [...photo.stored].find(([, { content }]) => content === kept.sent.text);
  if (arrived) numbers.set(kept.sent.key, arrived[0]);
  const steps = kept.steps.map(({ step, changes }) => ({
    step,
    changes: changes.flatMap((change) => {
      const id = numberOf(photo, numbers, change);
      return id === null ? [] : [{ id, food: change.row && foodOf(change.row, id, photo.masks) }];
    }),
  }));
  photo.outbox = replay(photo.work.present.foods, steps);
  photo.work.present = withFoods(photo.work.present, photo.outbox.at(-1).foods);
  if (kept.sent && !arrived) photo.sent = { id: numbers.get(kept.sent.key), text: kept.sent.text };
}

// The page's number of a food that was kept; null for one that is gone and shall go. Where the store has
// something else by now than the change makes, the change is sent from the revision it was made from: then
// the store says whether someone else was there meanwhile.
function numberOf(photo, numbers, { key, known, row }) {
  if (numbers.has(key)) return numbers.get(key);
  const there = known && [...photo.stored].find(([, { id }]) => id === known.id)?.[0];
  const number = there ?? (row ? nextId(photo.work) : null);
  numbers.set(key, number);
  if (!known || number === null) return number;
  const { content, ...stored } = photo.stored.get(number) ?? { content: DELETED };
  const wanted = row && textOf(contentOf(foodOf(row, number)));
  if (wanted !== content) photo.stored.set(number, { ...stored, content, ...placeOf(known) });
  return number;
}

const placeOf = ({ id, revision }) => ({ id, revision });

// False where the browser has no room or no storage.
export function writeStash(photo, storage = sessionStorage) {
  try {
    const stash = stashOf(photo);
    if (stash) storage.setItem(PREFIX + photo.item, JSON.stringify(stash));
    else storage.removeItem(PREFIX + photo.item);
    return true;
  } catch {
    return false;
  }
}

export function dropStash(item, storage = globalThis.sessionStorage) {
  try {
    storage.removeItem(PREFIX + item);
  } catch {
    // no storage, and nothing in it
  }
}

export function readStashes(annotator, storage = sessionStorage) {
  try {
    const keys = Array.from({ length: storage.length }, (_, index) => storage.key(index));
    const kept = keys.filter((key) => key.startsWith(PREFIX)).map((key) => JSON.parse(storage.getItem(key)));
    return kept.filter(({ me }) => me === annotator);
  } catch {
    return [];
  }
}
