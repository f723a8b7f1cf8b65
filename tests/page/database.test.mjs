// What a terminal keeps between visits, without a browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Cache, Database } from '../../src/terminal/page/database.js';
import { Stock } from '../../src/terminal/page/stock.js';

/** As much of IndexedDB as is used, which opens when it is told to. */
function browser() {
  const records = new Map();
  const later = (result) => {
    const asked = { result };
    queueMicrotask(() => asked.onsuccess());
    return asked;
  };
  const store = {
    get: (key) => later(records.get(key)),
    put: (value, key) => later(records.set(key, value) && key),
  };
  const transaction = () => {
    const running = { objectStore: () => store };
    setTimeout(() => running.oncomplete?.());
    return running;
  };
  const asked = {};
  globalThis.indexedDB = { open: () => asked };
  const opens = () => Object.assign(asked, { result: { transaction } }).onsuccess();
  return { records, opens, fails: () => asked.onerror() };
}

test('what is stored before the browser has opened the database is stored then', async () => {
  const { records, opens } = browser();
  const database = new Database();
  const put = database.put('facts', [['barcodes', 'tag']]);
  opens();
  assert.equal(await put, 'barcodes');
  assert.equal(records.get('barcodes'), 'tag');
  assert.equal(await database.read('facts', 'barcodes'), 'tag');
});

test('without a database nothing is stored, and nothing fails', async () => {
  const { fails } = browser();
  const database = new Database();
  fails();
  assert.equal(await database.put('facts', [['barcodes', 'tag']]), undefined);
  assert.equal(await database.read('facts', 'barcodes'), undefined);
});

test('the kept stock is given in parts, until the gateway answers', async () => {
  const parts = [['A', 'B'], ['C', 'D'], ['E']].map((skus) => skus.map((sku) => ({ sku, available: 1 })));
  const database = {
    read: async () => ({ epoch: 'e', at: 7 }),
    async each(store, count, take) { for (const part of parts) { take(part); await null; } },
  };
  const stock = new Stock(0);
  const seen = [];
  await new Cache(database).recall((old) => {
    stock.recall(old);
    seen.push(stock.items.size);
    if (seen.length === 2) stock.meet('e', 7);
  });
  assert.deepEqual([seen, stock.items.size, stock.isOld, stock.asOf], [[2, 4, 0], 0, false, 7], 'then its stock counts');
});
