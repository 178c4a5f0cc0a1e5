// Files come onto the page: chosen, dropped or pasted. In a project they are added to it.

import { openFiles } from "./photos.js";
import { addFiles } from "./project/adding.js";

export function takeFiles(page, files) {
  const chosen = files.filter(Boolean);
  return page.state.project ? addFiles(page, chosen) : openFiles(page, chosen);
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
    takeFiles(page, [...event.dataTransfer.files]);
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
