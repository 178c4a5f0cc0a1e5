// A project's label set as a sheet: found by search, changed in a form, taken from a file and kept as one.

import { fill, keepInView, make, muted, saveText, swatch } from "../dom.js";
import { tell } from "../server.js";
import { setLabels } from "../state.js";
import { words } from "../words.js";
import { createLabelSet } from "./labels.js";

export function openLabelSet(page) {
  const { find } = page;
  find("#rv-labelset-search").value = "";
  editLabel(page, null);
  find("#rv-labelset-sheet").showModal();
  find("#rv-labelset-search").focus();
}

export function drawLabelSet(page) {
  const { find, state } = page;
  const typed = find("#rv-labelset-search").value.trim();
  const { labels } = state.project;
  const all = labels.all();
  const shown = typed ? labels.search(typed, all.length).map(({ label }) => label) : all;
  fill(
    find("#rv-labelset"),
    shown.map((label) => rowOf(page, label)),
  );
  const coded = all.filter(({ code }) => code).length;
  find("#rv-labelset-count").textContent = `${all.length} labels, ${coded} with a food code`;
}

function rowOf(page, label) {
  const { labels } = page.state.project;
  const open = () => editLabel(page, label.id);
  const current = label.id === page.state.labelAt ? "true" : null;
  return make(
    "li",
    { "aria-current": current },
    make(
      "button",
      { type: "button", class: "rv-label-row", "data-label": label.id, onclick: open },
      swatch(label.colour),
      make("span", { class: "rv-food-name" }, words(label.name)),
      muted(knownOf(label, labels), { class: "rv-muted rv-label-known" }),
      muted(label.code ?? ""),
    ),
  );
}

// Its parent and its synonyms, in a line.
function knownOf({ parent, synonyms }, labels) {
  const kind = parent ? [`belongs to ${words(labels.get(parent).name)}`] : [];
  return [...kind, ...synonyms.map(words)].join(", ");
}

// Puts a label into the form; null is a new one.
export function editLabel(page, id) {
  const { find, state } = page;
  const { labels } = state.project;
  state.set({ labelAt: id });
  const label = id === null ? null : labels.get(id);
  const form = find("#rv-label-form");
  form.reset();
  find("#rv-label-form-title").textContent = label ? `“${words(label.name)}”` : "New label";
  const others = labels.all().filter((each) => each.id !== id);
  find("#rv-label-parents").replaceChildren(...others.map(({ name }) => make("option", { value: name })));
  for (const [name, value] of Object.entries(fieldsOf(label, labels))) {
    if (value) form.elements[name].value = value;
  }
  drawLabelSet(page);
}

function fieldsOf(label, labels) {
  if (!label) return {};
  const { name, synonyms, parent, code, colour } = label;
  return {
    name,
    synonyms: synonyms.join("; "),
    parent: parent && labels.get(parent).name,
    code,
    colour,
  };
}

// The set as the store has it by now; who labels with it sees it at once.
function showLabels({ state, sheets }, labels) {
  setLabels(state, state.project, createLabelSet(labels));
  sheets.showFilterLabels(state.project.labels);
}

export async function saveLabel(page, form) {
  const { find, state } = page;
  const values = Object.fromEntries(new FormData(form));
  const colour = state.labelAt === null ? "" : values.colour;
  await attemptHere(page, async () => {
    const message = { project: state.project.id, id: state.labelAt, ...values, colour };
    const reply = await tell(page, "put_label", message);
    showLabels(page, reply.labels);
    find("#rv-labelset-search").value = "";
    editLabel(page, reply.id);
    keepInView(find("#rv-labelset"), find(`[data-label="${reply.id}"]`));
    return "Saved.";
  });
}

export function takeLabelSet(page, file) {
  return attemptHere(page, async () => {
    const message = { project: page.state.project.id, text: await file.text() };
    const reply = await tell(page, "take_label_set", message);
    showLabels(page, reply.labels);
    editLabel(page, null);
    return `${reply.new} labels are new, ${reply.changed} changed.`;
  });
}

export function downloadLabelSet(page) {
  return attemptHere(page, async () => {
    const { csv, name } = await tell(page, "label_set", { project: page.state.project.id });
    saveText(`\ufeff${csv}`, name, "text/csv");
    return "";
  });
}

// A sheet lies over the page's own messages, so it has a place for them.
async function attemptHere({ find }, act) {
  const says = find("#rv-labelset-says");
  try {
    says.textContent = await act();
  } catch (error) {
    says.textContent = error.message;
  }
}
