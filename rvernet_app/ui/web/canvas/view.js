// Showing a photo on the canvas, zooming it, moving it, and what lies under the pointer.

import { fitted, nearestPixel, panned, pixelAt, placeAt, zoomed } from "./transform.js";

export function showOnCanvas({ state, canvas }, photo, image) {
  state.set({ shown: { photo, image }, view: fitted(photo, canvas.size()) });
}

export function fit({ state, canvas }) {
  if (state.shown) state.set({ view: fitted(state.shown.photo, canvas.size()) });
}

// The stage has another size: a photo that was fitted is fitted again.
export function resize(page) {
  page.canvas.resize();
  if (page.state.view.fitted) fit(page);
  page.state.redraw("photo", "scene");
}

export function zoomAt({ state, canvas }, clientX, clientY, factor) {
  if (!state.shown) return;
  const spot = canvas.spot(clientX, clientY);
  state.set({ view: zoomed(state.view, spot, factor, state.shown.photo, canvas.size()) });
}

export const zoom = (page, factor) => zoomAt(page, ...page.canvas.middle(), factor);

export const pan = ({ state }, by) => state.set({ view: panned(state.view, by) });

// The photo pixel under the pointer; null beside the photo, or before one is open.
export const pixelUnder = ({ state, canvas }, clientX, clientY) =>
  state.shown && pixelAt(state.view, canvas.spot(clientX, clientY), state.shown.photo);

export const nearestPixelTo = ({ state, canvas }, clientX, clientY) =>
  nearestPixel(state.view, canvas.spot(clientX, clientY), state.shown.photo);

export const placeUnder = ({ state, canvas }, clientX, clientY) =>
  placeAt(state.view, canvas.spot(clientX, clientY), state.shown.photo);
