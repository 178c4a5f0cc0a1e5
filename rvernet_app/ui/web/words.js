// How numbers and names are written on the page.

export function percent(share) {
  if (share >= 0.995) return "100 %";
  return share < 0.01 ? "< 1 %" : `${Math.round(share * 100)} %`;
}

// Class names of a checkpoint are written with underscores.
export const words = (label) => label.replaceAll("_", " ");

export const portionText = (portion) => (portion ? `${portion.amount} ${portion.unit}` : "");

// The first suggestion as a screen reader says it.
export function suggestionText({ suggestions, sure }) {
  const [{ label, probability }] = suggestions;
  return `Suggestion: ${words(label)}, ${percent(probability).replace("%", "percent")}, ${sure ? "sure" : "not sure"}`;
}

// Photos an annotator can label; photos that others have taken ("full") do not count.
export const totalOf = ({ full, ...mine }) => Object.values(mine).reduce((sum, count) => sum + count, 0);

export const finishedOf = ({ done, unusable, skipped }) => done + unusable + skipped;

export const progressText = (progress) => `${finishedOf(progress)} of ${totalOf(progress)} photos`;

// Width of a progress bar, in percent.
export const progressShare = (progress) => (100 * finishedOf(progress)) / Math.max(1, totalOf(progress));

// Why the queue has no further photo for this annotator.
export function endOfQueue(progress) {
  const left = progress.new + progress.open + progress.skipped;
  if (left) return `${left} photos are left, skipped or held by others`;
  return progress.full ? `All is done; others have ${progress.full} photos` : "Every photo is labelled";
}

// What the queue is filtered by, as the text of the filter button.
export function filterText({ state, label, by, uncertain }, nameOf) {
  const parts = [
    state === "open" ? "begun" : state,
    label && words(nameOf(label)),
    by && `by ${by}`,
    uncertain && `${percent(uncertain)} uncertain`,
  ].filter(Boolean);
  return parts.length ? parts.join(", ") : "All photos";
}

export const isTouch = () => Boolean(globalThis.matchMedia?.("(hover: none) and (pointer: coarse)").matches);

// What one does to the photo, as the first word of a sentence.
export const clickWord = () => (isTouch() ? "Tap" : "Click");

// A text of a field without the key that leads to it, as in "Note (I)".
export const withoutKey = (text) => text.replace(/ \(\S\)$/, "");
