// All photos of a project: searched, selected, and judged or deleted several at a time.

import { attempt, complain } from "../feedback.js";
import { tell } from "../server.js";
import { changeGrid, changeListed, emptyGrid, setProgress, updatePhoto } from "../state.js";
import { plural } from "../words.js";
import { askAndDelete } from "./deleting.js";
import { openItem } from "./queue.js";
import { reached } from "./sync.js";

const NAMED = 3;

export async function openGrid(page) {
  const { find, state } = page;
  if (!state.project) return;
  find("#rv-projects-sheet").close();
  find("#rv-grid-filters").reset();
  emptyGrid(state);
  if (!find("#rv-grid-sheet").open) find("#rv-grid-sheet").showModal();
  await searchGrid(page, state.grid.filter);
}

// Answers that come after a newer search are dropped.
export function searchGrid(page, filter) {
  const { state } = page;
  changeGrid(state, { filter });
  return attempt(page, async () => {
    const asked = { project: state.project.id, ...filter };
    const [{ items: found }, { items }] = await Promise.all([
      tell(page, "find_items", asked),
      tell(page, "list_items", asked),
    ]);
    if (filter !== state.grid.filter) return;
    const selected = new Set(found.filter((item) => state.grid.selected.has(item)));
    changeGrid(state, { items, found, selected });
  });
}

// The next page; one at a time.
export async function moreOfGrid(page) {
  const { state } = page;
  const { items, found, filter, loading } = state.grid;
  if (loading || items.length >= found.length) return;
  changeGrid(state, { loading: true });
  await attempt(page, async () => {
    const asked = { project: state.project.id, ...filter, after: items.at(-1).position };
    const more = await tell(page, "list_items", asked);
    if (filter === state.grid.filter) changeGrid(state, { items: [...items, ...more.items] });
  });
  changeGrid(state, { loading: false });
}

// Selects a photo, or no longer; with `through` all from the one selected last to this one.
export function toggleInGrid({ state }, item, through = false) {
  const { found, last, selected } = state.grid;
  const [from, to] = [found.indexOf(last), found.indexOf(item)].sort((a, b) => a - b);
  const range = through && from >= 0 ? found.slice(from, to + 1) : [item];
  const add = !selected.has(item);
  const next = new Set(selected);
  for (const each of range) {
    if (add) next.add(each);
    else next.delete(each);
  }
  changeGrid(state, { selected: next, last: item });
}

export const selectAllInGrid = ({ state }) => changeGrid(state, { selected: new Set(state.grid.found) });

export const selectNoneInGrid = ({ state }) => changeGrid(state, { selected: new Set() });

export function openFromGrid(page, item) {
  page.find("#rv-grid-sheet").close();
  return openItem(page, { item });
}

export async function deleteSelected(page) {
  const { state } = page;
  const items = [...state.grid.selected];
  if (await askAndDelete(page, items)) await searchGrid(page, { ...state.grid.filter });
}

// Gives the selected photos a verdict; those that cannot have it are named.
export function judgeSelected(page, verdict, reason = "") {
  const { state } = page;
  const items = [...state.grid.selected];
  return attempt(page, async () => {
    for (const item of items) {
      const photo = state.projectPhotos.get(item);
      if (photo) await reached(page, photo);
    }
    const asked = { project: state.project.id, items, state: verdict, reason };
    const { progress, refused } = await tell(page, "judge_photos", asked);
    setProgress(state, state.project, progress);
    await searchGrid(page, { ...state.grid.filter });
    const states = new Map(state.grid.items.map((entry) => [entry.item, entry.state]));
    const without = new Set(refused.map(({ item }) => item));
    for (const item of items.filter((each) => !without.has(each))) {
      const photo = state.projectPhotos.get(item);
      const now = states.get(item) ?? verdict;
      changeListed(state, item, { state: now });
      if (photo) updatePhoto(state, photo, { state: now });
    }
    if (refused.length) complain(page, new Error(refusedText(refused)));
  });
}

export function refusedText(refused) {
  const named = refused.slice(0, NAMED).map(({ name, why }) => `${name}: ${why}`);
  return `${plural(refused.length, "photo")} stayed as ${refused.length === 1 ? "it is" : "they are"}. ${named.join(" · ")}`;
}
