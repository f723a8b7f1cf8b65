/** An order that is picked: what is asked for, what is done, and what stays short. Pure. */

import { added, totalOf } from './amount.js';
import { listOf } from './codes.js';

const TRACE = ['lot', 'serial', 'expires'];
/** A reason has at most so many bytes, like an id. */
const REASON_MAX = 64;

export class OrderDraft {
  id = '';
  /**
   * `{sku, wanted, parts, done, reason}`; `wanted` is `null` where no list was given. `parts` are what was picked
   * of each trace, `{quantity, lot, serial, expires}`, the one scanned last at the end, and `done` is their sum.
   */
  lines = [];
  /** The request that will book it: from whichever window, it is one. */
  request = '';

  /** An order as it was kept; an empty one for anything else. */
  static from(kept) {
    const order = new OrderDraft();
    const isOrder = typeof kept?.id === 'string' && Array.isArray(kept.lines) && kept.lines.every((line) => line?.parts);
    if (isOrder) Object.assign(order, { id: kept.id, lines: kept.lines, request: kept.request ?? '' });
    return order;
  }

  /** Takes a printed pick list; returns whether it was one. What is picked of the same order stays picked. */
  takeList(text) {
    const list = listOf(text);
    if (!list) return false;
    const before = this.id === list.order ? this.lines : [];
    const lines = new Map();
    for (const { sku, wanted } of list.lines) {
      const line = lines.get(sku) ?? { ...newLine(sku), ...before.find((each) => each.sku === sku), wanted: 0 };
      lines.set(sku, { ...line, wanted: added(line.wanted, wanted) });
    }
    const others = before.filter(({ sku, done }) => done > 0 && !lines.has(sku));
    this.id = list.order;
    this.lines = [...lines.values(), ...others.map((line) => ({ ...line, wanted: null }))];
    return true;
  }

  /** Counts a scan; returns `over` for more than is asked for, `extra` for an item that is not asked for, else `ok`. */
  scan(sku, quantity, trace = null) {
    const hasList = this.lines.some(({ wanted }) => wanted !== null);
    let line = this.#line(sku);
    if (!line && hasList) return 'extra';
    if (!line) this.lines.push(line = newLine(sku));
    return this.#put(line, withPart(line.parts, quantity, trace));
  }

  /** So much is picked of an item in all; returns the same as a scan. */
  set(sku, quantity) {
    const line = this.#line(sku);
    return line ? this.#put(line, withTotal(line.parts, quantity)) : this.scan(sku, quantity);
  }

  /** Puts one back, of what was scanned last. */
  less(sku) { this.set(sku, Math.max(0, added(this.doneOf(sku) ?? 0, -1))); }

  /** `undefined` for what is no line. */
  doneOf(sku) { return this.#line(sku)?.done; }

  #line(sku) { return this.lines.find((each) => each.sku === sku); }

  #put(line, parts) {
    const done = totalOf(parts);
    if (line.wanted !== null && done > line.wanted && done > line.done) return 'over';
    Object.assign(line, { parts, done });
    this.lines = this.lines.filter((each) => each.wanted !== null || each.done > 0);
    return 'ok';
  }

  explain(sku, reason) {
    const line = this.#line(sku);
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
    const reason = shortOf(this.short);
    return { order_id: this.id, lines, ...(reason ? { reason } : {}) };
  }
}

const newLine = (sku) => ({ sku, wanted: null, parts: [], done: 0, reason: '' });

/** Parts of traces, `{quantity, lot, serial, expires}`, with so much more of one, which is the last one then. */
export function withPart(parts, quantity, trace) {
  const same = parts.find((part) => TRACE.every((key) => part[key] === trace?.[key]));
  return [...parts.filter((each) => each !== same), { ...trace, quantity: added(same?.quantity ?? 0, quantity) }];
}

/** Parts with another sum: there is more or less of what was scanned last. */
export function withTotal(parts, total) {
  const more = added(total, -totalOf(parts));
  const last = parts.at(-1);
  const quantity = added(last?.quantity ?? 0, more);
  if (quantity > 0) return [...parts.slice(0, -1), { ...last, quantity }];
  return parts.length > 1 ? withTotal(parts.slice(0, -1), total) : [];
}

/** What is short, as long as there is room for it; `+2` are two lines more. */
function shortOf(lines) {
  const texts = lines.map(({ sku, wanted, done, reason }) => `short ${sku} ${done}/${wanted}: ${reason}`);
  for (let count = texts.length; count; count -= 1) {
    const more = lines.length - count;
    const text = [...texts.slice(0, count), ...more ? [`+${more}`] : []].join('; ');
    if (new TextEncoder().encode(text).length <= REASON_MAX) return text;
  }
  return lines.length ? `short +${lines.length}` : '';
}
