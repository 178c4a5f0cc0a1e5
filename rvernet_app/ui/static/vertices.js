// The corners of a mask's outlines: with the polygon tool they are dragged, added on an edge, and cut away.

const GRIP = 9; // CSS pixels within which a corner or an edge is meant
const STRAY = 4; // CSS pixels an outline may stray from the lines between its handles

let gripped = null; // { points, before, after, place }: the corner that is dragged
let handlesOf = { mask: null, scale: 0, rings: [] }; // of the mask and zoom they were last asked for

// The selected food's outlines: their points, and the indices of those that are handles at this zoom.
function handleRings() {
  const food = current && activeFood(current.work);
  if (tool !== "polygon" || corners.length || !food || current.full) return [];
  const [mask, { scale }] = [maskOf(food), view.state];
  if (handlesOf.mask !== mask || handlesOf.scale !== scale) {
    handlesOf = { mask, scale, rings: mask.polygons.map(pointsOf).map((points) => ({ points, at: handlesAmong(points, STRAY / scale) })).filter(({ at }) => at.length > 2) };
  }
  return handlesOf.rings;
}

const pointsOf = (flat) => Array.from({ length: flat.length / 2 }, (_, index) => [flat[2 * index], flat[2 * index + 1]]);

// Indices of the points of a closed outline from which it strays no further than this (Douglas and Peucker 1973).
function handlesAmong(points, tolerance) {
  const far = points.reduce((best, point, index) => (distance(point, points[0]) > distance(points[best], points[0]) ? index : best), 0);
  const between = (from, to) => {
    let [worst, at] = [tolerance, null];
    for (let index = from + 1; index < to; index++) {
      const away = fromSegment(points[index], points[from], points[to % points.length]);
      if (away > worst) [worst, at] = [away, index];
    }
    return at === null ? [from] : [...between(from, at), ...between(at, to)];
  };
  return [...between(0, far), ...between(far, points.length)];
}

const distance = ([ax, ay], [bx, by]) => Math.hypot(ax - bx, ay - by);

function fromSegment(point, from, to) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const along = dx || dy ? ((point[0] - from[0]) * dx + (point[1] - from[1]) * dy) / (dx * dx + dy * dy) : 0;
  const share = Math.min(1, Math.max(0, along));
  return distance(point, [from[0] + share * dx, from[1] + share * dy]);
}

// What a pointer has hold of at this place of the photo: a handle, or an edge where it makes a new one.
function gripAt(place) {
  const reach = GRIP / view.state.scale;
  let [best, found] = [reach, null];
  for (const { points, at } of handleRings()) {
    at.forEach((index, number) => {
      const away = distance(points[index], place);
      const [after, before] = [at.at(number - 1), at[(number + 1) % at.length]];
      if (away < best) [best, found] = [away, { points, after, before, place: points[index], removable: at.length > 3 }];
    });
  }
  if (found) return found;
  for (const { points, at } of handleRings()) {
    at.forEach((after, number) => {
      const before = at[(number + 1) % at.length];
      const away = fromSegment(place, points[after], points[before]);
      if (away < best) [best, found] = [away, { points, after, before, place, removable: false }];
    });
  }
  return found;
}

// The outline with a corner of its own between two others, or without what was between them.
function ringWith({ points, after, before }, place) {
  const kept = [];
  for (let index = before; index !== after; index = (index + 1) % points.length) kept.push(points[index]);
  return [...kept, points[after], ...(place ? [place] : [])];
}

function dragCorner(grip, place) {
  gripped = { ...grip, place };
  drawScene();
}

function dropCorner(grip, place, cut) {
  gripped = null;
  if (cut && !grip.removable) return drawScene();
  editMask({ kind: "outline", outline: grip.points, stroke: ringWith(grip, cut ? null : place) });
}
