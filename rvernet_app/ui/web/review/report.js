// The progress of a project, and how far its annotators agree.

import { make, tableOf } from "../dom.js";
import { whileBusy } from "../feedback.js";
import { tell } from "../server.js";

const TITLES = { agreement: "How far annotators agree", dashboard: "Progress of the project" };

export function showReport(page, of) {
  const { find, state } = page;
  return whileBusy(page, "Counting…", async () => {
    const { tables, figure, note } = await tell(page, "report", { project: state.project.id, of });
    find("#rv-report-title").textContent = TITLES[of];
    find("#rv-report-note").textContent = note ?? "";
    find("#rv-report-note").hidden = !note;
    find("#rv-report-figure").hidden = !figure;
    if (figure) find("#rv-report-figure").src = figure;
    const filled = tables.filter(({ rows }) => rows.length);
    find("#rv-report-tables").replaceChildren(...filled.flatMap(titledTable));
    find("#rv-report-sheet").showModal();
  });
}

// A wide table is scrolled by keyboard too.
const titledTable = ({ title, columns, rows }) => [
  make("h3", {}, title),
  make(
    "div",
    { class: "rv-scroll", tabindex: "0", role: "region", "aria-label": title },
    tableOf(columns, rows),
  ),
];
