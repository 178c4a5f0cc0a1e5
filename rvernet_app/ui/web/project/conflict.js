// Two people changed the same food: the page asks which version to keep.

import { portionText, words } from "../words.js";
import { DELETED } from "./contents.js";

const described = (name, portion) => [`“${name}”`, ...(portion ? [portionText(portion)] : [])].join(", ");

// Both versions in a sentence each. `content` is one's own, null for a deletion.
export function sentencesOf(content, theirs, nameOf) {
  const others = [
    ...(content && content.rle.counts !== theirs.counts ? ["another mask"] : []),
    ...(content && content.note !== theirs.note ? ["another note"] : []),
  ].join(" and ");
  const portion = theirs.amount === null ? null : theirs;
  const theirFood = `${described(nameOf(theirs.label_id), portion)}${others && `, with ${others}`}`;
  return {
    theirs: theirs.status === DELETED ? "Theirs was deleted." : `Theirs is now ${theirFood}.`,
    mine: content ? `Yours is ${described(nameOf(content.label), content.portion)}.` : "You removed it.",
  };
}

// Resolves to true where one's own is to be saved over what someone else saved. Only its buttons close the
// sheet: either choice takes something off the page.
export function chooseBetween({ find }, photo, content, theirs) {
  const nameOf = (id) => (id ? words(photo.project.labels.get(id)?.name ?? "another label") : "no name");
  const sentences = sentencesOf(content, theirs, nameOf);
  find("#rv-conflict-theirs").textContent = sentences.theirs;
  find("#rv-conflict-mine").textContent = sentences.mine;
  const sheet = find("#rv-conflict-sheet");
  sheet.returnValue = "";
  sheet.showModal();
  return new Promise((resolve) => {
    const closed = () => {
      if (!sheet.returnValue) return sheet.showModal();
      sheet.removeEventListener("close", closed);
      resolve(sheet.returnValue === "mine");
    };
    sheet.addEventListener("close", closed);
  });
}
