// Which projects there are, making one, opening one, leaving it.

import { base64Of } from "../dom.js";
import { attempt, complain } from "../feedback.js";
import { readShare } from "../panels/amounts.js";
import { fillGridFilters } from "../panels/grid.js";
import { roleText } from "../panels/people.js";
import { FIRST_TAB } from "../panels/tabs.js";
import { close } from "../photos.js";
import { tell } from "../server.js";
import {
  changeProject,
  clearFilter,
  dropProjectPhoto,
  isPending,
  setProgress,
  withOthers,
} from "../state.js";
import { remember } from "../storage.js";
import { deleteProject, lossOf, lossText } from "./deleting.js";
import { labelSetOf } from "./labels.js";
import { listFirst } from "./listing.js";
import { openNext, sendStashed } from "./queue.js";

// Asks who one is, and which projects there are. If someone else sits down meanwhile, this answer is not theirs.
export async function learnProjects(page) {
  const asking = page.state.annotator;
  const reply = await tell(page, "projects", {});
  if (page.state.annotator !== asking) return;
  const rights = { alone: reply.alone, makesProjects: reply.may_create };
  page.state.set({ annotator: reply.me, account: reply.me, rights });
  page.fields.portion.setUp(reply);
  page.sheets.showProjects(reply);
}

// Whether what is labelled is kept elsewhere too, where the disk does not last.
export async function learnCopyState(page) {
  const { problem } = await tell(page, "copy_state", {}).catch((error) => ({ problem: error.message }));
  page.sheets.showCopyState(problem);
}

export function createProject(page, form) {
  const values = new FormData(form);
  return attempt(page, async () => {
    const { id } = await tell(page, "create_project", {
      name: values.get("name"),
      label_set: await base64Of(values.get("label_set")),
      new_labels: values.has("new_labels"),
      self_review: withOthers(page.state) ? values.has("self_review") : null,
      ...sharesIn(values),
    });
    form.reset();
    await openProject(page, id);
  });
}

export async function openProject(page, id) {
  const { state } = page;
  try {
    const reply = await tell(page, "open_project", { project: id });
    forgetPhotos(state);
    clearFilter(state);
    const project = { ...reply, labels: labelSetOf(reply.label_set) };
    state.set({ project, recent: [], reviewing: false, reviewed: null, added: null, importing: null });
    fillGridFilters(page, project);
    remember("rvernet-project", String(id));
    page.sheets.showFilters(project);
    page.find("#rv-projects-sheet").close();
    await listFirst(page);
    await sendStashed(page);
    if (state.listed.length) await openNext(page, -1);
    else close(page);
  } catch (error) {
    if (!error.unanswered && !error.login) remember("rvernet-project", "");
    complain(page, error);
  }
}

// What the tab of this project shows: its settings, its people, and what deleting it would take away.
export async function showProject(page) {
  const { state } = page;
  const { project } = state;
  page.sheets.showSettings(project);
  page.find("#rv-role").textContent = roleText(project);
  page.find("#rv-people-said").textContent = "";
  if (project.role !== "admin") return;
  await attempt(page, async () => {
    const [{ people }, loss] = await Promise.all([
      tell(page, "people", { project: project.id }),
      lossOf(page, null),
    ]);
    if (project !== state.project) return;
    page.sheets.showPeople(people);
    page.find("#rv-project-loss").textContent = lossText(loss);
  });
}

// The shares of a form, which are typed in percent; throws where one is no share.
function sharesIn(values) {
  const shares = ["double_share", "blind_share"].map((name) => {
    const { value, fault } = readShare(values.get(name));
    if (fault) throw new Error(fault);
    return [name, value];
  });
  return Object.fromEntries(shares);
}

export function saveSettings(page, form) {
  const { state } = page;
  const { project } = state;
  const values = new FormData(form);
  return attempt(page, async () => {
    const settings = await tell(page, "change_project", {
      project: project.id,
      name: values.get("name"),
      new_labels: values.has("new_labels"),
      self_review: values.has("self_review"),
      ...sharesIn(values),
    });
    changeProject(state, project, settings);
    const { progress } = await tell(page, "open_project", { project: project.id });
    setProgress(state, project, progress);
    page.sheets.showSettings(project);
    page.find("#rv-settings-said").textContent = "Saved.";
    await learnProjects(page);
  });
}

export async function deleteThisProject(page, form) {
  if (!(await deleteProject(page, form))) return;
  leaveProject(page);
  await openProjects(page);
}

export async function openProjects(page) {
  const { find, state } = page;
  state.set({ tab: FIRST_TAB });
  await learnProjects(page);
  learnCopyState(page);
  const sheet = find("#rv-projects-sheet");
  if (!sheet.open) sheet.showModal();
}

function forgetPhotos(state) {
  for (const [item, photo] of state.projectPhotos) {
    if (!isPending(state, photo)) dropProjectPhoto(state, item);
  }
}

export function leaveProject(page) {
  page.state.set({ project: null, reviewing: false, reviewed: null });
  remember("rvernet-project", "");
  page.find("#rv-projects-sheet").close();
  close(page);
}

// Someone else sits down at the page.
export function changeAnnotator(page, name) {
  const { state } = page;
  if (state.project && name !== state.annotator) leaveProject(page); // what is open is the other's
  state.set({ annotator: name });
  remember("rvernet-me", name ?? "");
  return attempt(page, () => learnProjects(page));
}
