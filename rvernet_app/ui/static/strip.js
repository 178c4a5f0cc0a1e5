// The strip of a queue: which photos are listed, where it stands, and the way along it.

let listed = []; // the photos on the strip
let filter = { state: null, label: null, by: null, uncertain: null };

function showFilter() {
  const parts = [filter.state === "open" ? "begun" : filter.state, filter.label && words(project.labels.get(filter.label).name), filter.by && `by ${filter.by}`, filter.uncertain && `${percent(filter.uncertain)} uncertain`].filter(Boolean);
  find("#rv-filter").textContent = parts.length ? parts.join(", ") : "All photos";
}

const LISTED = 60; // photos of a page of the list
const BEFORE = 10; // photos in front of the open one that are listed with it
const filters = () => Object.values(filter).some((value) => value !== null);

async function list(anew) {
  const after = anew ? -1 : (listed.at(-1)?.position ?? -1);
  const { items } = await tell("list_items", { project: project.id, after, ...filter });
  listed = anew ? items : [...listed, ...items];
  drawStrip();
}

// The strip tells how many foods a photo has by now, and that it is begun.
function noteFoods(photo) {
  const foods = photo.work.present.foods.length;
  if (photo.state === "new" && photo.stored.size) photo.state = "open";
  const entry = listed.find(({ item }) => item === photo.item);
  if (!entry || (entry.foods === foods && entry.state === photo.state)) return;
  Object.assign(entry, { foods, state: photo.state });
  drawStrip();
}

// The strip goes where one works; a filter says by itself what it shows.
async function listAround(position) {
  if (filters()) return;
  const { items } = await tell("list_items", { project: project.id, after: position - BEFORE - 1 });
  listed = items;
  drawStrip();
}

async function listEarlier() {
  const first = listed[0].position;
  const { items } = await tell("list_items", { project: project.id, after: first - LISTED - 1 });
  listed = [...items.filter((each) => each.position < first), ...listed];
  drawStrip();
}

// To the photo before or behind; of those listed, where a filter says which.
async function stepTo(by) {
  if (!current?.item) return;
  if (!filters()) return openItem({ position: current.position, step: by });
  const before = listed.filter(({ position }) => position < current.position).at(-1);
  const behind = () => listed.find(({ position }) => position > current.position);
  if (by > 0 && !behind()) await list(false).catch(complain);
  const next = by < 0 ? before : behind();
  if (next) await openItem({ item: next.item });
  else status("No more photos that way");
}
