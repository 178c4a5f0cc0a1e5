// The photos of the front page, and what was done on them, are kept in this browser: a reload loses nothing,
// and other tabs show the same.

import { withLabel } from "../project/labels.js";
import {
  addPhoto,
  dropPhotos,
  isPending,
  markKept,
  markUnkept,
  notePhoto,
  setLabels,
  updatePhoto,
} from "../state.js";
import { onTopOf, photoOf, recordOf } from "./records.js";

const CHANNEL = "rvernet-front";

// The label of a name; one that the default label set lacks is added to it on this page.
export function labelFor({ state }, name) {
  const { labels } = state.front;
  const known = labels.named(name);
  if (known) return known;
  const id = 1 + Math.max(0, ...labels.all().map((label) => label.id));
  const label = { id, name, synonyms: [], parent: null, colour: null, code: null };
  setLabels(state, state.front, withLabel(labels, label));
  return label;
}

// Keeps what is on a photo by now. A sample on which nothing was done is there anyway.
export function keepPhoto(page, photo) {
  const { state } = page;
  if (photo.sample && !photo.work.made) return;
  markUnkept(state, photo);
  if (!state.keeping) keepAll(page);
}

export async function keepFile(page, photo) {
  try {
    if (photo.file) await page.database.putFile(photo.id, photo.file);
    keepPhoto(page, photo);
  } catch (error) {
    notKept(page, error);
    markUnkept(page.state, photo);
  }
}

async function keepAll(page) {
  const { state } = page;
  state.set({ keeping: true });
  try {
    for (const photo of state.unkept) await keepOne(page, photo);
    state.set({ kept: "kept" });
  } catch (error) {
    notKept(page, error);
  } finally {
    state.set({ keeping: false });
  }
}

async function keepOne(page, photo) {
  const { state, database } = page;
  markKept(state, photo);
  try {
    const own = recordOf(photo, state.front.labels);
    const kept = await database.changeWork(photo.id, (there) => onTopOf(there, own));
    const othersCame = kept.revision > photo.revision + 1;
    if (!othersCame) notePhoto(photo, { revision: kept.revision });
    else if (!state.unkept.has(photo)) takeOver(page, photo, kept);
    page.channel?.postMessage({ id: photo.id });
  } catch (error) {
    markUnkept(state, photo);
    throw error;
  }
}

const notKept = ({ state }, error) =>
  state.set({ kept: error?.name === "QuotaExceededError" ? "no room" : "no storage" });

// Brings back what this browser kept. Resolves to the photos, oldest first.
export async function restorePhotos(page) {
  const { state, database } = page;
  try {
    const records = (await database.works()).sort((a, b) => a.added - b.added);
    for (const record of records) {
      if (!state.photos.has(record.id))
        addPhoto(
          state,
          photoOf(record, (name) => labelFor(page, name)),
        );
    }
    if (records.length) state.set({ kept: "kept" });
  } catch (error) {
    notKept(page, error);
  }
}

function takeOver(page, photo, record) {
  const { work, revision } = photoOf(record, (name) => labelFor(page, name));
  const { active } = photo.work.present;
  const stays = work.present.foods.some((food) => food.id === active);
  work.present = { ...work.present, active: stays ? active : null, also: [] };
  updatePhoto(page.state, photo, { work, revision });
  page.state.redraw("strip");
}

// What another tab did is shown here too, unless something is under way on that photo: then what was done
// here comes on top of it.
export function listenToTabs(page) {
  if (!globalThis.BroadcastChannel) return;
  const { state } = page;
  page.channel = new BroadcastChannel(CHANNEL);
  page.channel.onmessage = async ({ data }) => {
    if (data.cleared) return dropPhotos(state);
    const record = await page.database.work(data.id).catch(() => null);
    const photo = state.photos.get(data.id);
    if (!record) return;
    if (!photo)
      addPhoto(
        state,
        photoOf(record, (name) => labelFor(page, name)),
      );
    else if (!state.unkept.has(photo) && !isPending(state, photo)) takeOver(page, photo, record);
  };
}

// Nothing is kept of the front page any more.
export async function forgetPhotos(page) {
  await page.database.clear().catch(() => {});
  page.channel?.postMessage({ cleared: true });
  dropPhotos(page.state);
  page.state.set({ kept: null });
}

// Photos with something that only this page has.
export const lostByLeaving = ({ state }) =>
  [...state.unkept].filter(({ sample, work }) => !sample || work.present.foods.length);
