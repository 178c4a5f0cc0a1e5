// A project's labels as a file to keep.

import { downloadFile } from "../dom.js";
import { whileBusy } from "../feedback.js";
import { served, tell } from "../server.js";

export function exportProject(page) {
  const { find, state } = page;
  return whileBusy(page, "Writing the export…", async () => {
    const format = find("#rv-export-format").value;
    const reply = await tell(page, "export_project", { project: state.project.id, format });
    downloadFile(served(reply.url), reply.name);
    find("#rv-exported").textContent = exportText(reply);
  });
}

export function exportText({ photos, foods, left_out: leftOut }) {
  const rest = Object.entries(leftOut).map(([reason, count]) => `${count} ${reason}`);
  return `${photos} photos with ${foods} foods.${rest.length ? ` Not in it: ${rest.join(", ")}.` : ""}`;
}
