// The panel of the order, with as much of a document as it touches.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Orders } from '../../src/terminal/page/orders.js';
import { openDocument } from './document.mjs';

/** The panel in the mode of orders, and an element by its id. */
function panel() {
  const $ = openDocument();
  return { $, orders: new Orders({ items: new Map() }, { found() {}, bad() {} }) };
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
