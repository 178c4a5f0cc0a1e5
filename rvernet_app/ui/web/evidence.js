// Suggestions, cut-outs and maps of a mask. Each request carries a number; a reply that is not the awaited
// one is dropped.

import { downloadFile } from "./dom.js";
import { announce, complain, status, whileBusy } from "./feedback.js";
import { ask, served, tell } from "./server.js";
import { evidenceOf, forgetEvidence, learnEvidence, shownMask } from "./state.js";
import { suggestionText } from "./words.js";
import { maskOf } from "./work.js";

// Asks for what is missing of the selected mask, else of the other foods.
export function followMask(page) {
  const { state } = page;
  const mask = shownMask(state);
  const evidence = evidenceOf(state, mask);
  if (!mask || mapsAreChosen(state, evidence)) {
    if (!state.awaited) nameTheRest(page);
  } else if (state.awaited?.mask !== mask) {
    request(page, mask, evidence?.suggestions ? "maps" : "all", evidence?.label);
  }
}

// Whether the maps at hand are those of the method and scale now chosen.
const mapsAreChosen = ({ method, scale }, evidence) =>
  evidence?.maps?.method === method && evidence.maps.scale === scale;

// Foods whose evidence was overtaken by a newer click get it once nothing else is under way.
function nameTheRest(page) {
  const { state } = page;
  const masks = state.current?.work.present.foods.map(maskOf) ?? [];
  const unnamed = masks.find((mask) => mask && !evidenceOf(state, mask)?.suggestions);
  if (unnamed) request(page, unnamed, "all");
}

function request(page, mask, stage, label = null) {
  const { state, trigger } = page;
  if (stage === "all") announce(page, "");
  const seq = state.evidenceSeq + 1;
  const { method, scale, current } = state;
  state.set({ evidenceSeq: seq, awaited: { seq, mask, stage } });
  trigger("evidence", { seq, photo: current.id, rle: mask.rle, stage, label, method, scale });
}

// The maps of the selected food by another method, or on another scale.
export function chooseMaps(page, choice) {
  page.state.set(choice);
  askForMaps(page);
}

function askForMaps(page) {
  const mask = shownMask(page.state);
  const evidence = evidenceOf(page.state, mask);
  if (evidence?.suggestions) request(page, mask, "maps", evidence.label);
}

// The maps of the selected food for another class.
export function explain(page, label) {
  const mask = shownMask(page.state);
  if (!evidenceOf(page.state, mask)?.suggestions) return;
  learnEvidence(page.state, mask, { label });
  request(page, mask, "maps", label);
}

// A reply came: first suggestions and cut-outs, then maps.
export function evidenceArrived(page, reply) {
  const { state } = page;
  if (!reply || !state.awaited || reply.seq !== state.awaited.seq) return;
  if (reply.error) {
    state.set({ awaited: null });
    complain(page, new Error(reply.error));
    return;
  }
  if (reply.checkpoint !== state.facts.checkpoint_id) learnEngine(page, reply.checkpoint);
  const { mask } = state.awaited;
  const isNew = reply.suggestions && !evidenceOf(state, mask)?.suggestions;
  learnEvidence(state, mask, reply);
  if (isNew && mask === shownMask(state) && !state.current.blind) announce(page, suggestionText(reply));
  if (!reply.maps) {
    state.set({ awaited: { ...state.awaited, stage: "maps" } });
    return;
  }
  state.set({ awaited: null });
  if (mask === shownMask(state) && !mapsAreChosen(state, evidenceOf(state, mask))) {
    askForMaps(page); // another method or scale was chosen meanwhile
    return;
  }
  page.root.dataset.evidenceSeq = String(reply.seq);
  status(page, "");
  nameTheRest(page);
}

// Someone else took another checkpoint into use.
function learnEngine(page, checkpoint) {
  const { state } = page;
  forgetEvidence(state, { ...state.facts, checkpoint_id: checkpoint });
  tell(page, "engine", {})
    .then(({ facts }) => useEngine(page, facts))
    .catch((error) => complain(page, error));
}

export function useEngine({ state }, facts) {
  forgetEvidence(state, facts);
  state.redraw("work");
}

// The files of all foods of the photo, as the command line writes them for one.
export async function downloadFoods(page) {
  const { state } = page;
  const { current } = state;
  const foods = current?.work.present.foods ?? [];
  if (!foods.length) return;
  await whileBusy(page, "Collecting the files…", async () => {
    const message = {
      photo: current.id,
      name: current.name,
      method: state.method,
      foods: foods.map((food) => fileOf(state, food)),
    };
    const { url, name } = await ask(page, "download", message);
    downloadFile(served(url), name);
  });
}

function fileOf(state, food) {
  const mask = maskOf(food);
  return {
    rle: mask.rle,
    score: mask.score,
    label: evidenceOf(state, mask)?.maps?.label ?? null,
    title: typeof food.label === "string" ? food.label : null,
  };
}
