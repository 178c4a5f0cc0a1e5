// Training on a project: a process on the server, asked how far it is, and its checkpoint taken into use.

let watching = null;

async function train(name) {
  clearTimeout(watching);
  try {
    showTraining(await tell(name, { project: project?.id ?? null, epochs: Number(find("#rv-epochs").value) }));
  } catch (error) {
    complain(error);
  }
}

function showTraining({ state, project: trained, share, said, comparison, facts }) {
  if (facts) {
    props.facts = facts;
    panel.drawFacts(facts);
    find("#rv-training").textContent = "The new classifier is in use.";
    find("#rv-train-use").hidden = true;
    return changed();
  }
  find("#rv-train").hidden = state === "running";
  find("#rv-train-stop").hidden = state !== "running";
  find("#rv-train-use").hidden = state !== "done";
  find("#rv-training").dataset.state = state;
  if (state === "running") {
    find("#rv-training").textContent = share ? `Training on ${trained}: ${percent(share)}` : `Training on ${trained}: reading the photos…`;
    watching = setTimeout(() => train("training"), 2000);
  } else if (state === "failed") find("#rv-training").textContent = `The training on ${trained} ended: ${said}`;
  else if (state === "done") {
    const { old_macro_f1: old, new_macro_f1: fresh, regions, photos, better } = comparison;
    find("#rv-training").textContent = `On ${regions} foods of ${photos} photos held out, the new classifier has a macro F1 of ${fresh.toFixed(2)}, the one in use ${old.toFixed(2)}. ${better ? "It is better." : "It is not better; more photos may help."}`;
  }
}
