// Small helpers for the page's elements. Text never goes in as HTML.

// A shorthand for querySelector below one element; `find.all` for querySelectorAll.
export function finder(element) {
  const find = (selector) => element.querySelector(selector);
  find.all = (selector) => element.querySelectorAll(selector);
  return find;
}

export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false && value !== undefined)
      node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

export function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

// Replaces the contents of a list; keyboard focus stays on the button at the same place.
export function fill(list, items) {
  const focused = [...list.querySelectorAll("button")].indexOf(document.activeElement);
  list.replaceChildren(...items);
  if (focused < 0) return;
  const buttons = list.querySelectorAll("button");
  buttons[Math.min(focused, buttons.length - 1)]?.focus();
}

// Scrolls a list, and nothing around it, so that one of its items shows.
export function keepInView(list, item) {
  if (!item) return;
  const [outer, inner] = [list.getBoundingClientRect(), item.getBoundingClientRect()];
  list.scrollLeft += Math.min(0, inner.left - outer.left) + Math.max(0, inner.right - outer.right);
  list.scrollTop += Math.min(0, inner.top - outer.top) + Math.max(0, inner.bottom - outer.bottom);
}

export const optionsOf = (pairs) => pairs.map(([value, text]) => make("option", { value }, text));

// A coloured square, as it stands before the name of a food.
export const swatch = (colour) => make("span", { class: "rv-swatch", style: `background:${colour}` });

export const muted = (text, attributes = {}) => make("span", { class: "rv-muted", ...attributes }, text);

// What a screen reader says and nobody sees.
export const spoken = (text) => make("span", { class: "rv-spoken" }, text);

// The bytes of a file as base64, as the server takes them.
export const base64Of = (file) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.split(",")[1] ?? "");
    reader.onerror = () => reject(new Error(`“${file.name}” cannot be read.`));
    reader.readAsDataURL(file);
  });
// A technical term, in brackets behind plain words, stands in the tooltip of a heading.
function headingOf(column) {
  const [, plain, title] = /^(.*?)(?: \((.*)\))?$/.exec(column);
  return make("th", title ? { scope: "col", title } : { scope: "col" }, plain);
}

export function tableOf(columns, rows) {
  const rowOf = (cells) =>
    make("tr", {}, ...cells.map((cell) => make("td", {}, typeof cell === "object" ? cell : String(cell))));
  return make(
    "table",
    {},
    make("thead", {}, make("tr", {}, ...columns.map(headingOf))),
    make("tbody", {}, ...rows.map(rowOf)),
  );
}

export function saveText(text, name, type = "text/plain") {
  const url = URL.createObjectURL(new Blob([text], { type }));
  downloadFile(url, name);
  URL.revokeObjectURL(url);
}

export const downloadFile = (href, name) => make("a", { href, download: name }).click();
