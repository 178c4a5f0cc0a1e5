// A reviewer's view of a photo: what each annotator has, side by side, and the decision between them.

const REVIEW_COLOURS = ["#e4572e", "#1b7fc4", "#c445a5", "#e0a100"]; // of annotators, not of foods
const MERGED_COLOUR = "#2a9d5c";
let reviewed = null; // the photo under review with its compared foods; null while one labels
let picked = 0; // of its foods

async function startReview() {
  find("#rv-projects-sheet").close();
  root.dataset.review = "";
  await nextReview(-1);
}

function stopReview() {
  delete root.dataset.review;
  reviewed = null;
  current = null;
  drawStrip();
  openItem({ after: -1, order });
}

const nextReview = (after = reviewed?.position ?? -1) => openReview({ after, least: find("#rv-review-all").checked ? 1 : 2 });

async function openReview(query) {
  busy("Opening the photo…");
  try {
    const reply = await tell("open_review", { project: project.id, ...query });
    current = null;
    picked = 0;
    reviewed = reply.item === null ? null : reply;
    const image = new Image();
    if (reviewed) {
      image.src = served(reply.photo.url);
      await image.decode();
    }
    root.dataset.state = "photo";
    find("#rv-photo-name").textContent = reviewed ? reply.photo.name : "Nothing waits for a review";
    find("#rv-photo-size").textContent = reviewed ? `photo ${reply.position + 1}` : "";
    view.show(reviewed ? reply.photo : { width: 1, height: 1 }, reviewed ? image : null);
    drawReview();
    drawStrip();
  } catch (error) {
    complain(error);
  } finally {
    busy(null);
  }
}

// Whether the store took it.
async function decide(name, message) {
  const photo = reviewed;
  try {
    const reply = await tell(name, { item: photo.item, ...message });
    Object.assign(photo, reply.conflict ? await tell("open_review", { project: project.id, item: photo.item }) : reply);
    if (reply.conflict) complain(new Error("Someone else changed this meanwhile; this is how it is now."));
    else if (!unsaved.size) saved("saved");
    if (photo === reviewed) {
      if (!reply.conflict && ["accept", "merge"].includes(name) && picked < photo.compared.length - 1) picked += 1;
      drawReview();
    }
    return !reply.conflict;
  } catch (error) {
    complain(error);
    return false;
  }
}

// The masks become one. Where names differ there is one to accept; of amounts that differ one is chosen.
function merge(how) {
  const foods = reviewed.compared[picked].foods.filter(Boolean);
  if (new Set(foods.map((food) => food.label)).size > 1) return complain(new Error("They are named differently; accept the one that is named right."));
  const asked = { foods: foods.map(({ id, revision }) => ({ id, revision })), how, label: foods[0].label };
  const portions = [...new Map(foods.filter(({ portion }) => portion).map(({ portion }) => [JSON.stringify(portion), portion])).values()];
  if (portions.length < 2) return decide("merge", { ...asked, portion: portions[0] ?? null });
  const choose = (portion) => { find("#rv-amounts-sheet").close(); decide("merge", { ...asked, portion }); };
  find("#rv-amounts").replaceChildren(...[...portions, null].map((portion) => make("button", { type: "button", class: "rv-button", onclick: () => choose(portion) }, portion ? `${portionText(portion)}, ${portion.method}` : "No amount")));
  find("#rv-amounts-sheet").showModal();
}

function pick(index) {
  picked = index;
  drawReview();
}

const labelText = (food) => (!food ? "—" : food.label === null ? "no name" : words(project.labels.get(food.label)?.name ?? "?"));

function drawReview() {
  drawScene();
  const names = reviewed?.annotators ?? [];
  find("#rv-review-empty").hidden = reviewed !== null;
  find("#rv-review-legend").replaceChildren(...names.map((name, who) => make("span", {},
    make("span", { class: "rv-swatch", style: `background:${REVIEW_COLOURS[who % 4]}` }), name)));
  fill(find("#rv-compared"), (reviewed?.compared ?? []).map(({ foods, iou, same_label: same }, index) => make("li", { "aria-current": index === picked ? "true" : null },
    make("button", { type: "button", class: "rv-compare", onclick: () => pick(index) },
      ...foods.map((food, who) => make("span", { class: "rv-opinion", "data-status": food?.status ?? "missing" },
        make("span", { class: "rv-swatch", style: `background:${REVIEW_COLOURS[who % 4]}` }), labelText(food), make("span", { class: "rv-muted" }, portionText(food?.portion)))),
      make("span", { class: "rv-muted" }, iou === null ? "only one has it" : `IoU ${iou.toFixed(2)}${same === false ? ", named differently" : ""}`)))));
  drawDecisions(reviewed?.compared[picked]?.foods ?? [], names);
  find("#rv-comments").replaceChildren(...(reviewed?.comments ?? []).map(({ who, words: said, at }) => make("li", {},
    make("strong", {}, who), make("span", { class: "rv-muted" }, new Date(at).toLocaleString()), make("p", {}, said))));
}

function drawDecisions(foods, names) {
  const there = foods.filter(Boolean);
  const button = (text, disabled, onclick) => make("button", { type: "button", class: "rv-button", disabled, onclick }, text);
  fill(find("#rv-decide"), [
    ...foods.flatMap((food, who) => (food ? [button(`Accept ${names[who]}’s`, food.status === "accepted", () => decide("accept", { id: food.id, revision: food.revision }))] : [])),
    ...(there.length > 1 ? [button("Merge", false, () => merge("union")), button("What all have", false, () => merge("intersection"))] : []),
    ...(there.length > 2 ? [button("What most have", false, () => merge("majority"))] : []),
    ...(there.length === 1 ? [button("Reject it", there[0].status === "rejected", () => decide("reject", { id: there[0].id, revision: there[0].revision }))] : []),
  ]);
}

// The masks of a review: strong for the food picked, gone where one was rejected.
function reviewScene() {
  const masks = reviewed.compared.flatMap(({ foods }, index) => foods.flatMap((food, who) =>
    (food && food.status !== "rejected" ? [{ path: maskPath(food), colour: REVIEW_COLOURS[who % 4], active: index === picked }] : [])));
  const merged = reviewed.merged.filter((food) => food.status === "accepted").map((food) => ({ path: maskPath(food), colour: MERGED_COLOUR, active: false }));
  return { masks: masksHidden ? [] : [...masks, ...merged], points: [], box: null, opacity: Number(find("#rv-opacity").value) / 200 };
}

async function showReport(of) {
  busy("Counting…");
  try {
    const { tables, figure } = await tell("report", { project: project.id, of });
    find("#rv-report-title").textContent = of === "agreement" ? "How far annotators agree" : "How the project stands";
    find("#rv-report-figure").src = figure;
    find("#rv-report-tables").replaceChildren(...tables.filter(({ rows }) => rows.length).flatMap(({ title, columns, rows }) => [
      make("h3", {}, title),
      make("div", { class: "rv-table" }, make("table", {},
        make("thead", {}, make("tr", {}, ...columns.map((name) => make("th", {}, name)))),
        make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((cell) => make("td", {}, cell))))))),
    ]));
    find("#rv-report-sheet").showModal();
  } catch (error) {
    complain(error);
  } finally {
    busy(null);
  }
}

async function showHistory() {
  try {
    const all = current.state === "done"; // before that, what others did would steer
    const { events } = await tell("history", { item: current.item, all });
    find("#rv-history-title").textContent = all ? "What was done on this photo" : "What you did on this photo";
    find("#rv-history").replaceChildren(...events.map((event) => make("li", {},
      make("span", { class: "rv-muted" }, new Date(event.at).toLocaleString()), ...(all ? [make("strong", {}, event.who ?? "")] : []), make("span", {}, eventText(event)))));
    find("#rv-history-sheet").showModal();
  } catch (error) {
    complain(error);
  }
}

function eventText({ subject, before, after }) {
  const name = (columns) => (columns.label_id ? words(project.labels.get(columns.label_id)?.name ?? "?") : "a food without a name");
  if (subject === "verdict") return `photo ${after.state}${after.reason ? `: ${after.reason}` : ""}`;
  if (subject === "comment") return `said “${after.words}”`;
  if (subject !== "annotation") return "photo added";
  if (!before) return `added ${name(after)}`;
  if (after.status === "deleted") return `removed ${name(before)}`;
  if (before.status !== after.status) return `${name(after)} is ${after.status}`;
  if (before.label_id !== after.label_id) return `${name(before)} is now ${name(after)}`;
  if (before.amount !== after.amount || before.unit !== after.unit) return `${name(after)}: ${after.amount === null ? "no amount" : `${after.amount} ${after.unit}`}`;
  return before.area === after.area ? `changed ${name(after)}` : `changed the mask of ${name(after)}`;
}
