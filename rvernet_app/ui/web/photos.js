// Opening photos outside a project, and showing any photo.

import { showOnCanvas } from "./canvas/view.js";
import { complain, status, whileBusy } from "./feedback.js";
import { keep } from "./project/sync.js";
import { ask, served } from "./server.js";
import { addPhoto, notePhoto } from "./state.js";
import { clickWord } from "./words.js";
import { emptyWork } from "./work.js";

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

export async function pictureOf(photo) {
  const image = new Image();
  image.src = served(photo.url);
  await image.decode();
  return image;
}

// The first of the files is shown, the others wait in the strip.
export async function openFiles(page, files) {
  for (const [index, file] of files.entries()) {
    await openPhoto(page, () => uploaded(page, file), index === 0);
  }
}

export const openSample = (page, name) => openPhoto(page, async () => ({ sample: name }), true);

async function openPhoto(page, source, showIt) {
  const { state } = page;
  const seq = showIt ? state.openSeq + 1 : state.openSeq;
  state.set({ openSeq: seq });
  await whileBusy(page, "Opening the photo…", async () => {
    const photo = await ask(page, "open_photo", await source());
    if (!state.photos.has(photo.id)) {
      const image = await pictureOf(photo);
      addPhoto(state, { ...photo, image, work: emptyWork(), encoded: false });
    }
    if (showIt && seq === state.openSeq) show(page, state.photos.get(photo.id));
  });
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

// Encodes the photo before the first click.
async function prepare(page, photo) {
  if (photo.encoded) return;
  status(page, "Preparing the photo…");
  try {
    await ask(page, "prepare", { photo: photo.id });
    notePhoto(photo, { encoded: true });
    if (photo === page.state.current) status(page, `${clickWord()} a food`);
  } catch (error) {
    complain(page, error);
  }
}
