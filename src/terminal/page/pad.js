/** The number pad of touch screens, which have no keys for the quantity. */

import { $, say } from './dom.js';
import { ready } from './sink.js';
import { number } from './texts.js';

/** The quantity after a press of a digit or of the separator; as it was, if it takes no more. */
export function pressed(text, key) {
  const next = ((text || '0') + key).replace(/^0+(?=\d)/, '');
  return /^\d{1,10}([.,]\d{0,6})?$/.test(next) ? next : text;
}

/** Offers the separator of the language for what has decimals. */
export function offerPoint(decimals) {
  const point = $('point');
  point.hidden = !decimals;
  point.value = number(0.5)[1];
  say(point, point.value);
}

/** `enter(text)` is called with the quantity after each press, and `end()` after the last one. */
export function padFor(enter, end) {
  const quantity = $('quantity');
  const pad = $('pad');
  /** Whether the first press begins a new number. */
  let isFresh = true;

  const open = (wanted) => {
    pad.hidden = !wanted;
    isFresh = true;
  };

  // The pad is for fingers; a mouse comes with a keyboard.
  quantity.addEventListener('pointerdown', (event) => {
    if (event.pointerType !== 'touch') return;
    event.preventDefault();
    open(pad.hidden);
  });
  pad.addEventListener('click', ({ target }) => {
    const key = target.closest('button')?.value;
    if (!key) return;
    if (key === 'close') {
      open(false);
      end();
    } else if (key === 'back') enter(quantity.value.slice(0, -1));
    else {
      enter(pressed(isFresh ? '' : quantity.value, key));
      isFresh = false;
    }
    ready();
  });
  $('act').addEventListener('submit', () => open(false));
}
