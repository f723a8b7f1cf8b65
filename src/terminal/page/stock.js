/** The stock as the gateway reports it, and the items that are low. */

export class Stock {
  /** SKU → newest item. */
  items = new Map();
  /** The ledger position up to which `items` is complete; a returning terminal continues from here. */
  seq = 0;
  threshold;

  /** Whether the items are those of an earlier visit, and when they were last as the gateway has them. */
  isOld = false;
  asOf = 0;
  epoch = '';
  /** The change of the catalogue that the gateway had when the page last met it. */
  catalogue;

  #low = new Set();

  constructor(threshold) { this.threshold = threshold; }

  /** Forgets the stock if another database answers, and reads all of it again if the catalogue is another one. */
  meet(epoch, catalogue) {
    if (this.epoch && this.epoch !== epoch || this.isOld) {
      this.items.clear();
      this.#low.clear();
      this.seq = 0;
    }
    // No position of the ledger says what the catalogue has changed meanwhile.
    if (this.catalogue !== catalogue) this.seq = 0;
    this.catalogue = catalogue;
    this.epoch = epoch;
    this.isOld = false;
  }

  /** Shows the stock of an earlier visit, which comes in parts, until the gateway answers. */
  recall({ items, at }) {
    if (this.epoch) return;
    for (const item of items) this.#put(item);
    this.isOld = true;
    this.asOf = at;
  }

  /** Takes over an event; returns whether it changes the list of low stock. */
  take({ items, seq }) {
    let isLow = false;
    for (const item of items) isLow = this.#put(item) || isLow;
    this.seq = seq;
    this.asOf = Date.now();
    return isLow;
  }

  setThreshold(threshold) {
    this.threshold = threshold;
    for (const item of this.items.values()) this.#sort(item);
  }

  get lowCount() { return this.#low.size; }

  /** The lowest items, the emptiest first. */
  lowest(count) {
    const lowest = [];
    for (const sku of this.#low) {
      const item = this.items.get(sku);
      if (lowest.length === count && emptierFirst(lowest[count - 1], item) < 0) continue;
      lowest.push(item);
      lowest.sort(emptierFirst).splice(count);
    }
    return lowest;
  }

  #put(item) {
    if (item.hidden) {
      this.items.delete(item.sku);
      return this.#low.delete(item.sku);
    }
    this.items.set(item.sku, item);
    return this.#sort(item);
  }

  #sort({ sku, available }) {
    const wasLow = this.#low.delete(sku);
    const isLow = available <= this.threshold;
    if (isLow) this.#low.add(sku);
    return isLow || wasLow;
  }
}

const emptierFirst = (a, b) => a.available - b.available || (a.sku < b.sku ? -1 : 1);
