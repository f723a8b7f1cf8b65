/** The panel of the order that is picked. The draft is kept until it is booked. */

import { $, make, say } from './dom.js';
import { keep, kept, parsed } from './kept.js';
import { isId } from './lookup.js';
import { OrderDraft } from './order.js';
import { reasonsFor } from './reasons.js';
import { number, t } from './texts.js';
import { reasonText } from './words.js';

const KEY = 'stockgate.order';

export class Orders {
  #draft = OrderDraft.from(parsed(kept(KEY)));
  #stock;
  #feedback;
  /** What the last scan came to. */
  #note = '';
  #rows = new Map();
  /** The drafts of refused bookings: nothing of them is booked. */
  #refused = [];

  constructor(stock, feedback) {
    this.#stock = stock;
    this.#feedback = feedback;
    $('order').value = this.#draft.id;
    $('order').addEventListener('input', () => this.open($('order').value.trim()));
  }

  /** Begins or renames the order. */
  open(id) {
    this.#draft.id = id;
    this.#keep();
  }

  takeList(text) {
    const isList = this.#draft.takeList(text);
    if (!isList) return false;
    $('order').value = this.#draft.id;
    this.#note = '';
    this.#feedback.found();
    this.#keep();
    return true;
  }

  scan({ sku, quantity = 1, trace }) {
    const came = this.#draft.scan(sku, quantity, trace);
    this.#note = came === 'ok' ? '' : t(`order.${came}`, { sku });
    if (came !== 'ok') this.#feedback.bad();
    this.#keep();
  }

  /** The terminal is left; what was begun is not another person's. */
  leave() {
    this.#refused = [];
    this.#begin();
  }

  /** The order of a refused booking is picked on as soon as no other one is. */
  takeBack({ draft }) {
    if (draft) this.#refused.push(draft);
  }

  /** Why it cannot be booked, as a text; empty if it can. */
  obstacle() {
    if (!this.#draft.id) return t('order.first');
    if (!isId(this.#draft.id)) return t('badOrder');
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
    const { id, lines, short } = this.#draft;
    return id && lines.length ? t('order.book', { order: id, done: lines.length - short.length, all: lines.length }) : t('order');
  }

  draw() {
    if ($('order-panel').hidden) return;
    if (this.#draft.isEmpty && this.#refused.length) this.#begin(this.#refused.shift());
    say($('order-note'), this.#note || (this.#draft.isEmpty ? t('order.hint') : ''));
    const rows = new Map(this.#draft.lines.map((line) => [line.sku, this.#rows.get(line.sku) ?? this.#make(line.sku)]));
    for (const line of this.#draft.lines) this.#fill(rows.get(line.sku), line);
    const elements = Array.from(rows.values(), ({ element }) => element);
    if (elements.length !== $('lines').children.length || elements.some((element, at) => $('lines').children[at] !== element)) {
      $('lines').replaceChildren(...elements);
    }
    this.#rows = rows;
  }

  #begin(draft) {
    this.#draft = OrderDraft.from(draft);
    $('order').value = this.#draft.id;
    this.#keep();
  }

  #make(sku) {
    const row = { element: make('li'), figure: make('strong', 'figure'), words: make('div', 'words'), called: make('span', 'called'), less: make('button', '', '−'), why: make('select') };
    row.less.type = 'button';
    row.less.addEventListener('click', () => { this.#draft.less(sku); this.#keep(); this.draw(); });
    row.why.addEventListener('change', () => { this.#draft.explain(sku, row.why.value); this.#keep(); });
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
    row.why.hidden = wanted === null || done === wanted;
    fillReasons(row.why, reason, t('order.short'));
  }

  #keep() {
    keep(KEY, this.#draft.isEmpty ? null : JSON.stringify(this.#draft));
  }
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
