// The photos of a queue that the strip lists, a page at a time.

import { tell } from "../server.js";
import { changeListed, isFiltered, updatePhoto } from "../state.js";

const LISTED = 60; // photos of a page of the list
const BEFORE = 10; // photos in front of the open one that are listed with it

export async function listFirst(page) {
  page.state.set({ listed: await itemsAfter(page, -1, page.state.filter) });
}

export async function listMore(page) {
  const { listed, filter } = page.state;
  const items = await itemsAfter(page, listed.at(-1)?.position ?? -1, filter);
  page.state.set({ listed: [...listed, ...items] });
}

// The photos around the one that is open; a filter says by itself what it lists.
export async function listAround(page, position) {
  if (isFiltered(page.state)) return;
  page.state.set({ listed: await itemsAfter(page, position - BEFORE - 1) });
}

export async function listEarlier(page) {
  const { listed } = page.state;
  const first = listed[0].position;
  const items = await itemsAfter(page, first - LISTED - 1);
  page.state.set({ listed: [...items.filter((each) => each.position < first), ...listed] });
}

async function itemsAfter(page, after, filter = {}) {
  const { items } = await tell(page, "list_items", { project: page.state.project.id, after, ...filter });
  return items;
}

// The strip says how many foods a photo has by now, and that it is begun.
export function noteFoods({ state }, photo) {
  if (photo.state === "new" && photo.stored.size) updatePhoto(state, photo, { state: "open" });
  changeListed(state, photo.item, { foods: photo.work.present.foods.length, state: photo.state });
}
