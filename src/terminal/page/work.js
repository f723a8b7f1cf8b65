/** The item in front of the operator, and the operation on it. */

import { Action, MODES, isSpent } from './action.js';
import { amountOf, stepped } from './amount.js';
import { $, keep, kept, say } from './browser.js';
import { commandOf, isSound, modeOf } from './codes.js';
import { drawItem } from './item.js';
import { Turns, isId } from './lookup.js';
import { Quantity, offerPoint } from './quantity.js';
import { hold, ready, typeIn } from './sink.js';
import { hasText, t } from './texts.js';
import { waitingText } from './words.js';

const MODE_KEY = 'stockgate.mode';
const KEYS = { F2: 'deduct', F4: 'restock', F8: 'reserve', F9: 'count' };
const SHORT_NUMBER = 3;

export class Work {
  #link;
  #outbox;
  #stock;
  #lookup;
  #feedback;
  #order;
  #found;
  #action;
  #quantity;
  /** The item in front: `{code, nth, state, sku, item, trace, parts, near, note}`. */
  #shown = null;
  /** How many lookups there were; an earlier one is not shown in place of a later one. */
  #lookups = 0;
  #turns;
  /** The operation whose outcome is shown, or a text. */
  #last = null;
  /** What says that something was not booked, which no other key takes away; and what the person before had not booked. */
  #lost = '';
  lost = '';
  #mode = 'deduct';

  constructor({ link, outbox, stock, lookup, feedback, order, found }) {
    [this.#link, this.#outbox, this.#stock, this.#lookup] = [link, outbox, stock, lookup];
    [this.#feedback, this.#order, this.#found, this.#turns] = [feedback, order, found, new Turns(hold, link, () => this.#miss())];
    this.#action = new Action({ link, stock, outbox, order });
    this.#quantity = new Quantity(() => { this.#quantity.enter(this.#shown, true); this.#changed(); }, (change) => this.#step(change));
    $('find').addEventListener('submit', (event) => { event.preventDefault(); this.#queue(() => this.#findTyped()); });
    $('code').addEventListener('input', () => found.search($('code').value));
    $('act').addEventListener('submit', (event) => { event.preventDefault(); this.confirm(); });
    $('act').addEventListener('keydown', (event) => { if (event.key === 'Enter' && this.#mode === 'order' && event.target.localName === 'input') { event.preventDefault(); this.enter(); } });
    $('modes').addEventListener('change', ({ target: { value } }) => this.inTurn(() => this.setMode(value)));
    $('order').addEventListener('keydown', (event) => { if (event.key === 'Enter') { event.preventDefault(); order.settle(); ready(); } });
    for (const [id, kind] of [['order', 'input'], ['reason', 'change'], ['at-once', 'change']]) $(id).addEventListener(kind, () => this.draw());
    document.addEventListener('keydown', (event) => { if (event.key === 'Escape' && !event.defaultPrevented) { this.#turns.drop(true); this.clear(); } });
    this.setMode(kept(MODE_KEY) ?? 'deduct');
  }

  /** The item in front with its quantity. */
  get inFront() { return { sku: this.#shown?.state === 'known' ? this.#shown.sku : '', quantity: this.#quantity.amount || 0 }; }

  /** Does what concerns the item in front after all that was entered before, unless nobody is signed in. */
  inTurn(act) { return this.#turns.take(act); }

  /** Does what puts another item in front, after all that waits. */
  #queue(act) { return this.#link.needsToken || this.#turns.isHolding || this.#turns.isLooking && this.#quantity.entered ? this.inTurn(act) : act(); }

  // ---- Input from the scanner and the keys ----

  /** Handles a scan; `field` is the kind of field that had the focus. */
  scan(code, how = {}) {
    this.#feedback.acknowledge();
    const [turns, command, { activeElement }] = [this.#turns, commandOf(code), document];
    if (command?.name === 'token') return turns.offer(command.rest, () => this.#obey(command));
    if (command) return this.inTurn(() => this.#obey(command));
    const isKnown = this.#lookup.isKnown(code);
    if (turns.mayBeToken(code, how.field, isKnown)) return this.inTurn(() => this.#scanKnown(code, how, activeElement));
    if (!turns.isToken(code, how.field, isKnown)) return this.#queue(() => this.#scan(code, how, activeElement));
    turns.offer(code, () => (this.#link.needsToken ? this.#hand(code) : this.#miss()));
    // A known code was meant as an item, which is said too while nobody is signed in.
    return isKnown && this.inTurn(() => {});
  }

  #scan(code, { note = '', slow = false, field = 'sink' }, element) {
    this.settle(false);
    if (note === 'cut') return this.#fail({ code, sku: code, state: 'misread', note: 'cut' });
    if (field === 'free') return this.#findOrEnter(code, note, element);
    return this.#find(code, { atOnce: $('at-once').checked && this.#mode === 'deduct' && !slow, note, by: 'scan' });
  }

  /** What may be a token is an item only if it is one: otherwise it is neither shown nor an order. */
  #scanKnown(code, how, element) { return this.#turns.look(this.#lookup.find(code), ({ state }) => (state === 'known' ? this.#scan(code, how, element) : this.#miss())); }

  /** Directs what a person types to a field: digits are a quantity while one is expected. */
  typed(text) {
    if (this.#turns.isHolding) return this.#turns.isFirst ? this.#miss() : this.inTurn(() => this.typed(text));
    if (this.#link.needsToken) return document.activeElement === $('token') ? this.#miss() : typeIn($('token'), text);
    const isExpected = this.#shown?.state === 'searching' || this.#shown && !isSpent(this.#mode);
    const field = document.activeElement === $('code') || !isExpected || /[^\d.,]/.test(text) ? $('code') : $('quantity');
    typeIn(field, text);
    if (field === $('code')) this.#found.search(field.value); else this.#quantity.enter(this.#shown, true);
    return this.#changed();
  }

  /** Handles Enter outside any field, but none right after a token. In an order it ends a quantity; the order is booked by its button only. */
  enter() { if (!this.#turns.isFirst) this.inTurn(() => this.#end()); }
  #end() {
    if ($('code').value.trim()) this.#findTyped();
    else if (this.#mode !== 'order') this.#confirm();
    else if (this.#quantity.entered) this.settle();
    else this.#refuse(this.#action.obstacle(null, 'order') || t('order.press'));
  }

  shortcut(key) { if (KEYS[key]) this.inTurn(() => this.setMode(KEYS[key])); }

  /** A printed command. */
  #obey({ name, rest }) {
    const [amount, mode] = [amountOf(rest), modeOf(rest)];
    let isHeard = false;
    if (!['ok', 'clear'].includes(name)) this.settle(false);
    if (name === 'ok') this.#confirm();
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
    const isViewer = this.#link.role === 'viewer';
    if (isViewer || !this.#outbox.undoable) return this.#refuse(t(isViewer ? 'viewerOnly' : 'undoNone'));
    $('undo').click();
    return typeof this.#last === 'string';
  }

  /** A person takes over: the badge of one who is signed in is a secret too, and is never shown. What follows waits for its answer. */
  #hand(token) {
    const { hasToken, needsToken } = this.#link;
    if (!hasToken && !needsToken) return this.#fail({ code: '', sku: 'TOKEN', state: 'misread' });
    if (!needsToken) this.depart();
    ready();
    return this.#turns.look(this.#link.unlock(token, $('keep').checked), (isIn) => { if (!isIn) $('token').focus(); }, true);
  }

  /** A person leaves; what was entered later is of the next one, or of nobody. `lock` does it after all that was entered before. */
  depart() { this.leave(); this.#link.leave(); }
  lock() { this.#turns.take(() => this.depart(), 'lock'); }

  /** What was entered last is of nobody, or there is no room for it. */
  #miss() {
    if (!this.lost.endsWith(t('missed'))) this.lost = `${this.lost} ${t('missed')}`.trim();
    this.#refuse(this.#lost = this.lost);
  }

  /** Puts an item in front; `choose` one that a person has chosen of those that were found. */
  show(sku) { this.#queue(() => this.#find(sku)); }
  choose(sku) { this.#queue(() => this.#find(sku, { by: 'hand' })); }

  /** Forgets the item and the quantity. */
  clear() {
    this.#shown = this.#last = null;
    this.#quantity.clear();
    $('code').value = '';
    this.#found.close();
    ready();
    this.draw();
  }

  /** The same for a terminal that is left, and the order too. */
  leave() {
    // What waits for a lookup would be another person's soon.
    const [isDropped, { unbooked }] = [this.#turns.drop(), this.#quantity];
    const waits = isDropped && this.#shown ? { n: this.#quantity.amount || 1, sku: this.#shown.sku } : null;
    if (this.#lose(unbooked ?? waits)) this.lost = this.#lost;
    if (isDropped && (unbooked || !waits)) this.#miss();
    this.#order.leave();
    $('reservation').value = '';
    this.clear();
    this.follow(this.lost);
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
    return this.#find(this.#found.only(code) ?? code, { by: 'hand' });
  }

  /** An order or a reservation may be scanned into its field, but an item never becomes one. */
  #findOrEnter(code, note, field) {
    const isSure = this.#isReadTwice(code);
    return this.#turns.look(this.#lookup.find(code), ({ state }) => {
      if (state === 'known' || isSound(code)) this.#find(code, { note, by: 'scan' });
      else if (state === 'misread' && !isSure) {
        this.#fail({ code, sku: code, state, note });
        field.focus();
      } else if (field === $('order')) this.#setOrder(code);
      else if (field === $('reservation')) {
        field.value = code;
        field.form.requestSubmit();
      } else this.#find(code, { note, by: 'scan' });
    });
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
  #find(code, { atOnce = false, note = '', by = '' } = {}) {
    this.settle(false);
    const shown = { code, nth: this.#lookups += 1, state: 'searching', sku: code, note, isSure: this.#isReadTwice(code), left: this.#quantity.unbooked };
    $('code').value = '';
    this.#found.close();
    this.#last = null;
    this.#shown = shown;
    this.draw();
    ready();
    return this.#turns.look(this.#lookup.find(code), (found) => {
      Object.assign(shown, found);
      if (atOnce) this.#deductAtOnce(shown);
      else if (this.#shown && shown.nth >= this.#shown.nth) this.#put(shown, by);
      else if (by) this.#pass(shown, by);
    });
  }

  /** Another code has come since. What was scanned before counts all the same, or is heard to have failed. */
  #pass(shown, by) {
    const front = this.#shown;
    const isNext = front?.state === 'searching' && this.#quantity.entered !== front;
    if (shown.state !== 'known') this.#feedback.bad();
    else if (!isNext) return this.#count(shown, by);
    else this.#put(shown, by);
    if (shown.state !== 'known' && isNext) this.#quantity.counted = null;
    this.#shown = front;
    return this.draw();
  }

  /** Deducts even if another code has come since; what cannot be deducted is shown again. */
  #deductAtOnce(shown) {
    const [isInFront, isKnown] = [this.#shown === shown, shown.state === 'known'];
    if (isInFront || !isKnown) this.#put(shown, '', false);
    if (isKnown) this.#carryOut(shown, 'deduct', isInFront ? this.#quantity.amount : shown.quantity ?? 1);
  }

  #put(shown, by, isLook = by === '') {
    const quantity = this.#quantity;
    // What was entered during the lookup is of this item.
    const left = quantity.entered === shown ? shown.left : quantity.unbooked;
    const isSame = left?.sku === shown.sku;
    const again = by !== '' && quantity.counted?.sku === shown.sku;
    this.#shown = shown;
    if (shown.state === 'known' && isSame && isLook) {
      // To look at the item in front changes nothing.
      this.#shown = quantity.entered ?? quantity.counted;
      return this.draw();
    }
    shown.isSum = again && this.#mode !== 'order';
    const isLost = !isSame && this.#lose(left);
    if (shown.state === 'known') {
      if (this.#mode !== 'order' && (again || !isSame)) quantity.fill(shown, again, this.#mode === 'count');
      // To look at an item is no scan of it.
      quantity.counted = by ? shown : null;
      this.#count(shown, isLost ? 'hand' : by);
    } else {
      quantity.counted = null;
      if (isLost && quantity.entered !== shown) quantity.set('');
      this.#putUnknown(shown, by);
    }
    return this.draw();
  }

  /** An order counts every item, also one that another item has followed since. */
  #count(shown, by) {
    const isWanted = this.#mode !== 'order' || !by || this.#order.scan(shown);
    if (isWanted && by === 'scan') this.#feedback.found();
  }

  /** Another item comes before a quantity was booked; returns whether, and says so. */
  #lose(left = this.#quantity.unbooked) {
    if (!left) return false;
    this.#last = this.#lost = t('notBooked', left);
    this.#feedback.bad();
    return true;
  }

  /** Says what was not booked before a reload. */
  recall() { if (this.#lose(this.#quantity.left)) this.draw(); }

  #putUnknown(shown, by) {
    const { code, state } = shown;
    const isTyped = by === 'hand';
    const hasHits = (isTyped || state === 'nothing' || shown.near) && this.#found.search(shown.near ?? code);
    const isOffered = isTyped && hasHits && !shown.near;
    if (this.#order.expects(shown, by) && (!isOffered || /^\d+$/.test(code))) {
      this.clear();
      this.#setOrder(code);
    } else if (isOffered) {
      this.#shown = null;
      this.#last = t('chooseItem');
      this.#found.enter();
    } else {
      // A SKU is typed without blanks; these are words.
      if (isTyped && state === 'unknown' && /\s/.test(code)) shown.state = 'nothing';
      if (shown.state === 'unknown') this.#quantity.fill(shown, false, this.#mode === 'count');
      this.#feedback.bad();
    }
  }

  #fail(shown) {
    this.#last = null;
    this.#lose();
    this.#shown = shown;
    this.#quantity.clear();
    this.#feedback.bad();
    ready();
    this.draw();
  }

  /** Returns whether nothing was lost. */
  setMode(mode) {
    if (!MODES.includes(mode)) return false;
    let isLost = false;
    const own = ['count', 'order'];
    if (mode !== this.#mode && (own.includes(mode) || own.includes(this.#mode))) {
      this.settle(false);
      isLost = this.#lose();
      this.#quantity.set(own.includes(mode) || !this.#shown ? '' : '1');
    }
    this.#mode = mode;
    keep(MODE_KEY, mode);
    this.#action.choose(mode);
    this.#changed();
    return !isLost;
  }

  /** Enters a quantity that is certainly meant as one, from the number pad. */
  enterAmount(text) {
    // It would be the one of an item that waits.
    if (this.#turns.isHolding) return this.#miss();
    $('quantity').value = text;
    this.#quantity.enter(this.#shown, false);
    return this.#changed();
  }

  /** The same for one that is complete; returns whether it holds. */
  #setAmount(amount) { this.enterAmount(String(amount)); return this.settle(); }

  /** In the mode of orders, it is what is picked of the line in front. Returns whether it is; at its end, a code is looked up. */
  settle(isEnd = true) {
    const { entered, text, amount } = this.#quantity;
    if (this.#mode !== 'order' || !entered) return true;
    this.#quantity.entered = null;
    if (this.#isCode(text)) {
      if (isEnd) this.#find(text, { by: 'hand' });
      return false;
    }
    this.#last = text && this.#action.obstacle(this.#shown, 'count', amount);
    if (this.#last) this.#feedback.bad();
    const isSet = !text || !this.#last && this.#order.set(this.#shown.sku, amount);
    ready();
    this.draw();
    return isSet;
  }

  /** Whether what was typed as a quantity is a code. */
  #isCode(text) { return this.#quantity.isTyped && text.length > SHORT_NUMBER && this.#lookup.isKnown(text); }

  #step(change) { this.inTurn(() => this.#setAmount(stepped(this.#quantity.amount, change, this.#mode === 'order' ? 'count' : this.#mode))); }

  // ---- Operations ----

  /** Does what the button says, and clears the quantity, so that a bounced key does nothing more. */
  confirm() { this.inTurn(() => this.#confirm()); }

  #confirm() {
    const { text } = this.#quantity;
    if (!this.settle()) return undefined;
    if (this.#mode === 'order') this.#order.settle();
    else if (this.#isCode(text)) {
      // What was typed is a code, and so no quantity.
      this.#quantity.clear();
      return this.#find(text, { by: 'hand' });
    }
    return this.#carryOut(this.#shown, this.#mode, this.#quantity.amount);
  }

  #carryOut(shown, mode, quantity) {
    const obstacle = this.#action.obstacle(shown, mode, quantity);
    if (!obstacle && this.#action.mustAsk(shown, mode, quantity, () => this.#feedback.bad())) return this.draw();
    if (!obstacle && shown === this.#shown) {
      this.#quantity.clear();
      ready();
    }
    // A second Enter, as some scanners send it, is no failure.
    if (obstacle && obstacle !== t('scanAgain')) return this.#refuse(obstacle);
    return this.follow(obstacle || this.#outbox.add(...this.#action.booking(shown, mode, quantity)));
  }

  #refuse(obstacle) { this.#feedback.bad(); this.follow(obstacle); }

  /** Shows the outcome of an operation, or a text. What has to wait for the gateway was understood all the same. */
  follow(operation) {
    if (operation.state === 'waiting' && this.#link.state !== 'ready') this.#feedback.found();
    this.#last = operation;
    this.draw();
  }

  #changed() {
    if (typeof this.#last === 'string' && this.#last !== this.#lost) this.#last = null;
    this.draw();
  }

  draw() {
    // Without words there is nothing to draw yet.
    if (!hasText('ready')) return;
    const [item, quantity] = [this.#action.itemOf(this.#shown), this.#quantity];
    // An unknown item may have been created since.
    if (item && this.#shown.state === 'unknown') this.#shown.state = 'known';
    const asOf = this.#link.state === 'ready' && !this.#stock.isOld ? null : !this.#stock.isOld && this.#link.lostAt || this.#stock.asOf;
    drawItem(this.#shown, item, { threshold: this.#stock.threshold, waiting: item ? waitingText(item.sku, this.#outbox) : '', asOf });
    this.#order.draw();
    const done = String(this.#order.doneOf(this.inFront.sku) ?? '');
    if (this.#mode === 'order' && !quantity.entered && $('quantity').value !== done) $('quantity').value = done;
    $('quantity').style.setProperty('--length', $('quantity').value.length || 1);
    quantity.keep();
    offerPoint(item?.decimals);
    this.#action.draw(this.#shown, this.#mode, quantity.amount, this.#last);
    say($('access-note'), this.#link.needsToken ? [this.#link.rejected && t('tokenWrong'), this.lost].filter(Boolean).join(' ') : '');
    document.body.dataset.atOnce = $('at-once').checked && this.#mode === 'deduct' ? 'yes' : '';
  }
}
