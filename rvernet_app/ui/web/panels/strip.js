// The strip of photos: samples and opened ones, or those of a project's queue.

import { fill, keepInView, make, spoken } from "../dom.js";
import { isFiltered } from "../state.js";

export const STATE_MARKS = { new: "", open: "…", done: "✓", unusable: "✕", skipped: "→", full: "●" };
const NEAR_END = 200; // CSS pixels from the end at which more photos are asked for

const thumbnail = (attributes, ...children) =>
  make("li", {}, make("button", { type: "button", class: "rv-thumb", ...attributes }, ...children));

const picture = (source) => make("img", { src: source, alt: "" });

const badge = (count) =>
  count ? make("span", { class: "rv-count" }, String(count), spoken(count === 1 ? " food" : " foods")) : null;

const caption = (text) => make("span", { class: "rv-thumb-name" }, text);

// `on` takes: photo (id), sample (name), item (id), more, earlier.
export function createStrip({ find, props, state }, on) {
  const strip = find("#rv-strip");

  function openedThumbnail({ id, name, thumb, work }, current) {
    const attributes = {
      title: name,
      "data-photo": id,
      "aria-current": id === current ? "true" : null,
      onclick: () => on.photo(id),
    };
    return thumbnail(attributes, picture(thumb), caption(name), badge(work.present.foods.length));
  }

  function sampleThumbnail({ name, title, thumb }) {
    const onclick = () => on.sample(name);
    const attributes = { title, "data-sample": name, onclick };
    return thumbnail(attributes, picture(thumb), caption(title));
  }

  function drawPhotos() {
    const photos = [...state.photos.values()];
    const opened = new Set(photos.map((photo) => photo.sample).filter(Boolean));
    fill(strip, [
      ...photos.map((photo) => openedThumbnail(photo, state.current?.id)),
      ...props.samples.filter(({ name }) => !opened.has(name)).map(sampleThumbnail),
    ]);
  }

  function itemThumbnail(entry, current) {
    const { item, name, position, foods, thumb } = entry;
    const shown = entry.full ? "full" : entry.state;
    const told = entry.full ? "others have it" : entry.state;
    const attributes = {
      "data-item": item,
      "data-state": shown,
      title: `${position + 1}. ${name}: ${told}`,
      "aria-current": item === current ? "true" : null,
      onclick: () => on.item(item),
    };
    return thumbnail(
      attributes,
      thumb ? picture(thumb) : make("span", { class: "rv-no-thumb" }, "cannot be opened"),
      spoken(`${position + 1}. `),
      caption(name),
      make("span", { class: "rv-state", "aria-hidden": "true" }, STATE_MARKS[shown]),
      spoken(`, ${told} `),
      badge(foods),
    );
  }

  const earlierButton = () =>
    thumbnail({ class: "rv-thumb rv-earlier", onclick: on.earlier }, "Earlier photos");

  function drawQueue() {
    const { listed } = state;
    const current = state.reviewing ? state.reviewed?.item : state.current?.item;
    const before = !isFiltered(state) && listed[0]?.position > 0 ? [earlierButton()] : [];
    fill(strip, [...before, ...listed.map((entry) => itemThumbnail(entry, current))]);
    strip.onscroll = () => {
      if (strip.scrollLeft + strip.clientWidth <= strip.scrollWidth - NEAR_END) return;
      strip.onscroll = null;
      on.more();
    };
  }

  function draw() {
    if (state.project) drawQueue();
    else drawPhotos();
    keepInView(strip, strip.querySelector("[aria-current]"));
  }

  // On the front page each thumbnail says how many foods were found; only another number needs drawing.
  function isStale() {
    const { current, project } = state;
    if (project || !current) return false;
    const shown = strip.querySelector(`[data-photo="${current.id}"] .rv-count`)?.firstChild.data ?? "0";
    return shown !== String(current.work.present.foods.length);
  }

  return { draw, isStale };
}
