// Every language has every text, with the values and the plural forms that it needs.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

const PAGE = new URL('../../src/terminal/page/', import.meta.url);
const read = (name) => readFileSync(new URL(name, PAGE), 'utf8');
const LANGUAGES = [...read('texts.js').match(/LANGUAGES = \{([^}]*)\}/)[1].matchAll(/(\w+):/g)].map(([, tag]) => tag);
const textsOf = (tag) => JSON.parse(read(`${tag}.json`));
const english = textsOf('en');
const sheet = JSON.parse(read('sheet.json'));
const values = (text) => [...new Set(text.match(/\{\w+\}/g))].sort();

test('each language of the page is a file, and each file a language', () => {
  const files = readdirSync(PAGE).filter((name) => /^[a-z]{2}\.json$/.test(name));
  assert.deepEqual(files.sort(), LANGUAGES.map((tag) => `${tag}.json`).sort());
  assert.deepEqual(Object.keys(sheet), LANGUAGES);
});

for (const tag of LANGUAGES) {
  test(`${tag} has every text, with its values`, () => {
    const texts = textsOf(tag);
    assert.deepEqual(Object.keys(texts), Object.keys(english));
    for (const [key, entry] of Object.entries(texts)) {
      const wanted = values(english[key].other ?? english[key]);
      const forms = typeof entry === 'string' ? [entry] : Object.values(entry);
      for (const form of forms) {
        assert.ok(form.trim(), key);
        assert.deepEqual(values(form), wanted, key);
      }
    }
  });

  test(`${tag} has every text of the sheet for scanners`, () => {
    const [own, others] = [sheet[tag], sheet.en];
    assert.deepEqual(Object.keys(own), Object.keys(others));
    assert.deepEqual(own.sections.map((lines) => lines.length), others.sections.map((lines) => lines.length));
    const lines = (of) => Object.values(of).flat(2);
    for (const line of lines(own)) assert.ok(line.trim(), tag);
    const isForeign = (line) => tag !== 'en' && / /.test(line) && lines(others).includes(line);
    // What a vendor calls it is no English text.
    assert.deepEqual(lines(own).filter(isForeign).filter((line) => line !== 'Zebra DataWedge'), []);
    for (const command of ['STOCKGATE LIST ORDER SKU*QUANTITY', 'STOCKGATE TOKEN']) assert.ok(own.make.includes(command), command);
  });

  test(`${tag} has the plural forms of its grammar`, () => {
    const needed = new Intl.PluralRules(tag).resolvedOptions().pluralCategories;
    for (const [key, entry] of Object.entries(textsOf(tag))) {
      // A language may have forms where English needs none.
      if (typeof english[key] !== 'string') assert.equal(typeof entry, 'object', key);
      if (typeof entry !== 'string') assert.deepEqual(Object.keys(entry).sort(), [...needed].sort(), key);
    }
  });

  test(`${tag} uses the operators' words`, () => {
    const text = Object.values(textsOf(tag)).map((entry) => JSON.stringify(entry)).join('\n').replaceAll(/\{\w+\}/g, '');
    for (const word of ['gateway', 'hub', 'broker', 'token', 'deduct', 'commit', 'freiwillig', '释放', '网关', '代理']) {
      assert.ok(!new RegExp(`(?<![a-z])${word}(?![a-z])`, 'i').test(text), word);
    }
  });
}

test('picking and shipping what is reserved are told apart', () => {
  for (const tag of LANGUAGES) assert.notEqual(textsOf(tag).deduct, textsOf(tag).commit, tag);
});

test('every text that the page asks for is there', () => {
  const sources = readdirSync(PAGE).filter((name) => /\.(js|html)$/.test(name)).map(read).join('\n');
  const asked = [...sources.matchAll(/\bt\('([\w.]+)'|data-(?:text|hint|label)="(\w+)"/g)].map(([, called, marked]) => called ?? marked);
  for (const key of asked) assert.ok(key in english, key);
  const composed = ['do', 'did', 'why', 'role', 'note', 'about', 'state', 'closed', 'reason', 'error', 'order', 'unit'];
  for (const key of Object.keys(english)) {
    const [prefix] = key.split('.');
    assert.ok(asked.includes(key) || key.includes('.') && composed.includes(prefix) || new RegExp(`(?:'${key}'|\\b${key}:)`).test(sources), `${key} is never used`);
  }
});

const HUB = new URL('../../src/hub/http/page/', import.meta.url);
const hubTexts = (tag) => JSON.parse(readFileSync(new URL(`hub.${tag}.json`, HUB), 'utf8'));

for (const tag of LANGUAGES) {
  test(`the hub's page has every text in ${tag}`, () => {
    const [texts, wanted] = [hubTexts(tag), hubTexts('en')];
    assert.deepEqual(Object.keys(texts), Object.keys(wanted));
    const needed = new Intl.PluralRules(tag).resolvedOptions().pluralCategories;
    for (const [key, entry] of Object.entries(texts)) {
      assert.equal(typeof entry, typeof wanted[key], key);
      if (typeof entry !== 'string') assert.deepEqual(Object.keys(entry).sort(), [...needed].sort(), key);
      for (const form of typeof entry === 'string' ? [entry] : Object.values(entry)) {
        assert.ok(form.trim(), key);
        assert.deepEqual(values(form), values(wanted[key].other ?? wanted[key]), key);
      }
    }
  });
}

test('the hub\'s page asks for texts that are there', () => {
  const sources = ['hub.html', 'hub.js'].map((name) => readFileSync(new URL(name, HUB), 'utf8')).join('\n');
  const asked = [...sources.matchAll(/'(\w+)'|data-text="(\w+)"/g)].map(([, called, marked]) => called ?? marked);
  const texts = hubTexts('en');
  for (const [, key] of sources.matchAll(/\bt\('(\w+)'|data-text="(\w+)"/g)) if (key) assert.ok(key in texts, key);
  for (const key of Object.keys(texts)) assert.ok(asked.includes(key) || key.startsWith('state.'), `${key} is never used`);
});
