// What is open, how far one is, whether all is saved, and the tools.

import { handToolOf } from "../canvas/corrections.js";
import { fill, make } from "../dom.js";
import { isFiltered, withOthers } from "../state.js";
import { filterText, progressShare, progressText, totalOf } from "../words.js";

const SAVED = {
  saving: "saving…",
  saved: "saved",
  "not saved": "not saved, trying again",
  "not taken": "not taken: others have this photo",
};

// An undo that waits for the store is work under way.
export const savedText = ({ saved, turns }) => (turns && saved === "saved" ? "saving" : saved);

export function drawSaved({ find, root, state }) {
  const saved = savedText(state);
  if (!saved) return;
  root.dataset.saved = saved;
  find("#rv-saved").textContent = SAVED[saved];
}

// What is open, as its name and a remark beside it.
export function titleOf({ current, project, reviewing, reviewed }) {
  if (reviewed?.item) return [reviewed.photo.name, `photo ${reviewed.position + 1}`];
  if (reviewed) return ["Nothing waits for a review", ""];
  if (reviewing) return ["", ""];
  if (!current) return [project ? "No photo yet" : "No photo open", ""];
  if (!current.item) return [current.name, `${current.width} × ${current.height}`];
  const { progress } = current.project;
  return [current.name, `photo ${current.position + 1} of ${totalOf(progress) + progress.full}`];
}

const photosOf = ({ progress }) => totalOf(progress) + progress.full;

// Sets the attributes of the root that styles and tests read.
function drawRoot({ root, state, overlay }) {
  const { current, project, reviewing, rights, tool } = state;
  root.dataset.state = current || reviewing ? "photo" : "empty";
  setOrDrop(root, "photo", current?.id);
  setOrDrop(root, "item", current && (current.item ?? ""));
  setOrDrop(root, "mode", project && "project");
  setOrDrop(root, "photos", project && (photosOf(project) ? "some" : "none"));
  setOrDrop(root, "role", project?.role);
  setOrDrop(root, "makesProjects", rights && (rights.makesProjects ? "yes" : "no"));
  root.toggleAttribute("data-with-others", withOthers(state));
  setOrDrop(root, "review", reviewing ? "" : null);
  root.dataset.hand = handToolOf(state);
  root.toggleAttribute("data-full", Boolean(current?.full));
  overlay.dataset.tool = tool;
}

function setOrDrop(node, name, value) {
  if (value === null || value === undefined) delete node.dataset[name];
  else node.dataset[name] = value;
}

function drawTools({ find, state }) {
  const { current, cut, tool } = state;
  for (const button of find.all("button[data-tool]"))
    button.setAttribute("aria-checked", String(button.dataset.tool === tool));
  find("#rv-polarity").setAttribute("aria-pressed", String(cut));
  // The store of a project knows what can be taken back; the page does not.
  find("#rv-undo").disabled = !current?.item && !current?.work.past.length;
  find("#rv-redo").disabled = !current?.item && !current?.work.future.length;
}

function drawProject({ find, state }) {
  const { project } = state;
  if (!project) return;
  find("#rv-project-name").textContent = project.name;
  const count = photosOf(project);
  find("#rv-progress").textContent = progressText(project.progress);
  find("#rv-progress").hidden = !count;
  find("#rv-progress-bar").parentElement.hidden = !count;
  find("#rv-progress-bar").style.width = `${progressShare(project.progress)}%`;
  const nameOf = (id) => project.labels.get(id)?.name ?? "";
  find("#rv-filter").textContent = isFiltered(state) ? filterText(state.filter, nameOf) : "All photos";
}

export function drawHeader(page) {
  const { find, state } = page;
  const [name, remark] = titleOf(state);
  find("#rv-photo-name").textContent = name;
  find("#rv-photo-size").textContent = remark;
  find("#rv-show-meal").textContent = state.current?.meal ?? "Meal";
  const said = (state.current?.comments ?? []).map(({ who, words }) =>
    make("li", {}, make("strong", {}, who), ` ${words}`),
  );
  fill(find("#rv-said"), said);
  drawRoot(page);
  drawTools(page);
  drawProject(page);
}

export function drawSettings({ find, state }) {
  find("#rv-zoom-level").textContent = `${Math.round(state.view.scale * 100)} %`;
  find("#rv-brush").value = String(state.brush);
}
