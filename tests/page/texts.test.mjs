// Words, numbers and times as each language writes them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { drawItem } from '../../src/terminal/page/item.js';
import { setLanguage, t, time } from '../../src/terminal/page/texts.js';
import { openDocument } from './document.mjs';

globalThis.fetch = async (address) => new Response(readFileSync(address));

const NOON = new Date().setHours(12, 0);
const FRIDAY = new Date(2020, 10, 27, 14, 2).getTime();

async function speak(language) {
  const $ = openDocument();
  await setLanguage(language);
  return $;
}

test('the day is named if it is not today', async () => {
  for (const [language, text] of [['en', 'Nov 27, 14:02'], ['de', '27. Nov., 14:02'], ['zh', '11月27日 14:02']]) {
    await speak(language);
    assert.equal(time(NOON), '12:00');
    assert.equal(time(FRIDAY).replaceAll('\u202f', ' '), text);
  }
});

test('stock that was seen on another day says so', async () => {
  const $ = await speak('en');
  const item = { sku: 'A-1', on_hand: 9, reserved: 0, available: 9 };
  drawItem({ sku: 'A-1', state: 'known' }, item, { threshold: 0, waiting: 0, asOf: FRIDAY });
  assert.equal($('available').children[1].textContent, 'available, as of Nov 27, 14:02');
});

test('a date is written as the language does, and anything else as it is', async () => {
  for (const [language, text] of [['en', 'Expires Jan 31, 2027'], ['de', 'Haltbar bis 31.01.2027'], ['zh', '有效期至 2027年1月31日']]) {
    await speak(language);
    assert.equal(t('expiresOn', { date: '2027-01-31' }), text);
    assert.ok(t('expiresOn', { date: 'soon' }).endsWith('soon'));
  }
});

test('one of a thing is one in every language', async () => {
  for (const [language, one, two] of [['fr', '1 prélevé', '2 prélevés'], ['es', '1 sacado', '2 sacados'], ['en', '1 picked', '2 picked']]) {
    await speak(language);
    assert.deepEqual([1, 2].map((n) => t('did.deduct', { n })), [one, two]);
  }
  const $ = await speak('fr');
  for (const [available, word] of [[1, 'disponible'], [2, 'disponibles']]) {
    drawItem({ sku: 'A', state: 'known' }, { available, on_hand: 2, reserved: 0 }, { threshold: 0, waiting: 0, asOf: null });
    assert.equal($('available').children[1].textContent, word);
  }
});

test('a language that cannot be loaded leaves the one that is spoken, and a page without words takes another one', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const [away, asked] = [new Set(['pl']), []];
  context.mock.method(globalThis, 'fetch', async (address) => {
    const tag = String(address).slice(-7, -5);
    asked.push(tag);
    if (away.has(tag)) throw new TypeError('away');
    return new Response(readFileSync(address));
  });
  const fresh = await import('../../src/terminal/page/texts.js?fresh');
  for (const tag of ['en', 'de', 'zh']) away.add(tag);
  openDocument();
  const opened = fresh.setLanguage('pl');
  for (let step = 0; step < 20; step += 1) await Promise.resolve().then(() => context.mock.timers.tick(1_000));
  assert.equal(await opened, false);
  assert.deepEqual([fresh.language, fresh.wanted, fresh.t('ready'), document.documentElement.lang], ['fr', 'pl', 'Prêt à scanner', 'fr']);
  assert.deepEqual(asked, ['pl', 'en', 'de', 'zh', 'fr']);

  assert.equal(await fresh.setLanguage('de'), false, 'a choice while the gateway is away');
  assert.deepEqual([fresh.language, fresh.wanted], ['fr', 'fr']);
  away.clear();
  assert.equal(await fresh.setLanguage('pl'), true);
  assert.equal(fresh.language, 'pl');
});

test('what writes plurals, numbers and dates is made when it is first needed', async (context) => {
  const made = [];
  for (const kind of ['PluralRules', 'NumberFormat', 'DateTimeFormat']) {
    const Real = Intl[kind];
    context.mock.method(Intl, kind, function (...how) { made.push(kind); return new Real(...how); });
  }
  const fresh = await import('../../src/terminal/page/texts.js?lazy');
  openDocument();
  await fresh.setLanguage('de');
  assert.deepEqual([fresh.number(0), fresh.number(999), made], ['0', '999', []], 'to make them takes long');
  assert.deepEqual([fresh.number(1234), fresh.number(1.5), fresh.number(-3), made], ['1.234', '1,5', '-3', ['NumberFormat']]);
  await fresh.setLanguage('en');
  assert.deepEqual([fresh.number(1234), made.length], ['1,234', 2]);
});
