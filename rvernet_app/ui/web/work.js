// The foods of one photo: snapshots, and the page's own history of them. Snapshots are never changed in
// place.

// `made` counts the foods ever made on the photo, so that no number is given twice.
export const emptyWork = () => ({ past: [], present: { foods: [], active: null }, future: [], made: 0 });

export function commitWork(work, snapshot) {
  work.past.push(work.present);
  work.present = snapshot;
  work.future = [];
}

export function undoWork(work) {
  if (!work.past.length) return false;
  work.future.push(work.present);
  work.present = work.past.pop();
  return true;
}

export function redoWork(work) {
  if (!work.future.length) return false;
  work.past.push(work.present);
  work.present = work.future.pop();
  return true;
}

export function nextId(work) {
  work.made += 1;
  return work.made;
}

// A number that no food came to have.
export function giveBackId(work, id) {
  if (work.made === id) work.made -= 1;
}

export function newFood(work) {
  return { id: nextId(work), points: [], box: null, candidates: [], chosen: 0, token: null };
}

export const foodWith = (snapshot, id) => snapshot.foods.find((food) => food.id === id) ?? null;

export const activeFood = (work) => foodWith(work.present, work.present.active);

// The selected food and those selected with it, in the order of the list.
export const selectedOf = ({ foods, active, also = [] }) =>
  foods.filter(({ id }) => id === active || also.includes(id));

export const maskOf = (food) => food.candidates[food.chosen];

// The foods with one of them replaced, or with one more.
export function putFood(foods, food) {
  const known = foods.some((other) => other.id === food.id);
  return known ? foods.map((other) => (other.id === food.id ? food : other)) : [...foods, food];
}

export const dropFood = (foods, id) => foods.filter((food) => food.id !== id);

// A snapshot with one food put in or replaced, and selected.
export const withFood = (snapshot, food) => ({ foods: putFood(snapshot.foods, food), active: food.id });

// A snapshot without some foods; when the selected one goes, the last one left is selected.
export const withoutFoods = (snapshot, ids) =>
  withFoods(
    snapshot,
    snapshot.foods.filter(({ id }) => !ids.includes(id)),
  );

// Another set of foods; the selected one stays selected when it is still there.
export function withFoods(snapshot, foods) {
  const stays = foods.some((food) => food.id === snapshot.active);
  return { foods, active: stays ? snapshot.active : (foods.at(-1)?.id ?? null) };
}
