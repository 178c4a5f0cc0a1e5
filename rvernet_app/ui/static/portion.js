// How much of a food there is: amount, unit, how it is known, and the range it is thought to be in.

function createPortionFields(form, on) {
  const fields = Object.fromEntries(["amount", "unit", "method", "low", "high"].map((name) => [name, form.querySelector(`[name=${name}]`)]));
  const given = (name) => (fields[name].value === "" ? null : Number(fields[name].value));
  const half = (portion) => Boolean(portion) && (portion.low === null) !== (portion.high === null);

  function setUp({ units, methods }) {
    for (const [name, values] of [["unit", units], ["method", methods]]) {
      fields[name].replaceChildren(...values.map((value) => make("option", { value }, value)));
    }
    fields.method.value = "guessed";
  }

  function read() {
    const [amount, low, high] = [given("amount"), given("low"), given("high")];
    if (amount === null) return null;
    return { amount, unit: fields.unit.value, method: fields.method.value, low, high };
  }

  // What is wrong with what was typed, as a sentence; null where nothing is.
  function fault(portion) {
    if (["amount", "low", "high"].some((name) => fields[name].validity.badInput)) return "An amount is a number.";
    if (!portion) return given("low") !== null || given("high") !== null ? "A range needs the amount it is around." : null;
    const { amount, low, high } = portion;
    if (!(amount >= 0)) return "The amount is a number from 0 on.";
    if (half(portion)) return null; // the other end is still being typed
    return low !== null && !(low >= 0 && low <= amount && amount <= high) ? `The range does not hold ${amount}.` : null;
  }

  function show(portion) {
    if (form.contains(document.activeElement)) return;
    for (const name of ["amount", "low", "high"]) fields[name].value = portion?.[name] ?? "";
    if (portion) { fields.unit.value = portion.unit; fields.method.value = portion.method; }
    form.querySelector("[data-fault]").hidden = true;
  }

  form.addEventListener("change", (event) => {
    if (!event.target.name) return;
    const portion = read();
    const wrong = fault(portion);
    form.querySelector("[data-fault]").textContent = wrong ?? "";
    form.querySelector("[data-fault]").hidden = !wrong;
    if (!wrong && !half(portion)) on.change(portion);
  });
  form.addEventListener("focusout", (event) => {
    if (form.contains(event.relatedTarget) || !document.hasFocus()) return; // a look at another window leaves nothing
    const portion = read();
    const wrong = fault(portion) ?? (half(portion) ? "A range needs both its ends." : null);
    if (wrong) on.refuse(`${wrong} It was not kept.`);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.tagName === "SELECT") return;
    event.preventDefault();
    event.target.blur();
    on.confirm();
  });
  form.addEventListener("submit", (event) => event.preventDefault());

  return { setUp, show, focus: () => fields.amount.focus() };
}
