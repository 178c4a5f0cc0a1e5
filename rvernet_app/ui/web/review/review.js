// A reviewer's view of a photo: what each annotator has, side by side, and the decision between them.

import { REVIEW_COLOURS } from "../canvas/scene.js";
import { showOnCanvas } from "../canvas/view.js";
import { fill, make, muted, swatch } from "../dom.js";
import { attempt, complain, whileBusy } from "../feedback.js";
import { pictureOf } from "../photos.js";
import { openNext } from "../project/queue.js";
import { tell } from "../server.js";
import { portionText, words } from "../words.js";

const NOTHING = { item: null, annotators: [], compared: [], merged: [], comments: [] };
const NO_PHOTO = { width: 1, height: 1 };
const CHANGED = "Someone else changed this meanwhile; this is how it is now.";
const NAMED_DIFFERENTLY = "They are named differently; accept the one that is named right.";

export async function startReview(page) {
  page.find("#rv-projects-sheet").close();
  page.state.set({ reviewing: true });
  await nextReview(page, -1);
}

export function stopReview(page) {
  page.state.set({ reviewing: false, reviewed: null, current: null });
  return openNext(page, -1);
}

export function nextReview(page, after = page.state.reviewed?.position ?? -1) {
  return openReview(page, { after, least: page.find("#rv-review-all").checked ? 1 : 2 });
}

export function openReview(page, query) {
  const { state } = page;
  return whileBusy(page, "Opening the photo…", async () => {
    const reply = await tell(page, "open_review", { project: state.project.id, ...query });
    const reviewed = reply.item === null ? NOTHING : reply;
    const image = reviewed.item === null ? null : await pictureOf(reply.photo);
    state.set({ current: null, picked: 0, reviewed });
    showOnCanvas(page, reviewed.photo ?? NO_PHOTO, image);
  });
}

// True where the store took the decision.
export async function decide(page, name, message) {
  const { state } = page;
  const photo = state.reviewed;
  const decided = await attempt(page, async () => {
    const reply = await tell(page, name, { item: photo.item, ...message });
    const now = reply.conflict ? await asItIs(page, photo) : reply;
    if (reply.conflict) complain(page, new Error(CHANGED));
    else if (!state.unsaved.size) state.set({ saved: "saved" });
    if (photo === state.reviewed) showDecided(state, { ...photo, ...now }, !reply.conflict && name);
    return !reply.conflict;
  });
  return Boolean(decided);
}

const asItIs = (page, { item }) => tell(page, "open_review", { project: page.state.project.id, item });

// After a choice between masks the next food is picked.
function showDecided(state, reviewed, decision) {
  const goesOn = ["accept", "merge"].includes(decision) && state.picked < reviewed.compared.length - 1;
  state.set({ reviewed, picked: state.picked + (goesOn ? 1 : 0) });
}

// The masks become one. Where names differ there is one to accept; of amounts that differ one is chosen.
function merge(page, how) {
  const { reviewed, picked } = page.state;
  const foods = reviewed.compared[picked].foods.filter(Boolean);
  if (new Set(foods.map((food) => food.label)).size > 1) {
    complain(page, new Error(NAMED_DIFFERENTLY));
    return;
  }
  const ids = foods.map(({ id, revision }) => ({ id, revision }));
  const asked = { foods: ids, how, label: foods[0].label };
  const portions = portionsOf(foods);
  const take = (portion) => decide(page, "merge", { ...asked, portion });
  if (portions.length < 2) take(portions[0] ?? null);
  else choosePortion(page, portions, take);
}

// The portions that differ.
export function portionsOf(foods) {
  const known = foods.filter(({ portion }) => portion);
  return [...new Map(known.map(({ portion }) => [JSON.stringify(portion), portion])).values()];
}

function choosePortion({ find }, portions, take) {
  const sheet = find("#rv-amounts-sheet");
  const choose = (portion) => {
    sheet.close();
    take(portion);
  };
  const textOf = (portion) => (portion ? `${portionText(portion)}, ${portion.method}` : "No amount");
  const choices = [...portions, null].map((portion) => button(textOf(portion), () => choose(portion)));
  find("#rv-amounts").replaceChildren(...choices);
  sheet.showModal();
}

const button = (text, onclick, disabled = false) =>
  make("button", { type: "button", class: "rv-button", disabled, onclick }, text);

export function sendComment(page, form) {
  if (!page.state.reviewed?.item) return;
  const said = new FormData(form).get("words");
  decide(page, "comment", { words: said }).then((taken) => {
    if (taken) form.reset();
  });
}

const colourOf = (who) => REVIEW_COLOURS[who % REVIEW_COLOURS.length];

export function drawReview(page) {
  const { find, state } = page;
  if (!state.reviewing) return;
  const { annotators, compared, comments, item } = state.reviewed ?? { ...NOTHING, item: undefined };
  find("#rv-review-empty").hidden = item !== null;
  const legend = annotators.map((name, who) => make("span", {}, swatch(colourOf(who)), name));
  find("#rv-review-legend").replaceChildren(...legend);
  fill(
    find("#rv-compared"),
    compared.map((each, index) => comparedRow(page, each, index)),
  );
  const foods = compared[state.picked]?.foods ?? [];
  fill(find("#rv-decide"), decisionsOn(page, foods, annotators));
  find("#rv-comments").replaceChildren(...comments.map(commentRow));
}

const commentRow = ({ who, words: said, at }) =>
  make("li", {}, make("strong", {}, who), muted(new Date(at).toLocaleString()), make("p", {}, said));

function comparedRow({ state }, { foods, iou, same_label: same }, index) {
  const differently = same === false ? ", named differently" : "";
  const agreement = iou === null ? "only one has it" : `IoU ${iou.toFixed(2)}${differently}`;
  const current = index === state.picked ? "true" : null;
  const pick = () => state.set({ picked: index });
  return make(
    "li",
    { "aria-current": current },
    make(
      "button",
      { type: "button", class: "rv-compare", onclick: pick },
      ...foods.map((food, who) => opinionOf(state.project.labels, food, who)),
      muted(agreement),
    ),
  );
}

const opinionOf = (labels, food, who) =>
  make(
    "span",
    { class: "rv-opinion", "data-status": food?.status ?? "missing" },
    swatch(colourOf(who)),
    labelText(labels, food),
    muted(portionText(food?.portion)),
  );

function labelText(labels, food) {
  if (!food) return "—";
  return food.label === null ? "no name" : words(labels.get(food.label)?.name ?? "?");
}

function decisionsOn(page, foods, names) {
  const there = foods.filter(Boolean);
  const placed = ({ id, revision }) => ({ id, revision });
  const accepts = foods.flatMap((food, who) => {
    if (!food) return [];
    const accept = () => decide(page, "accept", placed(food));
    return [button(`Accept ${names[who]}’s`, accept, food.status === "accepted")];
  });
  const merges = [
    ["Merge", "union", 2],
    ["What all have", "intersection", 2],
    ["What most have", "majority", 3],
  ].filter(([, , least]) => there.length >= least);
  const [only] = there;
  const reject = () => decide(page, "reject", placed(only));
  return [
    ...accepts,
    ...merges.map(([text, how]) => button(text, () => merge(page, how))),
    ...(there.length === 1 ? [button("Reject it", reject, only.status === "rejected")] : []),
  ];
}
