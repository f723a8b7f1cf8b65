/** The open reservations of the gateway, whichever terminal made them: to ship them, in parts too, to extend or to cancel them. */

import { $, make, say } from './browser.js';
import { duration, language, number, t } from './texts.js';

const ROWS = 20;
const EXTEND_S = 900;
const REFRESH_MS = 10_000;

export class Reservations {
  #link;
  #outbox;
  #begin;
  #mayChange;
  #inFront;
  #stock;
  #items = [];
  #rows = ROWS;
  #askedAt = 0;

  /** Names are those of `stock`; `begin(op, body)` starts an operation; `inFront()` is the item in front of the operator, `{sku, quantity}`. */
  constructor({ link, outbox, stock, begin, mayChange, inFront }) {
    [this.#link, this.#outbox, this.#stock, this.#begin, this.#mayChange, this.#inFront] = [link, outbox, stock, begin, mayChange, inFront];
    $('by-number').addEventListener('toggle', () => this.refresh());
    $('more-reserved').addEventListener('click', () => { this.#rows += ROWS; this.refresh(); });
    $('reservation').addEventListener('input', () => this.refresh());
    $('reservation-form').addEventListener('submit', (event) => { event.preventDefault(); this.#close('commit'); });
    $('release').addEventListener('click', () => this.#close('release'));
    $('reserved-list').addEventListener('click', ({ target }) => this.#onPress(target.closest('button')));
  }

  /** Asks the gateway again, now or, if `isIdle`, when the list is old. */
  async refresh(isIdle = false) {
    if (!$('by-number').open || isIdle && Date.now() - this.#askedAt < REFRESH_MS) return;
    this.#askedAt = Date.now();
    const order = $('order').value.trim();
    const { ok, result } = await this.#link.ask({ op: 'reservations', limit: this.#rows, ...(order ? { order_id: order } : {}) });
    if (ok) this.#items = result.items;
    if (ok) $('more-reserved').hidden = !result.next;
    this.draw();
  }

  draw() {
    if (!$('by-number').open) return;
    this.refresh(true);
    say($('no-reservations'), this.#items.length ? '' : t('noReservations'));
    const front = this.#inFront();
    const text = JSON.stringify([language, this.#items, front, this.#mayChange(), Math.floor(Date.now() / REFRESH_MS)]);
    if ($('reserved-list').dataset.drawn === text) return;
    $('reserved-list').dataset.drawn = text;
    $('reserved-list').replaceChildren(...this.#items.map((item) => this.#row(item, front)));
  }

  #row({ reservation, order_id: order, lines, expires_in_s: left, actor }, front) {
    const [row, words, buttons] = [make('li'), make('div', 'words'), make('div', 'buttons')];
    const about = [order && t('ofOrder', { order }), left !== null && t('endsIn', { time: duration(left * 1000) }), actor];
    words.append(make('span', 'subject', lines.map(({ sku, quantity }) => `${number(quantity)} × ${sku}`).join(', ')));
    words.append(make('span', 'called', lines.map(({ sku }) => this.#stock.items.get(sku)?.name).filter(Boolean).join(', ')));
    words.append(make('span', 'muted', about.filter(Boolean).join(' · ')));
    const line = lines.find(({ sku, quantity }) => sku === front.sku && front.quantity > 0 && front.quantity < quantity);
    const actions = this.#mayChange() ? ['commit', ...(line ? ['part'] : []), 'extend', 'release'] : [];
    for (const action of actions) {
      const text = action === 'part' ? t('shipPart', { n: front.quantity, sku: front.sku }) : t(action);
      const button = make('button', '', text);
      Object.assign(button, { type: 'button', value: action });
      button.dataset.reservation = reservation;
      button.setAttribute('aria-label', `${text}: ${lines.map(({ sku }) => sku).join(', ')}`);
      buttons.append(button);
    }
    row.append(words, buttons);
    return row;
  }

  #onPress(button) {
    if (!button) return;
    const { reservation } = button.dataset;
    const action = button.value;
    if (action === 'extend') this.#begin('extend', { reservation, ttl_s: EXTEND_S });
    else if (action === 'part') this.#begin('commit', { reservation, lines: [this.#inFront()], keep_rest: true });
    else this.#begin(action, { reservation });
  }

  /** By its number, for a reservation that the list does not show. */
  #close(op) {
    const field = $('reservation');
    const id = field.value.trim();
    if (!id || !this.#mayChange()) return field.focus();
    field.value = '';
    const operation = this.#outbox.operations.find((each) => each.id === id);
    if (!operation || this.#outbox.canClose(operation)) this.#begin(op, { reservation: id });
    return undefined;
  }
}
