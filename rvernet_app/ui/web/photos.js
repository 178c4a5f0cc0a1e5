// Opening photos outside a project, and showing any photo.

import { showOnCanvas } from "./canvas/view.js";
import { complain, status, whileBusy } from "./feedback.js";
import { keepFile } from "./front/keeping.js";
import { newRecord } from "./front/records.js";
import { keep } from "./project/sync.js";
import { ask, served } from "./server.js";
import { addPhoto, notePhoto } from "./state.js";
import { remember } from "./storage.js";
import { clickWord, percent } from "./words.js";

const PART = 0.9; // of the largest upload that the server takes

// Sends a file to the server, which is then asked to open it.
export async function uploaded({ props, upload }, file) {
  const megabytes = file.size / 1e6;
  if (megabytes > props.max_photo_mb) {
    const limit = `the limit of ${props.max_photo_mb} MB`;
    throw new Error(
      `This file has ${megabytes.toFixed(1)} MB, over ${limit}; ` +
        "save the photo smaller or at a lower quality and open that.",
    );
  }
  return { path: (await upload(file)).path, name: file.name || "pasted photo" };
}

// Sends a file of any size in parts that the server takes; `progress` is told the share that is sent.
export async function uploadedParts({ props, upload }, file, progress = () => {}) {
  const size = Math.floor(props.max_photo_mb * 1e6 * PART);
  const paths = [];
  for (let start = 0; start === 0 || start < file.size; start += size) {
    const part = new File([file.slice(start, start + size)], "part");
    paths.push((await upload(part)).path);
    progress(percent(Math.min(1, (start + size) / Math.max(1, file.size))));
  }
  return paths;
}

export async function pictureOf(photo) {
  const image = new Image();
  image.src = served(photo.url);
  await image.decode();
  return image;
}

// The first of the files is shown, the others wait in the strip.
export async function openFiles(page, files) {
  page.state.set({ opening: page.state.opening + files.length });
  for (const [index, file] of files.entries()) {
    await openPhoto(page, () => uploaded(page, file), index === 0, file);
    page.state.set({ opening: page.state.opening - 1 });
  }
}

export const openSample = (page, name) => openPhoto(page, async () => ({ sample: name }), true);

async function openPhoto(page, source, showIt, file = null) {
  const { state } = page;
  const seq = showIt ? state.openSeq + 1 : state.openSeq;
  state.set({ openSeq: seq });
  await whileBusy(page, "Opening the photo…", async () => {
    const opened = await ask(page, "open_photo", await source());
    const known = state.photos.get(opened.id);
    if (known) await giveImage(known, opened);
    else {
      const photo = { ...newRecord(opened), file, image: await pictureOf(opened), encoded: false };
      addPhoto(state, photo);
      keepFile(page, photo);
    }
    if (showIt && seq === state.openSeq) show(page, state.photos.get(opened.id));
  });
}

async function giveImage(photo, { url }) {
  if (!photo.image) notePhoto(photo, { url, image: await pictureOf({ url }) });
}

// Shows a photo of the front page. One that the browser kept is opened on the server first.
export async function showPhoto(page, photo) {
  const { state } = page;
  if (photo.image) return show(page, photo);
  const seq = state.openSeq + 1;
  state.set({ openSeq: seq });
  await whileBusy(page, "Opening the photo…", async () => {
    await giveImage(photo, await openAgain(page, photo));
    if (seq === state.openSeq) show(page, photo);
  });
}

// The server keeps an opened photo for a day; after that the file goes there again.
export async function openAgain(page, photo) {
  const { id, name, sample } = photo;
  if (sample) return ask(page, "open_photo", { sample });
  try {
    return await ask(page, "open_photo", { photo: id, name });
  } catch (error) {
    if (error.unanswered) throw error;
    return ask(page, "open_photo", { ...(await uploaded(page, await fileOf(page, photo))), name });
  }
}

export async function fileOf(page, photo) {
  const file = photo.file ?? (await page.database.file(photo.id));
  if (!file) throw new Error(`${photo.name} is not kept in this browser any more; open it again.`);
  return file;
}

export function show(page, photo) {
  const { state } = page;
  if (state.current === photo) return;
  leaveFields();
  state.set({
    openSeq: state.openSeq + 1,
    current: photo,
    draftBox: null,
    crosshair: null,
    corners: [],
    startNext: false,
  });
  if (!photo.item) remember("rvernet-photo", photo.id);
  showOnCanvas(page, photo, photo.image);
  keep(page, photo);
  prepare(page, photo);
}

// No photo is open.
export function close({ state }) {
  state.set({ openSeq: state.openSeq + 1, current: null });
}

// What is typed in a field of a food is the food's once the field is left.
export function leaveFields() {
  const field = document.activeElement;
  if (field?.closest?.(".rv-naming")) field.blur();
}

const isUntouched = ({ drafts }, photo) =>
  !photo.work.present.foods.length && !drafts.some((draft) => draft.photo === photo);

// Encodes the photo before the first click.
async function prepare(page, photo) {
  if (photo.encoded) return;
  status(page, "Preparing the photo…");
  try {
    await ask(page, "prepare", { photo: photo.id });
    notePhoto(photo, { encoded: true });
    if (photo === page.state.current)
      status(page, isUntouched(page.state, photo) ? `${clickWord()} a food` : "");
  } catch (error) {
    complain(page, error);
  }
}
