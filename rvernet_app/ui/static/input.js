// Pointers, touch and keys on the canvas, turned into the few things a person can mean.

const CLICK_SLACK = 5; // CSS pixels a pointer may stray and still click

function listenToCanvas(canvas, view, tools, on) {
  const pointers = new Map();
  let gesture = null; // { kind: "press" | "box" | "pan" | "pinch", ... }
  let spaceHeld = false;

  const isCut = (event) => event.button === 2 || event.altKey || tools.cut();

  canvas.addEventListener("contextmenu", (event) => event.preventDefault());

  canvas.addEventListener("pointerdown", (event) => {
    canvas.dataset.byPointer = ""; // who points sees where; the focus frame is for the keyboard
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (pointers.size === 2) {
      gesture = { kind: "pinch", ...spread() };
      on.draftBox(null);
      on.draftStroke(null);
    } else if (event.button === 1 || spaceHeld || tools.name() === "move") {
      gesture = { kind: "pan", from: [event.clientX, event.clientY], moved: false, event };
    } else {
      gesture = { kind: "press", from: [event.clientX, event.clientY], event, cut: isCut(event) };
      const grip = tools.draws() && tools.grip(view.toPlace(event.clientX, event.clientY));
      if (grip) Object.assign(gesture, { kind: "corner", grip, moved: false });
      if (tools.brushes()) {
        Object.assign(gesture, { kind: "stroke", places: [view.toPhoto(event.clientX, event.clientY, true)] });
        on.draftStroke(gesture.places, gesture.cut);
      }
    }
  });

  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch") on.hover(view.toPhoto(event.clientX, event.clientY));
    const last = pointers.get(event.pointerId);
    if (!last || !gesture) return;
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (gesture.kind === "pinch") {
      const now = spread();
      view.zoomAt(...gesture.middle, now.distance / gesture.distance);
      view.pan(now.middle[0] - gesture.middle[0], now.middle[1] - gesture.middle[1]);
      Object.assign(gesture, now);
      on.viewMoved();
      return;
    }
    const strayed = Math.hypot(event.clientX - gesture.from[0], event.clientY - gesture.from[1]) > CLICK_SLACK;
    if (gesture.kind === "stroke") {
      const place = view.toPhoto(event.clientX, event.clientY, true);
      const [x, y] = gesture.places.at(-1);
      if (place[0] !== x || place[1] !== y) gesture.places.push(place);
      return on.draftStroke(gesture.places, gesture.cut);
    }
    if (gesture.kind === "corner") {
      gesture.moved ||= strayed;
      if (gesture.moved) on.dragCorner(gesture.grip, view.toPlace(event.clientX, event.clientY));
      return;
    }
    if (gesture.kind === "press" && strayed && !tools.draws()) {
      const pans = event.pointerType === "touch" && tools.name() === "point";
      gesture.kind = pans ? "pan" : "box";
    }
    if (gesture.kind === "pan") {
      gesture.moved ||= strayed;
      view.pan(event.clientX - last[0], event.clientY - last[1]);
      on.viewMoved();
    } else if (gesture.kind === "box") {
      on.draftBox(boxTo(event));
    }
  });

  canvas.addEventListener("pointerup", (event) => {
    pointers.delete(event.pointerId);
    const done = gesture;
    if (!done) return;
    gesture = done.kind === "pinch" && pointers.size ? { ...done, kind: "spent" } : null;
    if (done.kind === "stroke") on.stroke(done.places, done.cut);
    else if (done.kind === "corner") {
      if (done.moved || done.cut) on.dropCorner(done.grip, view.toPlace(event.clientX, event.clientY), done.cut && !done.moved);
    }
    else if (done.kind === "press" && tools.draws()) {
      const corner = view.toPhoto(event.clientX, event.clientY, true);
      on.corner(corner);
    } else if (done.kind === "press") {
      const point = view.toPhoto(...done.from);
      if (point) on.point(point, done.cut ? 0 : 1, done.event.shiftKey && !done.cut, event.timeStamp);
    } else if (done.kind === "pan" && !done.moved && tools.name() === "move") {
      const point = view.toPhoto(...done.from);
      if (point) on.select(point);
    } else if (done.kind === "box") {
      const box = boxTo(event, done);
      on.draftBox(null);
      if (box[2] - box[0] >= 3 && box[3] - box[1] >= 3) on.box(box, done.event.shiftKey, event.timeStamp);
    }
  });

  canvas.addEventListener("pointercancel", (event) => {
    pointers.delete(event.pointerId);
    gesture = null;
    on.draftBox(null);
    on.draftStroke(null);
  });
  canvas.addEventListener("pointerleave", () => on.hover(null));

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    view.zoomAt(event.clientX, event.clientY, Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)));
    on.viewMoved();
  }, { passive: false });

  canvas.addEventListener("keydown", (event) => {
    if (event.code === "Space") spaceHeld = true;
    if (event.key.startsWith("Arrow")) delete canvas.dataset.byPointer;
  });
  canvas.addEventListener("keyup", (event) => { if (event.code === "Space") spaceHeld = false; });
  canvas.addEventListener("blur", () => { spaceHeld = false; delete canvas.dataset.byPointer; });

  function spread() {
    const [[ax, ay], [bx, by]] = [...pointers.values()];
    return { distance: Math.max(1, Math.hypot(ax - bx, ay - by)), middle: [(ax + bx) / 2, (ay + by) / 2] };
  }

  function boxTo(event, { from } = gesture) {
    const [ax, ay] = view.toPhoto(from[0], from[1], true);
    const [bx, by] = view.toPhoto(event.clientX, event.clientY, true);
    return [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx) + 1, Math.max(ay, by) + 1];
  }
}

// One table of keys: what is pressed -> what it does. Form fields and dialogs keep theirs. In a project some keys mean
// what one needs there.
function listenToKeys(root, canvas, actions, inProject) {
  const bindings = {
    p: actions.pointTool, b: actions.boxTool, v: actions.moveTool, x: actions.toggleCut,
    n: actions.nextFood, c: actions.nextCandidate, "[": actions.previousFood, "]": actions.followingFood,
    z: actions.undo, y: actions.redo, "ctrl+z": actions.undo, "ctrl+y": actions.redo,
    "shift+z": actions.redo, "ctrl+shift+z": actions.redo,
    delete: actions.removeFood, backspace: actions.removeFood, "shift+delete": actions.clear,
    h: actions.toggleMasks, s: actions.toggleScale, o: actions.open, d: actions.download, l: actions.toggleTheme,
    "+": actions.zoomIn, "=": actions.zoomIn, "-": actions.zoomOut, 0: actions.zoomFit,
    "?": actions.help, escape: actions.cancel,
  };
  for (const digit of [1, 2, 3, 4, 5]) bindings[digit] = () => actions.explainSuggestion(digit - 1);
  Object.assign(bindings, {
    j: actions.proposeAll, r: actions.brushTool, e: actions.eraserTool, g: actions.polygonTool, f: actions.fillHoles, k: actions.keepLargest, m: actions.smooth,
    ",": () => actions.resizeBrush(0.8), ".": () => actions.resizeBrush(1.25),
  });
  const ofProject = {
    d: actions.done, u: actions.nextUnlabelled, pagedown: actions.followingPhoto, pageup: actions.previousPhoto,
    t: actions.typeLabel, "/": actions.typeLabel, a: actions.typeAmount, i: actions.typeNote, q: actions.copyFoods, w: actions.projects, enter: actions.goOn,
  };
  for (const digit of [1, 2, 3, 4, 5, 6, 7, 8, 9]) ofProject[digit] = () => actions.takeNumber(digit);
  const onCanvas = {
    enter: actions.nextFood,
    space: () => actions.crosshairPoint(1), "shift+space": () => actions.crosshairPoint(0),
  };
  for (const [key, dx, dy] of [["arrowleft", -1, 0], ["arrowright", 1, 0], ["arrowup", 0, -1], ["arrowdown", 0, 1]]) {
    onCanvas[key] = () => actions.moveCrosshair(dx, dy);
    onCanvas[`shift+${key}`] = () => actions.moveCrosshair(dx * 10, dy * 10);
  }

  function pressed(event) {
    const key = event.code === "Space" ? "space" : event.key.toLowerCase();
    const shifted = event.shiftKey && (key.length > 1 || /[a-z]/.test(key));
    return `${event.ctrlKey || event.metaKey ? "ctrl+" : ""}${shifted ? "shift+" : ""}${key}`;
  }

  const onKey = (event) => {
    if (!root.isConnected) return document.removeEventListener("keydown", onKey);
    if (event.defaultPrevented || event.altKey || document.querySelector("dialog:modal")) return;
    if (event.key === "Enter" && event.target.matches?.("button:focus-visible")) return; // it presses the button
    if (event.target.closest?.("input:not([type=range], [type=checkbox]), textarea, select, dialog[open], [contenteditable]")) return;
    const name = pressed(event);
    const free = event.target === canvas || event.target === document.body;
    const action = (inProject() && ofProject[name]) || (free && onCanvas[name]) || bindings[name];
    if (!action) return;
    event.preventDefault();
    action();
  };
  document.addEventListener("keydown", onKey);
}
