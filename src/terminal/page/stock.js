/** The stock as the gateway tells it, and what of it is low. */

export class Stock {
  /** SKU → newest item. */
  items = new Map();
  /** The ledger position up to which `items` is complete: a returning terminal goes on from here. */
  seq = 0;
  threshold;

  #epoch = '';
  #low = new Set();

  constructor(threshold) { this.threshold = threshold; }

  /** Another database's stock is another stock. */
  meet(epoch) {
    if (this.#epoch && this.#epoch !== epoch) {
      this.items.clear();
      this.#low.clear();
      this.seq = 0;
    }
    this.#epoch = epoch;
  }

  take({ items, seq }) {
    for (const item of items) {
      this.items.set(item.sku, item);
      this.#sort(item);
    }
    this.seq = seq;
  }

  setThreshold(threshold) {
    this.threshold = threshold;
    for (const item of this.items.values()) this.#sort(item);
  }

  get lowCount() { return this.#low.size; }

  /** The lowest items, the emptiest first. */
  lowest(count) {
    const low = Array.from(this.#low, (sku) => this.items.get(sku));
    return low.sort((a, b) => a.available - b.available || (a.sku < b.sku ? -1 : 1)).slice(0, count);
  }

  #sort({ sku, available }) {
    if (available <= this.threshold) this.#low.add(sku);
    else this.#low.delete(sku);
  }
}
