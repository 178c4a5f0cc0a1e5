// The changes of a project's photo on their way to the store. Each thing a person does is one step: the foods
// as they are afterwards, and an id by which the store knows what belongs together.

import { dropFood, maskOf, nextId, putFood, withFoods } from "../work.js";
import { contentOf, DELETED, differences, foodOf, textOf } from "./contents.js";

// crypto.randomUUID exists on https and localhost only; a team's server may be plain http.
export function newStep(source = globalThis.crypto) {
  if (source.randomUUID) return source.randomUUID();
  const bytes = [...source.getRandomValues(new Uint8Array(16))];
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

// What a photo of a project has besides its foods. `stored` holds what the store has of each food, by the
// page's number; foods that were deleted stay in it, because an undo brings them back.
export const emptyRecord = () => ({ outbox: [], stored: new Map(), masks: new Map(), sent: null });

export function commitStep(photo, snapshot, step = newStep()) {
  photo.work.present = snapshot;
  photo.outbox.push({ step, foods: snapshot.foods });
  for (const food of snapshot.foods) photo.masks.set(maskOf(food).rle.counts, maskOf(food));
}

// The oldest step is in the store.
export function finishStep(photo) {
  photo.outbox.shift();
}

// A new food is on its way, so that it can be found again when no answer comes; null once one came.
export function noteSent(photo, sent) {
  photo.sent = sent;
}

// What the store has of a food by now.
export function noteStored(photo, id, known) {
  photo.stored.set(id, known);
}

const storedContents = ({ stored }) => new Map([...stored].map(([id, { content }]) => [id, content]));

// What the oldest step still lacks in the store; null where it is done.
export const nextDifference = (photo) => differences(photo.outbox[0].foods, storedContents(photo))[0] ?? null;

// Each waiting step with what it changes of the one before.
export function pendingSteps(photo) {
  const contents = storedContents(photo);
  return photo.outbox.map(({ step, foods }) => {
    const changes = differences(foods, contents);
    for (const { id, food } of changes) contents.set(id, food ? textOf(contentOf(food)) : DELETED);
    return { step, changes };
  });
}

// The same steps made again on other foods.
export function replay(foods, steps) {
  let present = foods;
  return steps.map(({ step, changes }) => {
    for (const { id, food } of changes) present = food ? putFood(present, food) : dropFood(present, id);
    return { step, foods: present };
  });
}

// The photo's foods become those the store has; steps that still wait are made again on them. A food the page
// has had before keeps its number, a mask its evidence.
export function takeOver(photo, rows) {
  const waiting = pendingSteps(photo);
  const numbers = new Map([...photo.stored].map(([number, { id }]) => [id, number]));
  const foods = rows.map((row) => foodOf(row, numbers.get(row.id) ?? nextId(photo.work), photo.masks));
  for (const food of foods) photo.masks.set(maskOf(food).rle.counts, maskOf(food));
  for (const known of photo.stored.values()) known.content = DELETED;
  rows.forEach((row, index) => {
    const content = textOf(contentOf(foods[index]));
    photo.stored.set(foods[index].id, { id: row.id, revision: row.revision, status: row.status, content });
  });
  photo.outbox = replay(foods, waiting);
  photo.work.present = withFoods(photo.work.present, photo.outbox.at(-1)?.foods ?? foods);
}

// A food as someone else has it takes the place of one's own, in all steps that wait too; null deletes it.
export function replaceEverywhere(photo, id, food) {
  const replaced = (foods) => (food ? putFood(foods, food) : dropFood(foods, id));
  for (const entry of photo.outbox) entry.foods = replaced(entry.foods);
  photo.work.present = withFoods(photo.work.present, replaced(photo.work.present.foods));
}

// A food gets another label in all steps that wait, unless they give it a newer one.
export function relabelEverywhere(photo, id, label) {
  const before = photo.outbox[0].foods.find((food) => food.id === id).label;
  const relabelled = (foods) =>
    foods.map((food) => (food.id === id && food.label === before ? { ...food, label } : food));
  for (const entry of photo.outbox) entry.foods = relabelled(entry.foods);
  photo.work.present = withFoods(photo.work.present, relabelled(photo.work.present.foods));
}
