// A photo of the front page as this browser keeps it. Labels are kept by their names: numbers of the default
// label set change when the set does.

import { emptyWork } from "../work.js";

const eachFood = ({ past, present, future, made }, change) => {
  const changed = new Map(); // snapshots share foods, and still do afterwards
  const foodOf = (food) => {
    if (!changed.has(food)) changed.set(food, change(food));
    return changed.get(food);
  };
  const snapshotOf = (snapshot) => ({ ...snapshot, foods: snapshot.foods.map(foodOf) });
  return { past: past.map(snapshotOf), present: snapshotOf(present), future: future.map(snapshotOf), made };
};

// `labels` is the label set that the foods are named from.
export function recordOf(photo, labels) {
  const { id, name, width, height, thumb, sample, added, revision, work } = photo;
  const named = ({ label, ...food }) => (label ? { ...food, called: labels.get(label).name } : food);
  return { id, name, width, height, thumb, sample, added, revision, work: eachFood(work, named) };
}

// `labelFor` finds or makes the label of a name. The picture is fetched once the photo is opened.
export function photoOf({ work, ...record }, labelFor) {
  const named = ({ called, ...food }) => (called ? { ...food, label: labelFor(called).id } : food);
  return { ...record, image: null, encoded: false, work: eachFood(work, named) };
}

export const newRecord = (photo) => ({ ...photo, added: Date.now(), revision: 0, work: emptyWork() });

// What is kept where another tab kept something else since: what this tab has comes on top of it as one more
// step, so that undo leads back to the other's.
export function onTopOf(kept, own) {
  if (!kept || kept.revision === own.revision) return { ...own, revision: own.revision + 1 };
  const { past, present, made } = kept.work;
  const work = {
    past: [...past, present],
    present: own.work.present,
    future: [],
    made: Math.max(made, own.work.made),
  };
  return { ...own, revision: kept.revision + 1, work };
}
