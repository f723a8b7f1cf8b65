/** The quantity in its field, its number pad, and what becomes of one that nobody has booked. */

import { added, amountOf } from './amount.js';
import { $, say } from './browser.js';
import { withPart, withTotal } from './order.js';
import { ready } from './sink.js';
import { number } from './texts.js';

/** What this visit has not booked yet. */
const KEY = 'stockgate.unbooked';

export class Quantity {
  /** The item whose scans add up, until it is booked. */
  counted = null;
  /** For which item a person has entered it; `null` if it came with a scan, or was taken. */
  entered = null;
  /** Whether it was typed with keys, which a code may be as well. */
  isTyped = false;

  /** What was not booked before a reload. */
  left = kept();

  #field = $('quantity');
  #kept = '';
  /** What nobody has entered. A scan into the field leaves it as it was. */
  #filled = '';

  /** `typed()` is called when a person has typed in the field, `step(1)` or `step(-1)` for one more or less. */
  constructor(typed, step) {
    $('less').addEventListener('click', () => step(-1));
    $('more').addEventListener('click', () => step(1));
    this.#field.addEventListener('input', typed);
    this.#field.addEventListener('focus', (event) => event.target.select());
    this.#field.addEventListener('keydown', (event) => {
      const change = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (!change || event.defaultPrevented) return;
      event.preventDefault();
      step(change);
    });
  }

  get text() { return this.#field.value.trim(); }
  get amount() { return amountOf(this.text); }

  /** A person has entered it, for the item in front. */
  enter(item, isTyped) {
    this.entered = item ?? {};
    this.isTyped = isTyped;
  }

  /** Nobody has entered this one. */
  set(text) {
    this.#field.value = this.#filled = text;
    this.entered = null;
    if (this.counted) this.counted.isSum = false;
  }

  /** Forgets the item as well. */
  clear() {
    this.counted = null;
    this.set('');
  }

  /** For an item just found: more for each scan of it, none yet for a count. What was entered while it was looked up stays. */
  fill(item, again, isCount) {
    const quantity = item.quantity ?? 1;
    // A count begins with the second scan: one scan alone only shows the item.
    const before = again ? this.amount || (isCount ? this.counted.quantity ?? 1 : 0) : 0;
    item.parts = withPart(again ? withTotal(this.counted.parts ?? [], before) : [], quantity, item.trace);
    if (this.entered === item) return;
    this.isTyped = false;
    this.set(isCount && !again ? '' : String(added(before, quantity)));
  }

  /** What was entered or counted and is not booked, as `{n, sku}`; `null` if nothing would be lost. */
  get unbooked() {
    const isEntered = this.entered && this.text !== this.#filled;
    const { sku } = isEntered ? this.entered : this.counted?.isSum ? this.counted : {};
    const n = this.amount;
    return sku && n >= 0 ? { n, sku } : null;
  }

  /** Keeps for a reload what is not booked. */
  keep() {
    const text = JSON.stringify(this.unbooked);
    if (text === this.#kept) return;
    this.#kept = text;
    try { sessionStorage.setItem(KEY, text); } catch { /* a reload loses it then */ }
  }

}

// ---- The number pad of touch screens, which have no keys for the quantity ----

/** The quantity after a press of a digit or of the separator; as it was, if it takes no more. */
export function pressed(text, key) {
  const next = ((text || '0') + key).replace(/^0+(?=\d)/, '');
  return /^\d{1,10}([.,]\d{0,6})?$/.test(next) ? next : text;
}

/** Offers the separator of the language for what has decimals. */
export function offerPoint(decimals) {
  const point = $('point');
  point.hidden = !decimals;
  if (!decimals) return;
  point.value = number(0.5)[1];
  say(point, point.value);
}

/** `enter(text)` is called with the quantity after each press, and `end()` after the last one. */
export function padFor(enter, end) {
  const quantity = $('quantity');
  const pad = $('pad');
  /** Whether the first press begins a new number. */
  let isFresh = true;

  const open = (wanted) => {
    pad.hidden = !wanted;
    isFresh = true;
  };

  // The pad is for fingers; a mouse comes with a keyboard.
  quantity.addEventListener('pointerdown', (event) => {
    if (event.pointerType !== 'touch') return;
    event.preventDefault();
    open(pad.hidden);
  });
  pad.addEventListener('click', ({ target }) => {
    const key = target.closest('button')?.value;
    if (!key) return;
    if (key === 'close') {
      open(false);
      end();
    } else if (key === 'back') enter(quantity.value.slice(0, -1));
    else {
      enter(pressed(isFresh ? '' : quantity.value, key));
      isFresh = false;
    }
    ready();
  });
  $('act').addEventListener('submit', () => open(false));
}

function kept() {
  try { return JSON.parse(sessionStorage.getItem(KEY)); } catch { return null; }
}
