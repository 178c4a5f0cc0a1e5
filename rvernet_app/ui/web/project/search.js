// Labels found by what is typed. The server ranks them; it knows typing errors and other names.

import { tell } from "../server.js";
import { labelsOf, setLabels } from "../state.js";
import { labelSetOf } from "./labels.js";

const LONGEST = 200;

// Resolves to [{ label, through, kind }], best first.
export async function searchLabels(page, typed) {
  const { state } = page;
  const { project } = state;
  const wanted = typed.slice(0, LONGEST);
  const { found, version } = await tell(page, "search_labels", { project: project?.id, typed: wanted });
  if (project) await refreshLabels(page, project, version);
  const labels = labelsOf(state);
  const matches = found
    .map(({ label, ...match }) => ({ ...match, label: labels.get(label) }))
    .filter(({ label }) => label);
  const own = labels.named(typed); // perhaps one that only this page has yet
  return own && !matches.some(({ label }) => label.id === own.id)
    ? [{ label: own, through: null, kind: "exact" }, ...matches]
    : matches;
}

// What this page can find by itself while the server does not answer: not ranked, and nothing is misspelled.
export function searchHere(state, typed) {
  const labels = labelsOf(state);
  const own = labels.named(typed);
  const others = typed ? labels.holding(typed).filter((label) => label !== own) : [];
  return [
    ...(own ? [{ label: own, through: null, kind: "exact" }] : []),
    ...others.slice(0, 7).map((label) => ({ label, through: null, kind: "inside" })),
  ];
}

// The label set as the store has it, where that is another version than this page has.
export async function refreshLabels(page, project, version) {
  if (version === undefined || version === project.labels.version) return;
  showLabels(page, project, await tell(page, "labels", { project: project.id }));
}

export function showLabels({ state, sheets }, project, reply) {
  setLabels(state, project, labelSetOf(reply));
  if (project === state.project) sheets?.showFilterLabels(project.labels);
}
