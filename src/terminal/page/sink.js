/**
 * Takes every key and every inserted text of the page to the scanner, and does what follows. The
 * field `sink` has the focus whenever a person uses no other one, because an input method inserts
 * text into fields only.
 */

import { $ } from './browser.js';
import { Scanner } from './scanner.js';

const FIELDS = 'input:not([type=radio], [type=checkbox], [type=range]), select, textarea';
const BUTTONS = 'button, a, summary, label, input';
const NUMBERS = ['quantity', 'threshold'];
/** What a scan gives back. */
const TEXTS = ['code', 'quantity', 'order', 'reservation', 'threshold'];
/** Fields whose text may be scanned. */
const FREE = ['order', 'reservation'];
/** Text that a field gets at once, and not key by key, is not a person's. */
const INSERTED_MIN = 3;

/** The handler has `scan(code, {note, slow, field})`, `typed(text)`, `shortcut(key)` and `enter()`. */
export function listen(handler, isKnown) {
  const scanner = new Scanner(isKnown);
  const sink = $('sink');
  let timer = 0;
  let lastValues = null;
  let lastData = null;
  let isKeyed = false;

  const contents = () => Object.fromEntries(TEXTS.filter($).map((id) => [id, $(id).value]));

  function restore(values) {
    for (const [id, value] of Object.entries(values ?? {})) if ($(id).value !== value) $(id).value = value;
  }

  function follow(then) {
    for (const step of then) {
      if (step.do === 'scan') {
        restore(step.before);
        handler.scan(step.code, step);
      } else if (step.do === 'restore') restore(step.before);
      else if (step.do === 'typed') handler.typed(step.text);
      else if (step.do === 'shortcut') handler.shortcut(step.key);
      else if (step.do === 'enter') handler.enter();
      else if (step.do === 'insert') document.activeElement.setRangeText(step.text, document.activeElement.selectionStart, document.activeElement.selectionEnd, 'end');
    }
    clearTimeout(timer);
    if (scanner.due < Infinity) timer = setTimeout(() => follow(scanner.tick(performance.now())), Math.max(0, scanner.due - performance.now()));
  }

  function onKey(event) {
    isKeyed = true;
    if (event.isComposing) return;
    const { key, code, ctrlKey: ctrl, altKey: alt, metaKey: meta, shiftKey: shift, repeat, timeStamp: at, target } = event;
    if (repeat && key === 'Enter') return event.preventDefault();
    const caps = event.getModifierState?.('CapsLock');
    const { taken, then } = scanner.press({ key, code, at, ctrl, alt, meta, shift, caps, repeat, field: kindOf(target), before: contents() });
    if (taken || then.some((step) => step.do === 'enter')) {
      event.preventDefault();
      event.stopPropagation();
    }
    follow(then);
  }

  function onRelease(event) {
    const { key, timeStamp: at, target } = event;
    follow(scanner.release({ key, at, field: kindOf(target), before: contents() }).then);
  }

  /** Text that did not come as keys. In a field for people it counts if it came in one piece, and no person put it together. */
  function onInput(event) {
    const { target, timeStamp: at, data, inputType } = event;
    const field = kindOf(target);
    if (target === sink) {
      if (event.isComposing) return;
      const text = sink.value;
      sink.value = '';
      if (text) follow(scanner.insert(text, { at, field: 'sink', before: contents() }).then);
    } else if (['number', 'free', 'code'].includes(field) && inputType?.startsWith('insert') && lastValues) {
      // A field takes no more than its length.
      const text = lastData ?? data ?? '';
      // A suggestion grows letter by letter; only the first part of it is new.
      const isWhole = text.length >= INSERTED_MIN && target.value.length - (lastValues[target.id] ?? '').length >= INSERTED_MIN;
      const isScan = field === 'number' || isKnown(text.trim()) || field === 'free' && inputType === 'insertText' && !event.isComposing;
      if (isWhole && isScan) {
        restore(lastValues);
        follow(scanner.insert(text, { at, field, before: lastValues }).then);
      }
    }
  }

  document.addEventListener('keydown', onKey, true);
  document.addEventListener('keyup', onRelease, true);
  document.addEventListener('beforeinput', (event) => { lastValues = contents(); lastData = event.data; }, true);
  document.addEventListener('input', onInput, true);
  // What an input method has put together letter by letter is a person's, unless it is a code.
  sink.addEventListener('compositionend', (event) => {
    const text = sink.value;
    if (isKnown(text)) return onInput({ target: sink, timeStamp: event.timeStamp });
    sink.value = '';
    if (text) handler.typed(text);
    return undefined;
  });
  // A press of a button leaves the focus where the next scan needs it.
  document.addEventListener('mousedown', (event) => {
    if (event.target.closest(BUTTONS) && !event.target.closest(`${FIELDS}, [type=range]`) && !event.target.closest('label')?.htmlFor) event.preventDefault();
    scanner.reset();
    isKeyed = false;
  }, true);
  // The next scan may come as inserted text. A person who chooses with arrow keys goes on with them.
  document.addEventListener('change', ({ target }) => { if (target.localName === 'select' && !isKeyed) ready(); });
  document.addEventListener('click', rest);
  addEventListener('focus', rest);
}

/** Gives the focus to the sink, unless a person has put it somewhere. */
export function rest() {
  const { activeElement: active } = document;
  if ((!active || active === document.body) && getSelection().isCollapsed) $('sink').focus({ preventScroll: true });
}

/** The field that a person typed in before what is entered had to wait. */
let typedIn = null;

/** Gives the focus to the sink. */
export function ready() {
  typedIn = null;
  $('sink').focus({ preventScroll: true });
}

/** Types in a field, after what was typed in it if it has the focus. Typing goes on after it. */
export function typeIn(field, text) {
  const before = document.activeElement === field ? field.value : '';
  field.focus({ preventScroll: field === $('quantity') });
  field.value = before + text;
  field.setSelectionRange(field.value.length, field.value.length);
}

/** While what is entered waits, no key reaches a field. Then typing goes on where it was. */
export function hold(isHolding) {
  const { activeElement: active } = document;
  $('quantity').readOnly = isHolding;
  if (isHolding) {
    const field = [$('quantity'), $('code')].includes(active) ? active : typedIn;
    ready();
    typedIn = field;
  } else if (typedIn && active === $('sink')) typeIn(typedIn, typedIn.value);
  if (!isHolding) typedIn = null;
}

function kindOf(element) {
  if (element.id === 'sink') return 'sink';
  if (element.id === 'code') return 'code';
  if (element.type === 'password') return 'secret';
  // Its own search by letters would take a scan for a choice.
  if (element.localName === 'select') return 'button';
  if (NUMBERS.includes(element.id)) return 'number';
  if (FREE.includes(element.id)) return 'free';
  // What is typed there is no business of a scanner's.
  if (element.matches?.(FIELDS)) return 'secret';
  return element.closest?.(BUTTONS) ? 'button' : 'sink';
}
