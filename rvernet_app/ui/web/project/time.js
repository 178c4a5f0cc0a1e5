// Seconds spent on a photo. They outlive a reload, until a verdict takes them.

const PREFIX = "rvernet-seconds-";
const IDLE_MS = 30_000; // a longer pause is not counted as work
const ACTS = ["pointerdown", "pointermove", "keydown", "wheel"];

const keyOf = (annotator, item) => `${PREFIX}${annotator} ${item}`;

export function keptSeconds(annotator, item) {
  try {
    return Number(sessionStorage.getItem(keyOf(annotator, item))) || 0;
  } catch {
    return 0;
  }
}

export function keepSeconds({ me, item, seconds }) {
  try {
    if (seconds) sessionStorage.setItem(keyOf(me, item), String(seconds));
    else sessionStorage.removeItem(keyOf(me, item));
  } catch {
    // no storage: they are counted anew after a reload
  }
}

export const secondsSince = (last, now) => Math.min(now - last, IDLE_MS) / 1000;

// Time in which something is done counts as work on the open photo.
export function countSeconds({ root, state }) {
  const count = () => {
    const now = performance.now();
    const { current, lastAct } = state;
    if (current?.item) current.seconds += secondsSince(lastAct, now);
    state.set({ lastAct: now });
  };
  for (const act of ACTS) root.addEventListener(act, count, { passive: true });
  window.addEventListener("pagehide", () => {
    for (const photo of state.projectPhotos.values()) keepSeconds(photo);
  });
}
