// How much of a food there is, as typed: amount, unit, how it is known, and the range it is thought to be in.

const NUMBERS = ["amount", "low", "high"];

// What is typed -> a portion; null where no amount is.
export function readPortion({ amount, unit, method, low, high }) {
  const number = (text) => (text === "" ? null : Number(text));
  if (amount === "") return null;
  return { amount: number(amount), unit, method, low: number(low), high: number(high) };
}

// One end of the range is there, the other is still being typed.
export const isHalf = (portion) => Boolean(portion) && (portion.low === null) !== (portion.high === null);

// What is wrong with what was typed, as a sentence; null where nothing is. `bad` names fields that hold no
// number.
export function faultOf(typed, bad = []) {
  if (bad.length) return "An amount is a number.";
  const portion = readPortion(typed);
  if (!portion)
    return typed.low !== "" || typed.high !== "" ? "A range needs the amount it is around." : null;
  const { amount, low, high } = portion;
  if (!(amount >= 0)) return "The amount is a number from 0 on.";
  if (isHalf(portion) || low === null) return null;
  return low >= 0 && low <= amount && amount <= high ? null : `The range does not hold ${amount}.`;
}

// `on` takes: change (a portion), refuse (a sentence), confirm.
export function createPortionFields(form, on) {
  const names = [...NUMBERS, "unit", "method"];
  const fields = Object.fromEntries(names.map((name) => [name, form.querySelector(`[name=${name}]`)]));
  const fault = form.querySelector("[data-fault]");

  const typed = () => Object.fromEntries(names.map((name) => [name, fields[name].value]));
  const bad = () => NUMBERS.filter((name) => fields[name].validity.badInput);

  form.addEventListener("change", (event) => {
    if (!event.target.name) return;
    const wrong = faultOf(typed(), bad());
    fault.textContent = wrong ?? "";
    fault.hidden = !wrong;
    const portion = readPortion(typed());
    if (!wrong && !isHalf(portion)) on.change(portion);
  });

  form.addEventListener("focusout", (event) => {
    // A look at another window leaves nothing.
    if (form.contains(event.relatedTarget) || !document.hasFocus()) return;
    const half = isHalf(readPortion(typed())) ? "A range needs both its ends." : null;
    const wrong = faultOf(typed(), bad()) ?? half;
    if (wrong) on.refuse(`${wrong} It was not kept.`);
  });

  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.tagName === "SELECT") return;
    event.preventDefault();
    event.target.blur();
    on.confirm();
  });

  form.addEventListener("submit", (event) => event.preventDefault());

  return {
    setUp({ units, methods }) {
      for (const [name, values] of [
        ["unit", units],
        ["method", methods],
      ]) {
        fields[name].replaceChildren(...values.map((value) => new Option(value, value)));
      }
      fields.method.value = "guessed";
    },

    show(portion) {
      if (form.contains(document.activeElement)) return;
      for (const name of NUMBERS) fields[name].value = portion?.[name] ?? "";
      if (portion) {
        fields.unit.value = portion.unit;
        fields.method.value = portion.method;
      }
      fault.hidden = true;
    },

    focus: () => fields.amount.focus(),
  };
}
