// The people of a project: what each may do and has done.

import { make, optionsOf, tableOf } from "../dom.js";

const ROLES = ["annotator", "reviewer", "admin"];
const NO_ROLE = ["", "no member"];

const DONE = ["Photos begun", "Photos done", "Foods"];

// What a visitor is told of their role; "" where nobody logs in.
export function roleText({ role, admins }) {
  if (role === "admin") return "You are an admin of this project.";
  const whom = admins.length ? admins.join(" or ") : "whoever runs this server";
  const what = role === "reviewer" ? "You are a reviewer of this project" : "You label in this project";
  return `${what}. To change more than that, ask ${whom}.`;
}

// Whom to ask, for somebody who is in no project and cannot make one; "" where there is nothing to ask.
export const askText = ({ me, projects, may_create: mayCreate }) =>
  projects.length || mayCreate
    ? ""
    : `You are in no project yet. Ask whoever runs this server, or an admin of a project, to add “${me}”.`;

// `on` takes: role (a name, a role), remove (a name). Without others, nobody has a role.
export function peopleTable(people, withOthers, on) {
  if (!people.length) return make("p", {}, "Nobody has begun a photo yet.");
  const counts = ({ begun, done, foods }) => [begun, done, foods];
  if (!withOthers)
    return tableOf(
      ["Name", ...DONE],
      people.map((one) => [one.name, ...counts(one)]),
    );
  return tableOf(
    ["Name", "Role", "", ...DONE],
    people.map((one) => [one.name, roleField(one, on), removeButton(one, on), ...counts(one)]),
  );
}

function roleField({ name, role }, on) {
  const options = optionsOf([...(role ? [] : [NO_ROLE]), ...ROLES.map((word) => [word, word])]);
  const onchange = ({ target }) => on.role(name, target.value);
  const field = make("select", { "aria-label": `Role of ${name}`, onchange }, ...options);
  field.value = role ?? "";
  return field;
}

function removeButton({ name, role }, on) {
  if (!role) return "";
  const attributes = { type: "button", class: "rv-link", "aria-label": `Remove ${name}` };
  return make("button", { ...attributes, onclick: () => on.remove(name) }, "Remove");
}
