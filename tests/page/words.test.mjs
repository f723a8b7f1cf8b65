// Operations in words, without a browser.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { setLanguage } from '../../src/terminal/page/texts.js';
import { figureOf, outcomeText, remarksOf, subjectOf } from '../../src/terminal/page/words.js';
import { openDocument } from './document.mjs';

openDocument();
globalThis.fetch = async (address) => new Response(readFileSync(address));
await setLanguage('en');

test('lots of one item are one item of an order', () => {
  const body = { order_id: '536365', lines: [{ sku: 'A-1', quantity: 0.1, lot: 'L1' }, { sku: 'A-1', quantity: 0.2, lot: 'L2' }] };
  const operation = { id: 'o', op: 'deduct', at: 0, body, result: { seq: 1, lines: body.lines } };
  assert.equal(subjectOf(operation, { operations: [] }).text, 'A-1');
  assert.equal(figureOf(operation), '−0.3');
  assert.equal(outcomeText(operation), 'Order 536365: 1 item booked');
  assert.ok(!remarksOf(operation).includes('Lot'), 'the first lot is not that of the order');

  body.lines.push({ sku: 'B-2', quantity: 1 });
  assert.equal(subjectOf(operation, { operations: [] }).text, 'A-1 and 1 more');
  assert.equal(outcomeText(operation), 'Order 536365: 2 items booked');
});

test('a trace is told of a single line', () => {
  const operation = { op: 'deduct', at: 0, body: { lines: [{ sku: 'A-1', quantity: 1, lot: 'L1' }] } };
  assert.ok(remarksOf(operation).includes('Lot L1'));
});
