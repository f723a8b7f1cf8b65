/** The number pad of touch screens, which have no keys for the quantity. */

import { $ } from './dom.js';
import { ready } from './sink.js';

const DIGITS_MAX = 10;

/** `enter(text)` is called with the quantity after each press. */
export function padFor(enter) {
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
    if (key === 'close') open(false);
    else if (key === 'back') enter(quantity.value.slice(0, -1));
    else {
      const text = isFresh ? key : quantity.value + key;
      if (text.length <= DIGITS_MAX) enter(text.replace(/^0+(?=\d)/, ''));
      isFresh = false;
    }
    ready();
  });
  $('act').addEventListener('submit', () => open(false));
}
