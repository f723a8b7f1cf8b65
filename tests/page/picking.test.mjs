// Orders as they are picked: codes, typed quantities and the panel together, without a browser.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Orders } from '../../src/terminal/page/orders.js';
import { setLanguage } from '../../src/terminal/page/texts.js';
import { Work } from '../../src/terminal/page/work.js';
import { openDocument } from './document.mjs';

openDocument();
globalThis.fetch = async (address) => new Response(readFileSync(address));
await setLanguage('en');

const ITEMS = ['A-1', 'B-2', '22423'].map((sku) => ({ sku, on_hand: 50, reserved: 0, available: 50 }));
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

/** A terminal in a mode; `codes` are what lookups answer, and `hits` what a search finds. */
function terminal({ mode = 'order', codes = {}, hits = [] } = {}) {
  const $ = openDocument();
  const [booked, heard] = [[], []];
  const nothing = () => {};
  const known = (code) => ITEMS.some(({ sku }) => sku === code);
  const feedback = { acknowledge: nothing, bad: () => heard.push('bad'), found: () => heard.push('found') };
  const stock = { items: new Map(ITEMS.map((item) => [item.sku, item])), isOld: false, threshold: 0 };
  const page = { show: (sku) => work.show(sku), draw: () => work.draw() };
  const orders = new Orders(stock, feedback, page);
  const work = new Work({
    link: { state: 'ready', role: 'operator', needsToken: false },
    outbox: { waiting: [], keeps: true, add: (op, body) => booked.push(body) && { op, body, state: 'waiting' } },
    stock, feedback, order: orders,
    lookup: { isKnown: known, find: async (code) => codes[code] ?? (known(code) ? { state: 'known', sku: code } : { state: 'unknown' }) },
    found: { only: () => null, close: nothing, enter: () => heard.push('list'), search: (text) => hits.includes(text) },
  });
  work.setMode(mode);
  const scan = async (code, how) => { work.scan(code, how); await settle(); };
  const type = async (text) => {
    for (const key of text) work.typed(key);
    work.enter();
    await settle();
  };
  const result = () => $('result').textContent;
  return { $, work, orders, booked, heard, scan, type, result };
}

test('digits and Enter say what is picked of a line, and book nothing', async () => {
  const { $, work, booked, scan, type, result } = terminal();
  await scan('STOCKGATE ORDER 1001');
  await scan('A-1');
  assert.equal($('quantity').value, '1');
  await type('5');
  work.enter();
  assert.deepEqual([booked, result()], [[], 'Press the button to book the order.']);
  await scan('A-1');
  work.typed('7');
  // What is typed holds when another item is scanned, and when the button is pressed.
  await scan('B-2');
  assert.equal($('quantity').value, '1');
  work.typed('3');
  $('act').fire('submit');
  assert.deepEqual(booked, [{ order_id: '1001', lines: [{ sku: 'A-1', quantity: 7 }, { sku: 'B-2', quantity: 3 }] }]);
});

test('Enter in a field of an order does not press its button', async () => {
  const { $, work, booked, scan } = terminal();
  await scan('STOCKGATE ORDER 1001');
  await scan('A-1');
  work.typed('4');
  let pressed = true;
  $('act').fire('keydown', { key: 'Enter', target: { localName: 'input' }, preventDefault: () => { pressed = false; } });
  assert.deepEqual([pressed, booked], [false, []]);
  await scan('STOCKGATE OK');
  assert.deepEqual(booked[0].lines, [{ sku: 'A-1', quantity: 4 }]);
});

test('more than was ordered is neither picked nor booked', async () => {
  const { $, booked, heard, scan, type } = terminal();
  await scan('STOCKGATE LIST 1001 A-1*3');
  await scan('A-1');
  await type('12');
  assert.deepEqual([$('quantity').value, $('order-note').textContent, heard.at(-1)], ['1', 'A-1: more than was ordered.', 'bad']);
  await type('1.5');
  assert.equal($('result').textContent, 'The count must be 0 or more, in steps of 1.');
  await scan('STOCKGATE QTY 12');
  await scan('STOCKGATE QTY 3');
  await scan('STOCKGATE OK');
  assert.deepEqual(booked.map(({ lines }) => lines), [[{ sku: 'A-1', quantity: 3 }]]);
});

test('what is typed or chosen is picked, and what is only looked at is not', async () => {
  const { $, work, orders, booked, scan, type } = terminal();
  await scan('STOCKGATE LIST 1001 A-1*2 B-2*12 22423*1');
  await type('A-1');
  work.choose('A-1');
  await settle();
  work.show('B-2');
  await settle();
  assert.deepEqual(['A-1', 'B-2'].map((sku) => orders.doneOf(sku)), [2, 0]);
  await scan('STOCKGATE QTY 11');
  for (const press of ['more', 'more', 'less']) $(press).fire('click');
  assert.equal(orders.doneOf('B-2'), 11, 'twelve are the most');
  work.enterAmount('1');
  work.enterAmount('12');
  work.settle();
  // Digits that are a code are no quantity.
  await type('22423');
  work.confirm();
  assert.deepEqual(booked[0].lines.map(({ quantity }) => quantity), [2, 12, 1]);
});

test('a line whose item has no readable barcode is put in front by its words', async () => {
  const { $, orders, scan, type } = terminal();
  await scan('STOCKGATE LIST 1001 A-1*4');
  $('lines').children[0].children[1].fire('click');
  await settle();
  assert.equal($('quantity').value, '0');
  await type('4');
  assert.equal(orders.doneOf('A-1'), 4);
});

test('every scan of an order counts, however quickly the next one follows', async () => {
  const { work, orders } = terminal();
  work.scan('STOCKGATE ORDER 1001');
  for (const code of ['A-1', 'B-2', 'A-1']) work.scan(code);
  await settle();
  assert.deepEqual(['A-1', 'B-2'].map((sku) => orders.doneOf(sku)), [2, 1]);
});

test('the scans of an item add up, whatever its code, and each keeps its trace', async () => {
  const label = (serial) => ({ state: 'known', sku: 'A-1', trace: { serial } });
  const codes = { carton: { state: 'known', sku: 'A-1', quantity: 12 }, one: label('S1'), two: label('S2') };
  const count = terminal({ mode: 'count', codes });
  for (const code of ['carton', 'A-1', 'two', 'one']) await count.scan(code);
  count.work.confirm();
  assert.deepEqual(count.booked, [{ sku: 'A-1', counted: 15 }]);

  const { $, work, booked, scan } = terminal({ mode: 'restock', codes });
  for (const code of ['one', 'two', 'carton']) await scan(code);
  assert.equal($('quantity').value, '14');
  work.enterAmount('13');
  work.confirm();
  assert.deepEqual(booked, [{ lines: [{ sku: 'A-1', serial: 'S1', quantity: 1 }, { sku: 'A-1', serial: 'S2', quantity: 1 }, { sku: 'A-1', quantity: 11 }] }]);
});

test('an item that was looked at is scanned for the first time', async () => {
  const { $, work, scan } = terminal({ mode: 'restock' });
  work.show('A-1');
  await settle();
  await scan('A-1');
  assert.equal($('quantity').value, '1');
  await scan('A-1');
  assert.equal($('quantity').value, '2');
});

test('where an order is expected, a code of no item is one', async () => {
  const { $, orders, heard, scan, type } = terminal({ codes: { 'SO-ABC': { state: 'nothing' }, 4006381333931: { state: 'unlisted' } } });
  await scan('4006381333931');
  assert.deepEqual([$('order').value, heard.at(-1)], ['', 'bad'], 'a trade item is none');
  await scan('SO-ABC');
  assert.deepEqual([$('order').value, heard.at(-1), $('item').dataset.state], ['SO-ABC', 'found', 'none']);
  await scan('536366');
  assert.deepEqual([$('order').value, heard.at(-1)], ['SO-ABC', 'bad'], 'there is one');
  $('order').value = '';
  await type('536366');
  await scan('A-1');
  assert.deepEqual([$('order').value, orders.doneOf('A-1')], ['536366', 1]);
});

test('what may be misread is an order if it is read twice', async () => {
  const codes = { 20261130: { state: 'misread' }, 20261131: { state: 'misread' } };
  for (const field of ['sink', 'free']) {
    const { $, heard, scan } = terminal({ codes });
    for (const code of ['20261130', '20261131']) {
      $('order').focus();
      await scan(code, { field });
      assert.deepEqual([$('order').value, $('item').dataset.state, heard.at(-1)], ['', 'misread', 'bad']);
      if (field === 'free') assert.equal(document.activeElement.id, 'order', 'for the second reading');
    }
    await scan('20261131', { field });
    assert.deepEqual([$('order').value, $('item').dataset.state], ['20261131', 'none']);
  }
});

test('words that find several items are a choice and no failure', async () => {
  for (const state of ['nothing', 'unknown', 'misread', 'unreachable']) {
    const { $, heard, type, result } = terminal({ mode: 'restock', codes: { parasol: { state } }, hits: ['parasol'] });
    await type('parasol');
    assert.deepEqual([heard, $('item').dataset.state, result()], [['list'], 'none', 'Choose an item.']);
  }
  const { $, booked, work, type } = terminal({ mode: 'restock' });
  await type('lamp 12');
  work.confirm();
  assert.deepEqual([$('item').dataset.state, booked], ['nothing', []], 'words are no new SKU');
});

test('the line that was picked last is in view', async () => {
  const { $, scan } = terminal();
  await scan('STOCKGATE LIST 1001 A-1*3 B-2*2 22423*1');
  assert.equal(document.seen, undefined);
  for (const [code, at] of [['22423', 2], ['A-1', 0], ['22423', 2]]) {
    await scan(code);
    assert.equal(document.seen, $('lines').children[at], code);
    delete document.seen;
  }
  $('order').fire('input');
  assert.equal(document.seen, undefined, 'a person may look at others');
});

test('the line that wants a reason is in view', async () => {
  const { $, scan, result } = terminal();
  await scan('STOCKGATE LIST 1001 A-1*1 B-2*2 22423*1');
  await scan('A-1');
  await scan('22423');
  delete document.seen;
  await scan('STOCKGATE OK');
  assert.deepEqual([result(), document.seen], ['Choose why an item is short.', $('lines').children[1]]);
});

test('a half-picked order is none of what is picked by itself, and the other way round', async () => {
  const items = new Map();
  globalThis.localStorage = { getItem: (key) => items.get(key) ?? null, setItem: (key, text) => items.set(key, text), removeItem: (key) => items.delete(key) };
  try {
    const { $, work, orders, booked, scan } = terminal({ mode: 'deduct' });
    await scan('STOCKGATE ORDER 7001');
    await scan('STOCKGATE LIST 3003 A-1*1 B-2*1');
    assert.equal($('order').value, '3003');
    await scan('A-1');
    work.setMode('deduct');
    assert.equal($('order').value, '7001', 'what was entered there');
    $('order').value = '';
    await scan('B-2');
    work.confirm();
    assert.deepEqual(booked, [{ sku: 'B-2', quantity: 1 }]);
    work.setMode('order');
    assert.deepEqual([$('order').value, orders.doneOf('A-1'), orders.doneOf('B-2')], ['3003', 1, 0]);
    $('order').value = '3004';
    work.setMode('restock');
    work.setMode('order');
    assert.equal($('order').value, '3004', 'a number that was typed last');

    const reloaded = terminal({ mode: 'deduct' });
    assert.equal(reloaded.$('order').value, '');
    reloaded.work.setMode('order');
    assert.equal(reloaded.$('order').value, '3004');
    reloaded.work.leave();
    reloaded.work.setMode('deduct');
    assert.equal(reloaded.$('order').value, '');
  } finally {
    delete globalThis.localStorage;
  }
});

test('scans that add up are not lost silently', async () => {
  for (const mode of ['count', 'deduct', 'restock']) {
    for (const next of ['B-2', 'NO-SUCH-9', 'STOCKGATE MODE FOO']) {
      const { $, work, booked, heard, scan, result } = terminal({ mode });
      for (const code of ['A-1', 'A-1', 'A-1', 'A-1']) await scan(code);
      assert.equal($('quantity').value, '4');
      heard.length = 0;
      await scan(next);
      assert.ok(heard.includes('bad') && !heard.includes('found'), `${heard} of ${next} in ${mode}`);
      assert.deepEqual([booked, result()], [[], '4 × A-1 not booked.']);
      work.typed('2');
      assert.equal(result(), '4 × A-1 not booked.', 'until it is seen to');
    }
    const { $, heard, scan, work, result } = terminal({ mode });
    for (const code of ['A-1', 'A-1', 'STOCKGATE OK', 'B-2']) await scan(code);
    assert.deepEqual([heard.includes('bad'), $('result').dataset.state], [false, '']);
    await scan('A-1');
    assert.ok(!heard.includes('bad'), 'to look at items one by one is no loss');
    work.clear();
    assert.equal(result(), '');
  }
  const { work, scan, result } = terminal({ mode: 'count' });
  for (const code of ['A-1', 'A-1', 'STOCKGATE MODE PICK']) await scan(code);
  assert.equal(result(), '2 × A-1 not booked.');
  await scan('B-2');
  assert.equal(result(), '');
  work.clear();
});

test('an order that cannot be booked yet is heard', async () => {
  const { booked, heard, scan, work } = terminal();
  await scan('STOCKGATE LIST 1001 A-1*2');
  await scan('A-1');
  for (const act of [() => work.scan('STOCKGATE OK'), () => work.enter()]) {
    heard.length = 0;
    act();
    assert.deepEqual([heard, booked], [['bad'], []]);
  }
});
