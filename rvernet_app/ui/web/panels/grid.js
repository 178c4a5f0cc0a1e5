// The grid of all photos.

import { fill, make, optionsOf, spoken } from "../dom.js";
import { plural, words } from "../words.js";
import { STATE_MARKS } from "./strip.js";

const NEAR_END = 400; // CSS pixels from the end at which more photos are asked for

const STATES = [
  ["", "Any state"],
  ["new", "New"],
  ["open", "Begun"],
  ["done", "Done"],
  ["unusable", "Unusable"],
  ["skipped", "Skipped"],
];
const UNCERTAIN = [
  ["", "Sure or not"],
  ["0.25", "25 % uncertain or more"],
  ["0.5", "50 % uncertain or more"],
  ["0.75", "75 % uncertain or more"],
];

// `on` takes: open (item), toggle (item, through), more.
export function createGrid({ find, state }, on) {
  const list = find("#rv-grid");
  const sheet = find("#rv-grid-sheet");
  let drawn = { items: null, selected: null };
  sheet.addEventListener("scroll", () => {
    if (sheet.scrollTop + sheet.clientHeight > sheet.scrollHeight - NEAR_END) on.more();
  });

  function tile(entry) {
    const { item, position, name, meal, foods, thumb } = entry;
    const shown = entry.full ? "full" : entry.state;
    const told = entry.full ? "others have it" : entry.state;
    const about = [`${position + 1}. ${name}`, meal, told, plural(foods, "food")].filter(Boolean).join(", ");
    return make(
      "li",
      { "data-state": shown },
      make("input", {
        type: "checkbox",
        "data-item": item,
        "aria-label": `Select ${position + 1}. ${name}`,
        onclick: (event) => on.toggle(item, event.shiftKey),
      }),
      make(
        "button",
        { type: "button", class: "rv-tile", title: about, onclick: () => on.open(item) },
        thumb
          ? make("img", { src: thumb, alt: "", loading: "lazy" })
          : make("span", { class: "rv-no-thumb" }, "cannot be opened"),
        make("span", { class: "rv-state", "aria-hidden": "true" }, STATE_MARKS[shown]),
        foods ? make("span", { class: "rv-count", "aria-hidden": "true" }, String(foods)) : null,
        make("span", { class: "rv-tile-name", "aria-hidden": "true" }, name),
        spoken(`${about} `),
        make("span", { class: "rv-tile-meal" }, meal ?? ""),
      ),
    );
  }

  function drawTiles(items) {
    const before = drawn.items ?? [];
    const grew =
      before.length && items.length > before.length && before.every((each, n) => each === items[n]);
    if (grew) list.append(...items.slice(before.length).map(tile));
    else fill(list, items.map(tile));
  }

  function drawBar({ found, selected, items }) {
    const chosen = selected.size ? `, ${selected.size} selected` : "";
    find("#rv-grid-count").textContent = `${plural(found.length, "photo")}${chosen}`;
    find("#rv-grid-empty").hidden = items.length > 0;
    find("#rv-grid-all").disabled = !found.length;
    find("#rv-grid-none").disabled = !selected.size;
    for (const button of find.all("[data-grid]")) button.disabled = !selected.size;
  }

  return () => {
    const { items, selected } = state.grid;
    if (items !== drawn.items) drawTiles(items);
    for (const box of list.querySelectorAll("input")) box.checked = selected.has(Number(box.dataset.item));
    drawBar(state.grid);
    drawn = { items, selected };
  };
}

// What the fields above the grid offer.
export function fillGridFilters({ find }, { labels, annotators }) {
  const options = {
    state: STATES,
    label: [["", "Any food"], ...labels.all().map(({ id, name }) => [id, words(name)])],
    by: [["", "Anyone"], ...annotators.map((name) => [name, name])],
    uncertain: UNCERTAIN,
  };
  for (const [name, pairs] of Object.entries(options)) {
    find(`#rv-grid-filters [name=${name}]`).replaceChildren(...optionsOf(pairs));
  }
}
