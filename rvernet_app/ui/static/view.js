// The two stacked canvases: the photo, redrawn when the view moves, and over it masks, points and boxes.

function createView(stage, photoCanvas, overlayCanvas) {
  const photoPen = photoCanvas.getContext("2d");
  const overlayPen = overlayCanvas.getContext("2d");
  const view = { scale: 1, x: 0, y: 0, photo: null, image: null, fitted: true };
  let pixelRatio = 1;

  function fitScale() {
    const { clientWidth: width, clientHeight: height } = stage;
    return Math.min((width - 24) / view.photo.width, (height - 24) / view.photo.height);
  }

  function fit() {
    if (!view.photo) return;
    view.scale = Math.max(fitScale(), 1e-3);
    view.x = (stage.clientWidth - view.photo.width * view.scale) / 2;
    view.y = (stage.clientHeight - view.photo.height * view.scale) / 2;
    view.fitted = true;
    drawPhoto();
  }

  function resize() {
    pixelRatio = Math.min(window.devicePixelRatio || 1, 2);
    for (const canvas of [photoCanvas, overlayCanvas]) {
      canvas.width = Math.max(1, Math.round(stage.clientWidth * pixelRatio));
      canvas.height = Math.max(1, Math.round(stage.clientHeight * pixelRatio));
    }
    view.fitted ? fit() : drawPhoto();
  }

  function place(pen) {
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, pen.canvas.width, pen.canvas.height);
    const s = view.scale * pixelRatio;
    pen.setTransform(s, 0, 0, s, view.x * pixelRatio, view.y * pixelRatio);
  }

  function drawPhoto() {
    place(photoPen);
    if (!view.image) return;
    photoPen.imageSmoothingEnabled = view.scale * pixelRatio < 3;
    photoPen.imageSmoothingQuality = "high";
    photoPen.drawImage(view.image, 0, 0, view.photo.width, view.photo.height);
    overlayCanvas.dataset.view = JSON.stringify({ scale: view.scale, x: view.x, y: view.y });
  }

  function drawOverlay(scene) {
    place(overlayPen);
    if (!view.photo) return;
    for (const { path, colour, active } of scene.masks) {
      overlayPen.globalAlpha = scene.opacity * (active ? 1 : 0.75);
      overlayPen.fillStyle = colour;
      overlayPen.fill(path, "evenodd");
      overlayPen.globalAlpha = 1;
      overlayPen.lineJoin = "round";
      for (const [style, width] of [["#fff", active ? 4 : 2.5], [colour, active ? 2.5 : 1.5]]) {
        overlayPen.strokeStyle = style;
        overlayPen.lineWidth = width / view.scale;
        overlayPen.stroke(path);
      }
    }
    if (scene.box) drawBox(scene.box, scene.colour, scene.boxIsDraft);
    for (const [x, y, label] of scene.points) drawPoint(x + 0.5, y + 0.5, label, scene.colour);
    if (scene.stroke) drawStroke(scene.stroke);
    if (scene.corners?.length) drawCorners(scene.corners, scene.colour);
    if (scene.handles?.length) drawHandles(scene.handles, scene.outline, scene.colour);
    if (scene.brush) drawRing(...scene.brush.at, scene.brush.radius);
    if (scene.crosshair) drawCrosshair(scene.crosshair[0] + 0.5, scene.crosshair[1] + 0.5);
  }

  function drawBox([x0, y0, x1, y1], colour, draft) {
    overlayPen.lineWidth = 2 / view.scale;
    overlayPen.setLineDash(draft ? [6 / view.scale, 4 / view.scale] : [3 / view.scale, 3 / view.scale]);
    for (const [style, offset] of [["#fff", 0], [colour, 3 / view.scale]]) {
      overlayPen.strokeStyle = style;
      overlayPen.lineDashOffset = offset;
      overlayPen.strokeRect(x0, y0, x1 - x0, y1 - y0);
    }
    overlayPen.setLineDash([]);
  }

  function drawPoint(x, y, label, colour) {
    const r = 6.5 / view.scale;
    overlayPen.beginPath();
    overlayPen.arc(x, y, r, 0, 2 * Math.PI);
    overlayPen.fillStyle = label ? colour : "#1c1f1d";
    overlayPen.fill();
    overlayPen.lineWidth = 2 / view.scale;
    overlayPen.strokeStyle = "#fff";
    overlayPen.stroke();
    overlayPen.beginPath();
    overlayPen.moveTo(x - r * 0.5, y);
    overlayPen.lineTo(x + r * 0.5, y);
    if (label) {
      overlayPen.moveTo(x, y - r * 0.5);
      overlayPen.lineTo(x, y + r * 0.5);
    }
    overlayPen.stroke();
  }

  function drawStroke({ places, radius, erase, colour }) {
    overlayPen.globalAlpha = 0.55;
    overlayPen.strokeStyle = erase ? "#fff" : colour;
    overlayPen.lineWidth = 2 * radius;
    overlayPen.lineCap = overlayPen.lineJoin = "round";
    overlayPen.beginPath();
    overlayPen.moveTo(places[0][0] + 0.5, places[0][1] + 0.5);
    for (const [x, y] of places.length > 1 ? places.slice(1) : places) overlayPen.lineTo(x + 0.5, y + 0.51);
    overlayPen.stroke();
    overlayPen.globalAlpha = 1;
    overlayPen.lineCap = "butt";
  }

  function drawCorners(corners, colour) {
    for (const [style, width] of [["#fff", 4], [colour, 2]]) {
      overlayPen.strokeStyle = style;
      overlayPen.lineWidth = width / view.scale;
      overlayPen.beginPath();
      corners.forEach(([x, y], index) => overlayPen[index ? "lineTo" : "moveTo"](x + 0.5, y + 0.5));
      overlayPen.stroke();
    }
    for (const [x, y] of corners) drawPoint(x + 0.5, y + 0.5, 1, colour);
  }

  // The corners of an outline that can be dragged, and the outline as it would be.
  function drawHandles(handles, outline, colour) {
    if (outline) {
      for (const [style, width] of [["#fff", 4], [colour, 2]]) {
        overlayPen.strokeStyle = style;
        overlayPen.lineWidth = width / view.scale;
        overlayPen.beginPath();
        outline.forEach(([x, y], index) => overlayPen[index ? "lineTo" : "moveTo"](x, y));
        overlayPen.closePath();
        overlayPen.stroke();
      }
    }
    const side = 7 / view.scale;
    overlayPen.lineWidth = 1.5 / view.scale;
    for (const [x, y] of handles) {
      overlayPen.fillStyle = "#fff";
      overlayPen.strokeStyle = "#1c1f1d";
      overlayPen.fillRect(x - side / 2, y - side / 2, side, side);
      overlayPen.strokeRect(x - side / 2, y - side / 2, side, side);
    }
  }

  function drawRing(x, y, radius) {
    for (const [style, width] of [["#000", 2.5], ["#fff", 1.2]]) {
      overlayPen.strokeStyle = style;
      overlayPen.lineWidth = width / view.scale;
      overlayPen.beginPath();
      overlayPen.arc(x + 0.5, y + 0.5, radius, 0, 2 * Math.PI);
      overlayPen.stroke();
    }
  }

  function drawCrosshair(x, y) {
    const r = 12 / view.scale;
    for (const [style, width] of [["#000", 3], ["#fff", 1.5]]) {
      overlayPen.strokeStyle = style;
      overlayPen.lineWidth = width / view.scale;
      overlayPen.beginPath();
      overlayPen.moveTo(x - r, y);
      overlayPen.lineTo(x + r, y);
      overlayPen.moveTo(x, y - r);
      overlayPen.lineTo(x, y + r);
      overlayPen.stroke();
    }
  }

  function zoomAt(clientX, clientY, factor) {
    if (!view.photo) return;
    const rect = overlayCanvas.getBoundingClientRect();
    const [px, py] = [clientX - rect.left, clientY - rect.top];
    const scale = Math.min(Math.max(view.scale * factor, fitScale() * 0.5), 40);
    view.x = px - ((px - view.x) * scale) / view.scale;
    view.y = py - ((py - view.y) * scale) / view.scale;
    view.scale = scale;
    view.fitted = false;
    drawPhoto();
  }

  function pan(dx, dy) {
    view.x += dx;
    view.y += dy;
    view.fitted = false;
    drawPhoto();
  }

  // Photo pixel under a pointer; null outside the photo unless clamped into it.
  function toPhoto(clientX, clientY, clamp = false) {
    if (!view.photo) return null;
    const rect = overlayCanvas.getBoundingClientRect();
    let x = Math.floor((clientX - rect.left - view.x) / view.scale);
    let y = Math.floor((clientY - rect.top - view.y) / view.scale);
    const { width, height } = view.photo;
    if (clamp) [x, y] = [Math.min(Math.max(x, 0), width - 1), Math.min(Math.max(y, 0), height - 1)];
    return x >= 0 && y >= 0 && x < width && y < height ? [x, y] : null;
  }

  // Place under a pointer, between pixels and kept within the photo.
  function toPlace(clientX, clientY) {
    const rect = overlayCanvas.getBoundingClientRect();
    const { width, height } = view.photo;
    const [x, y] = [(clientX - rect.left - view.x) / view.scale, (clientY - rect.top - view.y) / view.scale];
    return [Math.min(Math.max(x, 0), width), Math.min(Math.max(y, 0), height)];
  }

  function show(photo, image) {
    view.photo = photo;
    view.image = image;
    fit();
  }

  function holds(mask, x, y) {
    overlayPen.setTransform(1, 0, 0, 1, 0, 0);
    return overlayPen.isPointInPath(maskPath(mask), x + 0.5, y + 0.5, "evenodd");
  }

  return { state: view, show, fit, resize, drawOverlay, zoomAt, pan, toPhoto, toPlace, holds };
}
