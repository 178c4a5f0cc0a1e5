// Who is logged in, in the header: with an account of this server, or with Hugging Face on a Space.

import { make } from "../dom.js";
import { served } from "../server.js";

// Gradio tells each page which account has opened it; "" where nobody logs in.
export const openedBy = () => window.gradio_config?.username ?? "";

export function drawAccount(page) {
  drawLogIn(page);
  drawSignIn(page);
}

function drawLogIn({ find, state }) {
  const name = openedBy();
  find("#rv-who").hidden = !name || state.loggedOut;
  find("#rv-log-in").hidden = !state.loggedOut;
  find("#rv-log-in").href = served("login");
  for (const id of ["#rv-who-name", "#rv-log-out-name"]) find(id).textContent = name;
  find("#rv-log-out-here").formAction = served("logout");
  find("#rv-log-out-everywhere").formAction = served("logout-everywhere");
}

function drawSignIn({ find, state }) {
  const name = state.account;
  find("#rv-account").hidden = !state.facts.signs_in || Boolean(openedBy());
  find("#rv-account-name").textContent = name ?? "";
  const rest = make("span", { class: "rv-wide" }, " with Hugging Face");
  find("#rv-sign").replaceChildren(name ? "Sign out" : make("span", {}, "Sign in", rest));
  find("#rv-sign").onclick = () => {
    state.set({ leaving: !name });
    location.assign(`${served(name ? "logout" : "login/huggingface")}?_target_url=/`);
  };
}
