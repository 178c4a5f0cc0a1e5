// Buttons, keys, drop and paste; then the page is ready.

const actions = {
  pointTool: () => setTool("point"), boxTool: () => setTool("box"), moveTool: () => setTool("move"),
  toggleCut: () => { cut = !cut; drawPanel(); },
  nextFood: () => { selectFood(null); status("Click the next food"); },
  nextCandidate: () => { const food = current && activeFood(current.work); if (food?.candidates.length) chooseCandidate((food.chosen + 1) % food.candidates.length); },
  previousFood: () => step(-1), followingFood: () => step(1),
  undo: () => { if (current && !pendingFood() && undo(current.work)) changed(); },
  redo: () => { if (current && !pendingFood() && redo(current.work)) changed(); },
  removeFood: () => { const food = current && activeFood(current.work); if (food) removeFood(food.id); },
  clear: removeAll,
  toggleMasks: () => { masksHidden = !masksHidden; drawScene(); },
  toggleScale: () => { scale = scale === "own" ? "common" : "own"; remap(); },
  open: () => find("#rv-file").click(),
  download,
  toggleTheme: () => setTheme(document.body.classList.contains("dark") ? "light" : "dark"),
  zoomIn: () => zoom(1.25), zoomOut: () => zoom(0.8), zoomFit: () => { view.fit(); drawScene(); },
  help: () => find("#rv-help-sheet").showModal(),
  cancel: () => { draftBox = crosshair = null; find("#rv-toast").hidden = true; drawScene(); },
  explainSuggestion: (index) => { const mask = shownMask(); const suggestion = mask && evidenceOf.get(mask)?.suggestions?.[index]; if (suggestion) explain(suggestion.label); },
  moveCrosshair: (dx, dy) => {
    if (!current) return;
    const stride = Math.max(1, Math.round(4 / view.state.scale));
    const [x, y] = crosshair ?? [Math.floor(current.width / 2), Math.floor(current.height / 2)];
    crosshair = [Math.min(Math.max(x + dx * stride, 0), current.width - 1), Math.min(Math.max(y + dy * stride, 0), current.height - 1)];
    drawScene();
  },
  crosshairPoint: (label) => { if (crosshair) addPoint(crosshair, label && !cut ? 1 : 0, false, performance.now()); },
};

function setTool(name) { tool = name; drawPanel(); }

function setTheme(theme) {
  document.body.classList.toggle("dark", theme === "dark");
  try { localStorage.setItem("rvernet-theme", theme); } catch { /* a browser without storage keeps the system's choice */ }
}

function zoom(factor) {
  const rect = overlay.getBoundingClientRect();
  view.zoomAt(rect.left + rect.width / 2, rect.top + rect.height / 2, factor);
  drawScene();
}

const onClick = (selector, action) => find(selector).addEventListener("click", action);
for (const button of find.all("[data-tool]")) button.addEventListener("click", () => setTool(button.dataset.tool));
for (const button of find.all("[data-open]")) button.addEventListener("click", actions.open);
onClick("#rv-polarity", actions.toggleCut);
onClick("#rv-next-food", actions.nextFood);
onClick("#rv-undo", actions.undo);
onClick("#rv-redo", actions.redo);
onClick("#rv-clear", actions.clear);
onClick("#rv-zoom-in", actions.zoomIn);
onClick("#rv-zoom-out", actions.zoomOut);
onClick("#rv-zoom-fit", actions.zoomFit);
onClick("#rv-theme", actions.toggleTheme);
onClick("#rv-help", actions.help);
onClick("#rv-models", () => find("#rv-models-sheet").showModal());
onClick("#rv-download", download);
onClick("#rv-toast", actions.cancel);
find("#rv-opacity").addEventListener("input", drawScene);
find("#rv-file").addEventListener("change", (event) => { openFiles(event.target.files); event.target.value = ""; });
for (const sheet of find.all("dialog")) sheet.addEventListener("click", (event) => { if (event.target === sheet) sheet.close(); });

listenToCanvas(overlay, view, { name: () => tool, cut: () => cut }, {
  point: addPoint, box: setBox, viewMoved: drawScene,
  draftBox: (box) => { draftBox = box; drawScene(); },
  select: ([x, y]) => {
    const hit = current.work.present.foods.findLast((food) => maskOf(food) && view.holds(maskOf(food), x, y));
    selectFood(hit?.id ?? null);
  },
});
listenToKeys(root, overlay, actions);

const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
root.addEventListener("dragover", (event) => { if (carriesFiles(event)) { event.preventDefault(); root.dataset.dropping = ""; } });
root.addEventListener("dragleave", (event) => { if (!root.contains(event.relatedTarget)) delete root.dataset.dropping; });
root.addEventListener("drop", (event) => { if (!carriesFiles(event)) return; event.preventDefault(); delete root.dataset.dropping; openFiles(event.dataTransfer.files); });
const onPaste = (event) => {
  if (!root.isConnected) return document.removeEventListener("paste", onPaste);
  const files = [...(event.clipboardData?.items ?? [])].filter((item) => item.kind === "file").map((item) => item.getAsFile());
  if (files.length) { event.preventDefault(); openFiles(files); }
};
document.addEventListener("paste", onPaste);

let savedTheme = null;
try { savedTheme = localStorage.getItem("rvernet-theme"); } catch { /* no storage: the system's choice stands */ }
if (savedTheme) setTheme(savedTheme);

new ResizeObserver(() => { view.resize(); drawScene(); }).observe(find(".rv-stage"));
watch("value", arrived);
panel.setUp({ methods: props.methods, classes: props.facts.classes });
panel.drawFacts(props.facts);
view.resize();
drawStrip();
changed();
root.dataset.ready = "true";
