// A label set: its labels by id and by name, and what became of labels that were removed from it.

// Case, accents and underscores make no difference.
export const plain = (text) =>
  text.toLowerCase().replaceAll("_", " ").normalize("NFD").replace(/\p{M}/gu, "").trim();

// `removed` are labels that were merged or deleted; `version` grows with every change of the set.
export function createLabelSet(labels, { removed = [], version = 0 } = {}) {
  const byId = new Map(labels.map((label) => [label.id, label]));
  for (const { id, into } of removed) byId.set(id, byId.get(into) ?? null);
  const byName = new Map();
  // Backwards, so that the first label that has a name keeps it, and a name goes before a synonym.
  for (const label of [...labels].reverse()) {
    for (const name of [...label.synonyms].reverse()) byName.set(plain(name), label);
  }
  for (const label of [...labels].reverse()) byName.set(plain(label.name), label);
  return {
    version,
    removed,
    all: () => labels,
    get: (id) => byId.get(id) ?? null, // what a removed label was merged into
    named: (name) => byName.get(plain(name)) ?? null,
    // The one label of this name: neither a synonym nor a name that two labels share.
    onlyNamed: (name) => {
      const found = labels.filter((label) => plain(label.name) === plain(name));
      return found.length === 1 ? found[0] : null;
    },
    holding: (typed) => labels.filter((label) => holds(label, plain(typed))),
  };
}

export const labelSetOf = ({ labels, ...set }) => createLabelSet(labels, set);

// The same set with one more label.
export const withLabel = (set, label, version = set.version) =>
  createLabelSet([...set.all().filter(({ id }) => id !== label.id), label], {
    removed: set.removed,
    version,
  });

// Whether the letters are anywhere in a name, a synonym or the food code.
const holds = ({ name, synonyms, code }, letters) =>
  [name, ...synonyms, code ?? ""].some((text) => plain(text).includes(letters));
