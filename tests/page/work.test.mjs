// The item in front and its quantity, with as much of a document as they touch.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { setLanguage } from '../../src/terminal/page/texts.js';
import { Work } from '../../src/terminal/page/work.js';
import { openDocument } from './document.mjs';

const ITEMS = [
  { sku: 'KG', unit: 'kg', decimals: 2, on_hand: 9, reserved: 0, available: 9 },
  { sku: 'NO-UNIT', unit: null, decimals: 2, on_hand: 9, reserved: 0, available: 9 },
  { sku: 'PACK', unit: 'pack', on_hand: 9, reserved: 0, available: 9 },
];

openDocument();
globalThis.fetch = async (address) => new Response(readFileSync(address));
await setLanguage('en');

/** A terminal that has these items; `booked` collects the operations. */
function terminal(find = async (code) => ({ state: 'known', sku: code })) {
  const $ = openDocument();
  const booked = [];
  const nothing = () => {};
  const work = new Work({
    link: { state: 'ready', role: 'operator', needsToken: false },
    outbox: { takenOf: () => 0, keeps: true, add: (op, body) => booked.push({ op, body }) && { op, body, state: 'waiting' } },
    stock: { items: new Map(ITEMS.map((item) => [item.sku, item])), isOld: false, threshold: 0 },
    lookup: { find, isKnown: () => false },
    feedback: { acknowledge: nothing, bad: nothing, found: nothing },
    order: { draw: nothing, scan: nothing },
    found: { close: nothing, search: nothing },
  });
  return { $, work, booked };
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

test('parts of an item are booked as its decimals allow, whatever its unit', async () => {
  for (const [sku, amount, refusal] of [
    ['KG', '1,25', ''],
    ['NO-UNIT', '0.5', ''],
    ['KG', '1.125', 'The quantity must be from 0.01 to 10,000,000, in steps of 0.01.'],
    ['PACK', '1.5', 'The quantity must be from 1 to 1,000,000,000, in steps of 1.'],
  ]) {
    const { $, work, booked } = terminal();
    work.scan(sku);
    await settle();
    assert.equal($('point').hidden, sku === 'PACK', 'a key for the separator');
    work.enterAmount(amount);
    work.confirm();
    const wanted = refusal ? [] : [{ op: 'deduct', body: { sku, quantity: Number(amount.replace(',', '.')) } }];
    assert.deepEqual(booked, wanted, `${amount} of ${sku}`);
    assert.equal($('result').dataset.state, refusal ? 'note' : 'waiting');
    if (refusal) assert.equal($('result').textContent, refusal);
  }
});

test('what is picked at once is measured by its own decimals, whatever was scanned since', async () => {
  const { $, work, booked } = terminal(async (code) => ({ state: 'known', sku: code, quantity: code === 'KG' ? 1.25 : 1 }));
  $('at-once').checked = true;
  work.scan('KG');
  work.scan('PACK');
  await settle();
  assert.deepEqual(booked.map(({ body }) => body), [{ sku: 'KG', quantity: 1.25 }, { sku: 'PACK', quantity: 1 }]);
});
