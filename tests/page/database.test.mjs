// What a terminal keeps between visits, without a browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Database } from '../../src/terminal/page/database.js';

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
