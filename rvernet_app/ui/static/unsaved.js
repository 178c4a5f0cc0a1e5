// What the store does not have yet is kept in this tab's session storage as well, so that it is there again after a
// reload or a log-in on the way, and is saved then. Another tab has a storage of its own and never saves it twice.

const STASH = "rvernet-unsaved-";
let leaving = false; // for a log-in, from which one comes back
let stashes = true; // whether there is room for it

function stash(photo) {
  const foods = differences(photo).map(({ id, food }) => ({
    known: photo.stored.get(id) ?? null,
    row: food && rowOf(food),
    sent: photo.sent?.id === id ? photo.sent.text : null,
  }));
  try {
    if (foods.length) sessionStorage.setItem(STASH + photo.item, JSON.stringify({ me: photo.me, project: photo.project.id, item: photo.item, foods }));
    else sessionStorage.removeItem(STASH + photo.item);
  } catch {
    stashes = false; // it is on the page only, and leaving that asks first
  }
}

// As the store would tell of it.
const rowOf = (food) => ({ ...contentOf(food), polygons: maskOf(food).polygons, bbox: maskOf(food).bbox });

function stashed() {
  try {
    const keys = Object.keys(sessionStorage).filter((key) => key.startsWith(STASH));
    return keys.map((key) => JSON.parse(sessionStorage.getItem(key))).filter(({ me }) => me === annotator);
  } catch {
    return [];
  }
}

// A photo newly told by the store gets what was changed on it before. What the store has by now is not what the change
// was made from where the revisions differ, and saving it asks.
function unstash(photo) {
  const kept = stashed().find(({ item }) => item === photo.item);
  if (!kept) return;
  const { work, stored } = photo;
  for (const { known, row, sent } of kept.foods) {
    const isIt = ({ id, content }) => (known ? id === known.id : sent !== null && content === sent);
    const there = [...stored].find(([, each]) => isIt(each))?.[0];
    const food = row && { ...foodOf(work, row), ...(there && { id: there }) };
    if (food) work.present = withFood(work.present, food);
    else if (there) work.present = withoutFood(work.present, there);
    const id = food?.id ?? there;
    if (known && id) stored.set(id, { ...known, content: null });
    if (sent && !there) photo.sent = { id, text: sent };
  }
}

// Saves what this tab still has of a project from before it was loaded.
async function saveStashed() {
  for (const { item } of stashed().filter((kept) => kept.project === project.id)) {
    if (cached(item)) continue;
    try {
      keep(await taken(await tell("open_item", { project: project.id, item })));
    } catch (error) {
      complain(error);
    }
  }
}

window.addEventListener("beforeunload", (event) => {
  if (!root.isConnected) return;
  leaveFields();
  if (unsaved.size && !(leaving && stashes)) event.preventDefault();
});
