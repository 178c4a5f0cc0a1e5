// The label set of a project, and the field that finds a label while one types.

function createLabelSet(labels) {
  const byId = new Map(labels.map((label) => [label.id, label]));
  const byName = new Map();
  const learn = (label) => {
    for (const name of [label.name, ...label.synonyms].reverse()) byName.set(plain(name), label);
  };
  labels.toReversed().forEach(learn);

  // The best matches first: a name that begins so, a word that does, a synonym, anything that holds it, a food code.
  function search(typed, limit = 8) {
    const wanted = plain(typed);
    if (!wanted) return [];
    const found = [];
    for (const label of byId.values()) {
      const coded = label.code?.startsWith(typed.trim()) ? 3.5 : Infinity;
      const rank = Math.min(rankOf(plain(label.name), wanted), coded, ...label.synonyms.map((name) => rankOf(plain(name), wanted) + 0.5));
      if (rank < Infinity) found.push({ label, rank, through: label.synonyms.find((name) => rankOf(plain(name), wanted) + 0.5 === rank) });
    }
    return found.sort((a, b) => a.rank - b.rank || a.label.name.length - b.label.name.length || a.label.name.localeCompare(b.label.name)).slice(0, limit);
  }

  return {
    all: () => [...byId.values()],
    get: (id) => byId.get(id) ?? null,
    named: (name) => byName.get(plain(name)) ?? null,
    add: (label) => { byId.set(label.id, label); learn(label); },
    search,
  };
}

const plain = (text) => text.toLowerCase().replaceAll("_", " ").normalize("NFD").replace(/\p{M}/gu, "").trim();

function rankOf(name, wanted) {
  if (name === wanted) return 0;
  if (name.startsWith(wanted)) return 1;
  if (name.split(/[\s-]+/).some((word) => word.startsWith(wanted))) return 2;
  return name.includes(wanted) ? 3 : Infinity;
}

// A combobox (ARIA 1.2): arrows choose, Enter takes, Escape leaves. on.take gets a label, on.create a new name.
function createLabelField(input, list, on) {
  let options = [];
  let at = 0;

  function draw() {
    list.hidden = !options.length || document.activeElement !== input;
    input.setAttribute("aria-expanded", String(!list.hidden));
    list.replaceChildren(...options.map(({ label, through, create }, index) => make("li", {
      id: `rv-label-option-${index}`, role: "option", "aria-selected": String(index === at),
      onpointerdown: (event) => { event.preventDefault(); take(index); },
    },
      create ? make("span", {}, `Add “${create}”`) : make("span", {}, make("span", { class: "rv-swatch", style: `background:${label.colour}` }), words(label.name)),
      make("span", { class: "rv-muted" }, create ? "new label" : through ? words(through) : label.code ?? ""))));
    input.setAttribute("aria-activedescendant", list.hidden ? "" : `rv-label-option-${at}`);
    if (!list.hidden) keepInView(list, list.children[at]);
  }

  function look() {
    const typed = input.value.trim();
    options = on.search(typed);
    if (typed && on.mayCreate() && !options.some(({ label }) => plain(label.name) === plain(typed))) options.push({ create: typed });
    at = 0;
    draw();
  }

  function take(index) {
    const chosen = options[index];
    options = [];
    if (chosen?.create) on.create(chosen.create);
    else if (chosen) on.take(chosen.label);
    draw();
  }

  input.addEventListener("input", look);
  input.addEventListener("focus", () => { input.select(); look(); });
  input.addEventListener("blur", () => { options = []; draw(); on.left(); });
  input.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps && options.length) at = (at + steps[event.key] + options.length) % options.length;
    else if (event.key === "Enter" && options.length) take(at);
    else if (event.key === "Enter") on.confirm();
    else if (event.key === "Escape") input.blur();
    else return;
    event.preventDefault();
    event.stopPropagation();
    draw();
  });

  return { show: (text) => { if (document.activeElement !== input) input.value = text; } };
}
