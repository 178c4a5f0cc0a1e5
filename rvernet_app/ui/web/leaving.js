// Typed text that is not saved yet: a sheet that holds some asks before it closes.

import { choose } from "./asking.js";

const textOf = (form) => JSON.stringify([...new FormData(form)]);

// Call it once a form holds what is saved.
export function rememberFilled(form) {
  form.dataset.filled = textOf(form);
}

export const isChanged = (form) => form.dataset.filled !== undefined && form.dataset.filled !== textOf(form);

// Resolves to whether what is typed in a form may go.
export async function mayLeave(page, form) {
  if (!isChanged(form)) return true;
  const answer = await choose(page, {
    title: "Leave without saving?",
    text: "What you changed here is not saved yet.",
    choices: [
      ["back", "Go back"],
      ["leave", "Leave it unsaved"],
    ],
  });
  return answer === "leave";
}

export async function closeSheet(page, sheet) {
  for (const form of sheet.querySelectorAll("form[data-filled]")) {
    if (!(await mayLeave(page, form))) return;
  }
  sheet.close();
}

// Escape and the sheet's cross close it as a click beside it does.
export function askBeforeClosing(page, sheet) {
  const ask = (event) => {
    if (![...sheet.querySelectorAll("form[data-filled]")].some(isChanged)) return;
    event.preventDefault();
    closeSheet(page, sheet);
  };
  sheet.addEventListener("cancel", (event) => {
    if (event.target === sheet) ask(event);
  });
  sheet.querySelector("form[method=dialog]")?.addEventListener("submit", ask);
}
