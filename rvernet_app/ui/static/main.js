// Buttons, keys, drop and paste; then the page is ready.

const actions = {
  pointTool: () => setTool("point"), boxTool: () => setTool("box"), moveTool: () => setTool("move"),
  toggleCut: () => { cut = !cut; drawPanel(); },
  brushTool: () => setTool("brush"), eraserTool: () => setTool("eraser"), polygonTool: () => setTool("polygon"),
  resizeBrush: (factor) => setBrush(brush * factor),
  proposeAll,
  fillHoles: () => editMask({ kind: "fill_holes" }), keepLargest: () => editMask({ kind: "keep_largest" }), smooth: smoothMask,
  projects: chooseProject,
  goOn: () => { if (corners.length) closePolygon(); else if (crosshair && !activeFood(current.work)) actions.crosshairPoint(1); else actions.nextFood(); },
  done: () => giveVerdict("done"),
  nextUnlabelled: () => { if (current?.item) openItem({ after: current.position, order }); },
  followingPhoto: () => stepTo(1), previousPhoto: () => stepTo(-1),
  typeLabel: () => find("#rv-label").focus(), typeAmount: () => portionFields.focus(), typeNote: () => find("#rv-note").focus(),
  copyFoods,
  takeNumber: (digit) => {
    if (reviewed) return find("#rv-decide").children[digit - 1]?.click();
    const suggestion = digit <= 5 ? evidenceOf.get(shownMask() ?? {})?.suggestions?.[digit - 1] : null;
    if (suggestion && !current.blind) takeSuggestion(suggestion.label);
    else if (digit > 5 && recent[digit - 6]) nameFood(project.labels.get(recent[digit - 6]));
  },
  nextFood: () => { selectFood(null); status("Click the next food"); },
  nextCandidate: () => { const food = current && activeFood(current.work); if (food?.candidates.length) chooseCandidate((food.chosen + 1) % food.candidates.length); },
  previousFood: () => step(-1), followingFood: () => step(1),
  undo: () => { if (!current || pendingFood()) return; if (undo(current.work)) changed(); else undoStored("undo_food"); },
  redo: () => { if (!current || pendingFood()) return; if (redo(current.work)) changed(); else undoStored("redo_food"); },
  removeFood: () => { const food = current && activeFood(current.work); if (food) removeFood(food.id); },
  clear: removeAll,
  toggleMasks: () => { masksHidden = !masksHidden; drawScene(); },
  toggleScale: () => { scale = scale === "own" ? "common" : "own"; remap(); },
  open: () => find("#rv-file").click(),
  download,
  toggleTheme: () => setTheme(document.body.classList.contains("dark") ? "light" : "dark"),
  zoomIn: () => zoom(1.25), zoomOut: () => zoom(0.8), zoomFit: () => { view.fit(); drawScene(); },
  help: () => find("#rv-help-sheet").showModal(),
  cancel: () => { draftBox = crosshair = null; corners = []; find("#rv-toast").hidden = true; drawScene(); },
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

function setTool(name) {
  if (tool === "polygon" && name !== tool) corners = [];
  tool = name;
  root.dataset.hand = isHandTool(name) ? name : "";
  drawScene();
  drawPanel();
}

const labelField = createLabelField(find("#rv-label"), find("#rv-label-options"), {
  search: (typed) => project.labels.search(typed),
  mayCreate: () => project.new_labels,
  take: (label) => { nameFood(label); overlay.focus({ preventScroll: true }); },
  create: (name) => { createLabel(name); overlay.focus({ preventScroll: true }); },
  confirm: () => { overlay.focus({ preventScroll: true }); actions.nextFood(); },
  left: () => drawPanel(),
});
const portionFields = createPortionFields(find("#rv-portion"), {
  change: (portion) => changeFood({ portion }),
  refuse: (why) => complain(new Error(why)),
  confirm: () => { overlay.focus({ preventScroll: true }); actions.nextFood(); },
});

function setTheme(theme) {
  document.body.classList.toggle("dark", theme === "dark");
  remember("rvernet-theme", theme);
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
onClick("#rv-not-usable", () => find("#rv-unusable-sheet").showModal());
for (const button of find.all("[data-action]")) button.addEventListener("click", () => actions[button.dataset.action]());
onClick("#rv-leave", leaveProject);
onClick("#rv-review", startReview);
onClick("#rv-labels", openLabelSet);
onClick("#rv-label-new", () => editLabel(null));
onClick("#rv-labelset-take", () => find("#rv-labelset-file").click());
onClick("#rv-labelset-keep", downloadLabelSet);
find("#rv-labelset-search").addEventListener("input", drawLabelSet);
find("#rv-labelset-file").addEventListener("change", (event) => { takeLabelSet(event.target.files[0]); event.target.value = ""; });
find("#rv-label-form").addEventListener("submit", (event) => { event.preventDefault(); saveLabel(event.target); });
onClick("#rv-export", exportProject);
onClick("#rv-train", () => train("start_training"));
onClick("#rv-train-stop", () => train("stop_training"));
onClick("#rv-train-use", () => train("use_checkpoint"));
onClick("#rv-review-stop", stopReview);
onClick("#rv-review-next", () => nextReview());
find("#rv-before").addEventListener("change", (event) => linkBefore(event.target.checked));
onClick("#rv-show-meal", () => {
  if (!current?.item) return;
  find("#rv-meals").replaceChildren(...[...new Set(listed.map(({ meal }) => meal).filter(Boolean))].map((meal) => make("option", { value: meal })));
  find("#rv-meal-form [name=meal]").value = current.meal ?? "";
  find("#rv-meal-sheet").showModal();
});
find("#rv-meal-form").addEventListener("submit", (event) => setMeal(new FormData(event.target).get("meal")));
onClick("#rv-show-history", () => { if (current?.item) showHistory(); });
find("#rv-review-all").addEventListener("change", () => nextReview(-1));
for (const button of find.all("[data-report]")) button.addEventListener("click", () => showReport(button.dataset.report));
find("#rv-comment").addEventListener("submit", (event) => {
  event.preventDefault();
  const { target } = event;
  if (reviewed) decide("comment", { words: new FormData(target).get("words") }).then((taken) => { if (taken) target.reset(); });
});
onClick("#rv-add", () => (project ? find("#rv-add-sheet").showModal() : actions.open()));
find("#rv-new-project").addEventListener("submit", (event) => { event.preventDefault(); createProject(event.target); });
find("#rv-folder").addEventListener("submit", (event) => { event.preventDefault(); addFolder(new FormData(event.target).get("folder")); });
find("#rv-unusable").addEventListener("submit", (event) => {
  event.preventDefault();
  const { target } = event;
  find("#rv-unusable-sheet").close();
  giveVerdict(event.submitter.value, new FormData(target).get("reason")).then((given) => { if (given) target.reset(); });
});
find("#rv-me").disabled = props.facts.signs_in;
find("#rv-me").addEventListener("change", (event) => {
  const name = event.target.value.trim() || null;
  if (project && name !== annotator) leaveProject(); // what is open is the other's
  annotator = name;
  remember("rvernet-me", annotator ?? "");
  learnProjects().catch(complain); // the sheet they are listed on is open, unless one went on meanwhile
});
find(".rv-naming").addEventListener("keydown", (event) => { if (event.key === "Escape") overlay.focus({ preventScroll: true }); });
find("#rv-note").addEventListener("change", (event) => changeFood({ note: event.target.value }));
find("#rv-brush").addEventListener("input", (event) => setBrush(Number(event.target.value)));
find("#rv-filter-order").addEventListener("change", (event) => chooseOrder(event.target.value));
onClick("#rv-filter", () => find("#rv-filter-sheet").showModal());
find("#rv-filters").addEventListener("submit", async (event) => {
  const values = new FormData(event.target);
  filter = { state: values.get("state") || null, label: Number(values.get("label")) || null, by: values.get("by") || null, uncertain: Number(values.get("uncertain")) || null };
  showFilter();
  if (filter.uncertain) await lookOver();
  list(true).catch(complain);
});
find("#rv-opacity").addEventListener("input", drawScene);
find("#rv-file").addEventListener("change", (event) => { find("#rv-add-sheet").close(); openFiles(event.target.files); event.target.value = ""; });
for (const sheet of find.all("dialog")) sheet.addEventListener("click", (event) => { if (event.target === sheet) sheet.close(); });

const canvasTools = { name: () => tool, cut: () => cut, brushes: () => ["brush", "eraser"].includes(tool), draws: () => tool === "polygon", grip: gripAt };
listenToCanvas(overlay, view, canvasTools, {
  point: addPoint, box: setBox, viewMoved: drawScene,
  hover: (place) => { hovered = place; if (isHandTool(tool)) drawScene(); },
  draftStroke: (places, cutting) => { stroke = places && { places, erase: cutting || tool === "eraser" }; drawScene(); },
  stroke: finishStroke, corner: addCorner, dragCorner, dropCorner,
  draftBox: (box) => { draftBox = box; drawScene(); },
  select: ([x, y]) => {
    const hit = current.work.present.foods.findLast((food) => maskOf(food) && view.holds(maskOf(food), x, y));
    selectFood(hit?.id ?? null);
  },
});
listenToKeys(root, overlay, actions, () => project !== null);

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

const remembered = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
if (remembered("rvernet-theme")) setTheme(remembered("rvernet-theme"));
annotator = remembered("rvernet-me");

new ResizeObserver(() => { view.resize(); drawScene(); }).observe(find(".rv-stage"));
watch("value", arrived);
panel.setUp({ methods: props.methods });
panel.drawFacts(props.facts);
view.resize();
drawStrip();
changed();
showAccount(null);
if (remembered("rvernet-project")) learnProjects().then(() => openProject(Number(remembered("rvernet-project")))).catch(complain);
else if (props.facts.signs_in) learnProjects().catch(() => { /* nobody is signed in yet, as the header says */ });
root.dataset.ready = "true";
