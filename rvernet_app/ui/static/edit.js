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
