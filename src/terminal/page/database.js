/** This terminal's database, IndexedDB. Where there is none, or it is full, everything holds for this visit only. */

const NAME = 'stockgate';
const VERSION = 2;
/** Items by SKU; where learned codes lead; pages of barcodes by number; and what the other stores are of. */
const STORES = ['stock', 'learned', 'barcodes', 'facts'];

export class Database {
  #opened = null;

  async open() { this.#opened = await opened().catch(() => null); }

  read(store, key) { return this.#in(store, 'readonly', (all) => all.get(key)); }

  /** Calls `take(values, keys)` for so many records at a time. */
  async each(store, count, take) {
    for (let range = null; ;) {
      const [values, keys] = await Promise.all(['getAll', 'getAllKeys'].map((get) => this.#in(store, 'readonly', (all) => all[get](range, count))));
      if (!values?.length || !keys) return;
      take(values, keys);
      range = IDBKeyRange.lowerBound(keys.at(-1), true);
    }
  }

  /** Writes `[key, value]` pairs. */
  put(store, pairs) {
    return this.#in(store, 'readwrite', (all) => pairs.map(([key, value]) => all.put(value, key)).at(-1));
  }

  clear(store) { return this.#in(store, 'readwrite', (all) => all.clear()); }

  /** Resolves to the result of the request that `act` makes; to `undefined` if it fails. */
  async #in(store, mode, act) {
    try {
      const request = act(this.#opened.transaction(store, mode).objectStore(store));
      return request && await done(request);
    } catch {
      return undefined;
    }
  }
}

function opened() {
  const asked = indexedDB.open(NAME, VERSION);
  asked.onupgradeneeded = () => {
    for (const store of asked.result.objectStoreNames) asked.result.deleteObjectStore(store);
    for (const store of STORES) asked.result.createObjectStore(store);
  };
  return done(asked);
}

function done(asked) {
  return new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}
