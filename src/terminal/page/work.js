/** The item in front of the operator, and the operation on it. */

import { $, say, setEnabled } from './dom.js';
import { number, t } from './texts.js';
import { outcomeText, stateText } from './words.js';

const QUANTITY_MAX = 1_000_000_000;
const COUNT_MAX = Number.MAX_SAFE_INTEGER;
const ID_BYTES_MAX = 64;
const AT_ONCE_KEY = 'stockgate.atOnce';
const MODES = ['deduct', 'restock', 'reserve', 'count'];
const KEYS = { F2: 'deduct', F4: 'restock', F8: 'reserve', F9: 'count' };
const MODE_WORDS = { deduct: 'doDeduct', restock: 'doRestock', reserve: 'doReserve', count: 'doCount' };

const bytes = (text) => new TextEncoder().encode(text).length;
const isId = (text) => bytes(text) <= ID_BYTES_MAX && !/\p{Cc}/u.test(text);

export class Work {
  #link;
  #outbox;
  #stock;
  /** The item in front: `{code, state, sku, item}`; the state is `searching`, `known`, `unknown`, `misread`, `unusable` or `unreachable`. */
  #shown = null;
  /** Resolves when the previous scan has been looked up, so that scans are handled in order. */
  #turn = Promise.resolve();
  /** The operation whose outcome is shown, or a text. */
  #last = null;
  #mode = 'deduct';
  /** The number that was drawn last. */
  #drawn = { sku: '', available: 0 };

  constructor(link, outbox, stock) {
    this.#link = link;
    this.#outbox = outbox;
    this.#stock = stock;
    $('find').addEventListener('submit', (event) => { event.preventDefault(); this.#findTyped(); });
    $('act').addEventListener('submit', (event) => { event.preventDefault(); this.confirm(); });
    $('modes').addEventListener('change', (event) => this.#setMode(event.target.value));
    $('less').addEventListener('click', () => this.#step(-1));
    $('more').addEventListener('click', () => this.#step(1));
    $('quantity').addEventListener('input', () => this.#changed());
    $('quantity').addEventListener('focus', (event) => event.target.select());
    $('quantity').addEventListener('keydown', (event) => this.#onArrow(event));
    // An order may be scanned into its field; the next scan is an item again.
    $('order').addEventListener('keydown', (event) => { if (event.key === 'Enter') { event.preventDefault(); $('item').focus(); } });
    $('at-once').checked = keptAtOnce();
    $('at-once').addEventListener('change', (event) => keepAtOnce(event.target.checked));
    document.addEventListener('keydown', (event) => this.#onShortcut(event));
    this.#setMode('deduct');
  }

  // ---- Input from the scanner and the keys ----

  scan(code) {
    if (!this.#link.needsToken) this.#find(code, $('at-once').checked && this.#mode === 'deduct');
  }

  /** Directs what a person types to a field: digits are a quantity while one is expected. */
  typed(text) {
    if (this.#link.needsToken) return;
    const field = /^\d+$/.test(text) && this.#shown && !this.#isSpent() ? $('quantity') : $('code');
    if (document.activeElement !== field) {
      field.focus();
      field.value = text;
    } else {
      field.value += text;
    }
    // Typing continues after it.
    field.setSelectionRange(field.value.length, field.value.length);
    this.#changed();
  }

  /** Handles Enter outside any field; returns whether it was used. */
  enter() {
    if (this.#link.needsToken) return false;
    if ($('code').value.trim()) this.#findTyped();
    else this.confirm();
    return true;
  }

  show(sku) {
    this.#find(sku, false);
  }

  // ---- Lookup ----

  #findTyped() {
    const code = $('code').value.trim();
    if (!code) return $('code').focus();
    this.#find(code, false);
  }

  async #find(code, atOnce) {
    const again = this.#shown?.code === code && this.#shown.state === 'known' && !this.#isSpent();
    $('code').value = '';
    this.#last = null;
    const shown = { code, state: 'searching', sku: code };
    this.#shown = shown;
    this.draw();
    $('item').focus();
    const looking = this.#lookUp(code);
    Object.assign(shown, await (atOnce ? this.#inTurn(looking) : looking));
    if (atOnce) this.#deductAtOnce(shown, again);
    else if (this.#shown === shown) this.#put(shown, again);
  }

  /** Immediate deductions happen in the order of the scans, whichever lookup ends first. */
  #inTurn(looking) {
    this.#turn = this.#turn.then(() => looking);
    return this.#turn;
  }

  /** Deducts even if another code has come since; what cannot be deducted is shown again. */
  #deductAtOnce(shown, again) {
    const isInFront = this.#shown === shown;
    const isKnown = shown.state === 'known';
    if (isInFront || !isKnown) this.#put(shown, again);
    if (isKnown) this.#carryOut(shown, 'deduct', isInFront ? this.#quantity() : shown.quantity ?? 1);
  }

  #put(shown, again) {
    this.#shown = shown;
    this.#fill(shown.quantity ?? 1, again);
    this.draw();
  }

  async #lookUp(code) {
    if (this.#stock.items.has(code)) return { state: 'known' };
    const resolved = await this.#link.ask({ op: 'resolve', code });
    if (resolved.ok) {
      const { sku, quantity, item } = resolved.result;
      return { state: 'known', sku, quantity, item };
    }
    // Only a code that is certainly unknown may be created.
    const unknown = isId(code) ? 'unknown' : 'unusable';
    const states = { unknown_code: unknown, bad_code: 'misread', bad_request: 'misread' };
    return { state: states[resolved.error?.code] ?? 'unreachable' };
  }

  /** The quantity for an item just found: one more for each scan of the same item, none yet for a count. */
  #fill(quantity, again) {
    if (this.#mode === 'count') {
      if (!again) $('quantity').value = '';
    } else {
      $('quantity').value = String((again ? this.#quantity() || 0 : 0) + quantity);
    }
  }

  // ---- Operations ----

  #setMode(mode) {
    if ((mode === 'count') !== (this.#mode === 'count')) {
      $('quantity').value = mode === 'count' || !this.#shown ? '' : '1';
    }
    this.#mode = mode;
    for (const each of MODES) $('modes').querySelector(`[value=${each}]`).checked = each === mode;
    $('act').dataset.mode = mode;
    $('order-field').hidden = mode === 'count';
    this.#changed();
  }

  #onShortcut(event) {
    if (this.#link.needsToken || event.ctrlKey || event.altKey || event.metaKey) return;
    if (KEYS[event.key]) {
      event.preventDefault();
      this.#setMode(KEYS[event.key]);
    } else if (event.key === 'Escape') {
      this.#shown = null;
      this.#last = null;
      $('code').value = '';
      $('quantity').value = '';
      $('item').focus();
      this.draw();
    }
  }

  #onArrow(event) {
    const change = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!change) return;
    event.preventDefault();
    this.#step(change);
  }

  #step(change) {
    const [least, most] = this.#bounds(this.#mode);
    const quantity = this.#quantity();
    // The first press of either button starts from the minimum.
    const next = Number.isNaN(quantity) ? least : quantity + change;
    $('quantity').value = String(Math.min(most, Math.max(least, next)));
    this.#changed();
  }

  #bounds(mode) {
    return mode === 'count' ? [0, COUNT_MAX] : [1, QUANTITY_MAX];
  }

  #quantity() {
    const text = $('quantity').value.trim();
    return text === '' ? NaN : Number(text);
  }

  #isSpent() {
    return $('quantity').value.trim() === '' && this.#mode !== 'count';
  }

  /** Why the operation cannot be done, as a text; empty if it can. */
  #obstacle(shown, mode, quantity) {
    const [least, most] = this.#bounds(mode);
    if (shown?.state !== 'known' && shown?.state !== 'unknown') return t.scanFirst;
    if (shown.state === 'unknown' && mode !== 'restock') return t.unknownNote;
    if (this.#link.role === 'viewer') return t.viewerOnly;
    if (Number.isNaN(quantity) && this.#isSpent()) return t.scanAgain;
    if (!Number.isSafeInteger(quantity) || quantity < least || quantity > most) {
      return mode === 'count' ? t.badCount : t.badQuantity;
    }
    return isId($('order').value.trim()) ? '' : t.badOrder;
  }

  /** Does what the button says, and clears the quantity, so that a bounced key does nothing more. */
  confirm() {
    this.#carryOut(this.#shown, this.#mode, this.#quantity());
  }

  #carryOut(shown, mode, quantity) {
    const obstacle = this.#obstacle(shown, mode, quantity);
    if (!obstacle && shown === this.#shown) {
      $('quantity').value = '';
      $('item').focus();
    }
    this.#last = obstacle || this.#outbox.add(mode, this.#bodyOf(shown, mode, quantity));
    this.draw();
  }

  #bodyOf({ sku }, mode, quantity) {
    if (mode === 'count') return { sku, counted: quantity };
    const orderId = $('order').value.trim();
    return orderId ? { sku, quantity, order_id: orderId } : { sku, quantity };
  }

  /** Shows the outcome of an operation that was not started here. */
  follow(operation) {
    this.#last = operation;
    this.draw();
  }

  // ---- Drawing ----

  #changed() {
    if (typeof this.#last === 'string') this.#last = null;
    this.draw();
  }

  draw() {
    this.#drawItem();
    this.#drawAction();
  }

  #item() {
    if (this.#shown?.state !== 'known' && this.#shown?.state !== 'unknown') return null;
    return this.#stock.items.get(this.#shown.sku) ?? this.#shown.item ?? null;
  }

  #drawItem() {
    const item = this.#item();
    // An unknown item may have been created since.
    if (item && this.#shown.state === 'unknown') this.#shown.state = 'known';
    const state = item ? this.#levelOf(item) : this.#shown?.state ?? 'none';
    const panel = $('item');
    panel.dataset.state = state;
    say($('sku'), this.#shown ? this.#shown.sku : t.ready);
    const notes = { none: t.readyNote, searching: t.searching, unknown: t.unknownNote, misread: t.misread, unusable: t.unusable, unreachable: t.unreachable };
    const [figure, word] = $('available').children;
    say(figure, item ? number(item.available) : '');
    say(word, item ? t.available : state === 'unknown' ? t.unknown : '');
    say($('on-hand'), item ? number(item.on_hand) : '');
    say($('reserved'), item ? number(item.reserved) : '');
    $('figures').hidden = !item;
    say($('note'), item ? '' : notes[state] ?? '');
    // A long number is drawn smaller; it is never cut off.
    panel.dataset.digits = item ? String(Math.min(16, figure.textContent.length)) : '';
    this.#flash(item, figure);
  }

  #levelOf(item) {
    if (item.available === 0) return 'empty';
    return item.available <= this.#stock.threshold ? 'low' : 'known';
  }

  /** Highlights a figure that changes while it is shown. */
  #flash(item, figure) {
    const { sku, available } = this.#drawn;
    this.#drawn = { sku: item?.sku ?? '', available: item?.available ?? 0 };
    const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches;
    if (!item || isStill || item.sku !== sku || item.available === available) return;
    figure.animate([{ transform: 'scale(1.06)' }, { transform: 'scale(1)' }], 300);
  }

  #drawAction() {
    const quantity = this.#quantity();
    const item = this.#item();
    const text = Number.isNaN(quantity) ? t[this.#mode] : t[MODE_WORDS[this.#mode]](number(quantity));
    say($('confirm'), text);
    say($('quantity-label'), this.#mode === 'count' ? t.counted : t.quantity);
    setEnabled($('confirm'), !this.#obstacle(this.#shown, this.#mode, quantity));
    const takes = this.#mode === 'deduct' || this.#mode === 'reserve';
    say($('hint'), takes && item && quantity > item.available ? t.tooMuch(number(item.available)) : '');
    this.#drawResult();
  }

  #drawResult() {
    const result = $('result');
    const last = this.#last;
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

function keptAtOnce() {
  try { return localStorage.getItem(AT_ONCE_KEY) === 'yes'; } catch { return false; }
}

function keepAtOnce(wanted) {
  try { localStorage.setItem(AT_ONCE_KEY, wanted ? 'yes' : 'no'); } catch { /* it holds for this visit */ }
}
