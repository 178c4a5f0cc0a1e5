// Suggestions, cut-outs and maps of a mask. Every request carries a number; a reply that is not the awaited one is
// dropped.

function remap() {
  const mask = shownMask();
  const evidence = mask && evidenceOf.get(mask);
  if (evidence?.suggestions) request(mask, "maps", evidence.label);
  else drawPanel();
}

function explain(label) {
  const mask = shownMask();
  if (!mask || !evidenceOf.get(mask)?.suggestions) return;
  evidenceOf.get(mask).label = label;
  request(mask, "maps", label);
}

function request(mask, stage, label = null) {
  awaited = { seq: ++evidenceSeq, mask, stage };
  trigger("evidence", { seq: evidenceSeq, photo: current.id, rle: mask.rle, stage, label, method, scale });
  drawPanel();
}

function arrived() {
  if (props.value?.proposals) return proposed(props.value.proposals);
  const reply = props.value;
  if (!reply || !awaited || reply.seq !== awaited.seq) return;
  if (reply.error) {
    awaited = null;
    complain(new Error(reply.error));
    return drawPanel();
  }
  if (reply.checkpoint !== props.facts.checkpoint_id) learnEngine(reply.checkpoint);
  const known = evidenceOf.get(awaited.mask) ?? {};
  evidenceOf.set(awaited.mask, { ...known, ...reply, timings: { ...known.timings, ...reply.timings } });
  if (!reply.maps) {
    awaited.stage = "maps";
    return drawPanel();
  }
  const { mask } = awaited;
  awaited = null;
  if (mask === shownMask() && !mapsAreChosen(evidenceOf.get(mask))) return remap();
  root.dataset.evidenceSeq = String(reply.seq);
  status("");
  nameTheRest();
  drawPanel();
}

// Another classifier is at work than the one that said what is known of the masks so far.
function forgetEvidence(facts) {
  evidenceOf = new WeakMap();
  props.facts = facts;
  panel.drawFacts(facts);
}

// Someone else took another checkpoint into use.
function learnEngine(checkpoint) {
  forgetEvidence({ ...props.facts, checkpoint_id: checkpoint });
  tell("engine", {}).then(({ facts }) => { forgetEvidence(facts); changed(); }).catch(complain);
}

// Whether the maps at hand are those of the method and scale now chosen.
function mapsAreChosen(evidence) {
  return evidence?.maps?.method === method && evidence.maps.scale === scale;
}

// Foods whose evidence was overtaken by a newer click are named once nothing else is under way.
function nameTheRest() {
  const unnamed = current?.work.present.foods.map(maskOf).find((mask) => mask && !evidenceOf.get(mask)?.suggestions);
  if (unnamed) request(unnamed, "all");
}

function shownMask() {
  const food = current && activeFood(current.work);
  return food ? maskOf(food) : null;
}

async function download() {
  const mask = shownMask();
  if (!mask) return;
  busy("Collecting the files…");
  try {
    const label = evidenceOf.get(mask)?.maps?.label ?? null;
    const { url, name } = await ask("download", { photo: current.id, rle: mask.rle, score: mask.score, label, method });
    make("a", { href: served(url), download: name }).click();
  } catch (error) {
    complain(error);
  } finally {
    busy(null);
  }
}
