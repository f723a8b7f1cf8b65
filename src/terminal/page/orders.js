/** The panel of the order that is picked. The draft is kept until it is booked. */

import { $, keep, kept, make, parsed, say } from './browser.js';
import { listOf } from './codes.js';
import { isId } from './lookup.js';
import { OrderDraft } from './order.js';
import { newId } from './outbox.js';
import { number, t } from './texts.js';
import { reasonText, reasonsFor } from './words.js';

const KEY = 'stockgate.order';
const ASIDE_KEY = 'stockgate.refused';
/** The question whether an order is given up is not answered by a bounced finger. */
const ANSWER_MS = 500;

export class Orders {
  #draft;
  /** Drafts that wait for the end of the one in front: half-picked ones, and those of refused bookings. Nothing of them is booked. */
  #aside;
  #stock;
  #feedback;
  #page;
  /** What the last scan came to. */
  #note = '';
  #rows = new Map();
  /** The line that is to be seen next. */
  #next = '';
  /** What is in the storage as far as this window knows, which other windows share; `undefined` if it takes nothing. */
  #text;
  /** What the field for the order says in other modes: a number of which nothing is picked here. */
  #other = '';
  /** When the operator was asked whether to give the order up. */
  #askedAt = 0;

  /** The page has `show(sku)`, which puts an item in front, and `draw()`. */
  constructor(stock, feedback, page) {
    [this.#stock, this.#feedback, this.#page] = [stock, feedback, page];
    this.#read();
    $('order').addEventListener('change', () => this.#name());
    $('give-up').addEventListener('click', () => this.#giveUp());
  }

  /** Goes on with an order, or begins it. Another one that is half-picked is put aside. */
  open(id) {
    const { id: before, lines, picked } = this.#draft;
    if (id === before) return;
    this.#note = '';
    const at = this.#aside.findIndex((draft) => draft.id === id);
    // What has no order yet is of the first one that is named.
    if (lines.length ? !before : at < 0) {
      this.#draft.id = id;
      return this.#keep();
    }
    const [draft] = at < 0 ? [] : this.#aside.splice(at, 1);
    if (picked.length) {
      this.#aside.unshift(this.#draft);
      this.#note = id && t('order.later', { order: before });
    }
    this.#keepAside();
    this.#begin(draft ?? { id, lines: [] });
  }

  /** The mode of orders begins or ends: its number is none of a single pick. */
  turn(isFront) {
    if (isFront === this.#isFront) return;
    this.#name();
    const text = $('order').value;
    $('order-panel').hidden = !isFront;
    $('order').value = this.#other;
    if (isFront) this.#other = text;
    this.#tell();
  }

  takeList(text) {
    const list = listOf(text);
    if (!list) return false;
    this.open(list.order);
    this.#draft.takeList(text);
    this.#tell();
    this.#feedback.found();
    this.#keep();
    return true;
  }

  /** Counts an item; returns whether it is one of the order. */
  scan({ sku, quantity = 1, trace }) {
    this.#name();
    return this.#took(sku, this.#draft.scan(sku, quantity, trace));
  }

  /** So much is picked of a line in all. */
  set(sku, quantity) { return this.#took(sku, this.#draft.set(sku, quantity)); }

  /** Whether a code of no item is the order: where one is expected, and nothing says that it was misread. */
  expects({ state, isSure }, by) {
    if (!this.#isFront || !by || $('order').value.trim()) return false;
    return state === 'unknown' || state === 'nothing' && by === 'scan' || state === 'misread' && isSure;
  }

  /** How much is picked of a line; `undefined` for what is none. */
  doneOf(sku) { return this.#draft.doneOf(sku); }

  #took(sku, came) {
    const isOk = came === 'ok';
    this.#note = isOk ? '' : t(`order.${came}`, { sku });
    if (!isOk) this.#feedback.bad();
    this.#next = sku;
    this.#keep();
    return isOk;
  }

  /** The terminal is left; what was begun is not another person's. */
  leave() {
    this.#aside = [];
    this.#keepAside();
    this.#begin();
    $('order').value = this.#other = '';
  }

  /** The order of a refused booking is picked on as soon as no other one is. Under its number another one is booked in a conflict. */
  takeBack({ draft, error }) {
    if (!draft || error?.code === 'idempotency_conflict') return;
    this.#aside.push({ ...draft, request: newId() });
    this.#keepAside();
  }

  /** Takes over what another window of this browser has done, and what the field for the order says. What wants a reason is to be seen. */
  settle() {
    if (this.#text !== undefined && this.#text !== kept(KEY)) this.#read();
    this.#name();
    this.#next = this.#draft.unexplained[0]?.sku ?? '';
  }

  /** Another window of this browser has stored something. */
  share(key) { if ([null, KEY, ASIDE_KEY].includes(key)) this.#read(); }

  /** Why it cannot be booked, as a text; empty if it can. */
  obstacle() {
    const id = $('order').value.trim();
    if (!id) return t('order.first');
    if (!isId(id)) return t('badOrder');
    if (!this.#draft.picked.length) return t('order.empty');
    return this.#draft.unexplained.length ? t('order.why') : '';
  }

  /** The deduction of the order, which is over then, and its draft. */
  book() {
    const draft = this.#draft;
    this.#begin();
    return [draft.body(), draft];
  }

  confirmText() {
    const { lines, short } = this.#draft;
    const id = $('order').value.trim();
    return id && lines.length ? t('order.book', { order: id, done: lines.length - short.length, all: lines.length }) : t('order');
  }

  draw() {
    const isShown = this.#isFront;
    if (isShown && this.#draft.isEmpty && this.#aside.length && !$('order').value.trim()) {
      const draft = this.#aside.shift();
      this.#keepAside();
      this.#begin(draft);
    }
    $('give-up').hidden = !isShown || this.#draft.isEmpty;
    if (!isShown) return;
    say($('order-note'), this.#note || (this.#draft.isEmpty ? t('order.hint') : ''));
    const question = this.#askedAt ? t('really', { n: this.#draft.id }) : '';
    say($('give-up'), question || '✕');
    $('give-up').setAttribute('aria-label', question || t('discard'));
    const rows = new Map(this.#draft.lines.map((line) => [line.sku, this.#rows.get(line.sku) ?? this.#make(line.sku)]));
    for (const line of this.#draft.lines) this.#fill(rows.get(line.sku), line);
    const elements = Array.from(rows.values(), ({ element }) => element);
    if (elements.length !== $('lines').children.length || elements.some((element, at) => $('lines').children[at] !== element)) {
      $('lines').replaceChildren(...elements);
    }
    this.#rows = rows;
    rows.get(this.#next)?.element.scrollIntoView({ block: 'nearest' });
    this.#next = '';
  }

  #begin(draft) {
    this.#draft = OrderDraft.from(draft);
    this.#tell();
    this.#keep();
  }

  get #isFront() { return !$('order-panel').hidden; }

  /** The field says which order it is. */
  #name() { if (this.#isFront) this.open($('order').value.trim()); }

  #tell() { if (this.#isFront) $('order').value = this.#draft.id; }

  #giveUp() {
    const waited = Date.now() - this.#askedAt;
    if (!this.#askedAt) this.#askedAt = Date.now();
    else if (waited > ANSWER_MS) {
      this.#note = '';
      this.#begin();
    }
    this.#page.draw();
  }

  #make(sku) {
    const row = { element: make('li'), figure: make('strong', 'figure'), words: make('div', 'words'), called: make('span', 'called'), less: make('button', '', '−'), why: make('select') };
    row.less.type = 'button';
    row.less.addEventListener('click', () => { this.#draft.less(sku); this.#keep(); this.#page.draw(); });
    row.why.addEventListener('change', () => { this.#draft.explain(sku, row.why.value); this.#keep(); this.#page.draw(); });
    // What has no readable barcode is put in front by its line.
    row.words.addEventListener('click', () => this.#page.show(sku));
    row.words.append(make('span', 'subject', sku), row.called);
    row.element.append(row.figure, row.words, row.why, row.less);
    return row;
  }

  #fill(row, { sku, wanted, done, reason }) {
    say(row.figure, wanted === null ? number(done) : `${number(done)} / ${number(wanted)}`);
    say(row.called, this.#stock.items.get(sku)?.name ?? '');
    row.element.dataset.state = wanted === null || done === wanted ? 'done' : 'open';
    row.less.setAttribute('aria-label', `${t('oneLess')}: ${sku}`);
    row.why.setAttribute('aria-label', `${t('order.short')}: ${sku}`);
    row.why.hidden = wanted === null || done >= wanted;
    fillReasons(row.why, reason, t('order.short'));
  }

  #read() {
    this.#text = kept(KEY);
    this.#draft = OrderDraft.from(parsed(this.#text));
    const aside = parsed(kept(ASIDE_KEY));
    this.#aside = Array.isArray(aside) ? aside.map(OrderDraft.from).filter(({ isEmpty }) => !isEmpty) : [];
    this.#tell();
  }

  #keep() {
    this.#askedAt = 0;
    this.#draft.request ||= newId();
    const text = this.#draft.isEmpty ? null : JSON.stringify(this.#draft);
    this.#text = keep(KEY, text) ? text : undefined;
  }

  #keepAside() { keep(ASIDE_KEY, this.#aside.length ? JSON.stringify(this.#aside) : null); }
}

/** The choices of a reason, the first one being none yet. */
export function fillReasons(select, chosen, none) {
  const reasons = reasonsFor();
  const texts = [none, ...reasons.map(reasonText)];
  if (select.dataset.texts !== texts.join()) {
    select.dataset.texts = texts.join();
    select.replaceChildren(...['', ...reasons].map((reason, at) => {
      const option = make('option', '', texts[at]);
      option.value = reason;
      return option;
    }));
  }
  if (select.value !== chosen) select.value = reasons.includes(chosen) ? chosen : '';
}
