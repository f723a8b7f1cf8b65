// The outbox without a page: with a storage and a link that the test holds.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Outbox } from '../../src/terminal/page/outbox.js';

/** A browser's storage, which survives a reload. */
class Storage {
  texts = new Map();
  isFull = false;
  keys = () => [...this.texts.keys()];
  get = (key) => this.texts.get(key) ?? null;
  put = (key, text) => {
    if (text === null) this.texts.delete(key);
    else if (this.isFull) return false;
    else this.texts.set(key, text);
    return true;
  };
}

/** A link whose answers the test gives. */
class Link {
  state = 'ready';
  role = 'operator';
  asked = [];
  ask(body) {
    return new Promise((answer) => this.asked.push({ body, answer }));
  }
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 0));
const done = { ok: true, result: { seq: 7, lines: [] } };

function bench() {
  const [storage, link] = [new Storage(), new Link()];
  return { storage, link, outbox: new Outbox(link, () => {}, storage) };
}

test('an operation is stored before it is sent, and until it is decided', async () => {
  const { storage, link, outbox } = bench();
  const { id } = outbox.add('deduct', { sku: 'A-1', quantity: 5 });
  await settle();
  assert.ok(storage.get(`stockgate.request.${id}`));
  assert.equal(link.asked[0].body.request_id, id);

  link.asked[0].answer(done);
  await settle();
  assert.equal(storage.get(`stockgate.request.${id}`), null);
  assert.equal(outbox.operations[0].state, 'done');
});

test('a reload sends what was not answered again, under its id and in its order', async () => {
  const { storage, link, outbox } = bench();
  const first = outbox.add('deduct', { sku: 'A-1', quantity: 5 }).id;
  const second = outbox.add('deduct', { sku: 'A-1', quantity: 1 }).id;
  await settle();
  link.asked[0].answer({ lost: true });

  const again = new Link();
  new Outbox(again, () => {}, storage).pump();
  await settle();
  again.asked[0].answer(done);
  await settle();
  assert.deepEqual(again.asked.map(({ body }) => body.request_id), [first, second]);
});

test('what was not decided waits, and what was refused does not', async () => {
  const { link, outbox } = bench();
  outbox.add('deduct', { sku: 'A-1', quantity: 5 });
  await settle();
  link.asked[0].answer({ ok: false, error: { code: 'storage_unavailable' } });
  await settle();
  assert.equal(outbox.operations[0].state, 'waiting');
  assert.equal(outbox.takenOf('A-1'), 5);

  outbox.resume();
  await settle();
  link.asked[1].answer({ ok: false, error: { code: 'insufficient_stock' } });
  await settle();
  assert.equal(outbox.operations[0].state, 'refused');
  assert.equal(outbox.takenOf('A-1'), 0);
});

test('the order of a booking is kept until it is booked, also across a reload', async () => {
  const { storage, link, outbox } = bench();
  const draft = { id: '536365', lines: [] };
  outbox.add('deduct', { sku: 'A-1', quantity: 0.5 }, draft);
  await settle();
  link.asked[0].answer({ lost: true });

  const [again, told] = [new Link(), []];
  const reloaded = new Outbox(again, (operation) => told.push({ ...operation }), storage);
  reloaded.pump();
  reloaded.add('deduct', { sku: 'A-1', quantity: 1 }, draft);
  await settle();
  again.asked[0].answer({ ok: false, error: { code: 'bad_request' } });
  await settle();
  const refused = told.filter(({ state }) => state === 'refused');
  assert.deepEqual(refused.map((operation) => operation.draft), [draft]);
  again.asked[1].answer(done);
  await settle();
  assert.equal(reloaded.operations[0].state, 'done');
  assert.equal(reloaded.operations[0].draft, undefined);
});

test('the order of a refused booking comes back in one window only', async () => {
  const { storage, link, outbox } = bench();
  const draft = { id: '536365', lines: [] };
  link.state = 'lost';
  outbox.add('deduct', { sku: 'A-1', quantity: 1 }, draft);
  const drafts = [];
  const windows = [new Link(), new Link()].map((own) => {
    const window = new Outbox(own, ({ state, draft: it }) => { if (state === 'refused') drafts.push(it); }, storage);
    window.pump();
    return own;
  });
  await settle();
  for (const window of windows) {
    window.asked[0].answer({ ok: false, error: { code: 'insufficient_stock' } });
    await settle();
  }
  assert.deepEqual(drafts, [draft, undefined]);
});

test('only what the gateway cannot have heard of is discarded', async () => {
  const { link, outbox } = bench();
  link.state = 'lost';
  const operation = outbox.add('deduct', { sku: 'A-1', quantity: 5 });
  assert.ok(outbox.canDiscard(operation));
  link.state = 'ready';
  outbox.pump();
  await settle();
  assert.ok(!outbox.canDiscard(operation));
});

test('what waits of an item is summed exactly', () => {
  const { link, outbox } = bench();
  link.state = 'lost';
  outbox.add('deduct', { sku: 'KG-APPLE', quantity: 0.1 });
  outbox.add('reserve', { lines: [{ sku: 'KG-APPLE', quantity: 0.2 }, { sku: 'A-1', quantity: 5 }] });
  assert.equal(outbox.takenOf('KG-APPLE'), 0.3);
});

test('a full storage is noticed', () => {
  const { storage, outbox } = bench();
  storage.isFull = true;
  outbox.add('deduct', { sku: 'A-1', quantity: 5 });
  assert.equal(outbox.keeps, false);
});

test('a viewer sends nothing', async () => {
  const { link, outbox } = bench();
  link.role = 'viewer';
  outbox.add('deduct', { sku: 'A-1', quantity: 5 });
  await settle();
  assert.deepEqual(link.asked, []);
});
