// What keys and buttons do, by name.

import { clickAt } from "./canvas/clicks.js";
import { closePolygon, editMask, setBrush, setTool, smoothMask } from "./canvas/corrections.js";
import { movedCrosshair } from "./canvas/geometry.js";
import { proposeAll } from "./canvas/proposals.js";
import { fit, zoom } from "./canvas/view.js";
import { chooseMaps, downloadFoods } from "./evidence.js";
import { attempt, hideToast, status } from "./feedback.js";
import {
  nextCandidate,
  nextToName,
  removeAll,
  removeSelected,
  selectEvery,
  selectFood,
  stepThroughFoods,
} from "./foods.js";
import { redoLast, undoLast } from "./history.js";
import { FIRST_RECENT_KEY } from "./panels/naming.js";
import { openGrid } from "./project/grid.js";
import { findAgain } from "./project/leftovers.js";
import { nameFood, takeSuggestion } from "./project/naming.js";
import { openProjects } from "./project/projects.js";
import { giveVerdict, openNext, stepTo } from "./project/queue.js";
import { evidenceOf, lastSelected, recentLabels, selectedFood, shownMask } from "./state.js";
import { remember } from "./storage.js";
import { clickWord } from "./words.js";

const ZOOM = 1.25;
const BRUSH = 1.25;

export function createActions(page) {
  return { ...onPhoto(page), ...onFoods(page), ...onProject(page), ...onPage(page) };
}

const toolNames = ["point", "box", "move", "brush", "eraser", "polygon"];

function onPhoto(page) {
  const { state } = page;
  const tools = toolNames.map((name) => [`${name}Tool`, () => setTool(page, name)]);
  return {
    ...Object.fromEntries(tools),
    toggleCut: () => state.set({ cut: !state.cut }),
    smallerBrush: () => setBrush(page, state.brush / BRUSH),
    largerBrush: () => setBrush(page, state.brush * BRUSH),
    fillHoles: () => editMask(page, { kind: "fill_holes" }),
    keepLargest: () => editMask(page, { kind: "keep_largest" }),
    smooth: () => smoothMask(page),
    proposeAll: () => proposeAll(page),
    zoomIn: () => zoom(page, ZOOM),
    zoomOut: () => zoom(page, 1 / ZOOM),
    zoomFit: () => fit(page),
    toggleMasks: () => state.set({ masksHidden: !state.masksHidden }),
    moveCrosshair(...by) {
      if (!state.current) return;
      state.set({ crosshair: movedCrosshair(state.crosshair, by, state.current, state.view.scale) });
    },
    crosshairPoint: (label) => placePoint(page, label),
    cancel() {
      state.set({ draftBox: null, crosshair: null, corners: [], callout: null });
      hideToast(page);
    },
  };
}

// A point where the crosshair is: 1 adds, 0 cuts away.
function placePoint(page, label) {
  const { crosshair, cut } = page.state;
  if (crosshair) clickAt(page, crosshair, { label: label && !cut ? 1 : 0, since: performance.now() });
}

function startNextFood(page) {
  selectFood(page, null);
  status(page, `${clickWord()} the next food`);
}

// To the next food that waits for a name, as those proposed do; after the last one, a click starts a food.
function goToNextFood(page) {
  const { state } = page;
  const next = nextToName(state.current?.work.present.foods ?? [], lastSelected(state));
  if (!next) return startNextFood(page);
  selectFood(page, next.id);
  status(page, "Name this food, or remove it");
}

function onFoods(page) {
  const { state } = page;
  return {
    nextFood: () => startNextFood(page),
    nextCandidate: () => nextCandidate(page),
    previousFood: () => stepThroughFoods(page, -1),
    followingFood: () => stepThroughFoods(page, 1),
    undo: () => undoLast(page),
    redo: () => redoLast(page),
    removeFood: () => removeSelected(page),
    clear: () => removeAll(page),
    toggleChoosing: () => state.set({ choosing: !state.choosing }),
    selectEvery: () => selectEvery(page),
    selectOne() {
      state.set({ choosing: false });
      selectFood(page, state.current?.work.present.active ?? null);
    },
    toggleScale: () => chooseMaps(page, { scale: state.scale === "own" ? "common" : "own" }),
    download: () => downloadFoods(page),
  };
}

function onProject(page) {
  const { find, state } = page;
  return {
    projects: () => attempt(page, () => openProjects(page)),
    allPhotos: () => openGrid(page),
    addPhotos: () => find("#rv-add-sheet").showModal(),
    done: () => giveVerdict(page, "done"),
    nextUnlabelled() {
      if (state.current?.item) openNext(page, state.current.position);
    },
    followingPhoto: () => stepTo(page, 1),
    previousPhoto: () => stepTo(page, -1),
    typeLabel: () => find("#rv-label").focus(),
    typeAmount: () => page.fields.portion.focus(),
    typeNote: () => find("#rv-note").focus(),
    findAgain: () => findAgain(page),
    goOn() {
      if (state.corners.length) closePolygon(page);
      else if (state.crosshair && !selectedFood(state)) placePoint(page, 1);
      else goToNextFood(page);
    },
    followingName: () => goToNextFood(page),
    takeNumber: (digit) => takeNumber(page, digit),
  };
}

// 1 to 5 take a suggestion, 6 to 9 give a label given lately; in a review they decide.
function takeNumber(page, digit) {
  const { find, state } = page;
  if (state.reviewing) {
    find("#rv-decide").children[digit - 1]?.click();
    return;
  }
  const label = recentLabels(state)[digit - FIRST_RECENT_KEY];
  const suggestion = evidenceOf(state, shownMask(state))?.suggestions?.[digit - 1];
  if (digit < FIRST_RECENT_KEY && suggestion && !state.current.blind) takeSuggestion(page, suggestion.label);
  else if (label) nameFood(page, label);
}

export function setTheme(theme) {
  document.body.classList.toggle("dark", theme === "dark");
  remember("rvernet-theme", theme);
}

function onPage(page) {
  const { find, state } = page;
  return {
    hints() {
      find("#rv-help-sheet").close();
      state.set({ hint: 0 });
      if (!state.current) status(page, "The hints begin when a photo is open");
    },
    open: () => find("#rv-file").click(),
    help: () => find("#rv-help-sheet").showModal(),
    models: () => find("#rv-models-sheet").showModal(),
    toggleTheme: () => setTheme(document.body.classList.contains("dark") ? "light" : "dark"),
  };
}
