/** The item in front of the operator, and the operation on it. */

import { QUANTITY_MAX, added, amountOf, isAmount, isSurprising, stepped } from './amount.js';
import { commandOf, isSound } from './codes.js';
import { $, isEnabled, say, setEnabled } from './dom.js';
import { drawItem } from './item.js';
import { keep, kept } from './kept.js';
import { isId } from './lookup.js';
import { offerPoint } from './pad.js';
import { ready } from './sink.js';
import { t } from './texts.js';
import { outcomeText, stateText } from './words.js';

const AT_ONCE_KEY = 'stockgate.atOnce';
const MODE_KEY = 'stockgate.mode';
const MODES = ['deduct', 'restock', 'reserve', 'count', 'writeoff', 'order'];
const KEYS = { F2: 'deduct', F4: 'restock', F8: 'reserve', F9: 'count' };
const COMMAND_MODES = { pick: 'deduct', in: 'restock', reserve: 'reserve', count: 'count', writeoff: 'writeoff', order: 'order' };
/** The question whether a quantity is meant is not answered by a bounced key. */
const ANSWER_MS = 500;
const SHORT_NUMBER = 3;
/** Outcomes that are no failure of the operator. */
const FAILURES = ['unknown', 'unlisted', 'nothing', 'misread', 'unusable', 'unreachable'];

export class Work {
  #link;
  #outbox;
  #stock;
  #lookup;
  #feedback;
  #order;
  #found;
  /** The item in front: `{code, state, sku, item, trace, note}`. */
  #shown = null;
  /** How often the item in front was scanned since it was last booked. */
  #scans = 0;
  /** Resolves when the previous scan has been looked up, so that scans are handled in order. */
  #turn = Promise.resolve();
  /** The operation whose outcome is shown, or a text. */
  #last = null;
  #mode = 'deduct';
  /** Whether the quantity was typed with keys, which a code may be as well. */
  #isTyped = false;
  /** The surprising quantity that the operator was asked about, as text, and when. */
  #asked = { about: '', at: 0 };

  constructor({ link, outbox, stock, lookup, feedback, order, found }) {
    [this.#link, this.#outbox, this.#stock, this.#lookup] = [link, outbox, stock, lookup];
    [this.#feedback, this.#order, this.#found] = [feedback, order, found];
    $('find').addEventListener('submit', (event) => { event.preventDefault(); this.#findTyped(); });
    $('code').addEventListener('input', () => found.search($('code').value));
    $('act').addEventListener('submit', (event) => { event.preventDefault(); this.confirm(); });
    $('modes').addEventListener('change', (event) => this.setMode(event.target.value));
    $('less').addEventListener('click', () => this.#step(-1));
    $('more').addEventListener('click', () => this.#step(1));
    $('quantity').addEventListener('input', () => { this.#isTyped = true; this.#changed(); });
    $('quantity').addEventListener('focus', (event) => event.target.select());
    $('quantity').addEventListener('keydown', (event) => this.#onArrow(event));
    $('order').addEventListener('keydown', (event) => { if (event.key === 'Enter') { event.preventDefault(); ready(); } });
    $('order').addEventListener('input', () => this.draw());
    $('reason').addEventListener('change', () => this.draw());
    $('at-once').checked = kept(AT_ONCE_KEY) === 'yes';
    $('at-once').addEventListener('change', (event) => { keep(AT_ONCE_KEY, event.target.checked ? 'yes' : 'no'); this.draw(); });
    document.addEventListener('keydown', (event) => { if (event.key === 'Escape' && !event.defaultPrevented) this.clear(); });
    this.setMode(kept(MODE_KEY) ?? 'deduct');
  }

  /** The item in front with its quantity. */
  get inFront() { return { sku: this.#shown?.state === 'known' ? this.#shown.sku : '', quantity: this.#quantity() || 0 }; }

  // ---- Input from the scanner and the keys ----

  /** Handles a scan; `field` is the kind of field that had the focus. */
  scan(code, { note = '', slow = false, field = 'sink' } = {}) {
    this.#feedback.acknowledge();
    const command = commandOf(code);
    if (this.#link.needsToken) return this.#link.unlock(command?.name === 'token' ? command.rest : code, $('keep').checked);
    if (command) return this.#obey(command);
    if (note === 'cut') return this.#fail({ code, sku: code, state: 'misread', note: 'cut' });
    if (field === 'free') return this.#findOrEnter(code, note, document.activeElement);
    return this.#find(code, { atOnce: $('at-once').checked && this.#mode === 'deduct' && !slow, note, isScan: true });
  }

  /** Directs what a person types to a field: digits are a quantity while one is expected. */
  typed(text) {
    if (this.#link.needsToken) return;
    const field = /^[\d.,]+$/.test(text) && this.#shown && !this.#isSpent() ? $('quantity') : $('code');
    if (document.activeElement !== field) {
      field.focus({ preventScroll: field === $('quantity') });
      field.value = text;
    } else {
      field.value += text;
    }
    // Typing continues after it.
    field.setSelectionRange(field.value.length, field.value.length);
    if (field === $('code')) this.#found.search(field.value);
    else this.#isTyped = true;
    this.#changed();
  }

  /** Handles Enter outside any field. */
  enter() {
    if (this.#link.needsToken) return;
    if ($('code').value.trim()) this.#findTyped();
    else this.confirm();
  }

  shortcut(key) {
    if (KEYS[key] && !this.#link.needsToken) this.setMode(KEYS[key]);
  }

  /** A printed command. */
  #obey({ name, rest }) {
    const amount = amountOf(rest);
    if (name === 'ok') this.confirm();
    else if (name === 'undo' && isEnabled($('undo'))) $('undo').click();
    else if (name === 'clear') this.clear();
    else if (name === 'mode' && COMMAND_MODES[rest.toLowerCase()]) this.setMode(COMMAND_MODES[rest.toLowerCase()]);
    else if (name === 'qty' && amount >= 0) this.enterAmount(String(amount));
    else if (name === 'order' && rest && isId(rest)) this.#setOrder(rest);
    else if (name === 'list' && this.#order.takeList(rest)) this.setMode('order');
    else this.#fail({ code: rest, sku: rest || name, state: 'misread' });
    this.draw();
  }

  show(sku) {
    this.#find(sku, {});
  }

  /** Forgets the item, the quantity and the order. */
  clear() {
    this.#shown = null;
    this.#last = null;
    this.#scans = 0;
    for (const id of ['code', 'quantity']) $(id).value = '';
    this.#found.close();
    ready();
    this.draw();
  }

  /** The same for a terminal that is left, and the order too. */
  leave() {
    this.#order.leave();
    this.clear();
  }

  // ---- Lookup ----

  #findTyped() {
    const code = $('code').value.trim();
    if (!code) return $('code').focus();
    const only = this.#found.only(code);
    this.#find(only ?? code, {});
  }

  /** An order or a reservation may be scanned into its field, but an item never becomes one. */
  async #findOrEnter(code, note, field) {
    const { state } = await this.#lookup.find(code);
    const isItem = state === 'known' || isSound(code);
    if (!isItem && field === $('order')) this.#setOrder(code);
    else if (!isItem && field === $('reservation')) {
      field.value = code;
      field.form.requestSubmit();
    } else this.#find(code, { note, isScan: true });
  }

  #setOrder(order) {
    $('order').value = order;
    this.#feedback.found();
    this.#order.open(order);
    ready();
    this.draw();
  }

  async #find(code, { atOnce = false, note = '', isScan = false }) {
    const again = this.#shown?.code === code && this.#shown.state === 'known' && this.#scans > 0;
    $('code').value = '';
    this.#found.close();
    this.#last = null;
    const shown = { code, state: 'searching', sku: code, note };
    this.#shown = shown;
    this.draw();
    ready();
    const looking = this.#lookup.find(code);
    Object.assign(shown, await (atOnce ? this.#inTurn(looking) : looking));
    if (atOnce) this.#deductAtOnce(shown, again);
    else if (this.#shown === shown) this.#put(shown, again, isScan);
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
    if (isInFront || !isKnown) this.#put(shown, again, false);
    if (isKnown) this.#carryOut(shown, 'deduct', isInFront ? this.#quantity() : shown.quantity ?? 1);
  }

  #put(shown, again, isScan) {
    this.#shown = shown;
    if (shown.state === 'known') {
      this.#scans = again ? this.#scans + 1 : 1;
      this.#fill(shown.quantity ?? 1, again);
      if (this.#mode === 'order' && isScan) this.#order.scan(shown);
      if (isScan) this.#feedback.found();
    } else {
      this.#scans = 0;
      if (shown.state === 'unknown') this.#fill(1, false);
      if (FAILURES.includes(shown.state)) this.#feedback.bad();
      if (shown.state === 'nothing') this.#found.search(shown.code);
    }
    this.draw();
  }

  #fail(shown) {
    this.#shown = shown;
    this.#last = null;
    this.#scans = 0;
    $('quantity').value = '';
    this.#feedback.bad();
    ready();
    this.draw();
  }

  /** The quantity for an item just found: one more for each scan of the same item, none yet for a count. */
  #fill(quantity, again) {
    this.#isTyped = false;
    if (this.#mode === 'count' && !again) $('quantity').value = '';
    // A count begins with the second scan: one scan alone only shows the item.
    else if (this.#mode === 'count') $('quantity').value = String(added(this.#quantity() || quantity, quantity));
    else $('quantity').value = String(added(again ? this.#quantity() || 0 : 0, quantity));
  }

  // ---- The quantity ----

  setMode(mode) {
    if (!MODES.includes(mode)) return;
    if ((mode === 'count') !== (this.#mode === 'count')) {
      $('quantity').value = mode === 'count' || !this.#shown ? '' : '1';
    }
    this.#mode = mode;
    keep(MODE_KEY, mode);
    for (const each of MODES) $('modes').querySelector(`[value=${each}]`).checked = each === mode;
    $('act').dataset.mode = mode;
    $('order-field').hidden = mode === 'count' || mode === 'writeoff';
    $('reason-field').hidden = mode !== 'writeoff';
    $('order-panel').hidden = mode !== 'order';
    this.#changed();
  }

  /** Enters a quantity that is certainly meant as one, from the number pad or a printed command. */
  enterAmount(text) {
    $('quantity').value = text;
    this.#isTyped = false;
    this.#changed();
  }

  #onArrow(event) {
    const change = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!change || event.defaultPrevented) return;
    event.preventDefault();
    this.#step(change);
  }

  #step(change) {
    this.enterAmount(String(stepped(this.#quantity(), change, this.#mode)));
  }

  #quantity() { return amountOf($('quantity').value); }

  #isSpent() {
    return $('quantity').value.trim() === '' && this.#mode !== 'count';
  }

  // ---- Operations ----

  /** Why the operation cannot be done, as a text; empty if it can. */
  #obstacle(shown, mode, quantity) {
    if (mode === 'order') return this.#order.obstacle() || (this.#link.role === 'viewer' ? t('viewerOnly') : '');
    if (shown?.state !== 'known' && shown?.state !== 'unknown') return t('scanFirst');
    if (shown.state === 'unknown' && mode !== 'restock') return t('about.unknown');
    if (this.#link.role === 'viewer') return t('viewerOnly');
    if (Number.isNaN(quantity) && this.#isSpent()) return t('scanAgain');
    const decimals = this.#item(shown)?.decimals ?? 0;
    if (!isAmount(quantity, mode, decimals)) return t(mode === 'count' ? 'badCount' : 'badQuantity', { step: 10 ** -decimals, most: QUANTITY_MAX / 10 ** decimals });
    if (mode === 'writeoff' && !$('reason').value) return t('reasonFirst');
    return isId($('order').value.trim()) ? '' : t('badOrder');
  }

  /** Does what the button says, and clears the quantity, so that a bounced key does nothing more. */
  confirm() {
    const text = $('quantity').value.trim();
    const isCode = text.length > SHORT_NUMBER && this.#lookup.isKnown(text);
    // What was typed is a code, and so no quantity.
    if (this.#isTyped && isCode && this.#mode !== 'order') return this.#find(text, {});
    this.#carryOut(this.#shown, this.#mode, this.#quantity());
    return undefined;
  }

  #carryOut(shown, mode, quantity) {
    const obstacle = this.#obstacle(shown, mode, quantity);
    if (!obstacle && this.#mustAsk(shown, mode, quantity)) return this.draw();
    if (!obstacle && shown === this.#shown) {
      $('quantity').value = '';
      this.#scans = 0;
      ready();
    }
    this.#last = obstacle || this.#add(shown, mode, quantity);
    return this.draw();
  }

  /** Whether a surprising quantity has still to be confirmed; a second press confirms it. */
  #mustAsk(shown, mode, quantity) {
    if (!['restock', 'count'].includes(mode) || !isSurprising(quantity, this.#item())) return false;
    const about = `${mode} ${shown.sku} ${quantity}`;
    const { about: asked, at } = this.#asked;
    if (asked === about && Date.now() - at > ANSWER_MS) {
      this.#asked = { about: '', at: 0 };
      return false;
    }
    if (asked !== about) {
      this.#asked = { about, at: Date.now() };
      this.#feedback.bad();
    }
    return true;
  }

  #add(shown, mode, quantity) {
    if (mode === 'order') return this.#outbox.add('deduct', ...this.#order.book());
    return this.#outbox.add(mode === 'writeoff' ? 'deduct' : mode, this.#bodyOf(shown, mode, quantity));
  }

  #bodyOf({ sku, trace }, mode, quantity) {
    if (mode === 'count') return { sku, counted: quantity };
    const line = { sku, quantity };
    const body = trace ? { lines: [{ ...line, ...trace }] } : line;
    const order = $('order').value.trim();
    if (mode === 'writeoff') return { ...body, reason: $('reason').value };
    return order ? { ...body, order_id: order } : body;
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
    const item = this.#item();
    // An unknown item may have been created since.
    if (item && this.#shown.state === 'unknown') this.#shown.state = 'known';
    const isAway = this.#link.state !== 'ready' || this.#stock.isOld;
    const asOf = isAway ? (!this.#stock.isOld && this.#link.lostAt) || this.#stock.asOf : null;
    const waiting = item ? this.#outbox.takenOf(item.sku) : 0;
    drawItem(this.#shown, item, { threshold: this.#stock.threshold, waiting, asOf });
    this.#order.draw();
    offerPoint(item?.decimals);
    this.#drawAction();
  }

  #item(shown = this.#shown) {
    if (shown?.state !== 'known' && shown?.state !== 'unknown') return null;
    return this.#stock.items.get(shown.sku) ?? shown.item ?? null;
  }

  #drawAction() {
    const quantity = this.#quantity();
    const mode = this.#mode;
    const isAsked = this.#asked.about === `${mode} ${this.#shown?.sku} ${quantity}`;
    const words = isAsked ? 'really' : Number.isNaN(quantity) ? mode : `do.${mode}`;
    say($('confirm'), mode === 'order' ? this.#order.confirmText() : t(words, { n: quantity }));
    $('act').dataset.asked = isAsked ? 'yes' : '';
    say($('quantity-label'), mode === 'count' ? t('counted') : t('quantity'));
    setEnabled($('confirm'), !this.#obstacle(this.#shown, mode, quantity));
    say($('hint'), this.#hintText(quantity, isAsked));
    document.body.dataset.atOnce = $('at-once').checked && mode === 'deduct' ? 'yes' : '';
    this.#drawResult();
  }

  #hintText(quantity, isAsked) {
    const item = this.#item();
    if (isAsked) return t('surprising', { n: quantity });
    const takes = this.#mode === 'deduct' || this.#mode === 'reserve' || this.#mode === 'writeoff';
    return takes && item && quantity > item.available ? t('tooMuch', { n: item.available }) : '';
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
