/** The items that the typed text finds, below its field. */

import { $, make } from './dom.js';
import { Search, folded } from './search.js';
import { number } from './texts.js';

const ROWS = 20;
/** The gateway also knows barcodes; it is asked when a person has paused. */
const PAUSE_MS = 250;
const QUERY_MIN = 2;
/** Fewer characters of a barcode say little. */
const DIGITS_MIN = 4;

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
      const first = $('found').querySelector('button');
      if (event.key === 'ArrowDown' && first) { event.preventDefault(); first.focus(); }
    });
    $('found').addEventListener('keydown', (event) => this.#onArrow(event));
  }

  search(text) {
    this.#query = text.trim();
    clearTimeout(this.#timer);
    if (this.#query.length < QUERY_MIN) return this.close();
    this.#items = this.#here();
    this.#draw();
    this.#timer = setTimeout(() => this.#ask(this.#query), PAUSE_MS);
    return undefined;
  }

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
    list.hidden = this.#items.length === 0;
    list.replaceChildren(...this.#items.map((item) => {
      const [row, button, words] = [make('li'), make('button'), make('span', 'words')];
      button.type = 'button';
      button.dataset.sku = item.sku;
      words.append(make('span', 'subject', item.sku));
      if (item.name) words.append(make('span', 'called', item.name));
      button.append(words, make('strong', 'figure', number(item.available)));
      row.append(button);
      return row;
    }));
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
