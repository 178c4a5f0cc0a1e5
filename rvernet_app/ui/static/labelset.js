// A project's label set as a sheet: found by search, changed in a form, taken from a file and kept as one.

let labelAt = null; // id of the label in the form; null is a new one

function openLabelSet() {
  find("#rv-labelset-search").value = "";
  editLabel(null);
  find("#rv-labelset-sheet").showModal();
  find("#rv-labelset-search").focus();
}

function drawLabelSet() {
  const typed = find("#rv-labelset-search").value.trim();
  const all = project.labels.all();
  const shown = typed ? project.labels.search(typed, all.length).map(({ label }) => label) : all;
  fill(find("#rv-labelset"), shown.map((label) => make("li", { "aria-current": label.id === labelAt ? "true" : null },
    make("button", { type: "button", class: "rv-label-row", "data-label": label.id, onclick: () => editLabel(label.id) },
      make("span", { class: "rv-swatch", style: `background:${label.colour}` }),
      make("span", { class: "rv-food-name" }, words(label.name)),
      make("span", { class: "rv-muted rv-label-known" }, knownOf(label)),
      make("span", { class: "rv-muted" }, label.code ?? "")))));
  find("#rv-labelset-count").textContent = `${all.length} labels, ${all.filter(({ code }) => code).length} with a food code`;
}

const knownOf = (label) => [...(label.parent ? [`a kind of ${words(project.labels.get(label.parent).name)}`] : []), ...label.synonyms.map(words)].join(", ");

function editLabel(id) {
  labelAt = id;
  const label = id === null ? null : project.labels.get(id);
  const form = find("#rv-label-form");
  form.reset();
  find("#rv-label-form-title").textContent = label ? `“${words(label.name)}”` : "New label";
  find("#rv-label-parents").replaceChildren(...project.labels.all().filter((each) => each.id !== id).map(({ name }) => make("option", { value: name })));
  const known = { name: label?.name, synonyms: label?.synonyms.join("; "), parent: label?.parent ? project.labels.get(label.parent).name : "", code: label?.code, colour: label?.colour };
  for (const [name, value] of Object.entries(known)) if (value) form.elements[name].value = value;
  drawLabelSet();
}

// The set as the store has it by now; who labels with it sees it at once.
function showLabels(labels) {
  project.labels = createLabelSet(labels);
  const chosen = find("#rv-filters [name=label]").value;
  find("#rv-filters [name=label]").replaceChildren(...labelOptions());
  find("#rv-filters [name=label]").value = chosen;
  drawPanel();
}

async function saveLabel(form) {
  const values = Object.fromEntries(new FormData(form));
  try {
    const reply = await tell("put_label", { project: project.id, id: labelAt, ...values, colour: labelAt === null ? "" : values.colour });
    showLabels(reply.labels);
    find("#rv-labelset-search").value = "";
    editLabel(reply.id);
    keepInView(find("#rv-labelset"), find(`[data-label="${reply.id}"]`));
    labelSetSays("Saved.");
  } catch (error) {
    labelSetSays(error.message);
  }
}

async function takeLabelSet(file) {
  try {
    const reply = await tell("take_label_set", { project: project.id, text: await file.text() });
    showLabels(reply.labels);
    editLabel(null);
    labelSetSays(`${reply.new} labels are new, ${reply.changed} changed.`);
  } catch (error) {
    labelSetSays(error.message);
  }
}

async function downloadLabelSet() {
  try {
    const { csv, name } = await tell("label_set", { project: project.id });
    const url = URL.createObjectURL(new Blob(["\ufeff", csv], { type: "text/csv" }));
    make("a", { href: url, download: name }).click();
    URL.revokeObjectURL(url);
  } catch (error) {
    labelSetSays(error.message);
  }
}

// A sheet lies over the page's own messages.
const labelSetSays = (text) => { find("#rv-labelset-says").textContent = text; };
