/**
 * What the page needs without a gateway: the stock with its names as it was last seen, and which item
 * each code stands for. Kept in IndexedDB, for up to 100,000 items; without it for this visit only.
 */

const NAME = 'stockgate';
const STORES = ['stock', 'codes'];
const CODES_MAX = 100_000;
const SAVE_MS = 10_000;

export class Cache {
  /** Code → `{sku, quantity}`. */
  #codes = new Map();
  #database = null;
  #timer = 0;

  /** Opens the database and reads the codes. Resolves to the stock, `{items, at}`, or to `null`. */
  async open() {
    this.#database = await opened().catch(() => null);
    if (!this.#database) return null;
    const [codes, stock] = await Promise.all([this.#read('codes', 'all'), this.#read('stock', 'all')]).catch(() => []);
    for (const [code, aim] of codes ?? []) if (!this.#codes.has(code)) this.#codes.set(code, aim);
    return stock ?? null;
  }

  has(code) { return this.#codes.has(code); }
  get(code) { return this.#codes.get(code); }

  /** Remembers what the gateway has said a code stands for. */
  learn(code, aim) {
    if (this.#codes.size >= CODES_MAX && !this.#codes.has(code)) this.#codes.delete(this.#codes.keys().next().value);
    this.#codes.delete(code);
    this.#codes.set(code, aim);
    this.#write('codes', [...this.#codes]);
  }

  /** Saves the stock a while after it has changed. */
  save(stock) {
    if (!this.#timer) this.#timer = setTimeout(() => this.saveNow(stock), SAVE_MS);
  }

  saveNow(stock) {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (stock.items.size && !stock.isOld) this.#write('stock', { items: [...stock.items.values()], at: Date.now(), epoch: stock.epoch });
  }

  /** Another database answers. */
  forgetStock() { this.#write('stock', null); }

  #read(store, key) {
    return done(this.#database.transaction(store).objectStore(store).get(key));
  }

  #write(store, value) {
    try {
      this.#database?.transaction(store, 'readwrite').objectStore(store).put(value, 'all');
    } catch { /* the disk is full, or the database is closed: it holds for this visit */ }
  }
}

function opened() {
  const asked = indexedDB.open(NAME, 1);
  asked.onupgradeneeded = () => { for (const store of STORES) asked.result.createObjectStore(store); };
  return done(asked);
}

function done(asked) {
  return new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}
