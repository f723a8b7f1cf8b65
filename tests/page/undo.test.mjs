// The last operation undone, with the list of operations and the outbox, without a browser.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Operations } from '../../src/terminal/page/operations.js';
import { Outbox } from '../../src/terminal/page/outbox.js';
import { setLanguage } from '../../src/terminal/page/texts.js';
import { Work } from '../../src/terminal/page/work.js';
import { openDocument } from './document.mjs';

openDocument();
globalThis.fetch = async (address) => new Response(readFileSync(address));
await setLanguage('en');
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

/** A terminal whose gateway answers everything once it is there. */
function terminal(state) {
  const $ = openDocument();
  const heard = [];
  const nothing = () => {};
  const link = { state, role: 'operator', user: 'Anna', ask: async ({ lines }) => ({ ok: true, result: { seq: 1, lines: lines ?? [] } }) };
  const texts = new Map();
  const storage = { keys: () => [...texts.keys()], get: (key) => texts.get(key) ?? null, put: (key, text) => (text === null ? texts.delete(key) : texts.set(key, text)) };
  const outbox = new Outbox(link, nothing, storage);
  const stock = { items: new Map(), isOld: false, threshold: 0 };
  const work = new Work({
    link, outbox, stock,
    lookup: { find: async (sku) => ({ state: 'known', sku }), isKnown: () => false },
    feedback: { acknowledge: nothing, bad: () => heard.push('bad'), found: () => heard.push('found') },
    order: { draw: nothing, scan: nothing, doneOf: nothing, turn: nothing },
    found: { close: nothing, search: nothing },
  });
  const operations = new Operations(outbox, stock, (operation) => work.follow(operation), () => link.role !== 'viewer');
  const undo = async () => {
    operations.draw({});
    heard.length = 0;
    work.scan('STOCKGATE UNDO');
    await settle();
    return [heard.join(), $('result').textContent, $('item').dataset.state];
  };
  return { $, link, outbox, undo };
}

test('there is nothing to undo, which is no misread', async () => {
  const { link, undo } = terminal('ready');
  assert.deepEqual(await undo(), ['bad', 'There is nothing to undo now.', 'none']);
  link.role = 'viewer';
  assert.deepEqual(await undo(), ['bad', 'Your access code allows viewing only.', 'none']);
});

test('what was not sent yet is discarded, one after the other, and what was sent is not', async () => {
  const { link, outbox, undo } = terminal('lost');
  for (const quantity of [1, 2]) outbox.add('deduct', { sku: 'A-1', quantity });
  assert.deepEqual(await undo(), ['found', 'Undone: −2 A-1', 'none']);
  assert.deepEqual(outbox.waiting.map(({ body }) => body.quantity), [1]);
  link.state = 'ready';
  link.ask = async () => ({ lost: true });
  outbox.resume();
  await settle();
  assert.deepEqual(await undo(), ['bad', 'There is nothing to undo now.', 'none']);
  assert.equal(outbox.waiting.length, 1);
});

test('what was done is rolled back', async () => {
  const { outbox, undo } = terminal('ready');
  const { id } = outbox.add('deduct', { sku: 'A-1', quantity: 1 });
  await settle();
  await undo();
  assert.deepEqual([outbox.operations[0].op, outbox.operations[0].body], ['rollback', { of: id }]);
});
