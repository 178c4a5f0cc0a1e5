// One of the evidence's pictures, as large as the window allows. What is about the food is shown around the
// food; what surrounds it, as the whole photo.

import { cropAround } from "../canvas/crops.js";
import { maskPath, pixelRatio } from "../canvas/drawing.js";

const MOST = 6; // CSS pixels for a photo pixel, beyond which nothing more is seen
const SIDES = 90; // CSS pixels that the sheet needs beside the picture
const HEAD = 150; // and above and below it

// The part [x, y, width, height] of the photo that a picture shows.
export function partShown(name, { bbox }, photo, room) {
  const whole = [0, 0, photo.width, photo.height];
  if (name.endsWith("extra_roi")) return whole;
  const [x, y, width, height] = cropAround([bbox], room);
  if (width > photo.width && height > photo.height) return whole;
  const [left, top] = [Math.max(0, x), Math.max(0, y)];
  return [left, top, Math.min(photo.width, x + width) - left, Math.min(photo.height, y + height) - top];
}

// Draws each kind of picture with a pen whose unit is a photo pixel.
const DRAW = {
  roi(pen, { photo, mask }) {
    pen.fillRect(0, 0, photo.width, photo.height);
    pen.clip(maskPath(mask), "evenodd");
    pen.drawImage(photo.image, 0, 0, photo.width, photo.height);
  },
  extra_roi(pen, { photo, mask }) {
    pen.drawImage(photo.image, 0, 0, photo.width, photo.height);
    pen.fill(maskPath(mask), "evenodd");
  },
};
const drawMap = (pen, { photo, source }) => pen.drawImage(source, 0, 0, photo.width, photo.height);

// `source` is the small picture, which the maps are drawn from.
export function drawLarge(canvas, name, { photo, mask, source }) {
  const room = { width: window.innerWidth - SIDES, height: window.innerHeight - HEAD };
  const [x, y, width, height] = partShown(name, mask, photo, room);
  const scale = Math.min(room.width / width, room.height / height, MOST);
  canvas.style.width = `${Math.round(width * scale)}px`;
  canvas.width = Math.round(width * scale * pixelRatio());
  canvas.height = Math.round(height * scale * pixelRatio());
  const pen = canvas.getContext("2d");
  const unit = canvas.width / width;
  pen.setTransform(unit, 0, 0, unit, -x * unit, -y * unit);
  pen.imageSmoothingQuality = "high";
  pen.fillStyle = "#000";
  (DRAW[name] ?? drawMap)(pen, { photo, mask, source });
}
