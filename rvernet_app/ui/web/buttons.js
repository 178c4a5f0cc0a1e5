// The page's buttons and forms, wired to what they do.

import { setBrush, setTool } from "./canvas/corrections.js";
import { takeFiles } from "./files.js";
import { changeFood } from "./foods.js";
import { moveIntoProject, openMoveSheet, startAfresh } from "./front/moving.js";
import { askBeforeClosing, closeSheet } from "./leaving.js";
import { wireTabs } from "./panels/tabs.js";
import { openedBy } from "./project/account.js";
import { addFolder } from "./project/adding.js";
import { addMiddleBox, blurForGood, findFaces, openBlurring } from "./project/blurring.js";
import { askAndDelete } from "./project/deleting.js";
import { exportProject } from "./project/export.js";
import {
  deleteSelected,
  judgeSelected,
  openGrid,
  searchGrid,
  selectAllInGrid,
  selectNoneInGrid,
} from "./project/grid.js";
import { importThem, lookAtImport, saveImportReport } from "./project/importing.js";
import {
  askToRemove,
  confirmRemoval,
  downloadLabelSet,
  drawLabelSet,
  openLabel,
  openLabelSet,
  removeLabel,
  saveLabel,
  takeLabelSet,
} from "./project/label-set.js";
import { linkBefore } from "./project/leftovers.js";
import { addMember } from "./project/people.js";
import {
  changeAnnotator,
  createProject,
  deleteThisProject,
  leaveProject,
  saveSettings,
  showProject,
} from "./project/projects.js";
import { applyFilter, chooseOrder, giveVerdict, setMeal } from "./project/queue.js";
import { train } from "./project/training.js";
import { showHistory } from "./review/history.js";
import { showReport } from "./review/report.js";
import { nextReview, sendComment, startReview, stopReview } from "./review/review.js";

export function wireButtons(page, actions) {
  const on = listeners(page);
  wirePhoto(page, actions, on);
  wireProject(page, actions, on);
  wireLabelSet(page, on);
  wireReview(page, on);
  for (const sheet of page.find.all("dialog")) {
    askBeforeClosing(page, sheet);
    sheet.addEventListener("click", (event) => {
      if (event.target === sheet) closeSheet(page, sheet);
    });
  }
}

// Shorthands for what happens to an element.
function listeners({ find }) {
  return {
    click: (selector, act) => find(selector).addEventListener("click", () => act()),
    each: (selector, act) => {
      for (const button of find.all(selector)) button.addEventListener("click", () => act(button.dataset));
    },
    change: (selector, act) => find(selector).addEventListener("change", ({ target }) => act(target)),
    input: (selector, act) => find(selector).addEventListener("input", ({ target }) => act(target)),
    submit: (selector, act) =>
      find(selector).addEventListener("submit", (event) => {
        event.preventDefault();
        act(event.target, event.submitter);
      }),
    files: (selector, act) =>
      find(selector).addEventListener("change", ({ target }) => {
        act([...target.files]);
        target.value = "";
      }),
  };
}

function wirePhoto(page, actions, on) {
  const { find, state } = page;
  on.each("button[data-tool]", ({ tool }) => setTool(page, tool));
  on.each("[data-action]", ({ action }) => actions[action]());
  on.each("[data-open]", actions.open);
  const buttons = {
    "#rv-polarity": "toggleCut",
    "#rv-next-food": "nextFood",
    "#rv-undo": "undo",
    "#rv-redo": "redo",
    "#rv-clear": "clear",
    "#rv-choose": "toggleChoosing",
    "#rv-several-all": "selectEvery",
    "#rv-several-remove": "removeFood",
    "#rv-several-end": "selectOne",
    "#rv-zoom-in": "zoomIn",
    "#rv-zoom-out": "zoomOut",
    "#rv-zoom-fit": "zoomFit",
    "#rv-theme": "toggleTheme",
    "#rv-help": "help",
    "#rv-models": "models",
    "#rv-download": "download",
    "#rv-toast-close": "cancel",
    "#rv-guide-again": "hints",
  };
  for (const [selector, action] of Object.entries(buttons)) on.click(selector, actions[action]);
  on.input("#rv-brush", ({ value }) => setBrush(page, Number(value)));
  on.input("#rv-opacity", ({ value }) => state.set({ opacity: Number(value) }));
  on.click("#rv-move-open", () => openMoveSheet(page));
  on.submit("#rv-move", (form) => moveIntoProject(page, form));
  on.click("#rv-afresh", () => startAfresh(page));
  on.click("#rv-add", () => (state.project ? find("#rv-add-sheet").showModal() : actions.open()));
  on.files("#rv-file", (files) => {
    find("#rv-add-sheet").close();
    takeFiles(page, files);
  });
}

function wireProject(page, _actions, on) {
  const { find, overlay, sheets, state } = page;
  on.submit("#rv-new-project", (form) => createProject(page, form));
  on.click("#rv-leave", () => leaveProject(page));
  find("#rv-me").disabled = state.facts.signs_in || Boolean(openedBy());
  on.change("#rv-me", ({ value }) => changeAnnotator(page, value.trim() || null));
  on.submit("#rv-folder", (form) => addFolder(page, new FormData(form).get("folder")));
  on.submit("#rv-exports", (form) => exportProject(page, form));
  on.submit("#rv-settings", (form) => saveSettings(page, form));
  on.submit("#rv-members", (form) => addMember(page, form));
  on.submit("#rv-delete-project", (form) => deleteThisProject(page, form));
  wireImport(page, on);
  wireGrid(page, on);
  wireTabs(page, (tab) => {
    if (tab === "project") showProject(page);
    if (tab === "training") train(page, "training");
  });
  on.click("#rv-train", () => train(page, "start_training"));
  on.click("#rv-train-stop", () => train(page, "stop_training"));
  on.click("#rv-train-use", () => train(page, "use_checkpoint"));
  on.change("#rv-filter-order", ({ value }) => chooseOrder(page, value));
  on.click("#rv-filter", () => find("#rv-filter-sheet").showModal());
  find("#rv-filters").addEventListener("submit", ({ target }) => applyFilter(page, filterOf(target)));
  on.click("#rv-not-usable", () => openUnusable(page));
  on.submit("#rv-unusable", async (form, { value }) => {
    find("#rv-unusable-sheet").close();
    if (find("#rv-grid-sheet").open) await judgeSelected(page, value, new FormData(form).get("reason"));
    else if (await giveVerdict(page, value, new FormData(form).get("reason"))) form.reset();
  });
  on.click("#rv-show-meal", () => {
    if (state.current?.item) sheets.openMeal();
  });
  const mealOf = (form) => new FormData(form).get("meal");
  find("#rv-meal-form").addEventListener("submit", ({ target }) => setMeal(page, mealOf(target)));
  on.change("#rv-before", ({ checked }) => linkBefore(page, checked));
  on.change("#rv-served", ({ value, validity }) => {
    if (value && validity.valid) linkBefore(page, true, Number(value) - 1);
  });
  on.change("#rv-note", ({ value }) => changeFood(page, { note: value }));
  find(".rv-naming").addEventListener("keydown", ({ key }) => {
    if (key === "Escape") overlay.focus({ preventScroll: true });
  });
}

function wireImport(page, on) {
  const { find } = page;
  on.click("#rv-import-file", () => find("#rv-import-files").click());
  on.click("#rv-import-folder", () => find("#rv-import-directory").click());
  on.files("#rv-import-files", (files) => lookAtImport(page, files));
  on.files("#rv-import-directory", (files) => lookAtImport(page, files));
  on.change("#rv-import [name=format]", () => page.state.set({ importing: null }));
  on.submit("#rv-import", () => importThem(page));
  on.click("#rv-import-save", () => saveImportReport(page));
  on.click("#rv-add-folder", () => find("#rv-add-directory").click());
  on.files("#rv-add-directory", (files) => {
    find("#rv-add-sheet").close();
    takeFiles(page, files);
  });
}

const TYPING_MS = 250; // without another letter, before a search starts

function wireGrid(page, on) {
  const { find, state } = page;
  const form = find("#rv-grid-filters");
  const search = () =>
    searchGrid(page, { ...filterOf(form), search: form.elements.search.value.trim() || null });
  let typing = null;
  on.click("#rv-find", () => openGrid(page));
  on.click("#rv-grid-open", () => openGrid(page));
  on.submit("#rv-grid-filters", search);
  form.addEventListener("change", search);
  form.elements.search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(search, TYPING_MS);
  });
  on.click("#rv-grid-all", () => selectAllInGrid(page));
  on.click("#rv-grid-none", () => selectNoneInGrid(page));
  on.each("[data-grid]", ({ grid }) => {
    if (grid === "delete") deleteSelected(page);
    else if (grid === "unusable") openUnusable(page);
    else judgeSelected(page, grid);
  });
  on.click("#rv-blur-open", () => {
    find("#rv-unusable-sheet").close();
    openBlurring(page);
  });
  on.click("#rv-blur-find", () => findFaces(page));
  on.click("#rv-blur-add", () => addMiddleBox(page));
  on.click("#rv-blur-do", () => blurForGood(page));
  on.click("#rv-delete-photo", () => {
    find("#rv-unusable-sheet").close();
    if (find("#rv-grid-sheet").open) deleteSelected(page);
    else if (state.current?.item) askAndDelete(page, [state.current.item], state.current.name);
  });
}

// Only the photo that is open can be blurred, not several that are selected.
function openUnusable({ find }) {
  find("#rv-blur-open").hidden = find("#rv-grid-sheet").open;
  find("#rv-unusable-sheet").showModal();
}

function filterOf(form) {
  const values = new FormData(form);
  return {
    state: values.get("state") || null,
    label: Number(values.get("label")) || null,
    by: values.get("by") || null,
    uncertain: Number(values.get("uncertain")) || null,
  };
}

function wireLabelSet(page, on) {
  on.click("#rv-labels", () => openLabelSet(page));
  on.click("#rv-label-new", () => openLabel(page, null));
  on.click("#rv-labelset-take", () => page.find("#rv-labelset-file").click());
  on.click("#rv-labelset-keep", () => downloadLabelSet(page));
  on.input("#rv-labelset-search", () => drawLabelSet(page));
  on.files("#rv-labelset-file", ([file]) => takeLabelSet(page, file));
  on.submit("#rv-label-form", (form) => saveLabel(page, form));
  on.click("#rv-label-merge", () => askToRemove(page, "merge"));
  on.click("#rv-label-delete", () => askToRemove(page, "delete"));
  on.submit("#rv-remove-label", (form) => confirmRemoval(page, form));
  on.click("#rv-remove-label-unnamed", () => removeLabel(page, "delete_label", null));
}

function wireReview(page, on) {
  on.click("#rv-review", () => startReview(page));
  on.click("#rv-review-stop", () => stopReview(page));
  on.click("#rv-review-next", () => nextReview(page));
  on.change("#rv-review-all", () => nextReview(page, -1));
  on.submit("#rv-comment", (form) => sendComment(page, form));
  on.each("[data-report]", ({ report }) => showReport(page, report));
  on.click("#rv-show-history", () => showHistory(page));
}
