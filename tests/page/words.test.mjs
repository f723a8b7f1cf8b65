// Operations in words, without a browser.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { setLanguage } from '../../src/terminal/page/texts.js';
import { figureOf, linkSentence, outcomeText, remarksOf, stateText, subjectOf } from '../../src/terminal/page/words.js';
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

test('what is short is told in the words of the page', async () => {
  await setLanguage('de');
  const reason = 'short 22423 1/2: damaged; short B-2 0/1.5: Fell off; +2';
  const operation = { op: 'deduct', at: 0, body: { order_id: '1', lines: [], reason } };
  assert.ok(remarksOf(operation).endsWith(' · 22423 1/2: Beschädigt; B-2 0/1.5: Fell off; +2'), remarksOf(operation));
  await setLanguage('en');
});

test('serial numbers that were picked without an order are no order', () => {
  const lines = [{ sku: 'A-1', quantity: 1, serial: 'S1' }, { sku: 'A-1', quantity: 1, serial: 'S2' }];
  assert.equal(outcomeText({ op: 'deduct', body: { lines }, result: { lines } }), '2 picked');
});

test('a locked page promises to keep nothing', () => {
  const said = (needsToken) => linkSentence({ link: { state: 'lost', lostAt: Date.now(), needsToken }, sync: {}, waiting: 0 })[1];
  assert.ok(said(false).includes('kept here'));
  assert.ok(!said(true).includes('kept here'));
});

test('what another person has entered says for whom it waits', () => {
  const outbox = { isOwn: ({ user }) => user === 'Bert', keeps: true };
  const operation = { op: 'deduct', body: { sku: 'A-1', quantity: 1 }, state: 'waiting' };
  assert.equal(stateText({ ...operation, user: 'Anna' }, outbox, {}), 'Waits for Anna');
  for (const user of ['Bert', undefined]) assert.equal(stateText({ ...operation, user }, outbox, {}), 'Waits on this terminal');
});

test('a part of a reservation that was shipped is a part', () => {
  const commit = { op: 'commit', body: { reservation: 'r', lines: [{ sku: 'A-1', quantity: 1 }] }, result: { lines: [] } };
  assert.equal(outcomeText({ ...commit, body: { ...commit.body, keep_rest: true } }), '1 shipped, the rest stays reserved');
  assert.equal(outcomeText(commit), 'Reservation shipped');
});
