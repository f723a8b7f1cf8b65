/** Finds items by part of their name, SKU or barcode, and shows them below the field. */

import { $ } from './browser.js';
import { rowOf } from './item.js';

const COMBINING = /\p{M}/gu;

/** Without letter case and accents. */
export const folded = (text) => text.normalize('NFD').replace(COMBINING, '').toLowerCase();

const ROWS = 20;
/** The gateway also knows barcodes; it is asked when a person has paused. */
const PAUSE_MS = 250;
const QUERY_MIN = 2;
/** Fewer characters of a barcode say little. */
const DIGITS_MIN = 4;

/** Here and now. Pure. */
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

  /** Makes what is searched while the items come, as to make all of it takes long. */
  learn(items) { for (const item of items) this.#textOf(item); }

  #textOf({ sku, name }) {
    const known = this.#texts.get(sku);
    if (known && known.name === name) return known.text;
    const text = folded(name ? `${sku} ${name}` : sku);
    this.#texts.set(sku, { name, text });
    return text;
  }
}

const before = (a, b) => a.rank - b.rank || (a.item.sku < b.item.sku ? -1 : 1);

export class Found {
  #link;
  #stock;
  #barcodes;
  #search = new Search();
  #timer = 0;
  #query = '';
  #items = [];

  /** `show(sku)` is called for a chosen item. */
  constructor({ link, stock, barcodes }, show) {
    [this.#link, this.#stock, this.#barcodes] = [link, stock, barcodes];
    $('found').addEventListener('click', ({ target }) => {
      const button = target.closest('button');
      if (button) show(button.dataset.sku);
    });
    $('code').addEventListener('keydown', (event) => {
      if (event.key === 'ArrowDown' && this.#items.length) { event.preventDefault(); this.enter(); }
    });
    $('found').addEventListener('keydown', (event) => this.#onArrow(event));
  }

  learn(items) { this.#search.learn(items); }

  /** Returns whether there are items that the text finds, as far as is known here. */
  search(text) {
    this.#query = text.trim();
    clearTimeout(this.#timer);
    if (this.#query.length < QUERY_MIN) {
      this.close();
      return false;
    }
    this.#items = this.#here();
    this.#draw();
    this.#timer = setTimeout(() => this.#ask(this.#query), PAUSE_MS);
    return this.#items.length > 0;
  }

  /** Gives the focus to the first item. */
  enter() { $('found').querySelector('button')?.focus(); }

  /** What is found without the gateway: by SKU and name, else by a part of a barcode. */
  #here() {
    const { items } = this.#stock;
    const found = this.#search.find(this.#query, items.values(), ROWS);
    if (found.length || this.#query.length < DIGITS_MIN) return found;
    return this.#barcodes.containing(this.#query, ROWS).map((sku) => items.get(sku)).filter(Boolean);
  }

  /** The SKU of the only item that a text finds, unless the text is itself one; `null` if there is a choice. */
  only(text) {
    if (this.#stock.items.has(text)) return null;
    const found = this.#search.find(text, this.#stock.items.values(), 2);
    return found.length === 1 && /\p{L}/u.test(text) && this.#isOfName(text, found[0]) ? found[0].sku : null;
  }

  close() {
    clearTimeout(this.#timer);
    this.#query = '';
    this.#items = [];
    this.#draw();
  }

  /** A part of a SKU is no name of it: a code that was typed short finds nothing else. */
  #isOfName(text, { name }) {
    return Boolean(name) && folded(text).split(/\s+/).every((word) => folded(name).includes(word));
  }

  async #ask(query) {
    const { ok, result } = await this.#link.ask({ op: 'list', q: query, limit: ROWS });
    if (!ok || query !== this.#query) return;
    const known = new Set(this.#items.map(({ sku }) => sku));
    // A gateway that cannot search lists from the beginning.
    const more = result.items.filter(({ sku }) => !known.has(sku));
    if (known.size < ROWS && result.items.length < ROWS) this.#items = [...this.#items, ...more].slice(0, ROWS);
    this.#draw();
  }

  #draw() {
    const list = $('found');
    const focused = document.activeElement?.closest?.('#found button')?.dataset.sku;
    list.hidden = this.#items.length === 0;
    list.replaceChildren(...this.#items.map((item) => rowOf(item)[0]));
    // What the gateway adds takes the focus from nobody.
    [...list.querySelectorAll('button')].find(({ dataset }) => dataset.sku === focused)?.focus();
  }

  #onArrow(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = [...$('found').querySelectorAll('button')];
    const next = buttons[buttons.indexOf(document.activeElement) + step];
    (next ?? $('code')).focus();
  }
}
