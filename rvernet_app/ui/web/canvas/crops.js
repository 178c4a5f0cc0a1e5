// Small pictures of a food: the photo around its mask, with the mask drawn.

import { maskPath, pixelRatio } from "./drawing.js";

const MARGIN = 0.18; // of the longer side, left free around the food
const DIM = "rgb(0 0 0 / 45%)";

// The part [x, y, width, height] of a photo that shows boxes [x, y, width, height], in the shape of a picture.
export function cropAround(boxes, { width, height }) {
  const left = Math.min(...boxes.map(([x]) => x));
  const top = Math.min(...boxes.map(([, y]) => y));
  const right = Math.max(...boxes.map(([x, , w]) => x + w));
  const bottom = Math.max(...boxes.map(([, y, , h]) => y + h));
  const margin = MARGIN * Math.max(right - left, bottom - top);
  const [wide, high] = [right - left + 2 * margin, bottom - top + 2 * margin];
  const unit = Math.max(wide / width, high / height);
  const [w, h] = [unit * width, unit * height];
  return [(left + right - w) / 2, (top + bottom - h) / 2, w, h];
}

// Draws that part of the photo on a canvas, dark outside the mask, which has an outline of its colour.
export function drawCrop(canvas, { photo, mask, colour, crop: [x, y, width] }) {
  const pen = canvas.getContext("2d");
  const scale = canvas.width / width;
  pen.setTransform(scale, 0, 0, scale, -x * scale, -y * scale);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(photo.image, 0, 0, photo.width, photo.height);
  const around = new Path2D();
  around.rect(0, 0, photo.width, photo.height);
  around.addPath(maskPath(mask));
  pen.fillStyle = DIM;
  pen.fill(around, "evenodd");
  pen.lineJoin = "round";
  for (const [style, thick] of [
    ["#fff", 3],
    [colour, 1.8],
  ]) {
    pen.strokeStyle = style;
    pen.lineWidth = (thick * pixelRatio()) / scale;
    pen.stroke(maskPath(mask));
  }
}

// Makes pictures of masks, `size` { width, height } in CSS pixels, and draws each only once.
export function createCrops(size) {
  const known = new WeakMap(); // mask -> { node, key }
  return function cropOf(photo, mask, colour, boxes = [mask.bbox]) {
    const key = JSON.stringify([colour, boxes]);
    if (known.get(mask)?.key === key) return known.get(mask).node;
    const node = document.createElement("canvas");
    node.width = size.width * pixelRatio();
    node.height = size.height * pixelRatio();
    node.setAttribute("aria-hidden", "true");
    drawCrop(node, { photo, mask, colour, crop: cropAround(boxes, size) });
    known.set(mask, { node, key });
    return node;
  };
}
