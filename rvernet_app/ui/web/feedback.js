// What is said to the person.

const TOAST_MS = 8000;

export function status({ find }, text) {
  find("#rv-status").textContent = text;
}

// What is being waited for; null ends it. `stop` is what the Stop button does.
export function busy({ find }, text, stop = null) {
  find("#rv-busy").hidden = text === null;
  find("#rv-busy-stop").hidden = stop === null;
  find("#rv-busy-stop").onclick = stop;
  if (text !== null) find("#rv-busy-text").textContent = text;
}

export function complain({ find, state }, error) {
  find("#rv-toast").textContent = error.message;
  find("#rv-toast").hidden = false;
  clearTimeout(state.toastTimer);
  state.set({
    toastTimer: setTimeout(() => {
      find("#rv-toast").hidden = true;
    }, TOAST_MS),
  });
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
