// A food as the store keeps it, as the page has it, and how the two are compared.

import { maskOf } from "../work.js";

export const DELETED = "deleted";

// What was suggested is kept as it was when the food was named.
export function contentOf(food) {
  const mask = maskOf(food);
  return {
    rle: mask.rle,
    label: food.label ?? null,
    prompts: {
      ...food.origin,
      points: food.points,
      box: food.box,
      edits: food.edits ?? 0,
      score: mask.score,
    },
    segmenter: food.segmenter ?? null,
    checkpoint: food.checkpoint ?? null,
    suggestions: food.suggestions ?? null,
    taken: food.taken ?? null,
    portion: food.portion ?? null,
    note: food.note ?? "",
  };
}

// The text by which contents are compared. A database may return names in another order than it got them.
export function textOf(content) {
  const inOrder = (_, value) =>
    value?.constructor === Object ? Object.fromEntries(Object.entries(value).sort()) : value;
  return JSON.stringify(content, inOrder);
}

// As the store would send it, for keeping it in the browser.
export const rowOf = (food) => ({
  ...contentOf(food),
  polygons: maskOf(food).polygons,
  bbox: maskOf(food).bbox,
});

// A food of the store as one on the page. `masks` (counts -> mask) holds those the page knows: to a mask that
// is the same object belongs the evidence already shown of it.
export function foodOf(row, id, masks = new Map()) {
  const { points = [], box = null, edits = 0, score = null } = row.prompts;
  const fresh = { rle: row.rle, polygons: row.polygons, bbox: row.bbox, score };
  return {
    id,
    points,
    box,
    candidates: [masks.get(row.rle.counts) ?? fresh],
    chosen: 0,
    token: null,
    origin: row.prompts,
    edits,
    label: row.label,
    segmenter: row.segmenter,
    checkpoint: row.checkpoint,
    suggestions: row.suggestions,
    taken: row.taken,
    portion: row.portion,
    note: row.note,
  };
}

// What turns one set of contents (id -> text) into these foods: foods to save, and ids of foods to delete.
export function differences(foods, contents) {
  const here = new Set(foods.map((food) => food.id));
  const changed = foods.filter((food) => contents.get(food.id) !== textOf(contentOf(food)));
  const gone = [...contents].filter(([id, content]) => content !== DELETED && !here.has(id));
  return [...changed.map((food) => ({ id: food.id, food })), ...gone.map(([id]) => ({ id, food: null }))];
}

// Whether what one wants to save is what someone else saved meanwhile; `content` is null for a deletion.
export function saysTheSame(content, theirs) {
  if (!content || theirs.status === DELETED) return !content && theirs.status === DELETED;
  const fields = ["amount", "unit", "method", "low", "high"];
  return (
    fields.every((name) => (content.portion?.[name] ?? null) === theirs[name]) &&
    content.rle.counts === theirs.counts &&
    content.label === theirs.label_id &&
    content.note === theirs.note
  );
}
