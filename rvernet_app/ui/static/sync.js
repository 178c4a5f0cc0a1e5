// What is on the page goes to the store: after every change, what differs from what the store has is saved, in order,
// one request at a time. The page says "saved" only when nothing differs.

const RETRY_MS = 5000;
const unsaved = new Set(); // photos of a queue with changes the store does not have yet
const refused = new Set(); // those the store will not take: others have all the places on the photo
let syncing = false;
let retry = null;
let complained = null; // what was said last of why something could not be saved

function keep(photo) {
  if (!photo?.item || refused.has(photo)) return;
  unsaved.add(photo);
  stash(photo);
  if (!syncing) sync();
}

// A photo was changed, which need not be the one that is open by now.
function changedOn(photo) {
  if (photo === current) changed();
  else keep(photo);
}

async function sync() {
  clearTimeout(retry);
  syncing = true;
  saved("saving");
  try {
    while (unsaved.size) {
      const [photo] = unsaved;
      await keepFoods(photo);
      noteFoods(photo);
      unsaved.delete(photo);
      stash(photo);
    }
    complained = null;
    saved(refused.size ? "not taken" : "saved");
  } catch (error) {
    const [photo] = unsaved;
    unsaved.delete(photo);
    if (error.full) refuse(photo);
    else unsaved.add(photo); // behind the others, which may have nothing wrong with them
    saved("not saved");
    if (complained !== error.message) complain(error);
    complained = error.message;
    retry = setTimeout(sync, RETRY_MS);
  } finally {
    syncing = false;
  }
}

const FULL = "This photo has all the annotators it wants; go on to the next.";

// Others were quicker: the photo is there to look at, and what was done on it stays in this tab's stash.
function refuse(photo) {
  photo.full = true;
  refused.add(photo);
  if (photo === current) drawPanel();
}

async function keepFoods(photo) {
  if (photo.sent) await findSent(photo);
  for (let difference = nextDifference(photo); difference; difference = nextDifference(photo)) {
    const { id, food } = difference;
    const known = photo.stored.get(id);
    const content = food && contentOf(food);
    const text = food ? textOf(content) : "deleted";
    if (!known) {
      photo.sent = { id, text };
      stash(photo);
    }
    const reply = await tellOf(photo, food ? "save_food" : "delete_food", { ...(known && { id: known.id, revision: known.revision }), ...content });
    photo.sent = null;
    if (reply.conflict) await settleConflict(photo, id, content, reply.conflict);
    else photo.stored.set(id, { id: reply.id, revision: reply.revision, content: text });
  }
}

// Tells the store of a photo, in the name of who opened it.
async function tellOf(photo, name, message) {
  try {
    return await tell(name, { me: photo.me, item: photo.item, ...message });
  } catch (error) {
    if (!error.unanswered) photo.sent = null;
    throw error;
  }
}

// A new food was sent and no answer came: the store may have it all the same, and must not get it twice.
async function findSent(photo) {
  const { id, text } = photo.sent;
  const { foods } = await tellOf(photo, "open_item", { project: photo.project.id });
  const known = new Set([...photo.stored.values()].map((stored) => stored.id));
  const row = foods.find((each) => !known.has(each.id) && textOf(contentOf(foodOf(emptyWork(), each))) === text);
  if (row) photo.stored.set(id, { id: row.id, revision: row.revision, content: text });
  photo.sent = null;
}

// What both say alike needs no choice: then it was oneself whose answer was lost.
async function settleConflict(photo, id, content, theirs) {
  const known = { id: photo.stored.get(id).id, revision: theirs.revision };
  if (saysTheSame(content, theirs)) photo.stored.set(id, { ...known, content: content ? textOf(content) : "deleted" });
  else if (await chooseBetween(photo, content, theirs)) photo.stored.set(id, { ...known, content: null });
  else await takeTheirs(photo, id);
}

function saysTheSame(content, theirs) {
  if (!content || theirs.status === "deleted") return !content && theirs.status === "deleted";
  const portion = ["amount", "unit", "method", "low", "high"].every((name) => (content.portion?.[name] ?? null) === theirs[name]);
  return portion && content.rle.counts === theirs.counts && content.label === theirs.label_id && content.note === theirs.note;
}

// One food as the store has it now; the others of the photo stay as they are.
async function takeTheirs(photo, id) {
  const known = photo.stored.get(id);
  const { foods } = await tellOf(photo, "open_item", { project: photo.project.id });
  const row = foods.find((each) => each.id === known.id);
  const { present } = photo.work;
  if (row) {
    const mine = present.foods.find((food) => food.id === id);
    const food = { ...foodOf(photo.work, row), id, ...(mine && { colour: mine.colour }) };
    commit(photo.work, { ...withFood(present, food), active: present.active });
    photo.stored.set(id, { id: row.id, revision: row.revision, content: textOf(contentOf(food)) });
  } else {
    commit(photo.work, withoutFood(present, id));
    photo.stored.set(id, { ...known, content: "deleted" });
  }
  changedOn(photo);
}

// Everything that the store lacks or has otherwise, or still has though it is gone from the page.
function differences(photo) {
  const { foods } = photo.work.present;
  const changed = foods.filter((food) => photo.stored.get(food.id)?.content !== textOf(contentOf(food)));
  const here = new Set(foods.map((food) => food.id));
  const gone = [...photo.stored].filter(([id, { content }]) => content !== "deleted" && !here.has(id));
  return [...changed.map((food) => ({ id: food.id, food })), ...gone.map(([id]) => ({ id, food: null }))];
}

const nextDifference = (photo) => differences(photo)[0] ?? null;

// A food as the store keeps it. What was suggested is kept as it was when the food was named.
function contentOf(food) {
  const mask = maskOf(food);
  return {
    rle: mask.rle,
    label: food.label ?? null,
    prompts: { ...food.origin, points: food.points, box: food.box, edits: food.edits ?? 0, score: mask.score },
    segmenter: food.segmenter ?? null,
    checkpoint: food.checkpoint ?? null,
    suggestions: food.suggestions ?? null,
    taken: food.taken ?? null,
    portion: food.portion ?? null,
    note: food.note ?? "",
  };
}

// What a food's content is compared by: a database may give names in another order than it got them.
function textOf(content) {
  const inOrder = (_, value) => (value?.constructor === Object ? Object.fromEntries(Object.entries(value).sort()) : value);
  return JSON.stringify(content, inOrder);
}

// A food of the store as one on the page.
function foodOf(work, row) {
  const { points = [], box = null, edits = 0, score = null } = row.prompts;
  const mask = { rle: row.rle, polygons: row.polygons, bbox: row.bbox, score };
  return {
    ...newFood(work), origin: row.prompts, points, box, edits, candidates: [mask],
    label: row.label, segmenter: row.segmenter, checkpoint: row.checkpoint, suggestions: row.suggestions, taken: row.taken,
    portion: row.portion, note: row.note,
  };
}

function saved(state) {
  root.dataset.saved = state;
  find("#rv-saved").textContent = { saving: "saving…", saved: "saved", "not saved": "not saved, trying again", "not taken": "not taken: others have this photo" }[state];
}

// As `ask`, but a conflict is a reply like any other.
async function tell(name, message) {
  const reply = await server[name]({ me: annotator, ...message }).catch(() => null);
  if (!reply) throw await unanswered("Your work is kept on this page and saved once it does.");
  if (reply.login) showAccount(null);
  if (reply.error && !reply.conflict) throw Object.assign(new Error(reply.error), reply);
  return reply;
}

// Once all that was done on a photo has reached the store: masks under way, corrections, and what is not saved yet.
async function reached(photo) {
  const pause = () => new Promise((resolve) => setTimeout(resolve, 20));
  await editing;
  while (drafts.some((draft) => draft.photo === photo)) await pause();
  keep(photo);
  while (syncing) await pause();
  if (unsaved.has(photo)) throw new Error("This photo is not saved yet; it is tried again.");
  if (photo.full) throw new Error(FULL);
}

// Resolves to true where one's own is to be saved over what someone else saved. Nothing but its buttons closes it for
// good: either choice takes something off the page.
function chooseBetween(photo, content, theirs) {
  const label = (id) => (id === null || id === undefined ? "no name" : words(photo.project.labels.get(id)?.name ?? "another label"));
  const text = (id, portion) => [`“${label(id)}”`, ...(portion ? [portionText(portion)] : [])].join(", ");
  const others = [
    ...(content && content.rle.counts !== theirs.counts ? ["another mask"] : []),
    ...(content && content.note !== theirs.note ? ["another note"] : []),
  ].join(" and ");
  const state = theirs.status === "deleted" ? "was deleted" : `is now ${text(theirs.label_id, theirs.amount === null ? null : theirs)}${others && `, with ${others}`}`;
  find("#rv-conflict-theirs").textContent = `Theirs ${state}.`;
  find("#rv-conflict-mine").textContent = content ? `Yours is ${text(content.label, content.portion)}.` : "You removed it.";
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
