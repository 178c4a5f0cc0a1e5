// What this browser keeps of the front page: files of photos, and what was done on them, by the photo's id.
// Every promise rejects where the browser has no such store or no room.

const NAME = "rvernet-front";
const VERSION = 1;

const answerOf = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

function openedBy(factory) {
  const request = factory.open(NAME, VERSION);
  request.onupgradeneeded = () => {
    for (const name of ["files", "works", "notes"]) request.result.createObjectStore(name);
  };
  return answerOf(request);
}

export function createDatabase(factory = globalThis.indexedDB) {
  let opened = null;

  // Another tab, with a newer page or on the browser's order, changes or removes the database.
  async function open() {
    const database = await openedBy(factory);
    const forget = () => {
      opened = null;
    };
    database.onclose = forget;
    database.onversionchange = () => {
      database.close();
      forget();
    };
    return database;
  }

  // `act` takes a function that finds a store by its name. It may wait for requests on stores only.
  async function within(names, mode, act) {
    if (!factory) throw new Error("This browser keeps nothing.");
    opened ??= open();
    const transaction = (await opened).transaction(names, mode);
    const done = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
    });
    const [result] = await Promise.all([act((name) => transaction.objectStore(name)), done]);
    return result;
  }

  return {
    works: () => within(["works"], "readonly", (store) => answerOf(store("works").getAll())),
    work: (id) => within(["works"], "readonly", (store) => answerOf(store("works").get(id))),
    file: (id) => within(["files"], "readonly", (store) => answerOf(store("files").get(id))),
    note: (name) => within(["notes"], "readonly", (store) => answerOf(store("notes").get(name))),
    putFile: (id, file) => within(["files"], "readwrite", (store) => answerOf(store("files").put(file, id))),
    putNote: (name, note) =>
      within(["notes"], "readwrite", (store) => answerOf(store("notes").put(note, name))),

    // Replaces the stored work by `change(work)` in one transaction.
    changeWork: (id, change) =>
      within(["works"], "readwrite", async (store) => {
        const work = change(await answerOf(store("works").get(id)));
        await answerOf(store("works").put(work, id));
        return work;
      }),

    clear: () =>
      within(["files", "works", "notes"], "readwrite", (store) =>
        Promise.all(["files", "works", "notes"].map((name) => answerOf(store(name).clear()))),
      ),
  };
}
