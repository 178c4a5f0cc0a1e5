// The front page turns into a project: its photos and foods are saved there one by one. Only when the store has
// all of them is the front page empty. What is there already is not saved twice, so that a move that broke off
// goes on where it stopped.

import { choose } from "../asking.js";
import { attempt, busy, complain } from "../feedback.js";
import { frontText, sizeOfFront } from "../panels/front.js";
import { openAgain } from "../photos.js";
import { contentOf, foodOf, textOf } from "../project/contents.js";
import { labelSetOf } from "../project/labels.js";
import { newStep } from "../project/outbox.js";
import { changeAnnotator, openProject } from "../project/projects.js";
import { atRest } from "../project/sync.js";
import { tell } from "../server.js";
import { forgetPhotos } from "./keeping.js";

const UNFINISHED = "unfinished move";

const NOT_ALLOWED =
  "Only an admin of this server makes projects. Ask whoever runs it to make one and to add you. " +
  "What you did here stays in this browser.";

export async function openMoveSheet(page) {
  const { find, state } = page;
  const reply = await tell(page, "projects", {}).catch(() => null); // the move itself says what is wrong
  if (reply && !reply.may_create) return complain(page, new Error(NOT_ALLOWED));
  const begun = await noteOf(page);
  const fields = find("#rv-move").elements;
  fields.name.value =
    begun?.name ?? `Photos of ${new Date().toLocaleDateString("en-GB", { dateStyle: "long" })}`;
  fields.name.readOnly = Boolean(begun);
  find("#rv-move-me").hidden = Boolean(state.annotator) || state.facts.signs_in;
  fields.me.required = !find("#rv-move-me").hidden;
  find("#rv-move-goes-on").hidden = !begun;
  find("#rv-move-size").textContent = frontText(sizeOfFront(state));
  find("#rv-move-sheet").showModal();
}

export async function moveIntoProject(page, form) {
  const { find, state } = page;
  const { name, me } = Object.fromEntries(new FormData(form));
  find("#rv-move-sheet").close();
  if (state.moving) return;
  state.set({ moving: true });
  await attempt(page, async () => {
    if (!state.annotator && me?.trim()) await changeAnnotator(page, me.trim());
    const project = await move(page, name.trim());
    await forgetPhotos(page);
    await page.database.putNote(UNFINISHED, null).catch(() => {});
    await openProject(page, project);
  });
  busy(page, null);
  state.set({ moving: false });
}

const noteOf = (page) => page.database.note(UNFINISHED).catch(() => null);

// The id of the project that has it all.
async function move(page, name) {
  const { state } = page;
  const photos = [...state.photos.values()].filter(
    ({ sample, work }) => !sample || work.present.foods.length,
  );
  for (const photo of photos) await atRest(page, photo);
  const project = await projectOf(page, name);
  const opened = await tell(page, "open_project", { project });
  const labels = { project, set: labelSetOf(opened.label_set), ids: new Map() };
  for (const [index, photo] of photos.entries()) {
    busy(page, `Saving photo ${index + 1} of ${photos.length}…`);
    await movePhoto(page, project, photo, labels);
  }
  return project;
}

// The project of a move that broke off, if it is still there; else a new one.
async function projectOf(page, name) {
  const begun = await noteOf(page);
  if (begun) {
    const { projects } = await tell(page, "projects", {});
    if (projects.some(({ id }) => id === begun.id)) return begun.id;
  }
  const made = { name, label_set: "", new_labels: true, double_share: 0, blind_share: 0 };
  const { id } = await tell(page, "create_project", made);
  await page.database.putNote(UNFINISHED, { id, name }).catch(() => {});
  return id;
}

async function movePhoto(page, project, photo, labels) {
  await openAgain(page, photo); // the server has its file then
  const added = await tell(page, "add_photo", { project, photo: photo.id, name: photo.name });
  if (added.problem) throw new Error(`${photo.name}: ${added.problem}`);
  const item = added.item_id;
  const { foods: there } = await tell(page, "open_item", { project, item });
  const known = new Set(there.map((row) => textOf(contentOf(foodOf(row, 0)))));
  const step = newStep();
  for (const food of photo.work.present.foods) {
    const content = contentOf({ ...food, label: await labelIn(page, labels, food.label) });
    if (!known.has(textOf(content))) await tell(page, "save_food", { item, step, ...content });
  }
}

// The project's label for one of the front page; null for none.
async function labelIn(page, { project, set, ids }, label) {
  if (!label) return null;
  if (!ids.has(label)) {
    const { name } = page.state.front.labels.get(label);
    const known = set.named(name) ?? (await tell(page, "add_label", { project, name })).label;
    ids.set(label, known.id);
  }
  return ids.get(label);
}

export async function startAfresh(page) {
  const size = frontText(sizeOfFront(page.state));
  const answer = await choose(page, {
    title: "Start afresh?",
    text: `${size} are kept in this browser only. They are removed for good.`,
    choices: [
      ["back", "Go back"],
      ["remove", "Remove them"],
    ],
  });
  if (answer === "remove") await forgetPhotos(page);
}
