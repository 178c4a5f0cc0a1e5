// What a food is called.

import { attempt, complain } from "../feedback.js";
import { changeFood, changeFoods } from "../foods.js";
import { labelFor } from "../front/keeping.js";
import { tell } from "../server.js";
import {
  evidenceOf,
  labelsOf,
  meantFood,
  rememberLabel,
  selectedFood,
  selectedFoods,
  setLabels,
  stillThere,
} from "../state.js";
import { words } from "../words.js";
import { maskOf } from "../work.js";
import { plain, withLabel } from "./labels.js";
import { refreshLabels } from "./search.js";

// Names all foods that are meant, in one step to undo.
export function nameFood(page, label, suggested = false, meant = meantFood(page.state)) {
  const { state } = page;
  if (!meant) return;
  const changeOf = (id) => namedAs(state, label, suggested, meant.photo, id);
  rememberLabel(state, label.id);
  if (meant.ids.length < 2) changeFood(page, changeOf(meant.id), meant);
  else changeFoods(page, meant.photo, new Map(meant.ids.map((id) => [id, changeOf(id)])));
}

// What changes of a food that gets a name. A suggestion is taken by those foods that it was made for.
function namedAs(state, label, suggested, photo, id) {
  const food = stillThere(photo, id);
  const evidence = food && evidenceOf(state, maskOf(food));
  const suggestions = evidence?.suggestions?.map((each) => [each.label, each.probability]) ?? null;
  const isOffered = suggestions?.some(([name]) => plain(name) === plain(label.name));
  return {
    label: label.id,
    suggestions,
    checkpoint: suggestions && evidence.checkpoint,
    taken: photo.blind || !suggestions ? null : suggested && isOffered,
  };
}

// A suggestion is a class of the checkpoint; a project may not have it as a label yet.
export async function takeSuggestion(page, name) {
  const { state } = page;
  const food = selectedFood(state);
  if (!food) return;
  const label = labelsOf(state).named(name);
  const ids = selectedFoods(state).map(({ id }) => id);
  const meant = { photo: state.current, id: food.id, ids }; // the suggestions shown are of no other
  if (label) nameFood(page, label, true, meant);
  else if ((state.project ?? state.front).new_labels) await createLabel(page, words(name), true, meant);
  else complain(page, new Error(`“${words(name)}” is not in this project's label set.`));
}

export function createLabel(page, name, suggested = false, meant = meantFood(page.state)) {
  const { project } = page.state;
  if (!project) {
    const label = labelFor(page, name);
    nameFood(page, label, suggested, meant);
    return label;
  }
  return attempt(page, async () => {
    const { label, version } = await tell(page, "add_label", { project: project.id, name });
    if (version <= project.labels.version + 1) {
      setLabels(page.state, project, withLabel(project.labels, label, version));
    } else await refreshLabels(page, project, version); // others changed it too
    if (project === page.state.project) nameFood(page, label, suggested, meant);
    return label;
  });
}
