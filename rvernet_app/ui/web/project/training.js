// Training on a project: a process on the server, asked how far it is, and its checkpoint taken into use.

import { useEngine } from "../evidence.js";
import { complain } from "../feedback.js";
import { tell } from "../server.js";
import { percent } from "../words.js";

const POLL_MS = 2000;
const RETRY_MS = 10_000;

export async function train(page, name) {
  const { find, state } = page;
  clearTimeout(state.polling);
  try {
    const epochs = Number(find("#rv-epochs").value);
    showTraining(page, await tell(page, name, { project: state.project?.id ?? null, epochs }));
  } catch (error) {
    if (name !== "training") complain(page, error);
    if (find("#rv-training").dataset.state === "running") pollIn(page, RETRY_MS);
  }
}

function pollIn(page, ms) {
  page.state.set({ polling: setTimeout(() => train(page, "training"), ms) });
}

function showTraining(page, reply) {
  const { find } = page;
  if (reply.facts) {
    useEngine(page, reply.facts);
    find("#rv-training").textContent = "The new model is in use.";
    find("#rv-train-use").hidden = true;
    return;
  }
  const { state, comparison, in_use: inUse } = reply;
  find("#rv-train").hidden = state === "running";
  find("#rv-train-stop").hidden = state !== "running";
  find("#rv-train-use").hidden = state !== "done" || inUse;
  find("#rv-train-use").classList.toggle("rv-primary", Boolean(comparison?.better));
  find("#rv-train-use").textContent = comparison?.better ? "Use the new model" : "Use it all the same";
  find("#rv-training").dataset.state = state;
  const text = trainingText(reply);
  if (text) find("#rv-training").textContent = text;
  if (state === "running") pollIn(page, POLL_MS);
}

// How the training is; null where there was none.
export function trainingText({ state, project, share, said, comparison, in_use: inUse }) {
  if (state === "running")
    return `Training on ${project}, which ends when the server does: ${progressOf(share)}`;
  if (state === "failed") return `The training on ${project} ended: ${said}`;
  if (state === "stopped") return `The training on ${project} was stopped.`;
  if (state !== "done") return null;
  const standing = inUse
    ? `The model trained on ${project} is in use.`
    : `Trained on ${project}. ${qualityText(comparison)}`;
  return `${standing} ${knowledgeText(comparison)}`;
}

function progressOf(share) {
  if (share === 1) return "measuring what it learned…";
  return share ? percent(share) : "reading the photos…";
}

const hundredths = (score) => Math.round(100 * score);

export function qualityText(comparison) {
  const { old_macro_f1: old, new_macro_f1: fresh, regions, photos } = comparison;
  return (
    `On ${regions} foods of ${photos} photos it had not seen, the new model scores ` +
    `${hundredths(fresh)} of 100, the one it started from ${hundredths(old)}. ${verdictOf(comparison)}`
  );
}

function verdictOf({ better, difference_interval: interval }) {
  if (!better) return "It is not better; more photos may help.";
  return interval?.[0] > 0 ? "It is better." : "It is better here, which on so few photos may be chance.";
}

// What a new classifier was not trained on it no longer knows, however well the one before knew it.
export function knowledgeText(comparison) {
  const { old_classes: before, new_classes: now, forgotten, learned, calibrated } = comparison;
  const count =
    `It knows ${now} foods, ${sizeOf(before - now)} the one it started from: ${learned} new ones, and ` +
    `${forgotten} are forgotten because no finished photo of this project trained them.`;
  const all = `It knows all foods of the one it started from and ${learned} more.`;
  const unsure = calibrated ? "" : " Too few meals were held out to learn when it is not sure.";
  return `${forgotten ? count : all}${unsure}`;
}

function sizeOf(fewer) {
  if (fewer > 0) return `${fewer} fewer than`;
  return fewer < 0 ? `${-fewer} more than` : "as many as";
}
