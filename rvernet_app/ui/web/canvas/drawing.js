// Draws a scene with a pen whose unit is a photo pixel. Line widths and markers keep their size on the
// screen.

const DARK = "#1c1f1d";
const STRIPE_GAP = 11; // CSS pixels between stripes, measured along a side
const paths = new WeakMap(); // mask -> Path2D

// Device pixels per CSS pixel, as far as a photo gains from them.
export const pixelRatio = () => Math.min(window.devicePixelRatio || 1, 2);

export function maskPath(mask) {
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
  // The same line several times, the widest first, so that it shows on any photo.
  function cased(styles, line) {
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

  // Where masks are stacked (`covered` are those below), the upper one clears what is under it, so that it
  // shows in its own colour, and stripes tell what it covers.
  function mask({ mask, colour, active, covered }, opacity) {
    const path = maskPath(mask);
    if (covered) {
      pen.globalCompositeOperation = "destination-out";
      pen.fill(path, "evenodd");
      pen.globalCompositeOperation = "source-over";
    }
    pen.globalAlpha = opacity * (active ? 1 : 0.75);
    pen.fillStyle = colour;
    pen.fill(path, "evenodd");
    pen.globalAlpha = 1;
    for (const below of covered ?? []) stripes(path, below);
    pen.lineJoin = "round";
    cased(
      active
        ? [
            ["#000a", 5.5],
            ["#fff", 4],
            [colour, 2.5],
          ]
        : [
            ["#0009", 3.5],
            ["#fff", 2.5],
            [colour, 1.5],
          ],
      () => pen.stroke(path),
    );
  }

  // Stripes over the part of a mask that is also part of the one below, in that one's colour.
  function stripes(path, below) {
    const [x, y, width, height] = below.mask.bbox;
    const gap = STRIPE_GAP / scale;
    pen.save();
    pen.clip(path, "evenodd");
    pen.clip(maskPath(below.mask), "evenodd");
    cased(
      [
        ["#fff", 4],
        [below.colour, 2.5],
      ],
      () => {
        pen.beginPath();
        for (let at = Math.ceil((x - height) / gap) * gap; at < x + width; at += gap) {
          pen.moveTo(at, y);
          pen.lineTo(at + height, y + height);
        }
        pen.stroke();
      },
    );
    pen.restore();
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
    cased(
      [
        ["#fff", 4],
        [colour, 2],
      ],
      () => lines(middles),
    );
    for (const [x, y] of middles) point(x, y, 1, colour);
  }

  const outline = (points, colour) =>
    cased(
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
    cased(
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
    cased(
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
