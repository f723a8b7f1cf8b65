/** Which item a code stands for: by the stock at hand, the gateway, or what this terminal has learned; and what waits for that. */

import { elementsOf, isSound } from './codes.js';

const ID_BYTES_MAX = 64;
/** A terminal that knows a code waits no longer than this for a gateway that does not answer. */
const PATIENCE_MS = 1_500;
/** One that knows it not holds up what is entered later no longer than this. */
const LONG_MS = 4_000;

/** So much waits for a lookup or a login at most. */
const HELD_MAX = 500;

const late = (ms) => new Promise((resolve) => setTimeout(() => resolve({ lost: true }), ms));
const bytes = (text) => new TextEncoder().encode(text).length;
export const isId = (text) => bytes(text) <= ID_BYTES_MAX && !/\p{Cc}/u.test(text);

export class Lookup {
  #link;
  #stock;
  #codes;
  #recalled;

  /** `recalled` resolves when the stock and the codes of earlier visits are here. */
  constructor(link, stock, codes, recalled) { [this.#link, this.#stock, this.#codes, this.#recalled] = [link, stock, codes, recalled]; }

  /** Whether a text is a code of something, or can be nothing else. */
  isKnown = (text) => this.#stock.items.has(text) || this.#codes.has(text) || isSound(text);

  /** Resolves to `{state}` with, if it is `known`, `{sku, quantity, item, trace}`, and if it is `near` something, `{near}`. */
  async find(code) {
    if (this.#isSku(code)) return { state: 'known', sku: code };
    let here = this.#here(code);
    const resolved = await this.#ask(code, here);
    if (resolved.ok) return this.#found(code, resolved.result);
    if (resolved.lost && !here) {
      // A database that does not open is waited for no longer than the gateway.
      await Promise.race([this.#recalled, late(PATIENCE_MS)]);
      here = this.#here(code);
    }
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
    return Promise.race([asked, late(here ? PATIENCE_MS : LONG_MS)]);
  }

  #here(code) { return this.#codes.find(code, (sku) => this.#stock.items.has(sku)); }

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

/**
 * What is entered while a code is looked up or a token waits for its answer waits for that, so that all is done in the order in
 * which it was entered. While nobody is signed in, it is refused. Pure.
 */
export class Turns {
  /** Lookups that are under way. */
  #looking = 0;
  /** Resolves when the last of them is over. */
  #turn = Promise.resolve();
  /** `{act, stays}`. */
  #held = [];
  #isReleasing = false;
  /** Whether a token waits for its answer, and which. */
  #isSigningIn = false;
  #token = '';
  #changed;
  #link;
  #refuse;

  /**
   * `changed(isHolding)` is called when something begins to wait, before it is done, and when a lookup is over; `refuse()` for
   * what finds nobody signed in, or no room.
   */
  constructor(changed, link = {}, refuse = changed) { [this.#changed, this.#link, this.#refuse] = [changed, link, refuse]; }

  /** Whether something waits, and so has what is entered now. */
  get isHolding() { return (this.#isSigningIn || this.#held.length > 0) && !this.#isReleasing; }
  get isLooking() { return this.#looking > 0; }
  /** Whether nothing was entered since the token that waits for its answer. */
  get isFirst() { return this.#isSigningIn && !this.#held.length; }

  /**
   * Does it now, or when the lookups are over that were under way before. It is of a `kind`: only a `login` needs nobody who is
   * signed in; and what a person entered may be given up, but not that somebody else works here, which a `login` and a `lock` say.
   */
  take(act, kind = '') {
    const entry = kind === 'login' ? act : () => (this.#link.needsToken ? this.#refuse() : act());
    if (this.#isReleasing || !this.#looking && !this.#held.length) return entry();
    if (this.#held.length >= HELD_MAX) return this.#refuse();
    this.#held.push({ act: entry, stays: kind !== '' });
    return this.#changed(true);
  }

  /** Whether a text that was entered while a token waits may be another one, although it is not tried as such. */
  mayBeToken(text, field, isKnown) { return this.#isSigningIn && !isKnown && !this.isToken(text, field, isKnown); }

  /**
   * Whether a text that was entered in a kind of field is a token. Where one waits for its answer, another one is entered in the
   * field for it only; and what is known is none as long as none is answered.
   */
  isToken(text, field, isKnown) {
    const { needsToken, state } = this.#link;
    if (this.#isSigningIn) return !isKnown && (field === 'token' || text === this.#token);
    return needsToken && (state === 'locked' || !isKnown);
  }

  /** Signs in by `act`, in its turn, unless the same badge was scanned twice. */
  offer(token, act) {
    if (this.isFirst && token === this.#token) return undefined;
    return this.take(() => { this.#token = token; return act(); }, 'login');
  }

  /**
   * What follows from a lookup, or from a login, is done by `then(found)`: after that of earlier ones, and before all that waits.
   * What follows from a lookup is of the one who is signed in, too.
   */
  async look(looking, then, isLogin = false) {
    this.#looking += 1;
    this.#isSigningIn ||= isLogin;
    const turn = this.#turn.then(() => looking);
    this.#turn = turn.catch(() => {});
    try {
      const found = await turn;
      if (isLogin || !this.#link.needsToken) then(found);
      else this.#refuse();
    } finally {
      this.#looking -= 1;
      if (isLogin) [this.#isSigningIn, this.#token] = [false, ''];
      this.#isReleasing = true;
      if (!this.#looking) this.#changed(false);
      while (!this.#looking && this.#held.length) this.#held.shift().act();
      this.#isReleasing = false;
      this.#changed(this.isHolding);
    }
  }

  /**
   * Forgets what waits, but not what was entered after what is done just now; and if `isOfPerson`, neither who works here. Returns
   * whether there was anything.
   */
  drop(isOfPerson = false) {
    if (this.#isReleasing) return false;
    const [before, isKept] = [this.#held, ({ stays }) => isOfPerson && stays];
    this.#held = before.filter(isKept);
    return this.#held.length < before.length;
  }
}
