// Photos come into a project: files, or a folder of the machine that serves the page.

import { attempt, busy, complain } from "../feedback.js";
import { uploaded } from "../photos.js";
import { tell } from "../server.js";
import { setProgress } from "../state.js";
import { listFirst } from "./listing.js";
import { openNext } from "./queue.js";

const NAMED_PROBLEMS = 3;

// `sources` are { name, message }: `message` makes what the server is told of the photo.
async function addPhotos(page, sources) {
  const { state } = page;
  const { project } = state;
  const meal = takeMeal(page);
  const problems = [];
  state.set({ addingStopped: false });
  for (const [index, source] of sources.entries()) {
    if (state.addingStopped || state.project !== project) break;
    busy(page, `Adding photo ${index + 1} of ${sources.length}…`, () => state.set({ addingStopped: true }));
    const problem = await addOne(page, project, meal, source);
    if (problem) problems.push(problem);
  }
  busy(page, null);
  if (state.project !== project) return;
  await showAdded(page, project).catch((error) => problems.push(error.message));
  if (problems.length) complain(page, new Error(problemText(problems, sources.length)));
  if (!state.current && state.listed.length) await openNext(page, -1);
}

function takeMeal({ find }) {
  const field = find("#rv-add-meal");
  const meal = field.value.trim();
  field.value = "";
  return meal;
}

// Why a photo was not added; null where it was.
async function addOne(page, project, meal, { name, message }) {
  try {
    const told = await message();
    const asked = told.folder === undefined ? "add_photo" : "add_from_folder";
    const added = await tell(page, asked, { project: project.id, meal, ...told });
    if (added.problem) return `${name}: ${added.problem}`;
    return added.was_there ? `${name}: is in this project already` : null;
  } catch (error) {
    return `${name}: ${error.message}`;
  }
}

async function showAdded(page, project) {
  await listFirst(page);
  const { progress } = await tell(page, "open_project", { project: project.id });
  setProgress(page.state, project, progress);
}

export const problemText = (problems, count) =>
  `${problems.length} of ${count} photos were not added. ${problems.slice(0, NAMED_PROBLEMS).join(" · ")}`;

export const addFiles = (page, files) =>
  addPhotos(
    page,
    files.map((file) => ({ name: file.name, message: () => uploaded(page, file) })),
  );

export function addFolder(page, folder) {
  const { find } = page;
  return attempt(page, async () => {
    const { names } = await tell(page, "list_folder", { folder });
    if (!names.length) throw new Error("There are no photos in this folder.");
    find("#rv-add-sheet").close();
    const meals = find("#rv-meal-folders").checked;
    const sources = names.map((name) => ({
      name,
      message: async () => ({ name, folder, ...(meals && mealOf(name)) }),
    }));
    await addPhotos(page, sources);
  });
}

// Each folder in the folder is a meal; photos beside them are of none.
export const mealOf = (name) => (name.includes("/") ? { meal: name.slice(0, name.lastIndexOf("/")) } : {});
