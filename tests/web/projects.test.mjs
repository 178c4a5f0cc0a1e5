import assert from "node:assert/strict";
import test from "node:test";
import { learnProjects } from "../../rvernet_app/ui/web/project/projects.js";
import { createState } from "../../rvernet_app/ui/web/state.js";

function pageThatAsks(annotator) {
  const shown = [];
  const answers = [];
  const page = {
    state: createState({ annotator }),
    server: { projects: () => new Promise((resolve) => answers.push(resolve)) },
    fields: { portion: { setUp: () => {} } },
    sheets: { showProjects: (reply) => shown.push(reply.me) },
  };
  return { page, answers, shown };
}

test("who one is comes from the server", async () => {
  const { page, answers, shown } = pageThatAsks(null);
  const learned = learnProjects(page);
  answers[0]({ me: "owner", projects: [] });
  await learned;
  assert.equal(page.state.annotator, "owner");
  assert.deepEqual(shown, ["owner"]);
});

test("a late answer does not put the former annotator back", async () => {
  const { page, answers, shown } = pageThatAsks(null);
  const late = learnProjects(page);
  page.state.set({ annotator: "Ann" });
  const newer = learnProjects(page);
  answers[1]({ me: "Ann", projects: [] });
  await newer;
  answers[0]({ me: "owner", projects: [] });
  await late;
  assert.equal(page.state.annotator, "Ann");
  assert.deepEqual(shown, ["Ann"]);
});
