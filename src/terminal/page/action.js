/** What the button does: why it cannot, what it asks before, what it books, and how all that is said. */

import { QUANTITY_MAX, isAmount, isSurprising } from './amount.js';
import { $, say, setEnabled } from './browser.js';
import { isId } from './lookup.js';
import { withPart, withTotal } from './order.js';
import { t } from './texts.js';
import { outcomeText, stateText } from './words.js';

export const MODES = ['deduct', 'restock', 'reserve', 'count', 'writeoff', 'order'];
/** The question whether a quantity is meant is not answered by a bounced key. */
const ANSWER_MS = 500;
/** A button that says more than so many characters says it in smaller ones. */
const LONG = 8;

export class Action {
  #link;
  #stock;
  #outbox;
  #order;
  /** The surprising quantity or new item that the operator was asked about, as text, and when. */
  #asked = { about: '', at: 0 };

  constructor({ link, stock, outbox, order }) { [this.#link, this.#stock, this.#outbox, this.#order] = [link, stock, outbox, order]; }

  /** The stock of what is in front; `null` without one. */
  itemOf(shown) {
    if (shown?.state !== 'known' && shown?.state !== 'unknown') return null;
    return this.#stock.items.get(shown.sku) ?? shown.item ?? null;
  }

  /** Why it cannot be done, as a text; empty if it can. */
  obstacle(shown, mode, quantity) {
    if (mode === 'order') return this.#order.obstacle() || (this.#link.role === 'viewer' ? t('viewerOnly') : '');
    if (shown?.state !== 'known' && shown?.state !== 'unknown') return t('scanFirst');
    if (shown.state === 'unknown' && mode !== 'restock') return t('about.unknown');
    if (this.#link.role === 'viewer') return t('viewerOnly');
    if (Number.isNaN(quantity) && isSpent(mode)) return t('scanAgain');
    const decimals = this.itemOf(shown)?.decimals ?? 0;
    if (!isAmount(quantity, mode, decimals)) return t(mode === 'count' ? 'badCount' : 'badQuantity', { step: 10 ** -decimals, most: QUANTITY_MAX / 10 ** decimals });
    if (mode === 'writeoff' && !$('reason').value) return t('reasonFirst');
    return isId($('order').value.trim()) ? '' : t('badOrder');
  }

  /** Whether a new item or a surprising quantity has still to be confirmed; a second press confirms it. `ask()` is called once. */
  mustAsk(shown, mode, quantity, ask) {
    const isUnusual = isNew(shown) || isSurprising(quantity, this.itemOf(shown));
    if (!['restock', 'count'].includes(mode) || !isUnusual) return false;
    const about = `${mode} ${shown.sku} ${quantity}`;
    const { about: asked, at } = this.#asked;
    if (asked === about && Date.now() - at > ANSWER_MS) {
      this.#asked = { about: '', at: 0 };
      return false;
    }
    if (asked !== about) {
      this.#asked = { about, at: Date.now() };
      ask();
    }
    return true;
  }

  /** The operation and its body, and the draft of an order. */
  booking(shown, mode, quantity) {
    if (mode === 'order') return ['deduct', ...this.#order.book()];
    return [mode === 'writeoff' ? 'deduct' : mode, bodyOf(shown, mode, quantity)];
  }

  /** Shows the fields of a mode. */
  choose(mode) {
    for (const each of MODES) $('modes').querySelector(`[value=${each}]`).checked = each === mode;
    $('act').dataset.mode = mode;
    $('order-field').hidden = mode === 'count' || mode === 'writeoff';
    $('reason-field').hidden = mode !== 'writeoff';
    this.#order.turn(mode === 'order');
  }

  /** `last` is the operation whose outcome is shown, or a text. */
  draw(shown, mode, quantity, last) {
    const isAsked = this.#asked.about === `${mode} ${shown?.sku} ${quantity}`;
    const words = isAsked ? isNew(shown) ? 'create' : 'really' : Number.isNaN(quantity) ? mode : `do.${mode}`;
    say($('confirm'), mode === 'order' ? this.#order.confirmText() : t(words, { n: quantity }));
    $('confirm').dataset.long = $('confirm').textContent.length > LONG ? 'yes' : '';
    $('act').dataset.asked = isAsked ? 'yes' : '';
    say($('quantity-label'), mode === 'count' ? t('counted') : t('quantity'));
    setEnabled($('confirm'), !this.obstacle(shown, mode, quantity));
    say($('hint'), isAsked ? isNew(shown) ? t('isNew', { sku: shown.sku }) : t('surprising', { n: quantity }) : this.#warning(shown, mode, quantity));
    this.#drawResult(last);
  }

  #warning(shown, mode, quantity) {
    const item = this.itemOf(shown);
    const takes = ['deduct', 'reserve', 'writeoff'].includes(mode);
    return takes && item && quantity > item.available ? t('tooMuch', { n: item.available }) : '';
  }

  #drawResult(last) {
    const result = $('result');
    if (!last || typeof last === 'string') {
      result.dataset.state = last ? 'note' : '';
      say(result, last ?? '');
      return;
    }
    result.dataset.state = last.state;
    // A refusal interrupts a screen reader; everything else waits its turn.
    result.setAttribute('aria-live', last.state === 'refused' ? 'assertive' : 'polite');
    const sync = { state: 'disabled' };
    say(result, last.state === 'done' ? outcomeText(last) : stateText(last, this.#outbox, sync));
  }
}

/** Whether the quantity was booked already. */
export const isSpent = (mode) => $('quantity').value.trim() === '' && mode !== 'count';

const isNew = (shown) => shown?.state === 'unknown';

function bodyOf({ sku, trace, parts }, mode, quantity) {
  if (mode === 'count') return { sku, counted: quantity };
  const lines = withTotal(parts ?? withPart([], quantity, trace), quantity).map((part) => ({ sku, ...part }));
  const isPlain = lines.length === 1 && Object.keys(lines[0]).length === 2;
  const body = isPlain ? lines[0] : { lines };
  const order = $('order').value.trim();
  if (mode === 'writeoff') return { ...body, reason: $('reason').value };
  return order ? { ...body, order_id: order } : body;
}
