// How numbers and names are written on the page.

export function percent(share) {
  if (share >= 0.995) return "100 %";
  return share < 0.01 ? "< 1 %" : `${Math.round(share * 100)} %`;
}

// How the page writes class names of FoodSeg103 that do not read well. They stay as they are in labels, in
// exports and for the classifier.
const WRITTEN = {
  "celery stick": "celery",
  "cheese butter": "cheese or butter",
  "chicken duck": "chicken or duck",
  "cilantro mint": "cilantro or mint",
  hamburg: "hamburger",
  "hanamaki baozi": "steamed bun",
  rape: "rapeseed greens",
  soy: "soybeans",
  "wonton dumplings": "wonton or dumplings",
};

// Class names of a checkpoint may be written with underscores.
export function words(label) {
  const name = label.replaceAll("_", " ");
  return Object.hasOwn(WRITTEN, name) ? WRITTEN[name] : name;
}

export const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

export const plural = (count, one) => `${count} ${one}${count === 1 ? "" : "s"}`;

// "a, b and c".
export const listText = (parts) =>
  parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;

// How long something takes, roughly.
export function durationText(seconds) {
  if (seconds < 50) return `about ${plural(Math.max(5, Math.ceil(seconds / 5) * 5), "second")}`;
  if (seconds < 90 * 60) return `about ${plural(Math.round(seconds / 60) || 1, "minute")}`;
  return `about ${plural(Math.round(seconds / 3600), "hour")}`;
}

export const portionText = (portion) => (portion ? `${portion.amount} ${portion.unit}` : "");

// The first suggestion as a screen reader says it.
export function suggestionText({ suggestions, sure }) {
  const [{ label, probability }] = suggestions;
  return `Suggestion: ${words(label)}, ${percent(probability).replace("%", "percent")}, ${sure ? "sure" : "not sure"}`;
}

// Photos an annotator can label; photos that others have taken ("full") do not count.
export const totalOf = ({ full, ...mine }) => Object.values(mine).reduce((sum, count) => sum + count, 0);

// Skipped and unusable photos are not labelled; they are counted by themselves.
const apartOf = ({ skipped, unusable }) =>
  [skipped && `${skipped} skipped`, unusable && `${unusable} unusable`].filter(Boolean);

export const progressText = (progress) =>
  [`${progress.done} of ${totalOf(progress)} labelled`, ...apartOf(progress)].join(" · ");

// Width of a progress bar, in percent of the photos that can be labelled.
export const progressShare = (progress) =>
  (100 * progress.done) / Math.max(1, totalOf(progress) - progress.unusable);

// Why the queue has no further photo for this annotator.
export function endOfQueue(progress) {
  const left = progress.new + progress.open + progress.skipped;
  if (left) return `${left} photos are left, skipped or held by others`;
  const apart = progress.unusable ? [`${progress.unusable} unusable`] : [];
  if (progress.full) return `${["All is done", ...apart].join(", ")}; others have ${progress.full} photos`;
  return apart.length ? `${progress.done} photos are labelled, ${apart[0]}` : "Every photo is labelled";
}

// The questions before a photo is marked as done: what `choose` takes.
export const doneWithoutFoods = {
  title: "No food on this photo?",
  text: "Nothing is marked on it yet.",
  choices: [
    ["back", "Go back"],
    ["done", "Mark as done without foods"],
    ["unusable", "Unusable"],
  ],
};

export const doneWithoutNames = (count) => ({
  title: count === 1 ? "1 food has no name yet" : `${count} foods have no name yet`,
  text: "Foods without a name are left out of reports and downloads.",
  choices: [
    ["back", count === 1 ? "Go back and name it" : "Go back and name them"],
    ["done", "Mark as done all the same"],
  ],
});

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
