// What a code stands for while the gateway is away, without a browser.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Barcodes } from '../../src/terminal/page/barcodes.js';
import { elementsOf, spellings, traceOf } from '../../src/terminal/page/codes.js';

const GTIN = '4006381333931';
/** Keeps records in memory, as IndexedDB would. */
class Memory {
  stores = {};
  #of(store) { return this.stores[store] ??= new Map(); }
  async read(store, key) { return this.#of(store).get(key); }
  async each(store, count, take) {
    const all = [...this.#of(store)];
    for (let at = 0; at < all.length; at += count) {
      const some = all.slice(at, at + count);
      take(some.map(([, value]) => value), some.map(([key]) => key));
    }
  }
  async put(store, pairs) {
    for (const [key, value] of pairs) this.#of(store).set(key, structuredClone(value));
    return pairs.at(-1)?.[0];
  }
  async clear(store) { this.#of(store).clear(); }
}

const item = (code, sku = 'LAMP', content = 1) => ({ code, sku, content });
/** A gateway with these pages of barcodes; `asked` collects the paths. */
function gateway(pages, catalogue = 7, asked = []) {
  return { asked, read: async (path) => { asked.push(path); return { catalogue, next: null, ...pages[asked.length - 1] }; } };
}
const none = () => false;

test('the barcodes of the catalogue are read page by page and only when they have changed', async () => {
  const memory = new Memory();
  const { asked, read } = gateway([{ items: [item('A')], next: 'A' }, { items: [item(GTIN, 'PARASOL', 12)] }, { items: [] }]);
  const barcodes = new Barcodes(memory, read);
  await barcodes.follow('e', 7);
  await barcodes.follow('e', 7);
  assert.deepEqual(asked, ['api/barcodes?limit=1000&after=', 'api/barcodes?limit=1000&after=A']);
  assert.deepEqual(barcodes.find(GTIN, none), { sku: 'PARASOL', quantity: 12, trace: null });

  const again = new Barcodes(memory, read);
  await again.recall();
  await again.follow('e', 7);
  assert.equal(asked.length, 2, 'a page that is opened again has them');
  assert.equal(again.find('A', none).sku, 'LAMP');
  await again.follow('other', 7);
  assert.equal(asked.length, 3, 'another database is another catalogue');
});

test('two spellings of a number that are SKUs are no quantity, and contents are exact', async () => {
  const barcodes = new Barcodes(new Memory(), gateway([{ items: [item(GTIN, 'LOOSE', 1.1)] }]).read);
  assert.equal(barcodes.find(GTIN, () => true).quantity, 1);
  await barcodes.follow('e', 7);
  assert.equal(barcodes.find(`020${GTIN}373`, none).quantity, 3.3);
});

test('what can be read from a code is not learned, and what was learned makes room', async () => {
  const memory = new Memory();
  const barcodes = new Barcodes(memory, gateway([{ items: [item(GTIN, 'PARASOL')] }]).read);
  await barcodes.follow('e', 7);
  barcodes.learn(`010${GTIN}2117`, { sku: 'PARASOL', quantity: 1 });
  barcodes.learn('SHELF-7', { sku: 'SHELF-7', quantity: 1 });
  assert.equal(memory.stores.learned?.size ?? 0, 0);
  for (let n = 0; n < 20_001; n += 1) barcodes.learn(`L${n}`, { sku: 'LAMP', quantity: 1 });
  const again = new Barcodes(memory, gateway([]).read);
  await again.recall();
  again.learn('NEW', { sku: 'LAMP', quantity: 1 });
  assert.equal(again.find('NEW', none).sku, 'LAMP');
});

test('barcodes that were not all stored are read again', async () => {
  const memory = new Memory();
  const put = memory.put;
  memory.put = async (store, pairs) => (store === 'barcodes' ? undefined : put.call(memory, store, pairs));
  const { asked, read } = gateway([{ items: [item('A')] }, { items: [item('A')] }]);
  await new Barcodes(memory, read).follow('e', 7);
  const again = new Barcodes(memory, read);
  await again.recall();
  await again.follow('e', 7);
  assert.equal(asked.length, 2);
});

test('a catalogue that changes while it is read is not taken', async () => {
  const { read } = gateway([{ items: [item('A')], next: 'A' }, { catalogue: 8, items: [] }]);
  const barcodes = new Barcodes(new Memory(), read);
  await barcodes.follow('e', 7);
  assert.equal(barcodes.count, 0);
});

test('a hundred thousand barcodes are kept and found', async () => {
  const memory = new Memory();
  const page = (number) => ({ items: Array.from({ length: 1_000 }, (_, at) => item(`C${number}-${at}`, `S${at}`)), next: number < 99 ? `${number}` : null });
  const { read } = gateway(Array.from({ length: 100 }, (_, number) => page(number)));
  const barcodes = new Barcodes(memory, read);
  await barcodes.follow('e', 7);
  const again = new Barcodes(memory, read);
  await again.recall();
  assert.equal(again.count, 100_000);
  assert.equal(again.find('C99-999', none).sku, 'S999');
  assert.deepEqual(again.containing('99-99', 3), ['S99', 'S990', 'S991']);
});

test('the barcodes of a large catalogue are taken page by page', async (context) => {
  const page = (number) => ({ catalogue: 7, items: Array.from({ length: 1_000 }, (_, at) => item(`C${number}-${at}`)), next: number < 29 ? `${number}` : null });
  let [number, taken, most] = [0, 0, 0];
  const { set } = Map.prototype;
  context.mock.method(Map.prototype, 'set', function (...pair) {
    taken += 1;
    most = Math.max(most, taken);
    return set.apply(this, pair);
  });
  // Each answer of the gateway is a task of its own.
  const read = () => new Promise((resolve) => setTimeout(() => { taken = 0; resolve(page(number)); number += 1; }));
  const barcodes = new Barcodes({ put: async () => 0, clear: none }, read);
  const following = barcodes.follow('e', 7);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(barcodes.count, 0, 'none counts before all are here');
  await following;
  assert.equal(barcodes.count, 30_000);
  assert.ok(most < 2_000, `${most} in one task`);
});

test('goods whose measure varies have no quantity by their number alone', async () => {
  const code = '94006381333934';
  const barcodes = new Barcodes(new Memory(), gateway([{ items: [item(code)] }]).read);
  await barcodes.follow('e', 7);
  for (const text of [code, `01${code}`, `]C101${code}10L`, `01${code}302`]) assert.equal(barcodes.find(text, none), null, text);
});

test('what was scanned before is known until the catalogue changes', async () => {
  const memory = new Memory();
  const barcodes = new Barcodes(memory, gateway([{ items: [] }]).read);
  barcodes.learn('LABEL', { sku: 'LAMP', quantity: 6, trace: { lot: 'L' } });
  const again = new Barcodes(memory, gateway([{ items: [] }]).read);
  await again.recall();
  assert.deepEqual(again.find('LABEL', none), { sku: 'LAMP', quantity: 6, trace: { lot: 'L' } });
  await again.follow('e', 7);
  assert.equal(again.find('LABEL', none), null);
});

test('a number is found in each of its lengths, and inside a label', async () => {
  const barcodes = new Barcodes(new Memory(), gateway([{ items: [item(GTIN, 'PARASOL', 12), item('036000291452')] }]).read);
  await barcodes.follow('e', 7);
  for (const code of [GTIN, `0${GTIN}`, `]E0${GTIN}`, `010${GTIN}`, `]C1010${GTIN}17270131`]) {
    assert.equal(barcodes.find(code, none)?.sku, 'PARASOL', code);
  }
  assert.equal(barcodes.find('0036000291452', none).sku, 'LAMP');
  const label = barcodes.find(`010${GTIN}1727013110LOT-7\u001d21S-9\u001d302`, none);
  assert.deepEqual(label, { sku: 'PARASOL', quantity: 24, trace: { lot: 'LOT-7', serial: 'S-9', expires: '2027-01-31' } });
  assert.equal(barcodes.find(`020${GTIN}3712`, none).quantity, 144);
  assert.equal(barcodes.find('4006381333932', none), null);
  assert.deepEqual(barcodes.find(`010${GTIN}`, (sku) => sku === `0${GTIN}`).sku, 'PARASOL', 'the catalogue comes first');
  assert.equal(new Barcodes(new Memory()).find(`0${GTIN}`, (sku) => sku === GTIN).sku, GTIN);
});

test('what is not certain is not read', () => {
  for (const text of [`020${GTIN}37610123`, `010${GTIN}302105`, `020${GTIN}37122012`, `010${GTIN}300`, `010${GTIN}17260231`, `010${GTIN}11270431`,
    `010${GTIN}10A\u001d3712`, `010${GTIN}020${GTIN}3712`, `020${GTIN}3712\u001d302`, `010${GTIN}10A302`, `010${GTIN}21A17270131`,
    `]C1010${GTIN}21A17270131`, `010${GTIN}10A\u001d21A3012`, `010${GTIN}10A302\u001d`,
    '', 'LAMP', '0104006381333932', '0204006381333931', '010400638133393110', '01040063813339311799130110L',
    '01040063813339318005000123', `010${GTIN}010${GTIN}`, `010${GTIN}30x`]) assert.equal(elementsOf(text), null, text);
});

// `label_tests.rs` reads the same codes with the gateway's reader.
test('a code says what the gateway reads in it, or nothing', () => {
  const cases = JSON.parse(readFileSync(new URL('codes.json', import.meta.url)));
  for (const { code, gateway, page } of cases) {
    const read = elementsOf(code);
    assert.equal(read !== null, page, code);
    if (!page) continue;
    const { gtin, count, lot, serial, expires, best } = read;
    const of = { gtin: gtin.padStart(14, '0'), count, lot, serial, expires: dayOf(expires), best_before: dayOf(best) };
    assert.deepEqual(JSON.parse(JSON.stringify(of)), gateway, code);
  }
});

/** As in the year of the cases. */
const dayOf = (digits) => digits && traceOf({ expires: digits }, 2026).expires;

test('the century of a date is the one near to the year', () => {
  for (const [year, day] of [[2026, '1977-01-31'], [2027, '2077-01-31'], [1970, '1977-01-31'], [2127, '2177-01-31'], [2126, '2077-01-31']]) {
    assert.equal(traceOf({ expires: '770131' }, year).expires, day, String(year));
  }
});

test('round counts and lots with digits are read', () => {
  for (const [text, count] of [[`020${GTIN}371000`, 1000], [`020${GTIN}3720000`, 20000], [`020${GTIN}372000`, 2000], [`010${GTIN}30999`, 999],
    [`010${GTIN}10A\u001d302`, 2], [`]C1010${GTIN}10A302`, 1], [`010${GTIN}10A3`, 1]]) assert.equal(elementsOf(text)?.count ?? null, count, text);
});

test('day 00 is the last of the month', () => {
  assert.equal(traceOf({ expires: '280200' }).expires, '2028-02-29');
  assert.equal(traceOf({ expires: '271200' }).expires, '2027-12-31');
  assert.equal(traceOf({ best: '271231' }).expires, '2027-12-31');
  assert.equal(traceOf({}), null);
});

test('a number has no spelling that loses digits', () => {
  assert.deepEqual(spellings('96385074'), ['96385074', '000096385074', '0000096385074', '00000096385074']);
  assert.deepEqual(spellings('14006381333938'), ['14006381333938']);
});
