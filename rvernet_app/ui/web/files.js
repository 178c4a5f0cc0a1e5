// Files come onto the page: chosen, dropped or pasted. In a project they are added to it.

import { openFiles } from "./photos.js";
import { addFiles } from "./project/adding.js";

export function takeFiles(page, files) {
  const chosen = files.filter(Boolean);
  return page.state.project ? addFiles(page, chosen) : openFiles(page, chosen);
}

// The dropped files, and those in dropped folders with their paths.
async function droppedFiles({ files, items }) {
  const entries = [...items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some(({ isDirectory }) => isDirectory)) return [...files];
  const found = await Promise.all(entries.map(filesBelow));
  return found.flat();
}

async function filesBelow(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [Object.assign(file, { path: entry.fullPath.replace(/^\//, "") })];
  }
  const reader = entry.createReader();
  const all = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    all.push(...some);
  }
  const found = await Promise.all(all.map(filesBelow));
  return found.flat();
}

export function listenToFiles(page) {
  const { root } = page;
  const carriesFiles = ({ dataTransfer }) => [...(dataTransfer?.types ?? [])].includes("Files");
  root.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    root.dataset.dropping = "";
  });
  root.addEventListener("dragleave", (event) => {
    if (!root.contains(event.relatedTarget)) delete root.dataset.dropping;
  });
  root.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    delete root.dataset.dropping;
    droppedFiles(event.dataTransfer).then((files) => takeFiles(page, files));
  });
  const onPaste = (event) => {
    if (!root.isConnected) {
      document.removeEventListener("paste", onPaste);
      return;
    }
    const items = [...(event.clipboardData?.items ?? [])].filter(({ kind }) => kind === "file");
    if (!items.length) return;
    event.preventDefault();
    takeFiles(
      page,
      items.map((item) => item.getAsFile()),
    );
  };
  document.addEventListener("paste", onPaste);
}
