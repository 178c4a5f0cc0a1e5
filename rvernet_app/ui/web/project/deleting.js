// Deleting photos and projects: first what would go is said, then it goes.

import { choose } from "../asking.js";
import { attempt } from "../feedback.js";
import { tell } from "../server.js";
import { setProgress } from "../state.js";
import { listText, plural } from "../words.js";
import { forgetPhoto } from "./gone.js";
import { listFirst } from "./listing.js";
import { openNext } from "./queue.js";

const STAYS = "It cannot be taken back. The log of changes keeps that it was here and who deleted it.";

// What a deletion takes away, as a sentence.
export function lossText({ photos, foods, comments, people }) {
  const all = Object.values(foods).reduce((sum, count) => sum + count, 0);
  const of = Object.entries(foods).map(([who, count]) => `${count} of ${who}`);
  const parts = [plural(photos, "photo"), all ? `${plural(all, "food")} (${listText(of)})` : "no foods"];
  if (comments) parts.push(plural(comments, "comment"));
  const others = people.filter((who) => !(who in foods));
  const begun = others.length ? ` Begun by ${listText(others)}, without a food.` : "";
  return `This deletes ${listText(parts)}, and the files, unless another project uses them.${begun}`;
}

export const lossOf = (page, items) =>
  tell(page, "what_goes", { project: page.state.project.id, ...(items && { items }) });

// Asks first; true where the photos are deleted.
export function askAndDelete(page, items, name = plural(items.length, "photo")) {
  return attempt(page, async () => {
    const loss = await lossOf(page, items);
    const answer = await choose(page, {
      title: `Delete ${name}?`,
      text: `${lossText(loss)} ${STAYS}`,
      choices: [
        ["", "Keep"],
        ["delete", "Delete"],
      ],
    });
    if (answer !== "delete") return false;
    await deletePhotos(page, items);
    return true;
  });
}

async function deletePhotos(page, items) {
  const { state } = page;
  const { project } = state;
  const after = (state.current?.position ?? 0) - 1;
  const { progress } = await tell(page, "delete_photos", { project: project.id, items });
  setProgress(state, project, progress);
  for (const item of items) forgetPhoto(state, item);
  await listFirst(page);
  if (!state.current && state.listed.length) await openNext(page, after);
}

// True where the project is deleted.
export function deleteProject(page, form) {
  return attempt(page, async () => {
    const { state } = page;
    await tell(page, "delete_project", { project: state.project.id, name: new FormData(form).get("name") });
    form.reset();
    for (const item of [...state.projectPhotos.keys()]) forgetPhoto(state, item);
    return true;
  });
}
