/** An order that is picked: what is asked for, what is done, and what stays short. Pure. */

import { added, totalOf } from './amount.js';
import { listOf } from './codes.js';

const TRACE = ['lot', 'serial', 'expires'];

export class OrderDraft {
  id = '';
  /**
   * `{sku, wanted, parts, done, reason}`; `wanted` is `null` where no list was given. `parts` are what was picked
   * of each trace, `{quantity, lot, serial, expires}`, the one scanned last at the end, and `done` is their sum.
   */
  lines = [];

  /** An order as it was kept; an empty one for anything else. */
  static from(kept) {
    const order = new OrderDraft();
    const isOrder = typeof kept?.id === 'string' && Array.isArray(kept.lines) && kept.lines.every((line) => line?.parts);
    if (isOrder) Object.assign(order, { id: kept.id, lines: kept.lines });
    return order;
  }

  /** Takes a printed pick list; returns whether it was one. */
  takeList(text) {
    const list = listOf(text);
    if (!list) return false;
    this.id = list.order;
    this.lines = list.lines.map(({ sku, wanted }) => newLine(sku, wanted));
    return true;
  }

  /** Counts a scan; returns `over` for more than is asked for, `extra` for an item that is not asked for, else `ok`. */
  scan(sku, quantity, trace = null) {
    const hasList = this.lines.some(({ wanted }) => wanted !== null);
    let line = this.lines.find((each) => each.sku === sku);
    if (!line && hasList) return 'extra';
    if (!line) this.lines.push(line = newLine(sku, null));
    if (line.wanted !== null && added(line.done, quantity) > line.wanted) return 'over';
    const same = line.parts.find((part) => TRACE.every((key) => part[key] === trace?.[key]));
    const part = { ...trace, quantity: added(same?.quantity ?? 0, quantity) };
    this.#put(line, [...line.parts.filter((each) => each !== same), part]);
    return 'ok';
  }

  /** Puts one back, of what was scanned last. */
  less(sku) {
    const line = this.lines.find((each) => each.sku === sku);
    const part = line?.parts.pop();
    if (!part) return;
    const quantity = added(part.quantity, -1);
    this.#put(line, quantity > 0 ? [...line.parts, { ...part, quantity }] : line.parts);
    this.lines = this.lines.filter(({ wanted, done }) => wanted !== null || done > 0);
  }

  #put(line, parts) { Object.assign(line, { parts, done: totalOf(parts) }); }

  explain(sku, reason) {
    const line = this.lines.find((each) => each.sku === sku);
    if (line) line.reason = reason;
  }

  get isEmpty() { return !this.id && !this.lines.length; }
  get picked() { return this.lines.filter(({ done }) => done > 0); }
  get short() { return this.lines.filter(({ wanted, done }) => wanted !== null && done < wanted); }
  /** Lines of which less is picked than asked for, and nobody has said why. */
  get unexplained() { return this.short.filter(({ reason }) => !reason); }

  /** One deduction of all that was picked; `reason` says what is short, and why. */
  body() {
    const lines = this.lines.flatMap(({ sku, parts }) => parts.map((part) => ({ sku, ...part })));
    const reason = this.short.map(({ sku, wanted, done, reason }) => `short ${sku} ${done}/${wanted}: ${reason}`).join('; ');
    return { order_id: this.id, lines, ...(reason ? { reason: cut(reason) } : {}) };
  }
}

const newLine = (sku, wanted) => ({ sku, wanted, parts: [], done: 0, reason: '' });

/** A reason has at most 64 bytes, like an id. */
function cut(text) {
  let short = text;
  while (new TextEncoder().encode(short).length > 64) short = short.slice(0, -1);
  return short.trim();
}
