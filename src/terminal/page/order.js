/** An order that is picked: what is asked for, what is done, and what stays short. Pure. */

import { added } from './amount.js';
import { listOf } from './codes.js';

export class OrderDraft {
  id = '';
  /** `{sku, wanted, done, reason, trace}`; `wanted` is `null` where no list was given. */
  lines = [];

  /** An order as it was kept; an empty one for anything else. */
  static from(kept) {
    const order = new OrderDraft();
    if (typeof kept?.id === 'string' && Array.isArray(kept.lines)) Object.assign(order, { id: kept.id, lines: kept.lines });
    return order;
  }

  /** Takes a printed pick list; returns whether it was one. */
  takeList(text) {
    const list = listOf(text);
    if (!list) return false;
    this.id = list.order;
    this.lines = list.lines.map(({ sku, wanted }) => ({ sku, wanted, done: 0, reason: '' }));
    return true;
  }

  /** Counts a scan; returns `over` for more than is asked for, `extra` for an item that is not asked for, else `ok`. */
  scan(sku, quantity, trace = null) {
    const hasList = this.lines.some(({ wanted }) => wanted !== null);
    let line = this.lines.find((each) => each.sku === sku);
    if (!line && hasList) return 'extra';
    if (!line) this.lines.push(line = { sku, wanted: null, done: 0, reason: '' });
    const done = added(line.done, quantity);
    if (line.wanted !== null && done > line.wanted) return 'over';
    line.done = done;
    if (trace) line.trace = trace;
    return 'ok';
  }

  change(sku, by) {
    const line = this.lines.find((each) => each.sku === sku);
    if (!line) return;
    line.done = Math.max(0, Math.min(line.wanted ?? Infinity, added(line.done, by)));
    this.lines = this.lines.filter(({ wanted, done }) => wanted !== null || done > 0);
  }

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
    const lines = this.picked.map(({ sku, done, trace }) => ({ sku, quantity: done, ...trace }));
    const reason = this.short.map(({ sku, wanted, done, reason }) => `short ${sku} ${done}/${wanted}: ${reason}`).join('; ');
    return { order_id: this.id, lines, ...(reason ? { reason: cut(reason) } : {}) };
  }
}

/** A reason has at most 64 bytes, like an id. */
function cut(text) {
  let short = text;
  while (new TextEncoder().encode(short).length > 64) short = short.slice(0, -1);
  return short.trim();
}
