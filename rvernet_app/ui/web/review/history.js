// What was done on a photo, as a sheet.

import { make, muted } from "../dom.js";
import { attempt } from "../feedback.js";
import { tell } from "../server.js";
import { words } from "../words.js";

export function showHistory(page) {
  const { find, state } = page;
  const { current, project } = state;
  if (!current?.item) return;
  return attempt(page, async () => {
    const all = current.state === "done"; // before that, what others did would steer
    const { events } = await tell(page, "history", { item: current.item, all });
    const whose = all ? "What was done on this photo" : "What you did on this photo";
    find("#rv-history-title").textContent = whose;
    const nameOf = (id) => words(project.labels.get(id)?.name ?? "?");
    find("#rv-history").replaceChildren(...events.map((event) => eventRow(event, nameOf, all)));
    find("#rv-history-sheet").showModal();
  });
}

const eventRow = (event, nameOf, all) =>
  make(
    "li",
    {},
    muted(new Date(event.at).toLocaleString()),
    ...(all ? [make("strong", {}, event.who ?? "")] : []),
    make("span", {}, eventText(event, nameOf)),
  );

// One change as a line; `nameOf` tells the name of a label's id.
export function eventText({ subject, before, after }, nameOf) {
  if (subject === "verdict") return `photo ${after.state}${after.reason ? `: ${after.reason}` : ""}`;
  if (subject === "comment") return `said “${after.words}”`;
  return subject === "annotation" ? foodText(before, after, nameOf) : "photo added";
}

function foodText(before, after, nameOf) {
  const name = ({ label_id: id }) => (id ? nameOf(id) : "a food without a name");
  if (!before) return `added ${name(after)}`;
  if (after.status === "deleted") return `removed ${name(before)}`;
  if (before.status !== after.status) return `${name(after)} is ${after.status}`;
  if (before.label_id !== after.label_id) return `${name(before)} is now ${name(after)}`;
  if (before.amount !== after.amount || before.unit !== after.unit) {
    const amount = after.amount === null ? "no amount" : `${after.amount} ${after.unit}`;
    return `${name(after)}: ${amount}`;
  }
  const what = before.area === after.area ? "" : "the mask of ";
  return `changed ${what}${name(after)}`;
}
