// A project's label set as a sheet: found by search, changed in a form, merged, deleted, taken from a file and
// kept as one.

import { choose } from "../asking.js";
import { base64Of, fill, keepInView, make, muted, optionsOf, saveText, swatch } from "../dom.js";
import { mayLeave, rememberFilled } from "../leaving.js";
import { tell } from "../server.js";
import { words } from "../words.js";
import { searchLabels, showLabels } from "./search.js";

const SHOWN = 500; // rows; more are found by search

export function openLabelSet(page) {
  const { find, fields } = page;
  find("#rv-labelset-search").value = "";
  const units = fields.portion.units.map((unit) => [unit, unit]);
  find("#rv-label-form [name=unit]").replaceChildren(...optionsOf([["", "as the project has it"], ...units]));
  editLabel(page, null);
  find("#rv-labelset-sheet").showModal();
  find("#rv-labelset-search").focus();
  countFoods(page);
}

// How many foods have each label, once the server has counted them.
function countFoods(page) {
  const { project } = page.state;
  return tell(page, "food_counts", { project: project.id }).then(
    ({ counts }) => {
      page.state.set({ foodCounts: new Map(counts) });
      drawLabelSet(page);
    },
    () => {}, // the sheet is of use without
  );
}

export function drawLabelSet(page) {
  const { find, state } = page;
  const typed = find("#rv-labelset-search").value.trim();
  const { labels } = state.project;
  const found = typed ? labels.holding(typed) : labels.all();
  fill(
    find("#rv-labelset"),
    found.slice(0, SHOWN).map((label) => rowOf(page, label)),
  );
  const all = labels.all();
  const coded = all.filter(({ code }) => code).length;
  const more = found.length > SHOWN ? `; ${found.length - SHOWN} more are not listed here, search them` : "";
  find("#rv-labelset-count").textContent = `${all.length} labels, ${coded} with a food code${more}`;
}

const foodsText = (count) => (count === 1 ? "1 food" : `${count} foods`);

function rowOf(page, label) {
  const { project, labelAt, foodCounts } = page.state;
  const count = foodCounts.get(label.id) ?? 0;
  return make(
    "li",
    { "aria-current": label.id === labelAt ? "true" : null },
    make(
      "button",
      {
        type: "button",
        class: "rv-label-row",
        "data-label": label.id,
        onclick: () => openLabel(page, label.id),
      },
      swatch(label.colour),
      make("span", { class: "rv-food-name" }, words(label.name)),
      muted(knownOf(label, project.labels), { class: "rv-muted rv-label-known" }),
      muted(count ? foodsText(count) : ""),
      muted(label.code ?? ""),
    ),
  );
}

// Its parent and its synonyms, in a line.
function knownOf({ parent, synonyms }, labels) {
  const above = parent ? [`belongs to ${words(labels.get(parent).name)}`] : [];
  return [...above, ...synonyms.map(words)].join(", ");
}

// As a person opens a label: what is typed for another one does not go unasked.
export async function openLabel(page, id) {
  if (await mayLeave(page, page.find("#rv-label-form"))) editLabel(page, id);
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
  for (const selector of ["#rv-label-merge", "#rv-label-delete"]) find(selector).hidden = !label;
  find("#rv-label-parents").replaceChildren(...namesOf(labels, id));
  for (const [name, value] of Object.entries(fieldsOf(label, labels))) {
    if (value) form.elements[name].value = value;
  }
  rememberFilled(form);
  drawLabelSet(page);
}

const namesOf = (labels, without) =>
  labels
    .all()
    .filter(({ id }) => id !== without)
    .map(({ name }) => make("option", { value: name }));

function fieldsOf(label, labels) {
  if (!label) return {};
  const { name, synonyms, parent, code, colour, unit } = label;
  return {
    name,
    synonyms: synonyms.join("; "),
    parent: parent && labels.get(parent).name,
    code,
    colour,
    unit,
  };
}

export async function saveLabel(page, form) {
  const { find, state } = page;
  const { project, labelAt: id } = state;
  const values = Object.fromEntries(new FormData(form));
  await attemptHere(page, async () => {
    if (!(await isMeant(page, values.name, id))) return "Not saved.";
    const message = { project: project.id, id, ...values, colour: id === null ? "" : values.colour };
    const reply = await tell(page, "put_label", message);
    showLabels(page, project, reply.label_set);
    find("#rv-labelset-search").value = "";
    editLabel(page, reply.id);
    keepInView(find("#rv-labelset"), find(`[data-label="${reply.id}"]`));
    return "Saved.";
  });
}

// A name much like another's may be a typing error.
async function isMeant(page, name, id) {
  const before = id === null ? null : page.state.project.labels.get(id);
  if (before?.name === name.trim()) return true;
  const matches = await searchLabels(page, name);
  const near = matches.find(({ kind, label }) => kind === "near" && label.id !== id);
  if (!near || matches[0].kind !== "near") return true;
  const like = words(near.through ?? near.label.name);
  const answer = await choose(page, {
    title: `Did you mean “${like}”?`,
    text: `“${name.trim()}” is much like “${like}”, which is there already.`,
    choices: [
      ["back", "Go back"],
      ["keep", `Save “${name.trim()}” too`],
    ],
  });
  return answer === "keep";
}

// Asks what becomes of the foods of a label that is merged ("merge") or deleted ("delete").
export async function askToRemove(page, how) {
  const { find, state } = page;
  const { labels } = state.project;
  const label = labels.get(state.labelAt);
  await countFoods(page);
  const count = state.foodCounts.get(label.id) ?? 0;
  if (how === "delete" && !count) return removeLabel(page, "delete_label", null);
  const name = `“${words(label.name)}”`;
  const isMerge = how === "merge";
  find("#rv-remove-label-title").textContent = isMerge ? `Merge ${name}` : `Delete ${name}`;
  find("#rv-remove-label-text").textContent = isMerge
    ? `The foods named ${name} (${count}) get the other label. It is then found as ${name} too.`
    : `${foodsText(count)} of this project ${count === 1 ? "is" : "are"} named ${name}.`;
  find("#rv-remove-label-into").textContent = isMerge ? "Merge it into" : "Give these foods the label";
  find("#rv-remove-label-do").textContent = isMerge ? "Merge" : "Delete it and rename its foods";
  find("#rv-remove-label-unnamed").hidden = isMerge;
  find("#rv-label-targets").replaceChildren(...namesOf(labels, label.id));
  find("#rv-remove-label-says").textContent = "";
  const form = find("#rv-remove-label");
  form.reset();
  form.dataset.how = isMerge ? "merge_label" : "delete_label";
  find("#rv-remove-label-sheet").showModal();
}

// The form of that question. Its other button leaves foods of a deleted label without a name.
export function confirmRemoval(page, form) {
  const { labels } = page.state.project;
  const into = labels.named(form.elements.into.value);
  if (into && into.id !== page.state.labelAt) return removeLabel(page, form.dataset.how, into.id);
  page.find("#rv-remove-label-says").textContent = "Choose another label of this project.";
}

export async function removeLabel(page, name, into) {
  const { find, state } = page;
  const { project, labelAt: id } = state;
  find("#rv-remove-label-sheet").close();
  await attemptHere(page, async () => {
    const reply = await tell(page, name, { project: project.id, id, into });
    const was = words(project.labels.get(id).name);
    showLabels(page, project, reply.label_set);
    editLabel(page, into);
    countFoods(page);
    const foods = foodsText(reply.foods);
    if (!into) return `“${was}” is deleted${reply.foods ? `. Without a name now: ${foods}` : ""}.`;
    return `“${was}” is gone. Named “${words(project.labels.get(into).name)}” now: ${foods}.`;
  });
}

export function takeLabelSet(page, file) {
  const { project } = page.state;
  return attemptHere(page, async () => {
    const message = { project: project.id, file: await base64Of(file) };
    const reply = await tell(page, "take_label_set", message);
    showLabels(page, project, reply.label_set);
    editLabel(page, null);
    return [`${reply.new} labels are new, ${reply.changed} changed.`, reply.note].filter(Boolean).join(" ");
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
