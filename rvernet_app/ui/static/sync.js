// What is on the page goes to the store: after every change, what differs from what the store has is saved, in order,
// one request at a time. The page says "saved" only when nothing differs.

const unsaved = new Set(); // photos of a queue with changes the store does not have yet
let syncing = false;
let retry = null;

function keep(photo) {
  if (!photo?.item) return;
  unsaved.add(photo);
  if (!syncing) sync();
}

async function sync() {
  clearTimeout(retry);
  syncing = true;
  saved("saving");
  try {
    while (unsaved.size) {
      const [photo] = unsaved;
      unsaved.delete(photo);
      try {
        await keepFoods(photo);
      } catch (error) {
        unsaved.add(photo);
        throw error;
      }
    }
    saved("saved");
  } catch (error) {
    saved("not saved");
    complain(error);
    retry = setTimeout(sync, 5000);
  } finally {
    syncing = false;
  }
}

async function keepFoods(photo) {
  for (let difference = nextDifference(photo); difference; difference = nextDifference(photo)) {
    const { id, food } = difference;
    const known = photo.stored.get(id);
    const content = food && contentOf(photo, food);
    const message = { item: photo.item, ...(known && { id: known.id, revision: known.revision }) };
    const reply = await tell(food ? "save_food" : "delete_food", { ...message, ...content });
    if (reply.conflict) {
      const mine = await chooseBetween(food, reply.conflict);
      photo.stored.set(id, { id: known.id, revision: reply.conflict.revision, content: mine ? null : JSON.stringify(content) });
      if (!mine) await reload(photo);
    } else {
      photo.stored.set(id, { id: reply.id, revision: reply.revision, content: food ? JSON.stringify(content) : "deleted" });
    }
  }
}

// A food that the store lacks, has otherwise, or still has though it is gone from the page.
function nextDifference(photo) {
  const { foods } = photo.work.present;
  const changed = foods.find((food) => photo.stored.get(food.id)?.content !== JSON.stringify(contentOf(photo, food)));
  if (changed) return { id: changed.id, food: changed };
  const here = new Set(foods.map((food) => food.id));
  const gone = [...photo.stored].find(([id, { content }]) => content !== "deleted" && !here.has(id));
  return gone ? { id: gone[0], food: null } : null;
}

// A food as the store keeps it. What was suggested is kept as it was when the food was named.
function contentOf(photo, food) {
  const mask = maskOf(food);
  return {
    rle: mask.rle,
    label: food.label ?? null,
    prompts: { points: food.points, box: food.box, edits: food.edits ?? 0, score: mask.score },
    segmenter: food.segmenter ?? null,
    checkpoint: food.checkpoint ?? null,
    suggestions: food.suggestions ?? null,
    taken: food.taken ?? null,
    portion: food.portion ?? null,
    note: food.note ?? "",
  };
}

// A food of the store as one on the page.
function foodOf(work, row) {
  const { points = [], box = null, edits = 0, score = null } = row.prompts;
  const mask = { rle: row.rle, polygons: row.polygons, bbox: row.bbox, score };
  return {
    ...newFood(work), points, box, edits, candidates: [mask],
    label: row.label, segmenter: row.segmenter, checkpoint: row.checkpoint, suggestions: row.suggestions, taken: row.taken,
    portion: row.portion, note: row.note,
  };
}

function saved(state) {
  root.dataset.saved = state;
  find("#rv-saved").textContent = { saving: "saving…", saved: "saved", "not saved": "not saved, trying again" }[state];
}

// As `ask`, but a conflict is a reply like any other.
async function tell(name, message) {
  const reply = await server[name]({ me: annotator, ...message }).catch(() => null);
  if (!reply) throw new Error("The server does not answer. Your work is kept on this page and saved once it does.");
  if (reply.error && !reply.conflict) throw new Error(reply.error);
  return reply;
}

// Resolves to true where one's own is to be saved over what someone else saved.
function chooseBetween(food, theirs) {
  const name = (id) => (id === null || id === undefined ? "no name" : words(project.labels.get(id)?.name ?? "another label"));
  const state = theirs.status === "deleted" ? "was deleted" : `is now “${name(theirs.label_id)}”${theirs.amount === null ? "" : `, ${theirs.amount} ${theirs.unit}`}`;
  find("#rv-conflict-theirs").textContent = `Theirs ${state}.`;
  find("#rv-conflict-mine").textContent = food ? `Yours is “${name(food.label)}”.` : "You removed it.";
  const sheet = find("#rv-conflict-sheet");
  sheet.returnValue = "";
  sheet.showModal();
  return new Promise((resolve) => {
    sheet.addEventListener("close", () => resolve(sheet.returnValue === "mine"), { once: true });
  });
}

window.addEventListener("beforeunload", (event) => { if (unsaved.size || syncing) event.preventDefault(); });
