// Undo and redo. A photo outside a project has the page's own history. A photo of a project has the store's,
// so that both walk one line, also after a reload.

import { complain, status } from "./feedback.js";
import { newStep, takeOver } from "./project/outbox.js";
import { atRest, foodsInStore, keep, RETRY_MS, reached, tellOf, whileHeld } from "./project/sync.js";
import { redo, undo, updatePhoto } from "./state.js";

const WALKS = {
  back: {
    onPage: undo,
    inStore: "undo_food",
    done: "Taken back",
    nothing: "There is nothing more to take back",
  },
  on: { onPage: redo, inStore: "redo_food", done: "Done again", nothing: "There is nothing to do again" },
};
const CHANGED_SINCE = "Someone else changed one of these foods since, so it stays as it is.";

export const undoLast = (page) => walk(page, WALKS.back);

export const redoLast = (page) => walk(page, WALKS.on);

// One after the other: each starts when the one before, and all that was done before it, is on the page.
function walk(page, way) {
  const { state } = page;
  const photo = state.current;
  if (!photo) return;
  const step = photo.item ? () => walkInStore(page, photo, way) : () => walkOnPage(page, photo, way);
  const turn = state.lastTurn
    .then(step)
    .then((walked) => status(page, walked ? way.done : way.nothing))
    .catch((error) => complain(page, error))
    .finally(() => state.set({ turns: state.turns - 1 }));
  state.set({ turns: state.turns + 1, lastTurn: turn });
}

async function walkOnPage(page, photo, { onPage }) {
  await atRest(page, photo);
  const walked = onPage(page.state, photo);
  if (walked) keep(page, photo);
  return walked;
}

async function walkInStore(page, photo, { inStore }) {
  await reached(page, photo);
  const walked = await whileHeld(page, photo, async () => {
    const reply = await answerOf(page, photo, inStore);
    takeOver(photo, reply.conflict ? await foodsInStore(page, photo) : reply.foods);
    return reply;
  });
  updatePhoto(page.state, photo, {});
  if (walked.conflict) throw new Error(CHANGED_SINCE);
  return walked.undone;
}

// Asks until an answer comes. The store knows the step by its name, and never takes it twice.
async function answerOf(page, photo, name) {
  const step = newStep();
  for (;;) {
    try {
      return await tellOf(page, photo, name, { step });
    } catch (error) {
      if (!error.unanswered) throw error;
      complain(page, error);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
