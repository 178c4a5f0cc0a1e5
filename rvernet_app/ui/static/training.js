// Training on a project: a process on the server, asked how far it is, and its checkpoint taken into use.

let watching = null;

async function train(name) {
  clearTimeout(watching);
  try {
    showTraining(await tell(name, { project: project?.id ?? null, epochs: Number(find("#rv-epochs").value) }));
  } catch (error) {
    if (name !== "training") complain(error);
    if (find("#rv-training").dataset.state === "running") watching = setTimeout(() => train("training"), 10_000);
  }
}

function showTraining({ state, project: trained, share, said, comparison, facts, in_use: inUse }) {
  if (facts) {
    forgetEvidence(facts);
    find("#rv-training").textContent = "The new classifier is in use.";
    find("#rv-train-use").hidden = true;
    return changed();
  }
  find("#rv-train").hidden = state === "running";
  find("#rv-train-stop").hidden = state !== "running";
  find("#rv-train-use").hidden = state !== "done" || inUse;
  find("#rv-train-use").classList.toggle("rv-primary", Boolean(comparison?.better));
  find("#rv-train-use").textContent = comparison?.better ? "Use the new classifier" : "Use it all the same";
  find("#rv-training").dataset.state = state;
  if (state === "running") {
    const doing = share === 1 ? "measuring what it learned…" : share ? percent(share) : "reading the photos…";
    find("#rv-training").textContent = `Training on ${trained}, which ends when the server does: ${doing}`;
    watching = setTimeout(() => train("training"), 2000);
  } else if (state === "failed") find("#rv-training").textContent = `The training on ${trained} ended: ${said}`;
  else if (state === "stopped") find("#rv-training").textContent = `The training on ${trained} was stopped.`;
  else if (state === "done") {
    const standing = inUse ? `The classifier trained on ${trained} is in use.` : `Trained on ${trained}. ${quality(comparison)}`;
    find("#rv-training").textContent = `${standing} ${knowledge(comparison)}`;
  }
}

function quality({ old_macro_f1: old, new_macro_f1: fresh, regions, photos, better, difference_interval: interval }) {
  const verdict = !better ? "It is not better; more photos may help." : interval?.[0] > 0 ? "It is better." : "It is better here, which on so few photos may be chance.";
  return `On ${regions} foods of ${photos} photos held out, the new classifier has a macro F1 of ${fresh.toFixed(2)}, the one it started from ${old.toFixed(2)}. ${verdict}`;
}

// What a new classifier was not trained on it does not know any more, however well the one before knew it.
function knowledge({ old_classes: before, new_classes: now, forgotten, learned, calibrated }) {
  const fewer = before - now;
  const count = `It knows ${now} foods, ${fewer > 0 ? `${fewer} fewer than` : fewer < 0 ? `${-fewer} more than` : "as many as"} the one it started from: ${learned} new ones, and ${forgotten} are forgotten because no finished photo of this project trained them.`;
  return `${forgotten ? count : `It knows all foods of the one it started from and ${learned} more.`}${calibrated ? "" : " Too few meals were held out to learn when it is not sure."}`;
}
