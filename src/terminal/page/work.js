/** The item in front of the operator, and the operation on it. */

import { QUANTITY_MAX, added, amountOf, isAmount, isSurprising, stepped } from './amount.js';
import { commandOf, isSound } from './codes.js';
import { $, isEnabled, say, setEnabled } from './dom.js';
import { drawItem } from './item.js';
import { keep, kept } from './kept.js';
import { isId } from './lookup.js';
import { withPart, withTotal } from './order.js';
import { offerPoint } from './pad.js';
import { ready } from './sink.js';
import { t } from './texts.js';
import { outcomeText, stateText, waitingText } from './words.js';

const AT_ONCE_KEY = 'stockgate.atOnce';
const MODE_KEY = 'stockgate.mode';
const MODES = ['deduct', 'restock', 'reserve', 'count', 'writeoff', 'order'];
const KEYS = { F2: 'deduct', F4: 'restock', F8: 'reserve', F9: 'count' };
const COMMAND_MODES = { pick: 'deduct', in: 'restock', reserve: 'reserve', count: 'count', writeoff: 'writeoff', order: 'order' };
/** The question whether a quantity is meant is not answered by a bounced key. */
const ANSWER_MS = 500;
const SHORT_NUMBER = 3;
/** A button that says more than so many characters says it in smaller ones. */
const LONG = 8;
/** Outcomes that are no failure of the operator. */
const FAILURES = ['unknown', 'near', 'unlisted', 'nothing', 'misread', 'unusable', 'unreachable'];

export class Work {
  #link;
  #outbox;
  #stock;
  #lookup;
  #feedback;
  #order;
  #found;
  /** The item in front: `{code, nth, state, sku, item, trace, parts, near, note}`. */
  #shown = null;
  /** How many lookups there were; an earlier one is not shown in place of a later one. */
  #lookups = 0;
  /** The item whose scans add up, until it is booked. */
  #counted = null;
  /** Resolves when the previous scan has been looked up, so that scans are handled in order. */
  #turn = Promise.resolve();
  /** The operation whose outcome is shown, or a text. */
  #last = null;
  /** What says that scans were not booked, which no other key takes away. */
  #lost = '';
  #mode = 'deduct';
  /** Whether the quantity was typed with keys, which a code may be as well. */
  #isTyped = false;
  /** Whether the quantity is not yet that of the order's line in front. */
  #isOpen = false;
  /** The surprising quantity or new item that the operator was asked about, as text, and when. */
  #asked = { about: '', at: 0 };

  constructor({ link, outbox, stock, lookup, feedback, order, found }) {
    [this.#link, this.#outbox, this.#stock, this.#lookup] = [link, outbox, stock, lookup];
    [this.#feedback, this.#order, this.#found] = [feedback, order, found];
    $('find').addEventListener('submit', (event) => { event.preventDefault(); this.#findTyped(); });
    $('code').addEventListener('input', () => found.search($('code').value));
    $('act').addEventListener('submit', (event) => { event.preventDefault(); this.confirm(); });
    $('act').addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && this.#mode === 'order' && event.target.localName === 'input') { event.preventDefault(); this.enter(); }
    });
    $('modes').addEventListener('change', (event) => this.setMode(event.target.value));
    $('less').addEventListener('click', () => this.#step(-1));
    $('more').addEventListener('click', () => this.#step(1));
    $('quantity').addEventListener('input', () => { this.#isTyped = this.#isOpen = true; this.#changed(); });
    $('quantity').addEventListener('focus', (event) => event.target.select());
    $('quantity').addEventListener('keydown', (event) => this.#onArrow(event));
    $('order').addEventListener('keydown', (event) => { if (event.key === 'Enter') { event.preventDefault(); order.settle(); ready(); } });
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
    if (!['ok', 'clear'].includes(command?.name)) this.settle(false);
    if (command) return this.#obey(command);
    if (note === 'cut') return this.#fail({ code, sku: code, state: 'misread', note: 'cut' });
    if (field === 'free') return this.#findOrEnter(code, note, document.activeElement);
    return this.#find(code, { atOnce: $('at-once').checked && this.#mode === 'deduct' && !slow, note, by: 'scan' });
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
    else this.#isTyped = this.#isOpen = true;
    this.#changed();
  }

  /** Handles Enter outside any field. In an order it ends a quantity; the order is booked by its button only. */
  enter() {
    if (this.#link.needsToken) return;
    if ($('code').value.trim()) this.#findTyped();
    else if (this.#mode !== 'order') this.confirm();
    else if (this.#isOpen) this.settle();
    else this.#refuse(this.#obstacle(null, 'order') || t('order.press'));
  }

  shortcut(key) {
    if (KEYS[key] && !this.#link.needsToken) this.setMode(KEYS[key]);
  }

  /** A printed command. */
  #obey({ name, rest }) {
    const amount = amountOf(rest);
    const mode = COMMAND_MODES[rest.toLowerCase()];
    let isHeard = false;
    if (name === 'ok') this.confirm();
    else if (name === 'undo') isHeard = this.#undo();
    else if (name === 'clear') isHeard = !this.clear();
    else if (name === 'mode' && mode) isHeard = this.setMode(mode);
    else if (name === 'qty' && amount >= 0) isHeard = this.#setAmount(amount);
    else if (name === 'order' && rest && isId(rest)) this.#setOrder(rest);
    else if (name === 'list' && this.#order.takeList(rest)) this.setMode('order');
    else if (name === 'token') return this.#hand(rest);
    else this.#fail({ code: rest, sku: rest || name, state: 'misread' });
    if (isHeard) this.#feedback.found();
    this.draw();
  }

  /** Returns whether it has had its end at once, as what was not sent yet. */
  #undo() {
    if (!isEnabled($('undo'))) return this.#refuse(t(this.#link.role === 'viewer' ? 'viewerOnly' : 'undoNone'));
    $('undo').click();
    return typeof this.#last === 'string';
  }

  /** Another person takes over: the badge of one who is signed in is a secret too, and is never shown. */
  #hand(token) {
    if (!this.#link.hasToken) return this.#fail({ code: '', sku: 'TOKEN', state: 'misread' });
    this.leave();
    this.#link.leave();
    return this.#link.unlock(token, $('keep').checked);
  }

  /** Puts an item in front. */
  show(sku) {
    this.#find(sku, {});
  }

  /** The item that a person has chosen of those that were found. */
  choose(sku) {
    this.#find(sku, { by: 'hand' });
  }

  /** Forgets the item and the quantity. */
  clear() {
    this.#shown = null;
    this.#last = null;
    this.#counted = null;
    for (const id of ['code', 'quantity']) $(id).value = '';
    this.#found.close();
    ready();
    this.draw();
  }

  /** The same for a terminal that is left, and the order too. */
  leave() {
    this.#order.leave();
    $('reservation').value = '';
    this.clear();
  }

  // ---- Lookup ----

  #findTyped() {
    const code = $('code').value.trim();
    if (!code) return $('code').focus();
    const command = commandOf(code);
    if (command) {
      $('code').value = '';
      this.#found.close();
      return this.#obey(command);
    }
    const only = this.#found.only(code);
    this.#find(only ?? code, { by: 'hand' });
  }

  /** An order or a reservation may be scanned into its field, but an item never becomes one. */
  async #findOrEnter(code, note, field) {
    const isSure = this.#isReadTwice(code);
    const { state } = await this.#lookup.find(code);
    if (state === 'known' || isSound(code)) this.#find(code, { note, by: 'scan' });
    else if (state === 'misread' && !isSure) {
      this.#fail({ code, sku: code, state, note });
      field.focus();
    } else if (field === $('order')) this.#setOrder(code);
    else if (field === $('reservation')) {
      field.value = code;
      field.form.requestSubmit();
    } else this.#find(code, { note, by: 'scan' });
  }

  /** Whether a code that looks like a misread is what was read just before: then it is meant so. */
  #isReadTwice(code) { return this.#shown?.state === 'misread' && this.#shown.code === code; }

  #setOrder(order) {
    if (this.#shown?.state === 'misread') this.#shown = null;
    $('order').value = order;
    this.#feedback.found();
    if (this.#mode === 'order') this.#order.open(order);
    ready();
    this.draw();
  }

  /** Finds an item; it counts if it comes `by` a `scan` or by `hand`. */
  async #find(code, { atOnce = false, note = '', by = '' }) {
    this.settle(false);
    const shown = { code, nth: this.#lookups += 1, state: 'searching', sku: code, note, isSure: this.#isReadTwice(code) };
    $('code').value = '';
    this.#found.close();
    this.#last = null;
    this.#shown = shown;
    this.draw();
    ready();
    const looking = this.#lookup.find(code);
    Object.assign(shown, await (atOnce ? this.#inTurn(looking) : looking));
    if (atOnce) this.#deductAtOnce(shown);
    else if (this.#shown && shown.nth >= this.#shown.nth) this.#put(shown, by);
    else if (by && shown.state === 'known' && !this.#link.needsToken) this.#count(shown, by);
  }

  /** Immediate deductions happen in the order of the scans, whichever lookup ends first. */
  #inTurn(looking) {
    this.#turn = this.#turn.then(() => looking);
    return this.#turn;
  }

  /** Deducts even if another code has come since; what cannot be deducted is shown again. */
  #deductAtOnce(shown) {
    const isInFront = this.#shown === shown;
    const isKnown = shown.state === 'known';
    if (isInFront || !isKnown) this.#put(shown, '');
    if (isKnown) this.#carryOut(shown, 'deduct', isInFront ? this.#quantity() : shown.quantity ?? 1);
  }

  #put(shown, by) {
    const again = by !== '' && this.#counted?.sku === shown.sku;
    shown.isSum = again;
    const isLost = !again && this.#lose();
    this.#shown = shown;
    if (shown.state === 'known') {
      if (this.#mode !== 'order') this.#fill(shown, again);
      // To look at an item is no scan of it.
      this.#counted = by ? shown : null;
      this.#count(shown, isLost ? 'hand' : by);
    } else {
      this.#counted = null;
      this.#putUnknown(shown, by);
    }
    this.draw();
  }

  /** An order counts every item, also one that another item has followed since. */
  #count(shown, by) {
    const isWanted = this.#mode !== 'order' || !by || this.#order.scan(shown);
    if (isWanted && by === 'scan') this.#feedback.found();
  }

  /** Another item comes before the scans of one that add up were booked; returns whether, and says so. */
  #lose() {
    const n = this.#mode !== 'order' && this.#counted?.isSum && this.#quantity();
    if (!n) return false;
    this.#last = this.#lost = t('notBooked', { n, sku: this.#counted.sku });
    this.#feedback.bad();
    return true;
  }

  #putUnknown(shown, by) {
    const { code, state } = shown;
    const isTyped = by === 'hand';
    const isSearched = isTyped || state === 'nothing' || shown.near;
    const hasHits = isSearched && this.#found.search(shown.near ?? code);
    const isOffered = isTyped && hasHits && !shown.near;
    if (this.#isOrder(shown, by) && (!isOffered || /^\d+$/.test(code))) {
      this.clear();
      this.#setOrder(code);
    } else if (isOffered) {
      this.#shown = null;
      this.#last = t('chooseItem');
      this.#found.enter();
    } else {
      // A SKU is typed without blanks; these are words.
      if (isTyped && state === 'unknown' && /\s/.test(code)) shown.state = 'nothing';
      if (shown.state === 'unknown') this.#fill(shown, false);
      if (FAILURES.includes(state)) this.#feedback.bad();
    }
  }

  /** Whether a code of no item is the order: where one is expected, and nothing says that it was misread. */
  #isOrder({ state, isSure }, by) {
    if (this.#mode !== 'order' || !by || $('order').value.trim()) return false;
    return state === 'unknown' || state === 'nothing' && by === 'scan' || state === 'misread' && isSure;
  }

  #fail(shown) {
    this.#last = null;
    this.#lose();
    this.#shown = shown;
    this.#counted = null;
    $('quantity').value = '';
    this.#feedback.bad();
    ready();
    this.draw();
  }

  /** The quantity for an item just found: more for each scan of the same item, none yet for a count. */
  #fill(shown, again) {
    const quantity = shown.quantity ?? 1;
    // A count begins with the second scan: one scan alone only shows the item.
    const before = again ? this.#quantity() || (this.#mode === 'count' ? this.#counted.quantity ?? 1 : 0) : 0;
    this.#isTyped = false;
    shown.parts = withPart(again ? withTotal(this.#counted.parts ?? [], before) : [], quantity, shown.trace);
    $('quantity').value = this.#mode === 'count' && !again ? '' : String(added(before, quantity));
  }

  // ---- The quantity ----

  /** Returns whether nothing was lost. */
  setMode(mode) {
    if (!MODES.includes(mode)) return false;
    let isLost = false;
    const own = ['count', 'order'];
    if (mode !== this.#mode && (own.includes(mode) || own.includes(this.#mode))) {
      isLost = this.#lose();
      if (isLost) this.#counted.isSum = false;
      $('quantity').value = own.includes(mode) || !this.#shown ? '' : '1';
      this.#isOpen = false;
    }
    this.#mode = mode;
    keep(MODE_KEY, mode);
    for (const each of MODES) $('modes').querySelector(`[value=${each}]`).checked = each === mode;
    $('act').dataset.mode = mode;
    $('order-field').hidden = mode === 'count' || mode === 'writeoff';
    $('reason-field').hidden = mode !== 'writeoff';
    this.#order.turn(mode === 'order');
    this.#changed();
    return !isLost;
  }

  /** Enters a quantity that is certainly meant as one, from the number pad. */
  enterAmount(text) {
    $('quantity').value = text;
    this.#isTyped = false;
    this.#isOpen = true;
    this.#changed();
  }

  /** The same for one that is complete; returns whether it holds. */
  #setAmount(amount) {
    this.enterAmount(String(amount));
    return this.settle();
  }

  /**
   * In the mode of orders, the quantity is what is picked of the line in front. Returns whether it is; a code that was
   * typed in its place is looked up at the end of it.
   */
  settle(isEnd = true) {
    if (this.#mode !== 'order' || !this.#isOpen) return true;
    const text = $('quantity').value.trim();
    this.#isOpen = false;
    if (this.#isCode(text)) {
      if (isEnd) this.#find(text, { by: 'hand' });
      return false;
    }
    this.#last = text && this.#obstacle(this.#shown, 'count', amountOf(text));
    if (this.#last) this.#feedback.bad();
    const isSet = !text || !this.#last && this.#order.set(this.#shown.sku, amountOf(text));
    ready();
    this.draw();
    return isSet;
  }

  /** Whether what was typed as a quantity is a code. */
  #isCode(text) { return this.#isTyped && text.length > SHORT_NUMBER && this.#lookup.isKnown(text); }

  #onArrow(event) {
    const change = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!change || event.defaultPrevented) return;
    event.preventDefault();
    this.#step(change);
  }

  #step(change) {
    this.#setAmount(stepped(this.#quantity(), change, this.#mode === 'order' ? 'count' : this.#mode));
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
    if (!this.settle()) return;
    if (this.#mode === 'order') this.#order.settle();
    else if (this.#isCode(text)) {
      // What was typed is a code, and so no quantity.
      this.#find(text, { by: 'hand' });
      return;
    }
    this.#carryOut(this.#shown, this.#mode, this.#quantity());
  }

  #carryOut(shown, mode, quantity) {
    const obstacle = this.#obstacle(shown, mode, quantity);
    if (!obstacle && this.#mustAsk(shown, mode, quantity)) return this.draw();
    if (!obstacle && shown === this.#shown) {
      $('quantity').value = '';
      this.#counted = null;
      ready();
    }
    // A second Enter, as some scanners send it, is no failure.
    if (obstacle && obstacle !== t('scanAgain')) return this.#refuse(obstacle);
    return this.follow(obstacle || this.#add(shown, mode, quantity));
  }

  /** Whether a new item or a surprising quantity has still to be confirmed; a second press confirms it. */
  #mustAsk(shown, mode, quantity) {
    const isUnusual = shown?.state === 'unknown' || isSurprising(quantity, this.#item());
    if (!['restock', 'count'].includes(mode) || !isUnusual) return false;
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

  #bodyOf({ sku, trace, parts }, mode, quantity) {
    if (mode === 'count') return { sku, counted: quantity };
    const lines = withTotal(parts ?? withPart([], quantity, trace), quantity).map((part) => ({ sku, ...part }));
    const isPlain = lines.length === 1 && Object.keys(lines[0]).length === 2;
    const body = isPlain ? lines[0] : { lines };
    const order = $('order').value.trim();
    if (mode === 'writeoff') return { ...body, reason: $('reason').value };
    return order ? { ...body, order_id: order } : body;
  }

  #refuse(obstacle) {
    this.#feedback.bad();
    this.follow(obstacle);
  }

  /** Shows the outcome of an operation, or a text. What has to wait for the gateway was understood all the same. */
  follow(operation) {
    if (operation.state === 'waiting' && this.#link.state !== 'ready') this.#feedback.found();
    this.#last = operation;
    this.draw();
  }

  // ---- Drawing ----

  #changed() {
    if (typeof this.#last === 'string' && this.#last !== this.#lost) this.#last = null;
    this.draw();
  }

  draw() {
    const item = this.#item();
    // An unknown item may have been created since.
    if (item && this.#shown.state === 'unknown') this.#shown.state = 'known';
    const isAway = this.#link.state !== 'ready' || this.#stock.isOld;
    const asOf = isAway ? (!this.#stock.isOld && this.#link.lostAt) || this.#stock.asOf : null;
    const waiting = item ? waitingText(item.sku, this.#outbox) : '';
    drawItem(this.#shown, item, { threshold: this.#stock.threshold, waiting, asOf });
    this.#order.draw();
    const done = String(this.#order.doneOf(this.inFront.sku) ?? '');
    if (this.#mode === 'order' && !this.#isOpen && $('quantity').value !== done) $('quantity').value = done;
    $('quantity').style.setProperty('--length', $('quantity').value.length || 1);
    offerPoint(item?.decimals);
    this.#drawAction();
  }

  #item(shown = this.#shown) {
    if (shown?.state !== 'known' && shown?.state !== 'unknown') return null;
    return this.#stock.items.get(shown.sku) ?? shown.item ?? null;
  }

  #isNew() { return this.#shown?.state === 'unknown'; }

  #drawAction() {
    const quantity = this.#quantity();
    const mode = this.#mode;
    const isAsked = this.#asked.about === `${mode} ${this.#shown?.sku} ${quantity}`;
    const words = isAsked ? this.#isNew() ? 'create' : 'really' : Number.isNaN(quantity) ? mode : `do.${mode}`;
    say($('confirm'), mode === 'order' ? this.#order.confirmText() : t(words, { n: quantity }));
    $('confirm').dataset.long = $('confirm').textContent.length > LONG ? 'yes' : '';
    $('act').dataset.asked = isAsked ? 'yes' : '';
    say($('quantity-label'), mode === 'count' ? t('counted') : t('quantity'));
    setEnabled($('confirm'), !this.#obstacle(this.#shown, mode, quantity));
    say($('hint'), this.#hintText(quantity, isAsked));
    document.body.dataset.atOnce = $('at-once').checked && mode === 'deduct' ? 'yes' : '';
    this.#drawResult();
  }

  #hintText(quantity, isAsked) {
    const item = this.#item();
    if (isAsked) return this.#isNew() ? t('isNew', { sku: this.#shown.sku }) : t('surprising', { n: quantity });
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
