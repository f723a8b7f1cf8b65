// The stock that the page shows, without a browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Stock } from '../../src/terminal/page/stock.js';

test('an item that was hidden leaves the stock and the list of low stock', () => {
  const stock = new Stock(5);
  const phantom = { sku: '85123a', on_hand: 0, reserved: 0, available: 0, version: 2 };
  stock.take({ items: [phantom], seq: 2 });
  assert.equal(stock.lowCount, 1);
  assert.ok(stock.take({ items: [{ ...phantom, version: 3, hidden: true }], seq: 3 }), 'the list has changed');
  assert.deepEqual([stock.items.size, stock.lowCount], [0, 0]);
});

test('a terminal that returns asks for what it has missed, and for all if the catalogue has changed', () => {
  const stock = new Stock(5);
  stock.meet('e', 7);
  stock.take({ items: [{ sku: 'A', name: 'Lamp', available: 9, version: 2 }], seq: 2 });
  stock.meet('e', 7);
  assert.equal(stock.seq, 2);
  stock.meet('e', 8);
  assert.deepEqual([stock.seq, stock.items.size], [0, 1], 'what is known is shown meanwhile');
});
