// Points, outlines and boxes in photo pixels. Everything a function needs comes in as an argument.

export const distance = ([ax, ay], [bx, by]) => Math.hypot(ax - bx, ay - by);

export const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

// Distance of a point from the straight line between two others.
export function distanceToSegment(point, from, to) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length2 = dx * dx + dy * dy;
  const along = length2 ? ((point[0] - from[0]) * dx + (point[1] - from[1]) * dy) / length2 : 0;
  const share = clamp(along, 0, 1);
  return distance(point, [from[0] + share * dx, from[1] + share * dy]);
}

// [x0, y0, x1, y1, ...] -> [[x0, y0], [x1, y1], ...]
export const pointsOf = (flat) =>
  Array.from({ length: flat.length / 2 }, (_, index) => [flat[2 * index], flat[2 * index + 1]]);

// Indices of the points of a closed outline that stray no more than `tolerance` from the lines between them
// (Douglas and Peucker 1973).
export function handlesAmong(points, tolerance) {
  const farther = (best, point, index) =>
    distance(point, points[0]) > distance(points[best], points[0]) ? index : best;
  const far = points.reduce(farther, 0);
  const between = (from, to) => {
    let [worst, at] = [tolerance, null];
    for (let index = from + 1; index < to; index++) {
      const away = distanceToSegment(points[index], points[from], points[to % points.length]);
      if (away > worst) [worst, at] = [away, index];
    }
    return at === null ? [from] : [...between(from, at), ...between(at, to)];
  };
  return [...between(0, far), ...between(far, points.length)];
}

// The outlines of a mask: their points, and which of these are handles. Outlines too small for three are left
// out.
export function handleRings(polygons, tolerance) {
  const rings = polygons.map(pointsOf).map((points) => ({ points, at: handlesAmong(points, tolerance) }));
  return rings.filter(({ at }) => at.length > 2);
}

// What a pointer has hold of: the nearest handle within reach, else the nearest edge, where it makes a new
// corner.
export function findGrip({ rings, place, reach }) {
  return nearestHandle(rings, place, reach) ?? nearestEdge(rings, place, reach);
}

function nearestHandle(rings, place, reach) {
  let [best, found] = [reach, null];
  for (const { points, at } of rings) {
    at.forEach((index, number) => {
      const away = distance(points[index], place);
      if (away >= best) return;
      const [after, before] = [at.at(number - 1), at[(number + 1) % at.length]];
      [best, found] = [away, { points, after, before, place: points[index], removable: at.length > 3 }];
    });
  }
  return found;
}

function nearestEdge(rings, place, reach) {
  let [best, found] = [reach, null];
  for (const { points, at } of rings) {
    at.forEach((after, number) => {
      const before = at[(number + 1) % at.length];
      const away = distanceToSegment(place, points[after], points[before]);
      if (away < best) [best, found] = [away, { points, after, before, place, removable: false }];
    });
  }
  return found;
}

// An outline with a corner of its own between two handles; without one where `place` is null.
export function ringWith({ points, after, before }, place) {
  const kept = [];
  for (let index = before; index !== after; index = (index + 1) % points.length) kept.push(points[index]);
  return [...kept, points[after], ...(place ? [place] : [])];
}

// The box between two pixels, both within it: [left, top, right, bottom], right and bottom excluded.
export const boxBetween = ([ax, ay], [bx, by]) => [
  Math.min(ax, bx),
  Math.min(ay, by),
  Math.max(ax, bx) + 1,
  Math.max(ay, by) + 1,
];

// Whether two boxes [x, y, width, height] share most of the smaller one.
export function overlaps([ax, ay, aw, ah], [bx, by, bw, bh]) {
  const across = Math.min(ax + aw, bx + bw) - Math.max(ax, bx);
  const down = Math.min(ay + ah, by + bh) - Math.max(ay, by);
  return across > 0 && down > 0 && across * down > 0.6 * Math.min(aw * ah, bw * bh);
}

// A stroke with at most so many places: every other one goes, never the last.
export function thinned(places, most) {
  let kept = places;
  while (kept.length > most) kept = kept.filter((_, index) => index % 2 === 0 || index === kept.length - 1);
  return kept;
}

// Where a crosshair comes to lie, kept within the photo; it starts in the middle.
export function movedCrosshair(crosshair, [dx, dy], { width, height }, scale) {
  const stride = Math.max(1, Math.round(4 / scale));
  const [x, y] = crosshair ?? [Math.floor(width / 2), Math.floor(height / 2)];
  return [clamp(x + dx * stride, 0, width - 1), clamp(y + dy * stride, 0, height - 1)];
}
