// The people of a project, as its admin changes them.

import { choose } from "../asking.js";
import { tell } from "../server.js";

export function addMember(page, form) {
  const { name, role } = Object.fromEntries(new FormData(form));
  return change(page, "set_member", { name, role }, () => {
    form.reset();
    return `${name} is one of this project’s people now.`;
  });
}

export const setRole = (page, name, role) =>
  change(page, "set_member", { name, role }, () => `${name} is ${withArticle(role)} now.`);

export async function removeMember(page, name) {
  const answer = await choose(page, {
    title: `Remove ${name}?`,
    text: `${name} no longer sees this project. What they saved stays in it.`,
    choices: [
      ["back", "Go back"],
      ["remove", "Remove"],
    ],
  });
  if (answer === "remove") await change(page, "remove_member", { name }, () => `${name} is removed.`);
}

const withArticle = (role) => `${role === "reviewer" ? "a" : "an"} ${role}`;

// The sheet lies over the page's own messages, so it has a place for them.
async function change(page, what, message, said) {
  const { find, sheets, state } = page;
  const { project } = state;
  const says = find("#rv-people-said");
  try {
    const { people } = await tell(page, what, { project: project.id, ...message });
    says.textContent = said();
    if (project === state.project) sheets.showPeople(people);
  } catch (error) {
    says.textContent = error.message;
    const { people } = await tell(page, "people", { project: project.id }).catch(() => ({ people: null }));
    if (people && project === state.project) sheets.showPeople(people);
  }
}
