// The open reservations of the gateway, with as much of a document as their list touches.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Reservations } from '../../src/terminal/page/reservations.js';
import { setLanguage } from '../../src/terminal/page/texts.js';
import { openDocument } from './document.mjs';

globalThis.fetch = async (address) => new Response(readFileSync(address));

/** The list of a gateway that has so many reservations of an item. */
async function list(count) {
  const $ = openDocument();
  await setLanguage('en');
  const all = Array.from({ length: count }, (_, at) => ({ reservation: `r-${at}`, order_id: null, lines: [{ sku: 'A-1', quantity: at + 1 }], expires_in_s: null, actor: null }));
  const link = { ask: async ({ limit }) => ({ ok: true, result: { items: all.slice(0, limit), next: limit < count ? 'r' : null } }) };
  const stock = { items: new Map([['A-1', { sku: 'A-1', name: 'Garden parasol' }]]) };
  const reservations = new Reservations({ link, stock, outbox: { operations: [] }, begin() {}, mayChange: () => true, inFront: () => ({ sku: '', quantity: 0 }) });
  $('by-number').open = true;
  await reservations.refresh();
  return $;
}
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

test('a reservation names its goods', async () => {
  const $ = await list(1);
  const [words] = $('reserved-list').children[0].children;
  assert.deepEqual(words.children.map(({ textContent }) => textContent).slice(0, 2), ['1 × A-1', 'Garden parasol']);
});

test('every reservation can be reached', async () => {
  const $ = await list(45);
  for (const [rows, hidden] of [[20, false], [40, false], [45, true]]) {
    assert.deepEqual([$('reserved-list').children.length, $('more-reserved').hidden], [rows, hidden]);
    $('more-reserved').fire('click');
    await settle();
  }
});
