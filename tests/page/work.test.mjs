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

/** A terminal that has these items; `booked` collects the operations, and `heard` what else the parts were asked for. */
function terminal({ find = async (code) => ({ state: 'known', sku: code }), link = {} } = {}) {
  const $ = openDocument();
  const [booked, heard] = [[], []];
  const nothing = () => {};
  const work = new Work({
    link: { state: 'ready', role: 'operator', needsToken: false, leave: () => heard.push('locked'), unlock: (token) => heard.push(`unlock ${token}`), ...link },
    outbox: { waiting: [], keeps: true, add: (op, body) => booked.push({ op, body }) && { op, body, state: 'waiting' } },
    stock: { items: new Map(ITEMS.map((item) => [item.sku, item])), isOld: false, threshold: 0 },
    lookup: { find, isKnown: () => false },
    feedback: { acknowledge: nothing, bad: () => heard.push('bad'), found: () => heard.push('found') },
    order: { draw: nothing, scan: nothing, doneOf: nothing, turn: nothing, confirmText: () => '', obstacle: () => '', expects: nothing, leave: () => heard.push('left') },
    found: { close: nothing, search: nothing },
  });
  return { $, work, booked, heard };
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 0));
const scanned = async (work, code) => { work.show(code); await settle(); };

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
  const { $, work, booked } = terminal({ find: async (code) => ({ state: 'known', sku: code, quantity: code === 'KG' ? 1.25 : 1 }) });
  $('at-once').checked = true;
  work.scan('KG');
  work.scan('PACK');
  await settle();
  assert.deepEqual(booked.map(({ body }) => body), [{ sku: 'KG', quantity: 1.25 }, { sku: 'PACK', quantity: 1 }]);
});

test('what is near to something known is never restocked, and what was meant is named', async () => {
  const { $, work, booked } = terminal({ find: async () => ({ state: 'near', near: 'PACK' }) });
  work.setMode('restock');
  work.scan('pack');
  await settle();
  assert.equal($('note').textContent, 'Unknown code. Did you mean PACK?');
  work.confirm();
  assert.deepEqual(booked, []);
  assert.equal($('result').textContent, 'Scan an item first.');
});

test('a new item is created by goods in only when that was asked for in words', async () => {
  const { $, work, booked } = terminal({ find: async () => ({ state: 'unknown' }) });
  work.setMode('restock');
  work.scan('SHELF-7');
  await settle();
  work.confirm();
  assert.deepEqual(booked, []);
  assert.equal($('hint').textContent, 'SHELF-7 is new here. Press again to create it.');
  assert.equal($('confirm').textContent, 'Yes, create it');
  work.confirm();
  assert.deepEqual(booked, [], 'a bounced key answers nothing');
  await new Promise((resolve) => setTimeout(resolve, 520));
  work.confirm();
  assert.deepEqual(booked, [{ op: 'restock', body: { sku: 'SHELF-7', quantity: 1 } }]);
});

test('a badge signs its person in and the one before out, and its secret is never shown', async () => {
  for (const [hasToken, typed] of [[true, false], [true, true], [false, false]]) {
    const { $, work, heard } = terminal({ link: { hasToken } });
    await scanned(work, 'PACK');
    if (typed) {
      $('code').value = 'STOCKGATE TOKEN secret-of-bert';
      $('find').fire('submit');
    } else work.scan('STOCKGATE TOKEN secret-of-bert');
    await settle();
    const wanted = hasToken ? ['left', 'locked', 'unlock secret-of-bert'] : ['bad'];
    assert.deepEqual(heard, wanted);
    assert.equal($('item').dataset.state, hasToken ? 'none' : 'misread');
    const seen = ['sku', 'note', 'result', 'hint', 'name', 'code'].map((id) => `${$(id).textContent}${$(id).value}`);
    assert.ok(!seen.join().includes('secret'), seen.join());
  }
});

test('what cannot be done is heard, and so is a command, and what waits for the gateway', async () => {
  const hear = async (act, link) => {
    const it = terminal({ link });
    it.work.setMode('deduct');
    await act(it);
    return it.heard;
  };
  for (const [why, act, link] of [
    ['nothing was scanned', ({ work }) => work.confirm()],
    ['no reason', async ({ work }) => { work.setMode('writeoff'); await scanned(work, 'PACK'); work.confirm(); }],
    ['a viewer', async ({ work }) => { await scanned(work, 'PACK'); work.confirm(); }, { role: 'viewer' }],
    ['a wrong mode', ({ work }) => work.scan('STOCKGATE MODE FOO')],
    ['a wrong quantity', ({ work }) => work.scan('STOCKGATE QTY X')],
    ['a quantity of nothing', ({ work }) => { work.setMode('order'); work.scan('STOCKGATE QTY 2'); }],
  ]) assert.deepEqual(await hear(act, link), ['bad'], why);
  for (const command of ['MODE COUNT', 'QTY 12', 'CLEAR']) {
    assert.deepEqual(await hear(({ work }) => work.scan(`STOCKGATE ${command}`)), ['found'], command);
  }
  const pick = async ({ work }) => { await scanned(work, 'PACK'); work.confirm(); };
  assert.deepEqual(await hear(pick, { state: 'lost' }), ['found']);
  assert.deepEqual(await hear(pick), [], 'the answer is heard');
  const twice = async (it) => { await pick(it); it.work.confirm(); };
  assert.deepEqual(await hear(twice), [], 'some scanners send Enter twice');
});

test('a terminal that is left keeps no number of a reservation', () => {
  const { $, work } = terminal();
  $('reservation').value = 'r-17';
  work.leave();
  assert.equal($('reservation').value, '');
});

test('the mode survives a reload', () => {
  const texts = new Map();
  globalThis.localStorage = { getItem: (key) => texts.get(key) ?? null, setItem: (key, text) => texts.set(key, text) };
  terminal().work.setMode('count');
  assert.equal(terminal().$('act').dataset.mode, 'count');
  delete globalThis.localStorage;
});
