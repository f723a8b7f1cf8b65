// Where keys and inserted text go, with as much of a document as they touch.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { listen } from '../../src/terminal/page/sink.js';
import { openDocument } from './document.mjs';

globalThis.addEventListener ??= () => {};

/** A page with a list of choices; returns how to press keys in it, and what was scanned. */
function page() {
  const $ = openDocument();
  const scanned = [];
  listen({ scan: (code) => scanned.push(code), typed() {}, shortcut() {}, enter() {} }, (text) => text === 'A-1');
  const select = Object.assign($('reason'), { localName: 'select', matches: (selector) => selector.includes('select') });
  const press = (key, at) => {
    const event = { key, timeStamp: at, target: select, isTaken: false, preventDefault: () => { event.isTaken = true; }, stopPropagation() {} };
    document.fire('keydown', event);
    return event.isTaken;
  };
  return { $, select, press, scanned };
}

test('a scan chooses nothing in a list that has the focus', () => {
  const { press, scanned } = page();
  const taken = ['A', '-', '1', 'Enter'].map((key, at) => press(key, 10 * at));
  assert.deepEqual([taken, scanned], [[true, true, true, true], ['A-1']]);
  assert.ok(!press('ArrowDown', 9_000), 'a person may');
});

test('after a choice the next scan has its field', () => {
  const { select, press } = page();
  select.focus();
  document.fire('mousedown', { target: { closest: () => null } });
  document.fire('change', { target: select });
  assert.equal(document.activeElement.id, 'sink');
  select.focus();
  press('ArrowDown', 9_000);
  document.fire('change', { target: select });
  assert.equal(document.activeElement, select, 'arrow keys go on');
});
