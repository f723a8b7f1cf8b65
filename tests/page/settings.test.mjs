// The choices of a terminal, and what its browser keeps for the time without a gateway.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

import { offerSettings } from '../../src/terminal/page/settings.js';
import { keptLanguage } from '../../src/terminal/page/texts.js';
import { openDocument } from './document.mjs';

const PAGE = new URL('../../src/terminal/page/', import.meta.url);

test('a language is kept once it is loaded', async () => {
  const $ = openDocument();
  const items = new Map();
  globalThis.localStorage = { getItem: (key) => items.get(key) ?? null, setItem: (key, text) => items.set(key, text) };
  Object.assign(globalThis, { isSecureContext: false, navigator: {} });
  let isThere = false;
  offerSettings({ choose: async () => isThere, feedback: { volume: 1, muted: false } });
  const choose = async (value) => {
    $('language').value = value;
    $('language').fire('change');
    await new Promise((resolve) => setTimeout(resolve, 0));
    return keptLanguage();
  };
  assert.equal(await choose('de'), null);
  isThere = true;
  assert.equal(await choose('fr'), 'fr');
});

test('the browser keeps every file for the time without a gateway', async () => {
  const kept = [];
  const steps = {};
  globalThis.self = { skipWaiting() {}, addEventListener: (kind, act) => { steps[kind] = act; } };
  globalThis.caches = { open: async () => ({ addAll: (paths) => kept.push(...paths) }) };
  const read = globalThis.fetch;
  globalThis.fetch = async (path) => new Response(readFileSync(new URL({ '/': 'index.html', '/scanner': 'scanner.html' }[path], PAGE)));
  await import('../../src/terminal/page/offline.js');
  await new Promise((resolve, reject) => steps.install({ waitUntil: (done) => done.then(resolve, reject) }));
  globalThis.fetch = read;
  const pages = { 'index.html': '/', 'scanner.html': '/scanner' };
  const files = readdirSync(PAGE).filter((name) => name !== 'offline.js');
  assert.deepEqual(kept.sort(), files.map((name) => pages[name] ?? `/page/${name}`).sort());
});

test('a page over plain http says what that costs, and leads to what to do about it', () => {
  for (const isSecure of [false, true]) {
    const $ = openDocument();
    Object.assign(globalThis, { isSecureContext: isSecure, navigator: {} });
    offerSettings({ choose: async () => true, feedback: { volume: 1, muted: false } });
    assert.equal($('plain').hidden, isSecure);
  }
  const page = readFileSync(new URL('index.html', PAGE), 'utf8');
  const [, footer] = page.split('<footer>');
  assert.match(footer.split('<details')[0], /<a id="plain" href="scanner#https" data-text="plainHttp" hidden>/, 'not within what is closed');
});

test('the screen stays on while the page is seen', () => {
  openDocument();
  const asked = [];
  Object.assign(globalThis, { isSecureContext: true, navigator: { wakeLock: { request: async (kind) => asked.push(kind) } } });
  offerSettings({ choose: async () => true, feedback: { volume: 1, muted: false } });
  // Browsers end it with the sight of the page, and grant it to a person only.
  document.hidden = true;
  document.fire('visibilitychange');
  assert.deepEqual(asked, ['screen']);
  document.hidden = false;
  document.fire('visibilitychange');
  document.fire('pointerdown');
  assert.deepEqual(asked, ['screen', 'screen', 'screen']);
});
