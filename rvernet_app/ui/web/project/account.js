// Signing in with Hugging Face, on a Space: the button beside one's name.

import { make } from "../dom.js";
import { served } from "../server.js";

export function drawAccount({ find, state }) {
  const name = state.account;
  find("#rv-account").hidden = !state.facts.signs_in;
  find("#rv-account-name").textContent = name ?? "";
  const rest = make("span", { class: "rv-wide" }, " with Hugging Face");
  find("#rv-sign").replaceChildren(name ? "Sign out" : make("span", {}, "Sign in", rest));
  find("#rv-sign").onclick = () => {
    state.set({ leaving: !name });
    location.assign(`${served(name ? "logout" : "login/huggingface")}?_target_url=/`);
  };
}
