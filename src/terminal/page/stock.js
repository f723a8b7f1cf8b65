/** The stock as the gateway reports it, and the items that are low. */

export class Stock {
  /** SKU → newest item. */
  items = new Map();
  /** The ledger position up to which `items` is complete; a returning terminal continues from here. */
  seq = 0;
  threshold;

  #epoch = '';
  #low = new Set();

  constructor(threshold) { this.threshold = threshold; }

  /** Forgets the stock if another database answers. */
  meet(epoch) {
    if (this.#epoch && this.#epoch !== epoch) {
      this.items.clear();
      this.#low.clear();
      this.seq = 0;
    }
    this.#epoch = epoch;
  }

  /** Takes over an event; returns whether it changes the list of low stock. */
  take({ items, seq }) {
    let isLow = false;
    for (const item of items) {
      this.items.set(item.sku, item);
      isLow = this.#sort(item) || isLow;
    }
    this.seq = seq;
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

  #sort({ sku, available }) {
    const wasLow = this.#low.delete(sku);
    const isLow = available <= this.threshold;
    if (isLow) this.#low.add(sku);
    return isLow || wasLow;
  }
}

const emptierFirst = (a, b) => a.available - b.available || (a.sku < b.sku ? -1 : 1);
