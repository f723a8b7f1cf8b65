/**
 * What each code stands for when the gateway is away: the barcodes of the catalogue, which are read
 * again when it has changed, and codes that this terminal has scanned before.
 */

import { times } from './amount.js';
import { elementsOf, spellings, traceOf } from './codes.js';
import { backoff } from './link.js';

const BARCODES_MAX = 200_000;
const LEARNED_MAX = 20_000;
const PAGE = 1_000;
const TRIES = 6;

export class Barcodes {
  #database;
  #read;
  /** Code → `[code, sku, content]`. */
  #listed = new Map();
  /** Code → `{sku, quantity}`. */
  #learned = new Map();
  /** The database of the gateway and the change of the catalogue that the barcodes are of. */
  #tag = '';
  #isReading = false;

  /** `read(path)` resolves to what the gateway answers, or to `null`. */
  constructor(database, read) {
    this.#database = database;
    this.#read = read;
  }

  async recall() {
    await this.#database.each('learned', PAGE, (aims, codes) => codes.forEach((code, at) => this.#learned.set(code, aims[at])));
    if (this.#learned.size >= LEARNED_MAX) {
      this.#learned.clear();
      this.#database.clear('learned');
    }
    const tag = await this.#database.read('facts', 'barcodes');
    if (!tag || this.#tag) return;
    // Newer ones may be read from the gateway meanwhile.
    await this.#database.each('barcodes', 1, ([page]) => this.#tag || take(page, this.#listed));
    this.#tag ||= tag;
  }

  /** Whether the catalogue has this very text as a barcode, which comes before a SKU of that text. */
  lists(code) { return this.#listed.has(code); }
  /** Whether all barcodes of the catalogue are here, as far as this page knows. */
  get areComplete() { return this.#tag !== '' && !this.#isReading && this.#listed.size < BARCODES_MAX; }
  get count() { return this.#listed.size; }
  has(code) { return this.#learned.has(code) || this.#listed.has(code); }

  /** What a code stands for, as `{sku, quantity, trace}`, by what is known here and by `isSku`; or `null`. */
  find(code, isSku) {
    const learned = this.#learned.get(code);
    if (learned) return learned;
    const read = elementsOf(code);
    // The measure of these goods varies.
    if (/^9.{13}$/.test(read?.gtin)) return null;
    const names = [...read ? spellings(read.gtin) : [], code];
    const [, sku, content = 1] = names.map((name) => this.#listed.get(name)).find(Boolean) ?? [, names.find(isSku)];
    return sku === undefined ? null : { sku, quantity: times(content, read?.count ?? 1), trace: read && traceOf(read) };
  }

  /** SKUs with a barcode that contains these characters. */
  containing(text, most) {
    const skus = new Set();
    for (const [code, sku] of this.#listed.values()) if (skus.size < most && code.includes(text)) skus.add(sku);
    return [...skus];
  }

  /** Remembers what the gateway has said a code stands for, unless that can be read from the code. */
  learn(code, aim) {
    const read = elementsOf(code);
    const names = [...read ? spellings(read.gtin) : [], code];
    const isItself = aim.sku === code && !this.#learned.has(code);
    if (isItself || names.some((name) => this.#listed.has(name)) || this.#learned.size >= LEARNED_MAX) return;
    this.#learned.set(code, aim);
    this.#database.put('learned', [[code, aim]]);
  }

  /** Reads the barcodes again if the catalogue has changed. */
  async follow(epoch, catalogue) {
    const tag = `${epoch} ${catalogue}`;
    if (catalogue === undefined || tag === this.#tag || this.#isReading) return;
    this.#isReading = true;
    const listed = new Map();
    const pages = await this.#readPages(catalogue, listed);
    this.#isReading = false;
    if (!pages) return;
    this.#listed = listed;
    this.#learned.clear();
    this.#tag = tag;
    await this.#database.put('facts', [['barcodes', null]]);
    for (const store of ['learned', 'barcodes']) await this.#database.clear(store);
    for (const [at, page] of pages.entries()) {
      // Without all pages, the next visit reads them again.
      if (await this.#database.put('barcodes', [[at, page]]) === undefined) return;
    }
    await this.#database.put('facts', [['barcodes', tag]]);
  }

  /**
   * Puts them into `listed`, page by page, so that the page stays quick. `null` if the catalogue changes meanwhile, or the
   * gateway does not answer; the next status begins again.
   */
  async #readPages(catalogue, listed) {
    const pages = [];
    for (let after = ''; after !== null && pages.length * PAGE < BARCODES_MAX;) {
      const page = await this.#readPage(`api/barcodes?limit=${PAGE}&after=${encodeURIComponent(after)}`);
      if (page?.catalogue !== catalogue) return null;
      pages.push(page.items.map(({ code, sku, content }) => [code, sku, content]));
      take(pages.at(-1), listed);
      after = page.next;
    }
    return pages;
  }

  async #readPage(path) {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const page = await this.#read(path);
      if (page) return page;
      await new Promise((resolve) => setTimeout(resolve, backoff(attempt)));
    }
    return null;
  }
}

function take(page, listed) { for (const entry of page) listed.set(entry[0], entry); }
