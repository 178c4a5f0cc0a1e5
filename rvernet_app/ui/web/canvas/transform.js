// Where a photo lies on the stage: { scale, x, y, fitted }. The stage is { width, height } in CSS pixels, a
// spot on it [x, y].

import { clamp } from "./geometry.js";

const MARGIN = 24;
const MOST = 40;
const LEAST = 1e-3;

export const fitScale = (photo, stage) =>
  Math.min((stage.width - MARGIN) / photo.width, (stage.height - MARGIN) / photo.height);

export function fitted(photo, stage) {
  const scale = Math.max(fitScale(photo, stage), LEAST);
  return {
    scale,
    x: (stage.width - photo.width * scale) / 2,
    y: (stage.height - photo.height * scale) / 2,
    fitted: true,
  };
}

// Zoomed so that what is under the spot stays there.
export function zoomed(view, [px, py], factor, photo, stage) {
  const scale = Math.min(Math.max(view.scale * factor, fitScale(photo, stage) * 0.5), MOST);
  return {
    scale,
    x: px - ((px - view.x) * scale) / view.scale,
    y: py - ((py - view.y) * scale) / view.scale,
    fitted: false,
  };
}

export const panned = (view, [dx, dy]) => ({ ...view, x: view.x + dx, y: view.y + dy, fitted: false });

// The photo pixel under a spot; null outside the photo.
export function pixelAt(view, [px, py], { width, height }) {
  const [x, y] = [Math.floor((px - view.x) / view.scale), Math.floor((py - view.y) / view.scale)];
  return x >= 0 && y >= 0 && x < width && y < height ? [x, y] : null;
}

// The spot of the middle of a photo pixel.
export const spotOf = (view, [x, y]) => [view.x + (x + 0.5) * view.scale, view.y + (y + 0.5) * view.scale];

// The photo pixel nearest to a spot.
export function nearestPixel(view, [px, py], { width, height }) {
  return [
    clamp(Math.floor((px - view.x) / view.scale), 0, width - 1),
    clamp(Math.floor((py - view.y) / view.scale), 0, height - 1),
  ];
}

// The place under a spot, between pixels, kept within the photo.
export const placeAt = (view, [px, py], { width, height }) => [
  clamp((px - view.x) / view.scale, 0, width),
  clamp((py - view.y) / view.scale, 0, height),
];

// A brush of so many CSS pixels, in photo pixels; the server takes up to `most`.
export const brushRadius = (brush, scale, most = 1000) => Math.min(brush / scale, most);
