// Which item a code stands for, and what a code that stands for none may become, without a browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Barcodes } from '../../src/terminal/page/barcodes.js';
import { Lookup } from '../../src/terminal/page/lookup.js';

const memory = { async read() {}, async each() {}, async put() { return 0; }, async clear() {} };

/** A terminal with these SKUs and barcodes; the gateway answers as given, and `asked` collects what it is asked for. */
async function terminal(skus, barcodes, answer) {
  const asked = [];
  const link = { ask: async ({ code }) => { asked.push(code); return answer; } };
  const page = { catalogue: 7, next: null, items: barcodes ?? [] };
  const codes = new Barcodes(memory, async () => page);
  if (barcodes) await codes.follow('e', 7);
  const stock = { items: new Map(skus.map((sku) => [sku, { sku, name: NAMES[sku] ?? null }])) };
  return { asked, lookup: new Lookup(link, stock, codes) };
}
const found = (sku, quantity) => ({ ok: true, result: { sku, quantity, item: { sku } } });
const NAMES = { 12345678: 'Screw', LAMP: 'Lamp' };
const LOST = { lost: true };
const CARTON = [{ code: '0036000291452', sku: 'PENS', content: 12 }];

test('a SKU that is another spelling of a barcode is what the gateway says', async () => {
  const { asked, lookup } = await terminal(['036000291452', 'PENS'], CARTON, found('PENS', 12));
  const { sku, quantity } = await lookup.find('036000291452');
  assert.deepEqual([sku, quantity, asked], ['PENS', 12, ['036000291452']]);
});

test('without the gateway it is what the barcodes say', async () => {
  const { lookup } = await terminal(['036000291452', 'PENS'], CARTON, LOST);
  const { state, sku, quantity } = await lookup.find('036000291452');
  assert.deepEqual([state, sku, quantity], ['known', 'PENS', 12]);
});

test('the gateway is not asked for a SKU that the catalogue lists', async () => {
  const { asked, lookup } = await terminal(['LAMP'], CARTON, LOST);
  assert.deepEqual(await lookup.find('LAMP'), { state: 'known', sku: 'LAMP' });
  assert.deepEqual(asked, []);
});

test('a SKU that is not listed is what the gateway says, and itself while the gateway is away', async () => {
  for (const code of ['(01)04006381333931', 'https://id.gs1.org/01/04006381333931', '978-0-201-37962-4', '425261', 'SHELF-7']) {
    const { asked, lookup } = await terminal([code], CARTON, found('PENS', 12));
    const { sku, quantity } = await lookup.find(code);
    assert.deepEqual([sku, quantity, asked], ['PENS', 12, [code]]);
    const away = await terminal([code], CARTON, LOST);
    const { state, sku: itself } = await away.lookup.find(code);
    assert.deepEqual([state, itself], ['known', code]);
  }
});

test('a code that is near to something known is no new SKU, and what was meant is named', async () => {
  for (const [code, format, state] of [['85123a', 'text', 'near'], ['lamp', 'text', 'near'], ['14006381333938', 'itf14', 'unlisted']]) {
    const { lookup } = await terminal(['85123A'], [], { ok: false, error: { code: 'unknown_code', format, sku: '85123A' } });
    const seen = await lookup.find(code);
    assert.equal(seen.state, state, code);
    assert.equal(seen.near, state === 'near' ? '85123A' : undefined);
  }
});

test('it is asked as long as the barcodes are not here', async () => {
  const { asked, lookup } = await terminal(['LAMP'], null, found('SHADE', 6));
  assert.equal((await lookup.find('LAMP')).sku, 'SHADE');
  assert.deepEqual(asked, ['LAMP']);
});

test('a code of a known form is never offered as a new SKU', async () => {
  for (const [code, format, state] of [
    ['(00)340123450000000000', 'gs1', 'unlisted'],
    ['https://id.gs1.org/00/340123450000000000', 'gs1', 'unlisted'],
    ['(414)4012345000009', 'gs1', 'unlisted'],
    ['(8004)401234512', 'gs1', 'unlisted'],
    ['4006381333931', 'ean13', 'unlisted'],
    ['SHELF-7', 'text', 'unknown'],
    ['a lamp', 'text', 'nothing'],
  ]) {
    const { lookup } = await terminal([], [], { ok: false, error: { code: 'unknown_code', format } });
    assert.equal((await lookup.find(code)).state, state, code);
  }
});

test('a SKU that a misread may have made is one only if the gateway says so', async () => {
  const code = '4006381333932';
  const refused = await terminal([code], [], { ok: false, error: { code: 'bad_code' } });
  assert.equal((await refused.lookup.find(code)).state, 'misread');
  assert.deepEqual(refused.asked, [code]);
  const known = await terminal([code], [], found(code, 1));
  assert.equal((await known.lookup.find(code)).sku, code);
  const away = await terminal([code], [], LOST);
  assert.equal((await away.lookup.find(code)).sku, code, 'the gateway is away');
});

test('a SKU that is listed is known without the gateway, whatever it looks like', async () => {
  const { asked, lookup } = await terminal(['12345678'], [], LOST);
  assert.deepEqual(await lookup.find('12345678'), { state: 'known', sku: '12345678' });
  assert.deepEqual(asked, []);
});
