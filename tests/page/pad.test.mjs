// The number pad, with as much of a document as it touches.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { amountOf } from '../../src/terminal/page/amount.js';
import { offerPoint, padFor, pressed } from '../../src/terminal/page/quantity.js';
import { setLanguage } from '../../src/terminal/page/texts.js';
import { openDocument } from './document.mjs';

globalThis.fetch = async (address) => new Response(readFileSync(address));

test('a quantity grows by a key as long as it is one', () => {
  const after = (...keys) => keys.reduce(pressed, '');
  assert.equal(after('0', '0', '7'), '7');
  assert.equal(after('1', '.', '2', ',', '5'), '1.25');
  assert.equal(after(',', '5'), '0,5');
  assert.equal(after('1', '0', ',', '0', '5'), '10,05');
  assert.equal(after(...'12345678901'), '1234567890');
  assert.equal(after(...'1.1234567'), '1.123456');
});

test('the separator is that of the language, for an item with decimals only', async () => {
  const $ = openDocument();
  for (const [language, separator] of [['en', '.'], ['de', ','], ['pl', ','], ['zh', '.']]) {
    await setLanguage(language);
    offerPoint(undefined);
    assert.equal($('point').hidden, true);
    offerPoint(3);
    assert.deepEqual([$('point').hidden, $('point').textContent, $('point').value], [false, separator, separator], language);
  }
});

test('a finger enters parts on the pad', async () => {
  const $ = openDocument();
  await setLanguage('de');
  offerPoint(2);
  padFor((text) => { $('quantity').value = text; });
  $('quantity').value = '1';
  $('quantity').fire('pointerdown', { pointerType: 'touch' });
  for (const key of ['1', $('point').value, '2', '5']) $('pad').fire('click', { target: { closest: () => ({ value: key }) } });
  assert.equal(amountOf($('quantity').value), 1.25);
});
