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

// The technical term, in brackets behind plain words, stands in the tooltip.
export function headingParts(column) {
  const [, plain, term] = /^(.*?)(?: \((.*)\))?$/.exec(column);
  return [plain, term ?? null];
}

function headingOf(column) {
  const [plain, title] = headingParts(column);
  return make("th", { title }, plain);
}

function tableOf({ title, columns, rows }) {
  const rowOf = (cells) => make("tr", {}, ...cells.map((cell) => make("td", {}, cell)));
  const table = make(
    "table",
    {},
    make("thead", {}, make("tr", {}, ...columns.map(headingOf))),
    make("tbody", {}, ...rows.map(rowOf)),
  );
  return [
    make("h3", {}, title),
    make("div", { class: "rv-table", tabindex: "0", role: "group", "aria-label": title }, table),
  ];
}
