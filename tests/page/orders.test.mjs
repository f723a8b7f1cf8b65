// The panel of the order, with as much of a document as it touches.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Orders } from '../../src/terminal/page/orders.js';
import { setLanguage } from '../../src/terminal/page/texts.js';
import { openDocument } from './document.mjs';

openDocument();
globalThis.fetch = async (address) => new Response(readFileSync(address));
await setLanguage('en');

/** The panel in the mode of orders, and an element by its id. */
function panel() {
  const $ = openDocument();
  return { $, orders: new Orders({ items: new Map() }, { found() {}, bad() {} }, { show() {}, draw() {} }) };
}

/** What windows of one browser share while `act` runs. */
function withStorage(act) {
  const texts = new Map();
  globalThis.localStorage = {
    getItem: (key) => texts.get(key) ?? null,
    setItem: (key, text) => { texts.set(key, text); },
    removeItem: (key) => { texts.delete(key); },
  };
  try { act(texts); } finally { delete globalThis.localStorage; }
}

function booked(orders, id) {
  orders.takeList(`${id} A-1*1`);
  orders.scan({ sku: 'A-1' });
  const [body, draft] = orders.book();
  return { body, draft };
}

test('an order is over when it is booked, and comes back when that is refused', () => {
  const { $, orders } = panel();
  const operation = booked(orders, '536365');
  orders.draw();
  assert.deepEqual([$('order').value, $('lines').children.length], ['', 0]);

  orders.takeBack(operation);
  orders.draw();
  assert.deepEqual([$('order').value, $('lines').children.length], ['536365', 1]);
  assert.deepEqual(orders.book()[0], operation.body);
});

test('an order that was refused waits for the end of another one, and for its mode', () => {
  const { $, orders } = panel();
  const refused = booked(orders, '1');
  orders.takeList('2 A-1*1');
  orders.takeBack(refused);
  orders.draw();
  assert.equal($('order').value, '2');
  orders.scan({ sku: 'A-1' });
  orders.book();
  $('order-panel').hidden = true;
  orders.draw();
  assert.equal($('order').value, '', 'a pick in another mode is not of that order');
  $('order-panel').hidden = false;
  orders.draw();
  assert.equal($('order').value, '1');
});

test('what was refused before the terminal was left does not come back', () => {
  const { $, orders } = panel();
  orders.takeBack(booked(orders, '536365'));
  orders.leave();
  orders.draw();
  assert.equal($('order').value, '');
});

test('a refused operation that books no order brings none back', () => {
  const { $, orders } = panel();
  orders.takeBack({ body: { sku: 'A-1', quantity: 1, order_id: '536364' } });
  orders.takeBack(booked(orders, '536365'));
  orders.draw();
  assert.equal($('order').value, '536365');
});

test('another order puts a half-picked one aside, which comes back as it was', () => {
  for (const begin of [(orders) => orders.takeList('2 B-2*1'), (orders) => orders.open('2'), (orders, $) => { $('order').value = '2'; $('order').fire('change'); }]) {
    const { $, orders } = panel();
    orders.takeList('1 A-1*3 B-2*1');
    orders.scan({ sku: 'A-1' });
    begin(orders, $);
    orders.draw();
    assert.deepEqual([orders.doneOf('A-1'), $('order-note').textContent], [undefined, 'Order 1 is kept for later.']);
    $('order').value = '2';
    orders.scan({ sku: 'B-2' });
    orders.book();
    orders.draw();
    assert.deepEqual([$('order').value, orders.doneOf('A-1'), $('lines').children.length], ['1', 1, 2]);
  }
});

test('an order that was put aside is gone on with by its number, and by its list', () => {
  const { $, orders } = panel();
  orders.takeList('1 A-1*3');
  orders.scan({ sku: 'A-1' });
  orders.open('2');
  orders.takeList('1 A-1*3');
  assert.equal(orders.doneOf('A-1'), 1);
  // A list that was printed again keeps what is picked, also of what it names no more.
  orders.takeList('1 B-2*1 A-1*2 A-1*2');
  orders.draw();
  assert.deepEqual($('lines').children.map(({ children }) => children[0].textContent), ['0 / 1', '1 / 4']);
  orders.takeList('1 B-2*1');
  orders.scan({ sku: 'B-2' });
  assert.deepEqual(orders.book()[0].lines.map(({ sku }) => sku), ['B-2', 'A-1']);
});

test('what was scanned before its order is of the first one that is named', () => {
  const { orders } = panel();
  orders.scan({ sku: 'A-1' });
  orders.open('1');
  assert.equal(orders.doneOf('A-1'), 1);
});

test('an order is given up by two presses that are no double one', (context) => {
  context.mock.timers.enable({ apis: ['Date'], now: 1_000 });
  const { $, orders } = panel();
  orders.takeList('1 A-1*3');
  orders.scan({ sku: 'A-1' });
  for (const pause of [100, 450]) {
    $('give-up').fire('click');
    context.mock.timers.tick(pause);
    orders.draw();
    assert.deepEqual([$('give-up').textContent, $('order').value], ['Yes, really 1', '1']);
  }
  $('give-up').fire('click');
  orders.draw();
  assert.deepEqual([$('order').value, $('lines').children.length, $('give-up').hidden], ['', 0, true]);
});

test('orders that wait survive a reload until the terminal is left', () => withStorage(() => {
  const first = panel().orders;
  first.takeBack(booked(first, '1'));
  const second = panel();
  second.orders.draw();
  assert.equal(second.$('order').value, '1');
  second.orders.open('2');
  const third = panel();
  third.orders.book();
  third.orders.draw();
  assert.equal(third.$('order').value, '1', 'what is put aside as well');
  third.orders.leave();
  const fourth = panel();
  fourth.orders.draw();
  assert.equal(fourth.$('order').value, '');
}));

test('two windows book an order once', () => withStorage(() => {
  const one = panel().orders;
  one.takeList('1 A-1*2');
  one.scan({ sku: 'A-1' });
  const other = panel();
  // The windows hear of each other late.
  one.scan({ sku: 'A-1' });
  const requests = [one.book()[1].request, other.orders.book()[1].request];
  assert.ok(requests[0]);
  assert.equal(requests[0], requests[1]);

  one.takeList('2 A-1*2');
  one.scan({ sku: 'A-1' });
  other.orders.share('stockgate.order');
  assert.deepEqual([other.$('order').value, other.orders.doneOf('A-1')], ['2', 1]);
  one.scan({ sku: 'A-1' });
  other.orders.settle();
  assert.equal(other.orders.doneOf('A-1'), 2, 'before it is booked');
  one.book();
  other.orders.settle();
  assert.equal(other.orders.obstacle(), 'Scan or type the order first.');
}));

test('an order that comes back is another request, unless it is booked under its own', () => {
  const { orders } = panel();
  const operation = booked(orders, '1');
  const { request } = operation.draft;
  orders.takeBack({ ...operation, error: { code: 'idempotency_conflict' } });
  orders.draw();
  assert.equal(orders.doneOf('A-1'), undefined);
  orders.takeBack({ ...operation, error: { code: 'insufficient_stock' } });
  orders.draw();
  const [, again] = orders.book();
  assert.ok(again.request && again.request !== request);
});
