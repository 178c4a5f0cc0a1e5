// Signing in with Hugging Face, on a Space: the button beside who one is.

function showAccount(name) {
  find("#rv-account").hidden = !props.facts.signs_in;
  find("#rv-account-name").textContent = name ?? "";
  const rest = make("span", { class: "rv-wide" }, " with Hugging Face");
  find("#rv-sign").replaceChildren(name ? "Sign out" : make("span", {}, "Sign in", rest));
  find("#rv-sign").onclick = () => {
    leaving = !name;
    location.assign(`${served(name ? "logout" : "login/huggingface")}?_target_url=/`);
  };
}
