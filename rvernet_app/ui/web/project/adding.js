// Photos come into a project: files, ZIPs, or a folder of the machine that serves the page.

import { attempt, busy } from "../feedback.js";
import { uploaded, uploadedParts } from "../photos.js";
import { tell } from "../server.js";
import { setProgress } from "../state.js";
import { plural } from "../words.js";
import { listFirst } from "./listing.js";
import { openNext } from "./queue.js";
import { isStray } from "./stray.js";

const NO_PHOTO = "It is not a photo.";
const isZip = ({ name, type }) => /\.zip$/i.test(name) || type === "application/zip";

// `sources` are { name, asked, message }: `message` makes what the server is told of the photo when it is
// asked. `refused` are files that are known to be none, and `stray` is the number of copies left out.
// `more` says that the folder holds more than was listed.
async function addPhotos(page, sources, refused = [], stray = 0, more = false) {
  const { find, state } = page;
  const { project } = state;
  const meal = takeMeal(page);
  const result = { added: 0, known: [], refused: [...refused], left: 0, stray, more };
  state.set({ addingStopped: false });
  for (const [index, source] of sources.entries()) {
    if (state.addingStopped || state.project !== project) {
      result.left = sources.length - index;
      break;
    }
    busy(page, `Adding photo ${index + 1} of ${sources.length}…`, () => state.set({ addingStopped: true }));
    note(result, source.name, await addOne(page, project, meal, source));
  }
  busy(page, null);
  if (state.project !== project) return;
  state.set({ added: result });
  await attempt(page, () => showAdded(page, project));
  if (!state.current && state.listed.length) await openNext(page, -1);
  const { refused: faults, known, left } = result;
  if (faults.length || known.length || left || stray || more) openSheet(find("#rv-add-sheet"));
}

const openSheet = (sheet) => sheet.open || sheet.showModal();

function note(result, name, { wasThere, problem }) {
  if (problem) result.refused.push({ name, why: problem });
  else if (wasThere) result.known.push(name);
  else result.added += 1;
}

function takeMeal({ find }) {
  const field = find("#rv-add-meal");
  const meal = field.value.trim();
  field.value = "";
  return meal;
}

async function addOne(page, project, meal, { asked, message }) {
  try {
    const reply = await tell(page, asked, { project: project.id, meal, ...(await message()) });
    return { wasThere: reply.was_there, problem: reply.problem };
  } catch (error) {
    return { problem: error.message };
  }
}

async function showAdded(page, project) {
  await listFirst(page);
  const { progress } = await tell(page, "open_project", { project: project.id });
  setProgress(page.state, project, progress);
}

// What came of adding photos, in one sentence.
export function addedText({ added, known, refused, left, stray = 0, more = false }) {
  const parts = [added ? `${plural(added, "photo")} added.` : "No photo was added."];
  if (known.length) parts.push(`${plural(known.length, "photo")} ${be(known)} here already.`);
  if (stray) parts.push(`${plural(stray, "file")} left out: copies that other programs keep.`);
  if (more) parts.push("The folder holds more than is listed at once: add its folders one by one.");
  if (refused.length) parts.push(`${plural(refused.length, "file")} ${be(refused)} not taken:`);
  if (left) parts.splice(1, 0, `You stopped before the other ${left}.`);
  return parts.join(" ");
}

const be = ({ length }) => (length === 1 ? "is" : "are");

export async function addFiles(page, files) {
  const { state } = page;
  const kept = files.filter((file) => !isStray(pathInFolder(file)));
  const zips = kept.filter(isZip);
  const photos = kept.filter((file) => !isZip(file));
  const sources = photos.filter(isPhotoName).map((file) => fileSource(page, file));
  const refused = photos
    .filter((file) => !isPhotoName(file))
    .map((file) => ({ name: pathOf(file), why: NO_PHOTO }));
  let stray = files.length - kept.length;
  for (const zip of zips) stray += await unpack(page, zip, sources, refused);
  if (state.project) await addPhotos(page, sources, refused, stray);
}

const pathOf = (file) => file.webkitRelativePath || file.path || file.name || "pasted photo";

// The path below the chosen folder; "" for a file that one chose by itself.
const pathInFolder = (file) => pathOf(file).split("/").slice(1).join("/");

// A file that one chose or dropped by itself is tried in any case: its name may say nothing. In a folder
// there are files of all kinds.
const isPhotoName = (file) =>
  !pathOf(file).includes("/") || /\.(jpe?g|png|webp|hei[cf]|tiff?|avif|mpo|bmp|gif)$/i.test(file.name);

const fileSource = (page, file) => ({
  name: pathOf(file),
  asked: "add_photo",
  message: async () => ({ ...(await uploaded(page, file)), ...mealOfFolder(page, pathOf(file)) }),
});

// The photos of a ZIP are listed on the server, and then added one by one. Returns the number of copies in it.
async function unpack(page, zip, sources, refused) {
  try {
    const parts = await uploadedParts(page, zip, (share) => busy(page, `Sending ${zip.name}, ${share}`));
    const { token, names, others, stray } = await tell(page, "list_archive", { name: zip.name, parts });
    for (const name of names) {
      const message = async () => ({ token, name, ...mealOfFolder(page, name) });
      sources.push({ name, asked: "add_from_archive", message });
    }
    refused.push(...others.map((name) => ({ name, why: NO_PHOTO })));
    return stray;
  } catch (error) {
    refused.push({ name: zip.name, why: error.message });
    return 0;
  } finally {
    busy(page, null);
  }
}

export function addFolder(page, folder) {
  const { find } = page;
  return attempt(page, async () => {
    const { names, stray, more } = await tell(page, "list_folder", { folder });
    if (!names.length) throw new Error("There are no photos in this folder.");
    find("#rv-add-sheet").close();
    const sources = names.map((name) => ({
      name,
      asked: "add_from_folder",
      message: async () => ({ name, folder, ...mealOfFolder(page, name) }),
    }));
    await addPhotos(page, sources, [], stray, more);
  });
}

const mealOfFolder = ({ find }, name) => (find("#rv-meal-folders").checked ? mealOf(name) : {});

// Each folder in the folder is a meal; photos beside them are of none.
export const mealOf = (name) => (name.includes("/") ? { meal: name.slice(0, name.lastIndexOf("/")) } : {});
