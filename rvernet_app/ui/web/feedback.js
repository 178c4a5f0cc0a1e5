// What is said to the person.

const TOAST_MS = 8000;
const MS_A_LETTER = 50;

// One line beside the title, for as long as what it was said of stays as it is.
export function status({ find, state }, text) {
  find("#rv-status").textContent = text;
  state.set({ said: { of: null } });
}

// What a line is said of: the photo that is open, its foods, and which of them is selected.
function subjectOf({ current, project, reviewed, reviewing }) {
  const { foods = [], active = null } = current?.work.present ?? {};
  return [current, project, reviewing, reviewed, foods.length, active];
}

// A line that no longer holds is taken away. What changes together with the line belongs to it.
export function drawStatus({ find, state }) {
  const { said } = state;
  if (!said) return;
  const now = subjectOf(state);
  if (!said.of) state.set({ said: { of: now } });
  else if (said.of.some((each, index) => each !== now[index])) {
    find("#rv-status").textContent = "";
    state.set({ said: null });
  }
}

// Says the suggestion for the food just found to who cannot see it. The same words are said again only after
// the element was empty.
export function announce({ find }, text) {
  find("#rv-said-suggestion").textContent = text;
}

// What is being waited for; null ends it. `stop` is what the Stop button does.
export function busy({ find }, text, stop = null) {
  find("#rv-busy").hidden = text === null;
  find("#rv-busy-stop").hidden = stop === null;
  find("#rv-busy-stop").onclick = stop;
  if (text !== null) find("#rv-busy-text").textContent = text;
}

// A message stays long enough to be read, and while the pointer or the focus is on it.
export function complain(page, error) {
  const { find, root, state } = page;
  const toast = find("#rv-toast");
  // What lies behind an open sheet can be neither read aloud nor closed.
  (find("dialog[open]") ?? root).append(toast);
  find("#rv-toast-text").textContent = error.message;
  toast.hidden = false;
  clearTimeout(state.toastTimer);
  const hide = () => {
    if (toast.matches(":hover, :focus-within")) state.set({ toastTimer: setTimeout(hide, TOAST_MS) });
    else hideToast(page);
  };
  state.set({ toastTimer: setTimeout(hide, TOAST_MS + MS_A_LETTER * error.message.length) });
}

export function hideToast({ find }) {
  find("#rv-toast").hidden = true;
}

// Does something that takes a while; says what, and complains when it fails. Undefined where it failed.
export async function whileBusy(page, text, act) {
  busy(page, text);
  try {
    return await act();
  } catch (error) {
    complain(page, error);
  } finally {
    busy(page, null);
  }
}

// Does something, and complains when it fails. Undefined where it failed.
export async function attempt(page, act) {
  try {
    return await act();
  } catch (error) {
    complain(page, error);
  }
}
