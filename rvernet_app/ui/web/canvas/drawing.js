// Draws a scene with a pen whose unit is a photo pixel. Line widths and markers keep their size on the
// screen.

const DARK = "#1c1f1d";
const paths = new WeakMap(); // mask -> Path2D

function pathOf(mask) {
  if (!paths.has(mask)) {
    const path = new Path2D();
    for (const outline of mask.polygons) {
      path.moveTo(outline[0], outline[1]);
      for (let i = 2; i < outline.length; i += 2) path.lineTo(outline[i], outline[i + 1]);
      path.closePath();
    }
    paths.set(mask, path);
  }
  return paths.get(mask);
}

export function drawScene(pen, scene, scale) {
  const draw = brushes(pen, scale);
  for (const each of scene.masks) draw.mask(each, scene.opacity);
  if (scene.box) draw.box(scene.box, scene.colour, scene.boxIsDraft);
  for (const [x, y, label] of scene.points) draw.point(x + 0.5, y + 0.5, label, scene.colour);
  if (scene.stroke) draw.stroke(scene.stroke);
  if (scene.corners?.length) draw.corners(scene.corners, scene.colour);
  if (scene.outline) draw.outline(scene.outline, scene.colour);
  if (scene.handles?.length) draw.handles(scene.handles);
  if (scene.brush) draw.ring(...scene.brush.at, scene.brush.radius);
  if (scene.crosshair) draw.crosshair(scene.crosshair[0] + 0.5, scene.crosshair[1] + 0.5);
}

function brushes(pen, scale) {
  // The same line twice, the wide one below, so that it shows on any photo.
  function twice(styles, line) {
    for (const [style, width] of styles) {
      pen.strokeStyle = style;
      pen.lineWidth = width / scale;
      line();
    }
  }

  function lines(points, closed = false) {
    pen.beginPath();
    points.forEach(([x, y], index) => {
      if (index) pen.lineTo(x, y);
      else pen.moveTo(x, y);
    });
    if (closed) pen.closePath();
    pen.stroke();
  }

  function mask({ mask, colour, active }, opacity) {
    const path = pathOf(mask);
    pen.globalAlpha = opacity * (active ? 1 : 0.75);
    pen.fillStyle = colour;
    pen.fill(path, "evenodd");
    pen.globalAlpha = 1;
    pen.lineJoin = "round";
    const [below, above] = active ? [4, 2.5] : [2.5, 1.5];
    twice(
      [
        ["#fff", below],
        [colour, above],
      ],
      () => pen.stroke(path),
    );
  }

  function box([x0, y0, x1, y1], colour, draft) {
    pen.lineWidth = 2 / scale;
    pen.setLineDash(draft ? [6 / scale, 4 / scale] : [3 / scale, 3 / scale]);
    for (const [style, offset] of [
      ["#fff", 0],
      [colour, 3 / scale],
    ]) {
      pen.strokeStyle = style;
      pen.lineDashOffset = offset;
      pen.strokeRect(x0, y0, x1 - x0, y1 - y0);
    }
    pen.setLineDash([]);
  }

  function point(x, y, label, colour) {
    const r = 6.5 / scale;
    pen.beginPath();
    pen.arc(x, y, r, 0, 2 * Math.PI);
    pen.fillStyle = label ? colour : DARK;
    pen.fill();
    pen.lineWidth = 2 / scale;
    pen.strokeStyle = "#fff";
    pen.stroke();
    pen.beginPath();
    pen.moveTo(x - r * 0.5, y);
    pen.lineTo(x + r * 0.5, y);
    if (label) {
      pen.moveTo(x, y - r * 0.5);
      pen.lineTo(x, y + r * 0.5);
    }
    pen.stroke();
  }

  function stroke({ places, radius, erase, colour }) {
    pen.globalAlpha = 0.55;
    pen.strokeStyle = erase ? "#fff" : colour;
    pen.lineWidth = 2 * radius;
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(places[0][0] + 0.5, places[0][1] + 0.5);
    // A line of no length draws nothing, so that one place alone would not show.
    for (const [x, y] of places.length > 1 ? places.slice(1) : places) pen.lineTo(x + 0.5, y + 0.51);
    pen.stroke();
    pen.globalAlpha = 1;
    pen.lineCap = "butt";
  }

  function corners(places, colour) {
    const middles = places.map(([x, y]) => [x + 0.5, y + 0.5]);
    twice(
      [
        ["#fff", 4],
        [colour, 2],
      ],
      () => lines(middles),
    );
    for (const [x, y] of middles) point(x, y, 1, colour);
  }

  const outline = (points, colour) =>
    twice(
      [
        ["#fff", 4],
        [colour, 2],
      ],
      () => lines(points, true),
    );

  function handles(places) {
    const side = 7 / scale;
    pen.lineWidth = 1.5 / scale;
    pen.fillStyle = "#fff";
    pen.strokeStyle = DARK;
    for (const [x, y] of places) {
      pen.fillRect(x - side / 2, y - side / 2, side, side);
      pen.strokeRect(x - side / 2, y - side / 2, side, side);
    }
  }

  const ring = (x, y, radius) =>
    twice(
      [
        ["#000", 2.5],
        ["#fff", 1.2],
      ],
      () => {
        pen.beginPath();
        pen.arc(x + 0.5, y + 0.5, radius, 0, 2 * Math.PI);
        pen.stroke();
      },
    );

  function crosshair(x, y) {
    const r = 12 / scale;
    twice(
      [
        ["#000", 3],
        ["#fff", 1.5],
      ],
      () => {
        pen.beginPath();
        pen.moveTo(x - r, y);
        pen.lineTo(x + r, y);
        pen.moveTo(x, y - r);
        pen.lineTo(x, y + r);
        pen.stroke();
      },
    );
  }

  return { mask, box, point, stroke, corners, outline, handles, ring, crosshair };
}
