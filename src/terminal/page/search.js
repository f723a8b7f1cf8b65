/** Finds items by part of their name or SKU, here and now. Pure. */

const COMBINING = /\p{M}/gu;

/** Without letter case and accents. */
export const folded = (text) => text.normalize('NFD').replace(COMBINING, '').toLowerCase();

export class Search {
  /** SKU → `{name, text}`: what is searched, and the name of which it was made. */
  #texts = new Map();

  /** The items whose SKU or name has every word: the SKU itself, then SKUs that begin with it; of those what is available, by SKU. */
  find(query, items, most) {
    const words = folded(query).split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    const whole = folded(query.trim());
    const found = [];
    for (const item of items) {
      const text = this.#textOf(item);
      if (!words.every((word) => text.includes(word))) continue;
      const sku = text.slice(0, item.sku.length);
      const hit = { item, rank: 2 * (sku === whole ? 0 : sku.startsWith(whole) ? 1 : 2) + (item.available > 0 ? 0 : 1) };
      // Only the best are kept in order, however many there are.
      if (found.length === most && before(found[most - 1], hit) < 0) continue;
      found.push(hit);
      found.sort(before).splice(most);
    }
    return found.map(({ item }) => item);
  }

  #textOf({ sku, name }) {
    const known = this.#texts.get(sku);
    if (known && known.name === name) return known.text;
    const text = folded(name ? `${sku} ${name}` : sku);
    this.#texts.set(sku, { name, text });
    return text;
  }
}

const before = (a, b) => a.rank - b.rank || (a.item.sku < b.item.sku ? -1 : 1);
