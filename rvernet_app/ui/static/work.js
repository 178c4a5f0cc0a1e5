// What a person made of each photo: foods with their prompts and masks, and the history to undo.
// Snapshots are never changed in place, so undo is putting an older one back.

const COLOURS = ["#e4572e", "#1b7fc4", "#2a9d5c", "#c445a5", "#e0a100", "#6a5acd", "#00a3a3", "#a35a1f"];

function emptyWork() {
  return { past: [], present: { foods: [], active: null }, future: [], made: 0, evidence: new Map() };
}

function commit(work, snapshot) {
  work.past.push(work.present);
  work.present = snapshot;
  work.future = [];
}

function undo(work) {
  if (!work.past.length) return false;
  work.future.push(work.present);
  work.present = work.past.pop();
  return true;
}

function redo(work) {
  if (!work.future.length) return false;
  work.past.push(work.present);
  work.present = work.future.pop();
  return true;
}

function activeFood(work) {
  return work.present.foods.find((food) => food.id === work.present.active) ?? null;
}

function newFood(work) {
  const number = ++work.made;
  return { id: number, colour: COLOURS[(number - 1) % COLOURS.length], points: [], box: null, candidates: [], chosen: 0, token: null };
}

// A snapshot with one food put in or replaced, and selected.
function withFood(snapshot, food) {
  const known = snapshot.foods.some((other) => other.id === food.id);
  const foods = known ? snapshot.foods.map((other) => (other.id === food.id ? food : other)) : [...snapshot.foods, food];
  return { foods, active: food.id };
}

function withoutFood(snapshot, id) {
  const foods = snapshot.foods.filter((food) => food.id !== id);
  return { foods, active: snapshot.active === id ? (foods.at(-1)?.id ?? null) : snapshot.active };
}

function maskOf(food) {
  return food.candidates[food.chosen];
}

function maskPath(mask) {
  if (!mask.path) {
    mask.path = new Path2D();
    for (const outline of mask.polygons) {
      mask.path.moveTo(outline[0], outline[1]);
      for (let i = 2; i < outline.length; i += 2) mask.path.lineTo(outline[i], outline[i + 1]);
      mask.path.closePath();
    }
  }
  return mask.path;
}
