/** The last operations, each with its state and the actions that are still possible. */

import { $, make, say, setEnabled } from './browser.js';
import { t } from './texts.js';
import { figureOf, remarksOf, stateOf, stateText, subjectOf, verbOf } from './words.js';

const ROWS = 8;
const WAITING_ROWS = 20;
const EXTEND_S = 900;

export class Operations {
  #outbox;
  #follow;
  #mayChange;
  #stock;
  #rows = new Map();

  /**
   * `follow(operation)` shows the outcome of an operation started here; `mayChange()` says whether the token allows one, and
   * `inTurn(act)` does something after what was entered before.
   */
  constructor(outbox, stock, follow, mayChange, inTurn = (act) => act()) {
    this.#stock = stock;
    this.#outbox = outbox;
    this.#follow = follow;
    this.#mayChange = mayChange;
    $('undo').addEventListener('click', () => inTurn(() => { if (mayChange()) this.#undo(outbox.undoable); }));
  }

  draw(sync) {
    const shown = this.#shown();
    const rows = new Map(shown.map((operation) => [operation.id, this.#rows.get(operation.id) ?? this.#make(operation.id)]));
    for (const operation of shown) this.#fill(rows.get(operation.id), operation, sync);
    const list = $('operations');
    const elements = Array.from(rows.values(), ({ element }) => element);
    // Only new elements are inserted, so that a button in use keeps the focus.
    for (const [id, { element }] of this.#rows) if (!rows.has(id)) element.remove();
    elements.forEach((element, at) => { if (list.children[at] !== element) list.insertBefore(element, list.children[at] ?? null); });
    this.#rows = rows;
    $('no-operations').hidden = shown.length > 0;
    setEnabled($('undo'), this.#mayChange() && Boolean(this.#outbox.undoable));
  }

  /** The newest operations, and older ones that are not finished. */
  #shown() {
    const waiting = this.#outbox.waiting.slice(-WAITING_ROWS);
    // What others have done is theirs; what still waits takes from the stock.
    const operations = this.#outbox.operations.filter((operation) => operation.state === 'waiting' || this.#outbox.isOwn(operation));
    return operations.filter((operation, at) => at < ROWS || waiting.includes(operation) || this.#outbox.canClose(operation));
  }

  #make(id) {
    const row = {
      element: make('li'),
      figure: make('strong', 'figure'),
      subject: make('span', 'subject'),
      called: make('span', 'called'),
      remarks: make('span', 'muted'),
      state: make('span', 'state'),
      buttons: make('div', 'buttons'),
    };
    row.actions = {
      undo: this.#button(row, () => this.#undo(this.#operation(id))),
      commit: this.#button(row, () => this.#begin('commit', id)),
      release: this.#button(row, () => this.#begin('release', id)),
      extend: this.#button(row, () => this.#follow(this.#outbox.add('extend', { reservation: id, ttl_s: EXTEND_S }))),
      discard: this.#button(row, () => this.#outbox.discard(this.#operation(id))),
    };
    row.element.dataset.requestId = id;
    const words = make('div', 'words');
    words.append(row.subject, row.called, row.remarks, row.state);
    row.element.append(row.figure, words, row.buttons);
    return row;
  }

  #button(row, act) {
    const button = make('button');
    button.type = 'button';
    button.addEventListener('click', act);
    row.buttons.append(button);
    return button;
  }

  #fill(row, operation, sync) {
    const outbox = this.#outbox;
    const { sku, text: subject } = subjectOf(operation, outbox);
    row.element.dataset.state = stateOf(operation, outbox, sync);
    row.element.dataset.op = operation.op;
    row.element.classList.toggle('over', Boolean(operation.undone));
    say(row.figure, figureOf(operation));
    say(row.subject, subject);
    say(row.called, this.#stock.items.get(sku)?.name ?? '');
    say(row.remarks, `${verbOf(operation)} · ${remarksOf(operation)}`);
    say(row.state, stateText(operation, outbox, sync));
    const may = this.#mayChange();
    const possible = {
      undo: may && outbox.canUndo(operation),
      commit: may && outbox.canClose(operation),
      release: may && outbox.canClose(operation),
      extend: may && outbox.canClose(operation),
      discard: outbox.canDiscard(operation),
    };
    for (const [name, button] of Object.entries(row.actions)) {
      say(button, t(name));
      button.setAttribute('aria-label', `${t(name)}: ${figureOf(operation)} ${subject}`);
      button.hidden = !possible[name];
    }
    row.buttons.hidden = !Object.values(possible).includes(true);
  }

  #operation(id) {
    return this.#outbox.operations.find((operation) => operation.id === id);
  }

  #undo(operation) {
    if (!operation) return;
    const isDiscarded = this.#outbox.canDiscard(operation);
    // A person who believes that another one was the last has to see which it was.
    const undone = `${t('did.rollback')}: ${figureOf(operation)} ${subjectOf(operation, this.#outbox).text}`;
    if (isDiscarded) this.#outbox.discard(operation);
    const undo = isDiscarded ? undone : this.#outbox.undo(operation);
    if (undo) this.#follow(undo);
  }

  #begin(op, reservation) {
    const operation = this.#operation(reservation);
    if (!operation || this.#outbox.canClose(operation)) this.#follow(this.#outbox.add(op, { reservation }));
  }
}
