// What is seen of outcomes, without a browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Feedback } from '../../src/terminal/page/feedback.js';
import { openDocument } from './document.mjs';

globalThis.navigator ??= {};

test('a booking hides no failure that nobody has acknowledged', (context) => {
  let now = 0;
  context.mock.method(performance, 'now', () => now);
  context.mock.timers.enable({ apis: ['setTimeout'] });
  openDocument();
  const feedback = new Feedback();
  const alarm = () => document.body.dataset.alarm;
  feedback.bad();
  feedback.good();
  context.mock.timers.tick(2_000);
  assert.equal(alarm(), 'bad');
  now = 2_000;
  feedback.acknowledge();
  feedback.good();
  assert.equal(alarm(), 'good');
  context.mock.timers.tick(2_000);
  assert.equal(alarm(), '');
});

test('the sound device is opened once the browser knows the devices', async (context) => {
  const seen = [];
  let know;
  globalThis.AudioContext = class { constructor() { seen.push('opened'); } };
  globalThis.requestIdleCallback = (act) => act();
  Object.defineProperty(navigator, 'mediaDevices', { configurable: true, value: { enumerateDevices: () => new Promise((resolve, reject) => { know = reject; }) } });
  context.after(() => {
    for (const name of ['AudioContext', 'requestIdleCallback']) delete globalThis[name];
    delete navigator.mediaDevices;
  });
  openDocument();
  new Feedback();
  await Promise.resolve();
  assert.deepEqual(seen, [], 'to open it before holds the page up');
  know(new Error('planted'));
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(seen, ['opened'], 'or does not tell');
  delete navigator.mediaDevices;
  new Feedback();
  await Promise.resolve();
  assert.equal(seen.length, 2, 'plain http knows no devices');
});

test('failures that come together are one tone', (context) => {
  let now = 0;
  let tones = 0;
  context.mock.method(performance, 'now', () => now);
  globalThis.AudioContext = class { resume() { tones += 1; } };
  context.after(() => { delete globalThis.AudioContext; });
  openDocument();
  const feedback = new Feedback();
  for (const at of [0, 0, 200, 600]) {
    now = at;
    feedback.bad();
  }
  assert.equal(tones, 2);
  now = 1_000;
  feedback.acknowledge();
  feedback.bad();
  assert.equal(tones, 3, 'what was acknowledged is over');
  for (let time = 0; time < 20; time += 1) {
    now += 250;
    feedback.bad();
  }
  assert.equal(tones, 13, 'a row of failures does not fall silent');
  now += 250;
  feedback.found();
  feedback.bad();
  assert.equal(tones, 15, 'a success is not what is heard last');
});
