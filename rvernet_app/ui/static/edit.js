// Corrections by hand: brush, eraser, polygon, holes, crumbs, edges. The server makes the mask, so that it is exact.

let brush = 16; // radius in CSS pixels, so that zooming in makes it finer
let stroke = null; // places under way
let corners = []; // of a polygon under way
let editing = Promise.resolve();

let begun = null; // { photo, food }: a food that corrections under way make
const MAX_RADIUS = 1000; // in photo pixels, and
const MAX_PLACES = 5000; // of a stroke: what the server takes

const brushRadius = () => Math.min(brush / view.state.scale, MAX_RADIUS);
const isHandTool = (name) => ["brush", "eraser", "polygon"].includes(name);

// One correction after the other, each made of what the one before left, and of the food that was selected when it was
// made.
function editMask(edit) {
  const photo = current;
  if (!photo || refuses(photo)) return editing;
  const selected = activeFood(photo.work);
  if (!selected && begun?.photo !== photo) begun = { photo, food: newFood(photo.work) };
  const target = selected ?? begun.food;
  editing = editing.then(() => correctMask(photo, target, edit));
  return editing;
}

async function correctMask(photo, target, edit) {
  const asItIs = () => photo.work.present.foods.find((food) => food.id === target.id);
  const before = asItIs();
  if (!before && (target.candidates.length || !["paint", "polygon"].includes(edit.kind))) return;
  try {
    const rle = before && edit.kind !== "polygon" ? maskOf(before).rle : null;
    const { mask } = await ask("edit_mask", { photo: photo.id, rle, edit });
    const food = asItIs() ?? (before ? null : target); // it may have been named meanwhile, or removed
    if (!food) return;
    commit(photo.work, withFood(photo.work.present, { ...food, candidates: [mask], chosen: 0, token: null, edits: (food.edits ?? 0) + 1 }));
    if (begun?.food === target) begun = null;
  } catch (error) {
    complain(error);
  }
  changedOn(photo);
}

function finishStroke(path, cut) {
  stroke = null;
  let places = path;
  while (places.length > MAX_PLACES) places = places.filter((_, index) => index % 2 === 0 || index === places.length - 1);
  if (!current || !places.length) return;
  editMask({ kind: tool === "eraser" || cut ? "erase" : "paint", stroke: places, radius: brushRadius() });
}

function addCorner(place) {
  const [x, y] = corners[0] ?? [NaN, NaN];
  if (corners.length > 2 && Math.hypot(place[0] - x, place[1] - y) * view.state.scale < 10) return closePolygon();
  corners = [...corners, place];
  drawScene();
}

function closePolygon() {
  const done = corners;
  corners = [];
  if (done.length > 2) editMask({ kind: "polygon", stroke: done });
  else drawScene();
}

const smoothMask = () => {
  const mask = shownMask();
  if (mask) editMask({ kind: "smooth", radius: Math.max(1, 0.04 * Math.sqrt(mask.bbox[2] * mask.bbox[3])) });
};

function setBrush(radius) {
  brush = Math.min(Math.max(radius, 2), 120);
  find("#rv-brush").value = String(brush);
  drawScene();
}

let proposing = null; // { seq, photo } of the proposals under way
let proposalSeq = 0;

// The whole photo is looked over; what is found comes as foods to be named, all in one step to undo.
function proposeAll() {
  if (!current || proposing || refuses(current)) return;
  proposing = { seq: ++proposalSeq, photo: current };
  trigger("propose", { seq: proposing.seq, photo: current.id });
  busy("Looking the photo over…", stopProposing);
}

function stopProposing() {
  proposing = null;
  trigger("propose", { seq: ++proposalSeq, stop: true });
  busy(null);
}

function proposed({ seq, share, masks, error }) {
  if (!proposing || (seq !== proposing.seq && !error)) return;
  if (!error && !masks) return busy(`Looking the photo over… ${percent(share)}`, stopProposing);
  const { photo } = proposing;
  proposing = null;
  busy(null);
  if (error) return complain(new Error(error));
  const fresh = masks.filter((mask) => !photo.work.present.foods.some((food) => overlaps(maskOf(food), mask)));
  if (!fresh.length) return status("Nothing new was found");
  const foods = fresh.map((mask) => ({ ...newFood(photo.work), candidates: [mask], segmenter: props.facts.segmenter_id }));
  commit(photo.work, { foods: [...photo.work.present.foods, ...foods], active: foods[0].id });
  status(`${fresh.length} regions to name`);
  changedOn(photo);
}

// Whether two boxes share most of the smaller one: what is already a food is not offered again.
function overlaps({ bbox: [ax, ay, aw, ah] }, { bbox: [bx, by, bw, bh] }) {
  const across = Math.min(ax + aw, bx + bw) - Math.max(ax, bx);
  const down = Math.min(ay + ah, by + bh) - Math.max(ay, by);
  return across > 0 && down > 0 && across * down > 0.6 * Math.min(aw * ah, bw * bh);
}
