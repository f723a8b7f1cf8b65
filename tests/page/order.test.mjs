// Orders, quantities, search and barcodes without a page.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { added, amountOf, isAmount, isSurprising, stepped, times } from '../../src/terminal/page/amount.js';
import { FNC3, code128 } from '../../src/terminal/page/code128.js';
import { commandOf, isGtin, isSound } from '../../src/terminal/page/codes.js';
import { OrderDraft } from '../../src/terminal/page/order.js';
import { Search } from '../../src/terminal/page/search.js';

test('an order without a list takes what is scanned', () => {
  const order = new OrderDraft();
  order.id = '536365';
  assert.equal(order.scan('A-1', 1), 'ok');
  assert.equal(order.scan('A-1', 2), 'ok');
  assert.equal(order.scan('B-2', 1), 'ok');
  assert.deepEqual(order.body(), {
    order_id: '536365',
    lines: [{ sku: 'A-1', quantity: 3 }, { sku: 'B-2', quantity: 1 }],
  });
});

test('each lot of an item is booked with what was picked of it', () => {
  const order = new OrderDraft();
  order.takeList('536365 A-1*5 B-2*1');
  const lot = (name) => ({ lot: name, serial: undefined, expires: '2027-01-31' });
  for (const name of ['L1', 'L2', 'L1']) order.scan('A-1', 1, lot(name));
  order.scan('A-1', 1, null);
  const again = OrderDraft.from(JSON.parse(JSON.stringify(order)));
  assert.equal(again.scan('A-1', 1, lot('L2')), 'ok');
  assert.equal(again.scan('A-1', 1, lot('L2')), 'over');
  assert.deepEqual(again.lines.map(({ done }) => done), [5, 0]);
  assert.deepEqual(JSON.parse(JSON.stringify(again.body())).lines, [
    { sku: 'A-1', quantity: 2, lot: 'L1', expires: '2027-01-31' },
    { sku: 'A-1', quantity: 1 },
    { sku: 'A-1', quantity: 2, lot: 'L2', expires: '2027-01-31' },
  ]);
});

test('what is put back is of the lot that was scanned last', () => {
  const order = new OrderDraft();
  for (const name of ['L1', 'L2', 'L2', 'L1']) order.scan('A-1', 1, { lot: name });
  order.less('A-1');
  order.less('A-1');
  assert.deepEqual(order.body().lines, [{ sku: 'A-1', quantity: 2, lot: 'L2' }]);
  order.less('A-1');
  order.less('A-1');
  order.less('A-1');
  assert.deepEqual(order.lines, []);
});

test('an order sums its quantities exactly, also towards what was asked for', () => {
  const order = new OrderDraft();
  order.scan('KG-APPLE', 0.1);
  order.scan('KG-APPLE', 0.2);
  assert.deepEqual(order.body().lines, [{ sku: 'KG-APPLE', quantity: 0.3 }]);
  order.scan('KG-APPLE', 1);
  order.less('KG-APPLE');
  assert.equal(order.body().lines[0].quantity, 0.3);

  const list = OrderDraft.from({ id: '536365', lines: [{ sku: 'KG-APPLE', wanted: 0.3, parts: [], done: 0, reason: '' }] });
  assert.equal(list.scan('KG-APPLE', 0.1), 'ok');
  assert.equal(list.scan('KG-APPLE', 0.2), 'ok', 'not over');
  assert.deepEqual(list.short, []);
});

test('a pick list knows what is extra and what is too much', () => {
  const order = new OrderDraft();
  assert.ok(order.takeList('536365 A-1*2 B-2*1'));
  assert.equal(order.scan('C-3', 1), 'extra');
  assert.equal(order.scan('A-1', 3), 'over');
  assert.equal(order.scan('A-1', 2), 'ok');
  assert.equal(order.scan('A-1', 1), 'over');
  assert.deepEqual(order.unexplained.map(({ sku }) => sku), ['B-2']);
});

test('a pick list may ask for parts of a unit', () => {
  const order = new OrderDraft();
  assert.ok(order.takeList('1001 KG-APPLE*1.25 M-WIRE*0,5 A*B*2 G-SALT*0.000001'));
  assert.deepEqual(order.lines.map(({ sku, wanted }) => [sku, wanted]), [['KG-APPLE', 1.25], ['M-WIRE', 0.5], ['A*B', 2], ['G-SALT', 0.000001]]);
  for (const wrong of ['1.', '.5', '1.2.3', '1.1234567', '1e3', '12345678901', '0.0']) assert.ok(!order.takeList(`1001 KG-APPLE*${wrong}`), wrong);
});

test('a short pick says why', () => {
  const order = new OrderDraft();
  order.takeList('536365 A-1*2 B-2*1');
  order.scan('A-1', 1);
  order.explain('A-1', 'damaged');
  order.explain('B-2', 'missing');
  assert.deepEqual(order.unexplained, []);
  assert.deepEqual(order.body().lines, [{ sku: 'A-1', quantity: 1 }]);
  assert.equal(order.body().reason, 'short A-1 1/2: damaged; short B-2 0/1: missing');
});

test('a reason says what it has no room for', () => {
  const order = new OrderDraft();
  order.takeList('1 85123A*2 22423*10 71053*6 84406B*8');
  for (const { sku } of order.lines) order.explain(sku, 'damaged');
  assert.equal(order.body().reason, 'short 85123A 0/2: damaged; short 22423 0/10: damaged; +2');
  const long = new OrderDraft();
  long.takeList(`1 ${'X'.repeat(60)}*1`);
  assert.equal(long.body().reason, 'short +1');
});

test('so much is picked in all, of what was scanned last', () => {
  const order = new OrderDraft();
  for (const lot of ['L1', 'L2', 'L2']) order.scan('A-1', 1, { lot });
  order.set('A-1', 5);
  assert.deepEqual(order.body().lines, [{ sku: 'A-1', lot: 'L1', quantity: 1 }, { sku: 'A-1', lot: 'L2', quantity: 4 }]);
  order.set('A-1', 1);
  assert.deepEqual(order.body().lines, [{ sku: 'A-1', lot: 'L1', quantity: 1 }]);
  assert.equal(order.set('B-2', 3), 'ok', 'without a scan');
  order.set('A-1', 0);
  assert.deepEqual(order.lines.map(({ sku, done }) => [sku, done]), [['B-2', 3]]);
});

test('an order survives a reload, and foreign data does no harm', () => {
  const order = new OrderDraft();
  order.takeList('536365 A-1*2');
  order.scan('A-1', 1);
  const again = OrderDraft.from(JSON.parse(JSON.stringify(order)));
  assert.equal(again.id, '536365');
  assert.equal(again.scan('A-1', 1), 'ok');
  for (const foreign of [{ lines: 4 }, { id: '536365', lines: [{ sku: 'A-1', done: 1 }] }, { id: '536365', lines: [null] }]) assert.ok(OrderDraft.from(foreign).isEmpty);
  assert.ok(!new OrderDraft().takeList('536365 A-1*0'));
});

test('quantities are read as they are typed', () => {
  assert.equal(amountOf('12'), 12);
  assert.equal(amountOf('1,25'), 1.25);
  for (const text of ['', '-1', '1e3', '1.2.3', '0x10', '1.1234567']) assert.ok(Number.isNaN(amountOf(text)), text);
  assert.equal(added(0.1, 0.2), 0.3);
  assert.equal(added(5_376_507_432_935_078, 1), 5_376_507_432_935_079, 'a count may have all digits');
  assert.equal(added(1, -0.25), 0.75);
  assert.equal(added(0.25, -1), -0.75);
  assert.equal(times(1.1, 3), 3.3);
});

test('a quantity has at most the decimals of its item, and bounds in its smallest unit', () => {
  const may = (mode, decimals, ...amounts) => amounts.map((amount) => isAmount(amount, mode, decimals));
  assert.deepEqual(may('deduct', 0, 1, 1.5, 0, NaN, Infinity, 1_000_000_000, 1_000_000_001), [true, false, false, false, false, true, false]);
  assert.deepEqual(may('deduct', 2, 1.1, 0.07, 1.125, 0, 10_000_000, 10_000_000.01), [true, true, false, false, true, false]);
  assert.deepEqual(may('deduct', 6, 1.000001, 999.999999, 1_000.000001), [true, true, false]);
  assert.deepEqual(may('count', 0, 0, 0.5, Number.MAX_SAFE_INTEGER, 2 ** 53), [true, false, true, false]);
});

test('no digit of a quantity is another one, however many it has', () => {
  for (const text of ['8589934592.000001', '9007199254.740991', '9007199254740993', '4503599627370497.5']) {
    const amount = amountOf(text);
    assert.ok(Number.isNaN(amount) || String(amount) === text, text);
    assert.ok(!isAmount(amount, 'count', 6) || String(amount) === text, text);
  }
  assert.equal(amountOf('9007199254740991'), Number.MAX_SAFE_INTEGER);
  assert.equal(amountOf('8589934591.999999'), 8_589_934_591.999_999);
  const sum = added(8_589_934_592, 0.000001);
  assert.ok(Number.isNaN(sum) || String(sum) === '8589934592.000001');
});

test('one less never becomes more', () => {
  const steps = (mode, ...amounts) => amounts.map((amount) => [stepped(amount, -1, mode), stepped(amount, 1, mode)]);
  assert.deepEqual(steps('deduct', NaN, 0.5, 1, 2.3), [[1, 1], [0.5, 1.5], [1, 2], [1.3, 3.3]]);
  assert.deepEqual(steps('count', NaN, 0.5, 0), [[0, 0], [0, 1.5], [0, 1]]);
  assert.equal(stepped(1_000_000_000, 1, 'deduct'), 1_000_000_000);
});

test('a quantity is surprising above ten times the stock, and never up to 9,999', () => {
  assert.ok(!isSurprising(9_999, { on_hand: 3 }) && isSurprising(10_000, { on_hand: 3 }));
  assert.ok(!isSurprising(50_000, { on_hand: 5_000 }) && isSurprising(50_001, { on_hand: 5_000 }));
  assert.ok(isSurprising(4_006_381, null));
});

test('codes are told by their check digit and form', () => {
  for (const code of ['96385074', '036000291452', '4006381333931', '14006381333938']) assert.ok(isGtin(code), code);
  for (const code of ['96385075', '4006381333932', '12', '1234567', '']) assert.ok(!isGtin(code), code);
  for (const code of [']E04006381333931', ']C10104006381333931', '0104006381333931306', 'STOCKGATE OK']) assert.ok(isSound(code), code);
  assert.deepEqual(commandOf('STOCKGATE QTY 12'), { name: 'qty', rest: '12' });
  assert.equal(commandOf('STOCKGATEQTY'), null);
});

test('a search finds every word, without letter case and accents', () => {
  const items = [
    { sku: '85123A', name: 'Garden PARASOL, crème' },
    { sku: 'PARASOL', name: null },
    { sku: '22423', name: 'Beach parasol' },
  ];
  const search = new Search();
  const found = (query) => search.find(query, items, 9).map(({ sku }) => sku);
  assert.deepEqual(found('parasol'), ['PARASOL', '22423', '85123A']);
  assert.deepEqual(found('creme GARDEN'), ['85123A']);
  assert.deepEqual(found('85'), ['85123A']);
  assert.deepEqual(found('umbrella'), []);
});

test('what is there comes before what is out of stock, whatever comes first here', () => {
  const out = Array.from({ length: 15 }, (_, at) => ({ sku: `SKU-${100 + at}`, name: `Parasol ${at}`, available: 0 }));
  const stocked = [7, 3, 9, 5, 1].map((at) => ({ sku: `SKU-90${at}`, name: 'Parasol', available: at }));
  const search = new Search();
  const found = (query, most) => search.find(query, [...out, ...stocked], most).map(({ sku }) => sku);
  assert.deepEqual(found('parasol', 6), ['SKU-901', 'SKU-903', 'SKU-905', 'SKU-907', 'SKU-909', 'SKU-100']);
  assert.equal(found('parasol', 20).length, 20);
  assert.deepEqual(found('sku-100', 2), ['SKU-100'], 'the SKU itself');
});

test('what is searched is made while the items come', (context) => {
  const items = Array.from({ length: 100 }, (_, at) => ({ sku: `S${at}`, name: `Ding ${at}` }));
  const search = new Search();
  search.learn(items);
  const made = context.mock.method(String.prototype, 'normalize');
  assert.equal(search.find('ding 99', items, 20).length, 1);
  assert.equal(made.mock.callCount(), 2, 'that of the query');
});

test('100,000 items are searched in a moment', () => {
  const items = Array.from({ length: 100_000 }, (_, at) => ({ sku: `S${at}`, name: `Thing number ${at} of the shop` }));
  const search = new Search();
  search.find('warm', items, 1);
  const from = performance.now();
  assert.equal(search.find('number 99999', items, 20).length, 1);
  assert.equal(search.find('thing', items.reverse(), 20)[1].sku, 'S1');
  assert.ok(performance.now() - from < 1_000, `${performance.now() - from} ms`);
});

test('a barcode has the widths of Code 128', () => {
  // The example of the symbology's description: every character takes 11 modules, the stop 13.
  const widths = Array.from(code128('PJJ123C'), Number);
  assert.equal(widths.reduce((sum, width) => sum + width, 0), 11 * (1 + 7 + 1) + 13);
  assert.ok(code128('PJJ123C').startsWith('211214'), 'start B');
  // 104 + 48·1 + 42·2 + 42·3 + 17·4 + 18·5 + 19·6 + 35·7 = 879, and 879 mod 103 = 55.
  assert.equal(code128('PJJ123C').slice(-13, -7), '311321');
  assert.throws(() => code128('ä'));
  assert.throws(() => code128('\u0086'));
});

test('a separator is printed as FNC1', () => {
  const symbols = code128('\u001d10LOT\u001d21').match(/.{6}/g);
  assert.deepEqual([symbols[1], symbols[7]], ['411131', '411131']);
  // 104 + 102·1 + 17·2 + 16·3 + 44·4 + 47·5 + 52·6 + 102·7 + 18·8 + 17·9 = 2022, and 2022 mod 103 = 65.
  assert.equal(symbols[10], '121124');
});

/** The values of the symbols before the stop, by the widths of a Code 128. */
function valuesOf(text) {
  const known = new Map(Array.from({ length: 95 }, (_, value) => [code128(String.fromCharCode(32 + value)).slice(6, 12), value]));
  for (const [widths, value] of [['114311', 96], ['411131', 102], ['211412', 103], ['211214', 104]]) known.set(widths, value);
  return code128(text).slice(0, -7).match(/.{6}/g).map((widths) => known.get(widths));
}

test('a code for the scanner itself has FNC3, and control characters are of code set A', () => {
  const bs = (text) => Array.from(text, (each) => each.charCodeAt(0) - 32);
  // 104 + 94·1 + 54·2 + 51·3 + 53·4 + 38·5 + 35·6 + 50·7 + 14·8 + 96·9 = 2397, and 2397 mod 103 = 28.
  assert.deepEqual(valuesOf(`~VSUFCR.${FNC3}`), [104, ...bs('~VSUFCR.'), 96, 28]);
  // 104 + 96·1 + 25·2 + 18·3 = 304, and 304 mod 103 = 98.
  assert.deepEqual(valuesOf(`${FNC3}92`).slice(0, -1), [104, 96, 25, 18]);
  // 103 + 96·1 + 4·2 + 48·3 + 77·4 = 659, and 659 mod 103 = 41.
  assert.deepEqual(valuesOf(`${FNC3}$P\r`), [103, 96, 4, 48, 77, 41]);
  assert.throws(() => code128('a\r'), 'no set has both');
});
