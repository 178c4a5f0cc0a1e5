// The label set of a project, found in by name, synonym or food code.

// Case, accents and underscores make no difference.
export const plain = (text) =>
  text.toLowerCase().replaceAll("_", " ").normalize("NFD").replace(/\p{M}/gu, "").trim();

const NO_MATCH = Infinity;
const CODE_RANK = 3.5; // a food code comes after every match by name
const SYNONYM_PENALTY = 0.5;

export function createLabelSet(labels) {
  const byId = new Map(labels.map((label) => [label.id, label]));
  const byName = new Map();
  // Backwards, so that the first label that has a name keeps it.
  for (const label of [...labels].reverse()) {
    for (const name of [label.name, ...label.synonyms].reverse()) byName.set(plain(name), label);
  }
  return {
    all: () => labels,
    get: (id) => byId.get(id) ?? null,
    named: (name) => byName.get(plain(name)) ?? null,
    search: (typed, limit = 8) => searched(labels, typed, limit),
  };
}

// The same set with one more label.
export const withLabel = (set, label) =>
  createLabelSet([...set.all().filter(({ id }) => id !== label.id), label]);

// The best matches first: a name that begins so, a word that does, a synonym, anything that holds it, a food
// code.
function searched(labels, typed, limit) {
  const wanted = plain(typed);
  if (!wanted) return [];
  const found = labels
    .map((label) => ({ label, ...matchOf(label, wanted, typed.trim()) }))
    .filter(({ rank }) => rank < NO_MATCH);
  return found.sort(inOrder).slice(0, limit);
}

const inOrder = (a, b) =>
  a.rank - b.rank || a.label.name.length - b.label.name.length || a.label.name.localeCompare(b.label.name);

// How well a label matches, and the synonym through which it does.
function matchOf(label, wanted, code) {
  const synonyms = label.synonyms.map((name) => rankOf(plain(name), wanted) + SYNONYM_PENALTY);
  const coded = label.code?.startsWith(code) ? CODE_RANK : NO_MATCH;
  const rank = Math.min(rankOf(plain(label.name), wanted), coded, ...synonyms);
  return { rank, through: label.synonyms[synonyms.indexOf(rank)] };
}

function rankOf(name, wanted) {
  if (name === wanted) return 0;
  if (name.startsWith(wanted)) return 1;
  if (name.split(/[\s-]+/).some((word) => word.startsWith(wanted))) return 2;
  return name.includes(wanted) ? 3 : NO_MATCH;
}
