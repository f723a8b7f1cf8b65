/** This terminal's database, IndexedDB, and the stock in it. Where there is none, or it is full, everything holds for this visit only. */

const NAME = 'stockgate';
const VERSION = 2;
/** Items by SKU; where learned codes lead; pages of barcodes by number; and what the other stores are of. */
const STORES = ['stock', 'learned', 'barcodes', 'facts'];

const SAVE_MS = 10_000;
/** Items that are written or read at once, so that the page stays quick. */
const STEP = 500;

export class Database {
  /** Whatever is asked for meanwhile waits: the gateway may answer before the browser has opened it. */
  #opened = opened().catch(() => null);

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

  /** Writes `[key, value]` pairs; without a value, the record is deleted. */
  put(store, pairs) {
    const write = (all) => ([key, value]) => (value === undefined ? all.delete(key) : all.put(value, key));
    return this.#in(store, 'readwrite', (all) => pairs.map(write(all)).at(-1));
  }

  clear(store) { return this.#in(store, 'readwrite', (all) => all.clear()); }

  /** Resolves to the result of the request that `act` makes, once it is stored; to `undefined` if that fails. */
  async #in(store, mode, act) {
    try {
      const transaction = (await this.#opened).transaction(store, mode);
      const request = act(transaction.objectStore(store));
      // Otherwise it would end with a page that is left.
      transaction.commit?.();
      const result = request && await done(request);
      if (mode === 'readwrite') await finished(transaction);
      return result;
    } catch {
      return undefined;
    }
  }
}

async function opened() {
  const asked = indexedDB.open(NAME, VERSION);
  // A newer page in another tab gets its way.
  const close = () => asked.result.close();
  asked.onupgradeneeded = () => {
    for (const store of asked.result.objectStoreNames) asked.result.deleteObjectStore(store);
    for (const store of STORES) asked.result.createObjectStore(store);
  };
  return done(asked).then((database) => Object.assign(database, { onversionchange: close }));
}

function finished(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error);
  });
}

function done(asked) {
  return new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

/** The stock with its names as it was last seen, for a page that opens without the gateway. */
export class Cache {
  #database;
  /** The SKUs that have changed since they were written. */
  #changed = new Set();
  /** The database of the gateway that the kept stock is of. */
  #epoch = '';
  #timer = 0;

  constructor(database) { this.#database = database; }

  /** Gives the kept stock to `take({items, at})`, so many items at a time. */
  async recall(take) {
    const about = await this.#database.read('facts', 'stock');
    if (!about) return;
    this.#epoch = about.epoch;
    await this.#database.each('stock', STEP, (items) => take({ items, at: about.at }));
  }

  /** Notes that these items of a stock have changed, and saves them a while later. */
  save(stock, items) {
    for (const { sku } of items) this.#changed.add(sku);
    if (!this.#timer) this.#timer = setTimeout(() => this.saveNow(stock), SAVE_MS);
  }

  /** A page that is left has no time for pauses. */
  async saveNow(stock, isLeft = false) {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (!stock.epoch || stock.isOld) return;
    const skus = [...this.#changed];
    this.#changed.clear();
    if (this.#epoch !== stock.epoch) this.#database.clear('stock');
    this.#epoch = stock.epoch;
    const steps = [];
    for (let at = 0; at < skus.length; at += STEP) {
      const pairs = skus.slice(at, at + STEP).map((sku) => [sku, stock.items.get(sku)]);
      steps.push(this.#database.put('stock', pairs));
      if (!isLeft) await steps.at(-1);
    }
    if (!isLeft) await Promise.all(steps);
    await this.#database.put('facts', [['stock', { epoch: stock.epoch, at: stock.asOf }]]);
  }
}
