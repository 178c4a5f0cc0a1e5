// Photos and foods labelled elsewhere come into a project: the files are sent, the server says what would
// come of them, and imports them when one agrees.

import { saveText } from "../dom.js";
import { busy, complain, whileBusy } from "../feedback.js";
import { uploadedParts } from "../photos.js";
import { tell } from "../server.js";
import { setLabels, setProgress } from "../state.js";
import { listText, plural } from "../words.js";
import { labelSetOf } from "./labels.js";
import { listFirst } from "./listing.js";
import { openNext } from "./queue.js";

const NAMED_LABELS = 10;

export async function lookAtImport(page, files) {
  const { state } = page;
  if (!files.length) return;
  try {
    const sent = await sendFiles(page, files);
    busy(page, "Looking at what is in it…");
    const format = formatOf(page);
    const report = await askFor(page, format, sent, false);
    state.set({ importing: { files: sent, format, report, done: false } });
  } catch (error) {
    state.set({ importing: null });
    complain(page, error);
  } finally {
    busy(page, null);
  }
}

const formatOf = ({ find }) => find("#rv-import [name=format]").value;

const askFor = (page, format, files, keep) =>
  tell(page, "import_files", { project: page.state.project.id, format, files, keep });

async function sendFiles(page, files) {
  const sent = [];
  for (const [index, file] of files.entries()) {
    const place = files.length > 1 ? `file ${index + 1} of ${files.length}` : file.name;
    busy(page, `Sending ${place}…`);
    const parts = await uploadedParts(page, file, (share) => busy(page, `Sending ${place}, ${share}`));
    sent.push({ name: file.webkitRelativePath || file.name, parts });
  }
  return sent;
}

export function importThem(page) {
  const { state } = page;
  const { files, format } = state.importing;
  return whileBusy(page, "Importing…", async () => {
    const report = await askFor(page, format, files, true);
    state.set({ importing: { files, format, report, done: true } });
    const opened = await tell(page, "open_project", { project: state.project.id });
    setProgress(state, state.project, opened.progress);
    setLabels(state, state.project, labelSetOf(opened.label_set));
    await listFirst(page);
    if (!state.current && state.listed.length) await openNext(page, -1);
  });
}

// What an import does or did, a line each; the lines after the first are details.
export function importLines({ photos, known_photos: known, foods, labels, left_out: leftOut }, done) {
  const was = done ? "Imported" : "This would import";
  const named = labels.slice(0, NAMED_LABELS).join(", ") + (labels.length > NAMED_LABELS ? ", …" : "");
  const parts = [
    plural(photos, "new photo"),
    ...(known ? [`${plural(known, "photo")} that ${known === 1 ? "is" : "are"} here already`] : []),
    plural(foods, "food"),
    ...(labels.length ? [`${plural(labels.length, "new label")} (${named})`] : []),
  ];
  const left = leftOut.length ? [`${leftOut.length} left out:`] : ["Nothing is left out."];
  return [`${was} ${listText(parts)}.`, ...left, ...leftOut.map(({ what, why }) => `${what}: ${why}`)];
}

export function saveImportReport({ state }) {
  const { report, done } = state.importing;
  saveText(importLines(report, done).join("\n"), `import-report-${state.project.name}.txt`);
}
