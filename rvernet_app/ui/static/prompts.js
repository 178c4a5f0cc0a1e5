// A prompt goes to the server; its mask comes back and is drawn, unless a newer click was made.

function addPoint([x, y], label, startNew, since) {
  prompt((food) => ({ ...food, points: [...food.points, [x, y, label]] }), startNew, since, label);
}

function setBox(box, startNew, since) {
  prompt((food) => ({ ...food, box }), startNew, since, 1);
}

// Nobody can add to a photo that has all its annotators; it is there to look at.
function refuses(photo) {
  if (photo?.full) complain(new Error(FULL));
  return Boolean(photo?.full);
}

function prompt(change, startNew, since, label) {
  if (!current || refuses(current)) return;
  const base = startNew || startNext ? newFood(current.work) : (pendingFood() ?? activeFood(current.work) ?? newFood(current.work));
  if (!label && !base.box && !base.points.some((point) => point[2])) return complain(new Error("Click the food first, then cut away what is too much."));
  startNext = false;
  drafts = drafts.filter((draft) => draft.photo !== current || draft.food.id !== base.id);
  drafts.push({ food: change(base), seq: ++promptSeq, since, photo: current, corrected: base.edits ? correction(base, change, label) : null });
  drawScene();
  segment();
  drawPanel();
}

// One request at a time. A food that was clicked again meanwhile is asked for once more, with all its points; the
// reply to what it was before never shows.
async function segment() {
  if (segmenting) return;
  segmenting = true;
  const slow = setInterval(() => busy("Finding the food…"), 400);
  while (drafts.length) {
    const asked = drafts[0];
    const { food, photo } = asked;
    let reply = null;
    let failure = null;
    try {
      const asks = asked.corrected ?? { points: food.points, box: food.box, refine: food.token && { token: food.token, candidate: food.chosen } };
      reply = await ask("segment", { photo: photo.id, ...asks });
    } catch (error) {
      failure = error;
    }
    if (!drafts.includes(asked)) continue;
    drafts = drafts.filter((draft) => draft !== asked);
    if (reply) masked(asked, reply);
    else { complain(failure); changed(); }
  }
  clearInterval(slow);
  busy(null);
  segmenting = false;
}

// A mask corrected by hand is kept: what a click finds is added to it, or cut from it.
function correction(base, change, label) {
  const { points, box } = change({ ...base, points: [], box: null });
  return { points: points.map(([x, y]) => [x, y, 1]), box, onto: maskOf(base).rle, cut: !label };
}

function masked({ food, photo, since, seq, corrected }, { candidates, token, timings }) {
  for (const mask of candidates) evidenceOf.set(mask, { timings });
  const origin = corrected ? food.origin : null; // of the mask; another one has its own
  commit(photo.work, withFood(photo.work.present, { ...food, origin, candidates, token, chosen: 0, segmenter: props.facts.segmenter_id }));
  if (photo !== current) return keep(photo);
  drawScene();
  root.dataset.maskMs = String(performance.now() - since);
  root.dataset.maskSeq = String(seq);
  root.dataset.engineMs = String(timings.segment);
  setTimeout(() => changedOn(photo));
}

// The food that keys and fields mean: the one being found, else the one selected.
function meantFood() {
  const food = pendingFood() ?? (current && activeFood(current.work));
  return food && { photo: current, id: food.id };
}

// Changes a food, which by now may be one of another photo than the one that is open, or still be looked for.
function changeFood(change, meant = meantFood()) {
  if (!meant) return;
  const { photo, id } = meant;
  const draft = drafts.find((each) => each.photo === photo && each.food.id === id);
  if (draft) draft.food = { ...draft.food, ...change };
  const { present } = photo.work;
  const food = present.foods.find((each) => each.id === id);
  if (food) commit(photo.work, { ...withFood(present, { ...food, ...change }), active: present.active });
  changedOn(photo);
}

function pendingFood() {
  return drafts.findLast((draft) => draft.photo === current)?.food ?? null;
}

function chooseCandidate(index) {
  const food = current && activeFood(current.work);
  if (!food?.candidates[index] || index === food.chosen) return;
  commit(current.work, withFood(current.work.present, { ...food, chosen: index }));
  changed();
}

function selectFood(id) {
  if (!current) return;
  startNext = id === null;
  begun = null;
  current.work.present = { ...current.work.present, active: id };
  changed();
}

function removeFood(id) {
  drafts = drafts.filter((draft) => draft.photo !== current || draft.food.id !== id);
  commit(current.work, withoutFood(current.work.present, id));
  changed();
}

function removeAll() {
  drafts = drafts.filter((draft) => draft.photo !== current);
  if (!current?.work.present.foods.length) return;
  commit(current.work, { foods: [], active: null });
  changed();
}

function step(by) {
  const { foods, active } = current?.work.present ?? { foods: [] };
  if (!foods.length) return;
  const at = foods.findIndex((food) => food.id === active);
  selectFood(foods[(at + by + foods.length) % foods.length].id);
}
