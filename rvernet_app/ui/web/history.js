// Undo and redo. A photo outside a project has the page's own history. A photo of a project has the store's,
// so that both walk one line, also after a reload.

import { complain, status } from "./feedback.js";
import { takeOver } from "./project/outbox.js";
import { reached, tellOf, whileHeld } from "./project/sync.js";
import { isPending, redo, undo, updatePhoto } from "./state.js";

const SAYS = {
  undo_food: { done: "Taken back", nothing: "There is nothing more to take back" },
  redo_food: { done: "Done again", nothing: "There is nothing to do again" },
};

export const undoLast = (page) => walk(page, undo, "undo_food");

export const redoLast = (page) => walk(page, redo, "redo_food");

function walk(page, onPage, inStore) {
  const { state } = page;
  const { current } = state;
  if (!current) return;
  if (current.item) askInTurn(page, current, inStore);
  else if (!isPending(state, current)) onPage(state, current);
}

// One after the other: each is asked for when the one before is on the page.
function askInTurn(page, photo, name) {
  const { state } = page;
  const turn = state.lastTurn
    .then(() => walkInStore(page, photo, name))
    .catch((error) => complain(page, error))
    .finally(() => state.set({ turns: state.turns - 1 }));
  state.set({ turns: state.turns + 1, lastTurn: turn });
}

async function walkInStore(page, photo, name) {
  await reached(page, photo);
  const undone = await whileHeld(page, photo, async () => {
    const reply = await tellOf(page, photo, name, {});
    if (reply.undone) takeOver(photo, reply.foods);
    return reply.undone;
  });
  status(page, undone ? SAYS[name].done : SAYS[name].nothing);
  updatePhoto(page.state, photo, {});
}
