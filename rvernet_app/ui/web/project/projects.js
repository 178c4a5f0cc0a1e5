// Which projects there are, making one, opening one, leaving it.

import { base64Of } from "../dom.js";
import { attempt, complain } from "../feedback.js";
import { readShare } from "../panels/amounts.js";
import { close } from "../photos.js";
import { tell } from "../server.js";
import { clearFilter, dropProjectPhoto, isPending } from "../state.js";
import { remember } from "../storage.js";
import { labelSetOf } from "./labels.js";
import { listFirst } from "./listing.js";
import { openNext, sendStashed } from "./queue.js";

// Asks who one is, and which projects there are. If someone else sits down meanwhile, this answer is not theirs.
export async function learnProjects(page) {
  const asking = page.state.annotator;
  const reply = await tell(page, "projects", {});
  if (page.state.annotator !== asking) return;
  page.state.set({ annotator: reply.me, account: reply.me });
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
    const shares = ["double_share", "blind_share"].map((name) => readShare(values.get(name)));
    const [double, blind] = shares.map(({ value, fault }) => {
      if (fault) throw new Error(fault);
      return value;
    });
    const { id } = await tell(page, "create_project", {
      name: values.get("name"),
      label_set: await base64Of(values.get("label_set")),
      new_labels: values.has("new_labels"),
      double_share: double,
      blind_share: blind,
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
    state.set({ project, recent: [], reviewing: false, reviewed: null });
    remember("rvernet-project", String(id));
    page.sheets.showFilters(project);
    page.find("#rv-projects-sheet").close();
    await listFirst(page);
    await sendStashed(page);
    if (state.listed.length) await openNext(page, -1);
    else close(page);
  } catch (error) {
    complain(page, error);
  }
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
