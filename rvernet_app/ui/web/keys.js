// One table of keys: what is pressed -> what it does. Some keys mean something in a project only; none
// means another thing there.

const ANYWHERE = {
  p: "pointTool",
  b: "boxTool",
  v: "moveTool",
  r: "brushTool",
  e: "eraserTool",
  g: "polygonTool",
  x: "toggleCut",
  n: "nextFood",
  c: "nextCandidate",
  j: "proposeAll",
  f: "fillHoles",
  k: "keepLargest",
  m: "smooth",
  ",": "smallerBrush",
  ".": "largerBrush",
  "[": "previousFood",
  "]": "followingFood",
  z: "undo",
  y: "redo",
  "ctrl+z": "undo",
  "ctrl+y": "redo",
  "shift+z": "redo",
  "ctrl+shift+z": "redo",
  delete: "removeFood",
  backspace: "removeFood",
  "shift+delete": "clear",
  h: "toggleMasks",
  s: "toggleScale",
  o: "open",
  t: "typeLabel",
  "/": "typeLabel",
  a: "typeAmount",
  i: "typeNote",
  w: "projects",
  enter: "goOn",
  d: "done",
  "shift+d": "download",
  l: "toggleTheme",
  "+": "zoomIn",
  "=": "zoomIn",
  "-": "zoomOut",
  0: "zoomFit",
  "?": "help",
  escape: "cancel",
};

const IN_PROJECT = {
  u: "nextUnlabelled",
  pagedown: "followingPhoto",
  pageup: "previousPhoto",
  q: "findAgain",
  "shift+w": "allPhotos",
};

const ON_CANVAS = {
  space: ["crosshairPoint", 1],
  "shift+space": ["crosshairPoint", 0],
};

// All keys but digits and arrows.
export const KEYS = [ANYWHERE, IN_PROJECT, ON_CANVAS].flatMap(Object.keys);

const ARROWS = { arrowleft: [-1, 0], arrowright: [1, 0], arrowup: [0, -1], arrowdown: [0, 1] };
const FAR = 10; // times the step of an arrow key, with Shift

// The name of what is pressed, such as "ctrl+shift+z". A sign typed with Shift is that sign.
export function nameOf({ code, key, ctrlKey, metaKey, shiftKey }) {
  const plain = code === "Space" ? "space" : key.toLowerCase();
  const shifted = shiftKey && (plain.length > 1 || /[a-z]/.test(plain));
  return `${ctrlKey || metaKey ? "ctrl+" : ""}${shifted ? "shift+" : ""}${plain}`;
}

// What a key does, as the name of an action and its arguments; null where it does nothing. `free` is whether
// the canvas, or nothing, has the focus.
export function actionOf(name, { inProject, free }) {
  const found =
    (inProject && IN_PROJECT[name]) ||
    (free && (ON_CANVAS[name] ?? arrowOf(name))) ||
    (ANYWHERE[name] ?? digitOf(name));
  return found ? [found].flat() : null;
}

const digitOf = (name) => (/^[1-9]$/.test(name) ? ["takeNumber", Number(name)] : null);

function arrowOf(name) {
  const arrow = ARROWS[name.replace("shift+", "")];
  const times = name.startsWith("shift+") ? FAR : 1;
  return arrow ? ["moveCrosshair", arrow[0] * times, arrow[1] * times] : null;
}

// Form fields and dialogs keep their keys.
const FIELDS = "input:not([type=range], [type=checkbox]), textarea, select, dialog[open], [contenteditable]";

export function listenToKeys({ root, overlay, state }, actions) {
  const onKey = (event) => {
    if (!root.isConnected) {
      document.removeEventListener("keydown", onKey);
      return;
    }
    if (event.defaultPrevented || event.altKey || document.querySelector("dialog:modal")) return;
    const pressesButton = event.key === "Enter" && event.target.matches?.("button:focus-visible");
    if (pressesButton) return;
    if (event.target.closest?.(FIELDS)) return;
    const free = event.target === overlay || event.target === document.body;
    const action = actionOf(nameOf(event), { inProject: state.project !== null, free });
    if (!action) return;
    event.preventDefault();
    const [name, ...given] = action;
    actions[name](...given);
  };
  document.addEventListener("keydown", onKey);
}
