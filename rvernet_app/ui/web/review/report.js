// The progress of a project, and how far its annotators agree.

import { make } from "../dom.js";
import { whileBusy } from "../feedback.js";
import { tell } from "../server.js";

const TITLES = { agreement: "How far annotators agree", dashboard: "Progress of the project" };

export function showReport(page, of) {
  const { find, state } = page;
  return whileBusy(page, "Counting…", async () => {
    const { tables, figure } = await tell(page, "report", { project: state.project.id, of });
    find("#rv-report-title").textContent = TITLES[of];
    find("#rv-report-figure").src = figure;
    const filled = tables.filter(({ rows }) => rows.length);
    find("#rv-report-tables").replaceChildren(...filled.flatMap(tableOf));
    find("#rv-report-sheet").showModal();
  });
}

function tableOf({ title, columns, rows }) {
  const rowOf = (cells, tag) => make("tr", {}, ...cells.map((cell) => make(tag, {}, cell)));
  const table = make(
    "table",
    {},
    make("thead", {}, rowOf(columns, "th")),
    make("tbody", {}, ...rows.map((row) => rowOf(row, "td"))),
  );
  return [
    make("h3", {}, title),
    make("div", { class: "rv-table", tabindex: "0", role: "group", "aria-label": title }, table),
  ];
}
