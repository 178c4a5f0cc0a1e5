// Asking the server. A reply with an error is thrown as that error, with all else the reply says.

import { complain } from "./feedback.js";
import { forgetPhoto } from "./project/gone.js";

const CHECK_MS = 5000;
const LOGGED_OUT =
  "You are logged out. Log in in another tab; what is not saved yet is kept on this page and saved then.";

// An address below the page, also behind a path of a proxy.
export const served = (url) => `${window.gradio_config?.root ?? ""}/${url}`;

// Asks the engine. A photo that it no longer keeps is opened again first.
export async function ask(page, name, message) {
  const reply = await answerTo(page, name, message);
  if (!reply) throw await unanswered(page.state, "Check that it is running, then try again.");
  noteAnswer(page.state);
  if (reply.error) throw Object.assign(new Error(reply.error), reply);
  return reply;
}

async function answerTo(page, name, message) {
  const { server, state } = page;
  const asked = () => server[name](message).catch(() => null);
  const reply = await asked();
  const { current, photos } = state;
  if (reply?.lost && name !== "open_photo" && photos.has(message.photo) && !current?.item) {
    await page.sendAgain(photos.get(message.photo));
    return asked();
  }
  if (!reply?.lost || !current?.item || current.id !== message.photo) return reply;
  try {
    await tell(page, "open_item", { project: current.project.id, item: current.item });
  } catch (error) {
    if (error.gone) {
      forgetPhoto(state, current.item);
      complain(page, error); // who asked waits for nothing of that photo any more
    }
    throw error;
  }
  return asked();
}

// Asks the store, in one's own name. A conflict is a reply like any other.
export async function tell({ server, state }, name, message) {
  const reply = await server[name]({ me: state.annotator, ...message }).catch(() => null);
  if (!reply) throw await unanswered(state, "Your work is kept on this page and saved once it does.");
  if (reply.login) state.set({ account: null });
  noteAnswer(state);
  if (reply.error && !reply.conflict) throw Object.assign(new Error(reply.error), reply);
  return reply;
}

function noteAnswer(state) {
  if (state.loggedOut) state.set({ loggedOut: false });
}

// Why no answer came. What was asked for may have been done all the same.
async function unanswered(state, hint) {
  const signal = AbortSignal.timeout(CHECK_MS);
  const checked = await fetch(served("gradio_api/login_check"), { signal }).catch(() => null);
  const loggedOut = checked?.status === 401;
  if (loggedOut) state.set({ loggedOut });
  const why = loggedOut ? LOGGED_OUT : `The server does not answer. ${hint}`;
  return Object.assign(new Error(why), { unanswered: true });
}
