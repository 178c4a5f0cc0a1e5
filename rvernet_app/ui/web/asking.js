// A question that has to be answered before something goes on.

import { fill, make } from "./dom.js";

// Resolves to the value of the choice that is taken; to null where the sheet is closed by other means.
// `choices` are [value, text]; the first one is what Enter takes.
export function choose({ find }, { title, text = "", choices }) {
  const sheet = find("#rv-question-sheet");
  find("#rv-question-title").textContent = title;
  find("#rv-question-text").textContent = text;
  const buttonOf = ([value, label], index) =>
    make("button", { class: `rv-button${index ? "" : " rv-primary"}`, value, autofocus: !index }, label);
  fill(find("#rv-question-choices"), choices.map(buttonOf));
  sheet.returnValue = "";
  sheet.showModal();
  return new Promise((resolve) => {
    sheet.addEventListener("close", () => resolve(sheet.returnValue || null), { once: true });
  });
}
