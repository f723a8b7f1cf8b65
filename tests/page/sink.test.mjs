// What the page does with keys, inserted text and input methods, with as much of a document as it touches.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isSound } from '../../src/terminal/page/codes.js';
import { listen } from '../../src/terminal/page/sink.js';
import { openDocument } from './document.mjs';

const EAN13 = '4006381333931';

/** A page with the sink and some fields; `insert` puts text at the caret of a field, as an input method does. */
function page(fields = ['code', 'quantity', 'order', 'reservation', 'threshold']) {
  const $ = openDocument();
  const listeners = {};
  document.addEventListener = (kind, listener) => { listeners[kind] = listener; };
  globalThis.addEventListener = () => {};
  globalThis.getSelection = () => ({ isCollapsed: true });
  for (const id of ['sink', ...fields]) Object.assign($(id), { id, matches: () => true });
  const { getElementById } = document;
  document.getElementById = (id) => (id === 'sink' || fields.includes(id) ? getElementById(id) : null);
  const did = [];
  const handler = {};
  for (const name of ['scan', 'typed', 'shortcut', 'enter']) handler[name] = (what) => did.push(`${name} ${what ?? ''}`.trim());
  listen(handler, (text) => text === 'A-1' || isSound(text));
  const insert = (id, text, { caret = $(id).value.length, inputType = 'insertText', isComposing = false, most = Infinity } = {}) => {
    const field = $(id);
    listeners.beforeinput({ data: text });
    const data = text.slice(0, most - field.value.length);
    field.value = field.value.slice(0, caret) + data + field.value.slice(caret);
    listeners.input({ target: field, timeStamp: performance.now(), data, inputType, isComposing });
  };
  const compose = (id, text) => {
    insert(id, text, { inputType: 'insertCompositionText', isComposing: true });
    if (id === 'sink') $(id).fire('compositionend', { timeStamp: performance.now() });
  };
  const key = (key, more = {}) => listeners.keydown({ key, timeStamp: performance.now(), target: $('sink'), preventDefault() {}, stopPropagation() {}, ...more });
  return { $, did, insert, compose, key, pause: () => new Promise((resolve) => setTimeout(resolve, 150)) };
}

test('text that is inserted into the field of the order takes its place', async () => {
  for (const caret of [0, 3, 6]) {
    const it = page();
    it.$('order').value = '536365';
    it.insert('order', '536366', { caret });
    await it.pause();
    assert.deepEqual([it.did, it.$('order').value], [['scan 536366'], '536365'], `at ${caret}`);
  }
});

test('what a person pastes or puts together in the field of the order stays there', async () => {
  const it = page();
  it.insert('order', '536366', { inputType: 'insertFromPaste' });
  it.compose('order', '号码和字');
  it.insert('order', 'suggested', { inputType: 'insertReplacementText' });
  await it.pause();
  assert.deepEqual([it.did, it.$('order').value], [[], '536366号码和字suggested']);
});

test('a name that an input method has put together is typed, and a code is a scan', async () => {
  const it = page();
  it.compose('sink', '遮阳伞');
  assert.deepEqual([it.did, it.$('sink').value], [['typed 遮阳伞'], '']);
  it.compose('sink', EAN13);
  await it.pause();
  assert.deepEqual(it.did, ['typed 遮阳伞', `scan ${EAN13}`]);
});

test('a page without the fields for people, as the sheet for scanners, reads keys and inserted text', async () => {
  const it = page([]);
  it.insert('sink', EAN13);
  await it.pause();
  for (const digit of 'A-1') it.key(digit);
  it.key('Enter');
  assert.deepEqual(it.did, [`scan ${EAN13}`, 'scan A-1']);
});

test('a code that is inserted into a field that is too short for it is read whole', async () => {
  const it = page();
  it.$('threshold').value = '10';
  it.insert('threshold', EAN13, { most: 10 });
  await it.pause();
  assert.deepEqual([it.did, it.$('threshold').value], [[`scan ${EAN13}`], '10']);
});
