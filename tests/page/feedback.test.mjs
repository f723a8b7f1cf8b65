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
