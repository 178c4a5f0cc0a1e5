// Corrections by hand: brush, eraser, polygon, holes, crumbs, edges. The server makes the mask, so that it is exact.

let brush = 16; // radius in CSS pixels, so that zooming in makes it finer
let stroke = null; // places under way
let corners = []; // of a polygon under way
let editing = Promise.resolve();

const brushRadius = () => brush / view.state.scale;
const isHandTool = (name) => ["brush", "eraser", "polygon"].includes(name);

// One correction after the other, each made of what the one before left.
function editMask(edit) {
  const photo = current;
  editing = editing.then(async () => {
    const food = activeFood(photo.work) ?? newFood(photo.work);
    const mask = maskOf(food) ?? null;
    if (!mask && !["paint", "polygon"].includes(edit.kind)) return;
    try {
      const reply = await ask("edit_mask", { photo: photo.id, rle: edit.kind === "polygon" ? null : (mask?.rle ?? null), edit });
      const edited = { ...food, candidates: [reply.mask], chosen: 0, token: null, edits: (food.edits ?? 0) + 1 };
      commit(photo.work, withFood(photo.work.present, edited));
    } catch (error) {
      complain(error);
    }
    if (photo === current) changed();
  });
  return editing;
}

function finishStroke(places, cut) {
  stroke = null;
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
  if (!current || proposing) return;
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
  if (photo === current) changed();
}

// Whether two boxes share most of the smaller one: what is already a food is not offered again.
function overlaps({ bbox: [ax, ay, aw, ah] }, { bbox: [bx, by, bw, bh] }) {
  const across = Math.min(ax + aw, bx + bw) - Math.max(ax, bx);
  const down = Math.min(ay + ah, by + bh) - Math.max(ay, by);
  return across > 0 && down > 0 && across * down > 0.6 * Math.min(aw * ah, bw * bh);
}
