/**
 * Operations, from the press of a button to their answer.
 *
 * Each is written to local storage under its request id before it is sent, and stays there until the
 * gateway has decided it. A lost connection or a reload sends it again under the same id, so it is
 * decided once. They are sent one after the other, so the one entered first is decided first. An operation
 * of one person is never sent under the name of another one: it waits until that person signs in again.
 *
 * An operation: `{id, op, body, draft, user, at, nth, sent, kept, state, result, error}` with the states `waiting`,
 * `done` and `refused`; `trouble` says why it has to wait, and `draft` is the order that it books, until it is
 * done. Pure but for the storage and the link, which are given, and for the clock.
 */

import { parsed } from './browser.js';
import { backoff } from './link.js';

const WAITING = 'stockgate.request.';
const HISTORY = 'stockgate.history';
const LAST = 'stockgate.last';
const HISTORY_MAX = 40;
const UNDOABLE = ['deduct', 'commit', 'restock', 'count'];
/** Errors after which the same request is sent again, because nothing was decided. */
const UNDECIDED = ['overloaded', 'throttled', 'storage_unavailable', 'unauthorized', 'forbidden'];

export class Outbox {
  /** Newest first. */
  operations = [];
  /** Whether this browser can store operations. */
  keeps = true;

  #link;
  #changed;
  #storage;
  #busy = false;
  #attempt = 0;
  #timer = 0;
  #epoch = '';
  #nth = 0;

  /** `changed(operation)` is called after every step; the storage has `keys()`, `get(key)` and `put(key, text)`. */
  constructor(link, changed, storage) {
    this.#link = link;
    this.#changed = changed;
    this.#storage = storage;
    // The page may have ended between the history and the end of what waited.
    for (const { id } of this.#read(isHistory)) storage.put(WAITING + id, null);
    this.operations = [...this.#read(isHistory), ...this.#read(isWaiting)].sort(newestFirst).filter(firstOfItsId);
  }

  /** Takes over what another window of this browser has stored, which shares the storage. */
  share(key) { if (key === HISTORY) this.#takeHistory(); }

  get waiting() { return this.operations.filter((operation) => operation.state === 'waiting'); }

  /** Whether it was not entered by another person. */
  isOwn({ user }) { return !user || user === this.#link.user; }

  /** The newest operation, if it can be undone, or discarded before it is sent. An older one cannot: the operator has moved on. */
  get undoable() { return this.operations.filter((each) => this.isOwn(each)).slice(0, 1).find((each) => this.canUndo(each) || this.canClose(each) || this.canDiscard(each)); }

  /** Whether it changed what is on hand, and was not undone. */
  canUndo({ id, op, state, undone, user }) {
    return state === 'done' && this.isOwn({ user }) && !undone && UNDOABLE.includes(op) && !this.#isUnderWay('of', id);
  }

  /** Whether it is an open reservation. */
  canClose({ id, op, state, closed, user }) {
    return state === 'done' && this.isOwn({ user }) && !closed && op === 'reserve' && !this.#isUnderWay('reservation', id);
  }

  /** Whether the gateway cannot have heard of it. An administrator may end what waits for somebody who is gone. */
  canDiscard({ id, state, sent, user, kept }) {
    const stored = parsed(this.#storage.get(WAITING + id));
    // What is stored no more has been decided, or discarded, by another window.
    return (this.isOwn({ user }) || this.#link.role === 'admin') && state === 'waiting' && !sent && (stored ? !stored.sent : !kept);
  }

  /** Adds an operation, and stores it before it is sent. */
  add(op, body, draft) {
    const operation = { id: draft?.request || newId(), op, body, draft, user: this.#link.user || undefined, at: Date.now(), nth: this.#next(), sent: false, state: 'waiting' };
    this.#keep(operation);
    this.operations.unshift(operation);
    this.#changed(operation);
    this.pump();
    return operation;
  }

  /** Rolls the deduction back, or releases the reservation. */
  undo(operation) {
    if (this.canUndo(operation)) return this.add('rollback', { of: operation.id });
    if (this.canClose(operation)) return this.add('release', { reservation: operation.id });
    return null;
  }

  discard(operation) {
    if (!this.canDiscard(operation)) return;
    this.#storage.put(WAITING + operation.id, null);
    this.#changed({ ...operation, state: 'discarded' });
    this.#forget(operation);
  }

  /** The database that answers now. Positions in the ledger of another one do not apply. */
  meet(epoch) { this.#epoch = epoch; }

  /** Whether a position belongs to the ledger of the database that answers now. */
  isOfThisLedger(operation) { return operation.epoch === this.#epoch; }

  /** Sends the waiting operations, the oldest first, as long as there is a connection. */
  async pump() {
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (;;) {
        const next = this.waiting.filter((operation) => this.isOwn(operation)).filter((operation) => isDue(operation) || !mayPass(operation)).pop();
        if (!next || !isDue(next) || this.#link.state !== 'ready' || this.#link.role === 'viewer') return;
        if (!(await this.#send(next))) return;
      }
    } finally {
      this.#busy = false;
      this.#wakeUp();
    }
  }

  /** Sends again when the next of the waiting operations is due. */
  #wakeUp() {
    clearTimeout(this.#timer);
    const pauses = this.waiting.filter((operation) => !isDue(operation)).map(({ notBefore }) => notBefore - performance.now());
    if (pauses.length) this.#timer = setTimeout(() => this.pump(), Math.min(...pauses) + 1);
  }

  /** Tries again at once after a new connection, including operations that another window left. */
  resume() {
    this.operations = [...this.operations, ...this.#read(isWaiting)].filter(firstOfItsId).sort(newestFirst);
    this.#attempt = 0;
    for (const operation of this.waiting) operation.notBefore = 0;
    this.pump();
  }

  /** Whether to continue with the next operation. */
  async #send(operation) {
    if (!operation.sent) {
      // Another window has discarded or settled it.
      if (operation.kept && this.#storage.get(WAITING + operation.id) === null) return this.#forget(operation);
      operation.sent = true;
      this.#keep(operation);
    }
    this.#changed(operation);
    const { lost, ok, result, error } = await this.#link.ask({ op: operation.op, request_id: operation.id, ...operation.body });
    if (lost) return false;
    if (ok) this.#settle(operation, { state: 'done', result, draft: undefined });
    else if (UNDECIDED.includes(error.code)) return this.#wait(operation, error);
    else this.#settle(operation, { state: 'refused', error });
    this.#attempt = 0;
    return true;
  }

  /** Any trouble stops what was entered later, unless it may pass. */
  #wait(operation, error) {
    this.#attempt += 1;
    operation.trouble = error;
    operation.notBefore = performance.now() + backoff(this.#attempt);
    this.#changed(operation);
    return mayPass(operation);
  }

  #settle(operation, outcome) {
    delete operation.trouble;
    Object.assign(operation, outcome, { epoch: this.#epoch });
    const { of, reservation } = operation.body;
    const aim = this.operations.find(({ id }) => id === (of ?? reservation));
    if (aim && of && operation.state === 'done') aim.undone = true;
    if (aim && reservation && operation.state === 'done') this.#follow(aim, operation);
    if (aim && operation.error?.code === 'reservation_expired') aim.closed = 'expire';
    // Another window of this browser was first, and has the draft.
    if (operation.kept && !this.#storage.get(WAITING + operation.id)) delete operation.draft;
    this.#keepHistory();
    this.#storage.put(WAITING + operation.id, null);
    this.#changed(operation);
  }

  /** What an operation on a reservation made of it. */
  #follow(reservation, { op, body, result }) {
    if (op === 'extend') reservation.result.expires_at = result.expires_at;
    else if (!body.keep_rest) reservation.closed = op;
  }

  /** The reservations made here whose time is over by this clock. */
  overdue(now) {
    return this.operations.filter((each) => this.canClose(each) && Date.parse(each.result.expires_at) < now);
  }

  /** The gateway says how a reservation has ended. */
  close(operation, how) {
    operation.closed = how;
    this.#keepHistory();
    this.#changed(null);
  }

  #keep(operation) {
    const { id, op, body, draft, user, at, nth, sent, state } = operation;
    const text = JSON.stringify({ id, op, body, draft, user, at, nth, sent, kept: true, state });
    this.keeps = operation.kept = this.#storage.put(WAITING + id, text);
  }

  /** A number that grows from operation to operation, also after the clock was set back. */
  #next() {
    this.#nth = Math.max(Date.now(), this.#nth + 1, Number(this.#storage.get(LAST)) + 1 || 0);
    this.#storage.put(LAST, String(this.#nth));
    return this.#nth;
  }

  /** Storage can hold foreign data. */
  #read(wanted) {
    const stored = this.#storage.keys().filter(wanted).flatMap((key) => parsed(this.#storage.get(key)));
    return stored.filter((each) => each?.id && each.body);
  }

  /** Always true: the next operation may be sent. */
  #forget(operation) {
    this.operations = this.operations.filter((each) => each !== operation);
    this.#takeHistory();
    return true;
  }

  #keepHistory() {
    const settled = this.operations.filter(({ state }) => state !== 'waiting');
    const others = this.#read(isHistory);
    const history = [...settled, ...others].filter(firstOfItsId).sort(newestFirst).slice(0, HISTORY_MAX);
    this.#storage.put(HISTORY, JSON.stringify(history));
    this.operations = [...this.waiting, ...history].sort(newestFirst);
  }

  #takeHistory() {
    const history = this.#read(isHistory);
    for (const operation of this.waiting) Object.assign(operation, history.find(({ id }) => id === operation.id));
    this.operations = [...this.waiting, ...history].sort(newestFirst);
    this.#changed(null);
  }

  #isUnderWay(field, id) {
    return this.waiting.some(({ body }) => body[field] === id);
  }
}

/** A random UUID. Not `crypto.randomUUID`, which browsers offer over https and on localhost only. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = bytes[6] & 0x0f | 0x40;
  bytes[8] = bytes[8] & 0x3f | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Earlier pages have numbered the operations of one visit. */
const newestFirst = (a, b) => Math.max(b.at, b.nth) - Math.max(a.at, a.nth) || b.nth - a.nth;
const isDue = ({ notBefore }) => (notBefore ?? 0) <= performance.now();
/** Too many open reservations stop only reservations. */
const mayPass = ({ op, trouble }) => op === 'reserve' && trouble?.code === 'overloaded';
const firstOfItsId = ({ id }, index, all) => all.findIndex((other) => other.id === id) === index;

const isHistory = (key) => key === HISTORY;
const isWaiting = (key) => key.startsWith(WAITING);
