/** The stock with its names as it was last seen, for a page that opens without the gateway. */

const SAVE_MS = 10_000;
/** Items that are written or read at once, so that the page stays quick. */
const STEP = 500;

export class Cache {
  #database;
  /** The SKUs that have changed since they were written. */
  #changed = new Set();
  /** The database of the gateway that the kept stock is of. */
  #epoch = '';
  #timer = 0;

  constructor(database) { this.#database = database; }

  /** Resolves to the kept stock, `{items, at}`, or to `null`. */
  async recall() {
    const about = await this.#database.read('facts', 'stock');
    if (!about) return null;
    this.#epoch = about.epoch;
    const items = [];
    await this.#database.each('stock', STEP, (values) => items.push(...values));
    return { items, at: about.at };
  }

  /** Notes that these items of a stock have changed, and saves them a while later. */
  save(stock, items) {
    for (const { sku } of items) this.#changed.add(sku);
    if (!this.#timer) this.#timer = setTimeout(() => this.saveNow(stock), SAVE_MS);
  }

  async saveNow(stock) {
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
      // A page that is left has no time for pauses.
      if (!document.hidden) await steps.at(-1);
    }
    await Promise.all(steps);
    await this.#database.put('facts', [['stock', { epoch: stock.epoch, at: stock.asOf }]]);
  }
}
