// Blurring faces on a photo of a project: boxes are drawn on it, then they are blurred for good.

import { attempt, busy, complain, status } from "../feedback.js";
import { pictureOf, show } from "../photos.js";
import { tell } from "../server.js";
import { changeListed, updatePhoto } from "../state.js";
import { plural } from "../words.js";

const LEAST_SIDE = 4; // photo pixels; a smaller box is a slip of the hand

export function openBlurring(page) {
  const { find, state } = page;
  if (!state.current?.item) return;
  state.set({ blurring: { photo: state.current, boxes: [], draft: null } });
  find("#rv-blur-sheet").showModal();
  findFaces(page, { quietly: true });
}

const change = ({ state }, changes) => state.set({ blurring: { ...state.blurring, ...changes } });

export const drawBox = (page, draft) => change(page, { draft });

// A box within the photo, in whole pixels; null where it is too small.
export function boxWithin([x0, y0, x1, y1], { width, height }) {
  const clamp = (value, most) => Math.round(Math.min(Math.max(value, 0), most));
  const [left, right] = [x0, x1].map((x) => clamp(x, width)).sort((a, b) => a - b);
  const [top, bottom] = [y0, y1].map((y) => clamp(y, height)).sort((a, b) => a - b);
  return right - left < LEAST_SIDE || bottom - top < LEAST_SIDE ? null : [left, top, right, bottom];
}

export function addBox(page, box) {
  const { photo, boxes } = page.state.blurring;
  const within = boxWithin(box, photo);
  change(page, { draft: null, boxes: within ? [...boxes, within] : boxes });
}

// For the keyboard: a box in the middle, which the arrow keys move.
export function addMiddleBox(page) {
  const { width, height } = page.state.blurring.photo;
  const [x, y, half] = [width / 2, height / 2, Math.min(width, height) / 10];
  addBox(page, [x - half, y - half, x + half, y + half]);
}

export function removeBox(page, index) {
  change(page, { boxes: page.state.blurring.boxes.filter((_, at) => at !== index) });
}

// The arrow keys move a box; with Shift they change its size.
export function nudgeBox(page, index, [dx, dy], resize) {
  const { photo, boxes } = page.state.blurring;
  const step = Math.max(1, Math.round(photo.width / 100));
  const [x0, y0, x1, y1] = boxes[index];
  const [mx, my] = resize ? [0, 0] : [dx * step, dy * step];
  const moved = boxWithin([x0 + mx, y0 + my, x1 + dx * step, y1 + dy * step], photo);
  if (moved) change(page, { boxes: boxes.map((box, at) => (at === index ? moved : box)) });
}

export function findFaces(page, { quietly = false } = {}) {
  return attempt(page, async () => {
    const { project, blurring } = page.state;
    const { photo } = blurring;
    const { boxes, can } = await tell(page, "find_faces", { project: project.id, item: photo.item });
    page.find("#rv-blur-find").hidden = !can;
    if (page.state.blurring?.photo !== photo) return;
    const found = boxes.map((box) => boxWithin(box, photo)).filter(Boolean);
    if (found.length) change(page, { boxes: [...page.state.blurring.boxes, ...found] });
    else if (!quietly) status(page, "No face was found; draw a box by hand");
  });
}

export function blurForGood(page) {
  return attempt(page, async () => {
    const { find, state } = page;
    const { photo, boxes } = state.blurring;
    busy(page, "Blurring…");
    try {
      const asked = { project: state.project.id, item: photo.item };
      const { elsewhere } = await tell(page, "blur_photo", { ...asked, boxes });
      await showBlurred(page, photo);
      find("#rv-blur-sheet").close();
      if (elsewhere)
        complain(page, {
          message: `Blurred here; not in ${plural(elsewhere, "other project")} with this photo.`,
        });
    } finally {
      busy(page, null);
    }
  });
}

// The photo as it is now stands where it stood, with all that is on it.
async function showBlurred(page, photo) {
  const { state } = page;
  const reply = await tell(page, "open_item", { project: state.project.id, item: photo.item });
  updatePhoto(state, photo, { ...reply.photo, image: await pictureOf(reply.photo), encoded: false });
  changeListed(state, photo.item, { thumb: reply.photo.thumb });
  if (state.current !== photo) return;
  state.set({ current: null });
  show(page, photo);
}
