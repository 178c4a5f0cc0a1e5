// How much of a food there is, as typed: amount, unit, how it is known, and the range it is thought to be in.
// What is typed stays in its field until it is valid; only then it replaces what is saved.

import { make } from "../dom.js";
import { readNumber } from "./amounts.js";

const NUMBERS = ["amount", "low", "high"];
const DEFAULT_METHOD = "guessed";

// What is typed -> { portion }, null where no amount is; or { fault, field } with a sentence and the name of
// the field it is about; `half` where one end of a range is still being typed.
export function readPortion({ unit, method, ...typed }, limits = {}) {
  const numbers = {};
  for (const field of NUMBERS) {
    const { value, fault } = readNumber(typed[field]);
    if (fault) return { fault, field };
    numbers[field] = value;
  }
  const { amount, low, high } = numbers;
  if (amount === null) {
    if (low === null && high === null) return { portion: null };
    return { fault: "A range needs the amount it is around.", field: "amount" };
  }
  const most = limits[unit]?.most ?? Infinity;
  const tooMuch = ["amount", "high"].find((field) => numbers[field] > most);
  if (tooMuch) return { fault: `At most ${most} ${unit} can be saved for one food.`, field: tooMuch };
  const portion = { amount, unit, method, low, high };
  if ((low === null) !== (high === null)) {
    return {
      portion,
      half: true,
      fault: "A range needs both its ends.",
      field: low === null ? "low" : "high",
    };
  }
  if (low !== null && !(low <= amount && amount <= high)) {
    return { fault: `The range does not hold ${amount}.`, field: amount < low ? "low" : "high" };
  }
  return { portion };
}

// The question before an amount that is hardly on one plate is saved; null for others.
export function doubtOf(portion, limits = {}) {
  const usual = limits[portion?.unit]?.usual ?? Infinity;
  const { amount, high, unit } = portion ?? {};
  const largest = Math.max(amount ?? 0, high ?? 0);
  return largest > usual ? `${largest} ${unit} is a lot for one food.` : null;
}

const inOrder = ({ amount, unit, method, low, high }) => ({ amount, unit, method, low, high });

const sameText = (one, other) => [...NUMBERS, "unit", "method"].every((name) => one[name] === other[name]);

// `on` takes: change (a portion, what it is of), confirm.
export function createPortionFields(form, on) {
  const names = [...NUMBERS, "unit", "method"];
  const fields = Object.fromEntries(names.map((name) => [name, form.querySelector(`[name=${name}]`)]));
  const says = form.querySelector("[data-fault]");
  const pending = new WeakMap(); // photo -> number of a food -> what is typed and not saved
  let limits = {};
  let meant = null; // the food whose amount the fields hold
  let saved = null; // its portion
  let allowed = null; // what was typed when an unusual amount was said to be right

  const typed = () => Object.fromEntries(names.map((name) => [name, fields[name].value]));

  function keepTyped(text) {
    if (!meant) return;
    const ofPhoto = pending.get(meant.photo) ?? new Map();
    pending.set(meant.photo, ofPhoto);
    if (text) ofPhoto.set(meant.id, text);
    else ofPhoto.delete(meant.id);
  }

  const kept = (of) => of && pending.get(of.photo)?.get(of.id);

  function say(sentence, field, allow = null) {
    for (const name of NUMBERS) {
      if (name === field) fields[name].setAttribute("aria-invalid", "true");
      else fields[name].removeAttribute("aria-invalid");
    }
    const button =
      allow && make("button", { type: "button", class: "rv-link", onclick: allow }, "Yes, save it");
    says.replaceChildren(...(sentence ? [sentence, " "] : []), ...(button ? [button] : []));
    says.hidden = !sentence;
  }

  // Saves what is typed, or says why not. `isLeft` is whether nobody types any more.
  function settle(isLeft) {
    const text = typed();
    const { portion, fault, field, half } = readPortion(text, limits);
    if (half && !isLeft) {
      keepTyped(text);
      say(null);
      return true;
    }
    if (fault) {
      keepTyped(text);
      say(`${fault} It is not saved yet.`, field);
      return false;
    }
    const doubt = doubtOf(portion, limits);
    if (doubt && !(allowed && sameText(allowed, text))) {
      keepTyped(text);
      say(`${doubt} Is it right? It is not saved yet.`, "amount", () => {
        allowed = text;
        settle(true);
      });
      return false;
    }
    keepTyped(null);
    say(null);
    if (JSON.stringify(portion) !== JSON.stringify(saved)) on.change(portion, meant);
    return true;
  }

  form.addEventListener("input", () => {
    if (meant) keepTyped(typed());
  });

  form.addEventListener("change", ({ target }) => {
    if (!target.name) return;
    const nothing = NUMBERS.every((name) => fields[name].value.trim() === "");
    if (nothing && target.tagName === "SELECT") keepTyped(typed());
    else settle(false);
  });

  form.addEventListener("focusout", ({ relatedTarget }) => {
    // A look at another window leaves nothing.
    if (form.contains(relatedTarget) || !document.hasFocus() || !kept(meant)) return;
    settle(true);
  });

  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.tagName === "SELECT" || event.target.type === "button") return;
    event.preventDefault();
    if (event.target.name && !settle(true)) return;
    event.target.blur();
    on.confirm();
  });

  form.addEventListener("submit", (event) => event.preventDefault());

  function put(text) {
    for (const name of names) fields[name].value = text[name];
  }

  return {
    get units() {
      return [...fields.unit.options].map(({ value }) => value);
    },

    setUp({ units, methods, limits: known = {} }) {
      limits = known;
      for (const [name, values] of [
        ["unit", units],
        ["method", methods],
      ]) {
        fields[name].replaceChildren(...values.map((value) => new Option(value, value)));
      }
      fields.method.value = DEFAULT_METHOD;
    },

    // The amount of a food. Without one, its unit is that of its label.
    show(portion, of = null, unit = null) {
      const isSame = of && meant && of.photo === meant.photo && of.id === meant.id;
      if (isSame && form.contains(document.activeElement)) return;
      if (!isSame) allowed = null;
      meant = of;
      saved = portion && inOrder(portion);
      const text = kept(of);
      if (text) {
        put(text);
        if (!isSame) settle(true);
        return;
      }
      const numbers = NUMBERS.map((name) => [name, String(portion?.[name] ?? "")]);
      put({
        ...Object.fromEntries(numbers),
        unit: portion?.unit ?? unit ?? fields.unit.options[0]?.value ?? "",
        method: portion?.method ?? DEFAULT_METHOD,
      });
      say(null);
    },

    // Numbers of the foods of a photo with an amount that is typed and cannot be saved.
    unsettled: (photo) => [...(pending.get(photo)?.keys() ?? [])],

    focus: () => fields.amount.focus(),
  };
}
