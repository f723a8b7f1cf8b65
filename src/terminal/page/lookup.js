/** Which item a code stands for: by the stock at hand, the gateway, or what this terminal has learned. */

import { elementsOf, isSound } from './codes.js';

const ID_BYTES_MAX = 64;
/** A terminal that knows a code waits no longer than this for a gateway that does not answer. */
const PATIENCE_MS = 1_500;

const bytes = (text) => new TextEncoder().encode(text).length;
export const isId = (text) => bytes(text) <= ID_BYTES_MAX && !/\p{Cc}/u.test(text);

export class Lookup {
  #link;
  #stock;
  #codes;

  constructor(link, stock, codes) {
    this.#link = link;
    this.#stock = stock;
    this.#codes = codes;
  }

  /** Whether a text is a code of something, or can be nothing else. */
  isKnown = (text) => this.#stock.items.has(text) || this.#codes.has(text) || isSound(text);

  /** Resolves to `{state}` with, if it is `known`, `{sku, quantity, item, trace}`, and if it is `near` something, `{near}`. */
  async find(code) {
    if (this.#isSku(code)) return { state: 'known', sku: code };
    const here = this.#codes.find(code, (sku) => this.#stock.items.has(sku));
    const resolved = await this.#ask(code, here);
    if (resolved.ok) return this.#found(code, resolved.result);
    if (resolved.lost && here) return { state: 'known', ...here };
    const state = this.#stateOf(code, resolved.error);
    return state === 'near' ? { state, near: resolved.error.sku } : { state };
  }

  /**
   * Whether a text is the SKU of that text beyond doubt: the catalogue lists it, and has no barcode of that text. A misread or a
   * typing error may have made any other SKU, and what the code means comes before it.
   */
  #isSku(text) {
    const isListed = Boolean(this.#stock.items.get(text)?.name);
    return isListed && !elementsOf(text) && this.#codes.areComplete && !this.#codes.lists(text);
  }

  #ask(code, here) {
    const asked = this.#link.ask({ op: 'resolve', code });
    if (!here) return asked;
    const late = new Promise((resolve) => setTimeout(() => resolve({ lost: true }), PATIENCE_MS));
    return Promise.race([asked, late]);
  }

  #found(code, { sku, quantity, item, lot, serial, expires, best_before: bestBefore }) {
    const ends = expires ?? bestBefore;
    const trace = lot || serial || ends ? { lot: lot ?? undefined, serial: serial ?? undefined, expires: ends ?? undefined } : null;
    this.#codes.learn(code, { sku, quantity, trace });
    return { state: 'known', sku, quantity, item, trace };
  }

  /** Only a code that is certainly unknown, of no known form and near to nothing may become a SKU; words are not offered as one. */
  #stateOf(code, error) {
    if (error?.code === 'unknown_code') {
      if (!isId(code)) return 'unusable';
      const isOfForm = error.gtin || (error.format ?? 'text') !== 'text';
      if (isOfForm || isSound(code)) return 'unlisted';
      return error.sku ? 'near' : /\d/.test(code) ? 'unknown' : 'nothing';
    }
    return ['bad_code', 'bad_request'].includes(error?.code) ? 'misread' : 'unreachable';
  }
}
