// What somebody is told of their role, and of whom to ask.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askText, roleText } from "../../rvernet_app/ui/web/panels/people.js";
import { createState, withOthers } from "../../rvernet_app/ui/web/state.js";

test("each role is told what it is and whom to ask for more", () => {
  assert.equal(roleText({ role: "admin", admins: ["Ada"] }), "You are an admin of this project.");
  assert.equal(
    roleText({ role: "annotator", admins: ["Ada", "Eve"] }),
    "You label in this project. To change more than that, ask Ada or Eve.",
  );
  assert.equal(
    roleText({ role: "reviewer", admins: [] }),
    "You are a reviewer of this project. To change more than that, ask whoever runs this server.",
  );
});

test("only somebody without a project who cannot make one is told whom to ask", () => {
  const olga = { me: "Olga", projects: [], may_create: false };
  assert.match(askText(olga), /^You are in no project yet\. Ask .* to add “Olga”\.$/);
  assert.equal(askText({ ...olga, may_create: true }), "");
  assert.equal(askText({ ...olga, projects: [{ id: 1 }] }), "");
});

test("nobody has a role where nobody logs in, or before the server said so", () => {
  const state = createState();
  assert.equal(withOthers(state), false);
  state.set({ rights: { alone: true, makesProjects: true } });
  assert.equal(withOthers(state), false);
  state.set({ rights: { alone: false, makesProjects: false } });
  assert.equal(withOthers(state), true);
});
