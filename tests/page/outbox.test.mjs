// The outbox without a page: with a storage and a link that the test holds.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Outbox } from '../../src/terminal/page/outbox.js';
import { setLanguage } from '../../src/terminal/page/texts.js';
import { stateText, waitingText } from '../../src/terminal/page/words.js';
import { openDocument } from './document.mjs';

openDocument();
globalThis.fetch = async (address) => new Response(readFileSync(address));
await setLanguage('en');

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

function bench(changed = () => {}) {
  const [storage, link] = [new Storage(), new Link()];
  return { storage, link, outbox: new Outbox(link, changed, storage) };
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
  assert.equal(waitingText('A-1', outbox), '−5');

  outbox.resume();
  await settle();
  link.asked[1].answer({ ok: false, error: { code: 'insufficient_stock' } });
  await settle();
  assert.equal(outbox.operations[0].state, 'refused');
  assert.equal(waitingText('A-1', outbox), '');
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
  assert.equal(waitingText('KG-APPLE', outbox), '−0.3');
});

test('goods in and counts that wait are told as well as what is taken', () => {
  const { link, outbox } = bench();
  link.state = 'lost';
  outbox.add('count', { sku: 'A-1', counted: 40 });
  outbox.add('count', { sku: 'A-1', counted: 0 });
  outbox.add('restock', { sku: 'A-1', quantity: 12 });
  outbox.add('deduct', { lines: [{ sku: 'A-1', quantity: 2 }, { sku: 'B-2', quantity: 1 }] });
  assert.deepEqual(['A-1', 'B-2', 'C-3'].map((sku) => waitingText(sku, outbox)), ['−2 +12 =0', '−1', '']);
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

test('nothing overtakes what waits after trouble, but a reservation that is too many', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const step = () => new Promise((resolve) => setImmediate(resolve));
  const now = performance.now();
  let passed = 0;
  context.mock.method(performance, 'now', () => now + passed);
  const wait = async (ms) => { passed += ms; context.mock.timers.tick(ms); await step(); };
  const { link, outbox } = bench();
  const first = outbox.add('deduct', { sku: 'A-1', quantity: 5 }).id;
  await step();
  link.asked[0].answer({ ok: false, error: { code: 'storage_unavailable' } });
  await step();
  const second = outbox.add('count', { sku: 'A-1', counted: 9 }).id;
  await step();
  assert.equal(link.asked.length, 1, 'the count comes after the pick');
  await wait(20_000);
  link.asked[1].answer(done);
  await step();
  assert.deepEqual(link.asked.map(({ body }) => body.request_id), [first, first, second]);
  link.asked[2].answer(done);

  const reserve = outbox.add('reserve', { sku: 'A-1', quantity: 1 }).id;
  await step();
  link.asked[3].answer({ ok: false, error: { code: 'overloaded' } });
  const pick = outbox.add('deduct', { sku: 'B-2', quantity: 1 }).id;
  await step();
  assert.equal(link.asked[4].body.request_id, pick);
  link.asked[4].answer({ ok: false, error: { code: 'overloaded' } });
  await step();
  await wait(20_000);
  assert.equal(link.asked[5].body.request_id, reserve, 'the oldest of those that are due');
  link.asked[5].answer({ ok: false, error: { code: 'overloaded' } });
  await step();
  link.asked[6].answer(done);
  await step();
  await wait(20_000);
  assert.equal(link.asked[7].body.request_id, reserve, 'it is not forgotten');
});

test('a clock that is set back changes no order', async (context) => {
  const { storage, link, outbox } = bench();
  link.state = 'lost';
  const first = outbox.add('deduct', { sku: 'A-1', quantity: 5 }).id;
  context.mock.method(Date, 'now', () => 1_000);
  const second = outbox.add('count', { sku: 'A-1', counted: 9 }).id;
  const third = new Outbox(link, () => {}, storage).add('deduct', { sku: 'A-1', quantity: 1 }).id;
  const again = new Link();
  const reloaded = new Outbox(again, () => {}, storage);
  assert.deepEqual(reloaded.waiting.map(({ id }) => id), [third, second, first]);
});

test('what earlier pages have stored keeps its order', () => {
  const { storage, link } = bench();
  const put = (id, at, nth) => storage.put(`stockgate.request.${id}`, JSON.stringify({ id, op: 'deduct', body: { sku: 'A-1' }, at, nth, state: 'waiting' }));
  put('b', 1_790_000_000_000, 9);
  put('c', 1_790_000_000_001, 1);
  put('a', 1_790_000_000_000, 8);
  link.state = 'lost';
  const outbox = new Outbox(link, () => {}, storage);
  const { id } = outbox.add('deduct', { sku: 'A-1', quantity: 1 });
  assert.deepEqual(outbox.waiting.map((each) => each.id), [id, 'c', 'b', 'a']);
});

test('what was decided before the page ended is not sent again, even when it is history no more', async () => {
  const { storage, link, outbox } = bench();
  const { id } = outbox.add('deduct', { sku: 'A-1', quantity: 5 });
  const waiting = storage.get(`stockgate.request.${id}`);
  await settle();
  link.asked[0].answer(done);
  await settle();
  storage.put(`stockgate.request.${id}`, waiting);

  const reloaded = new Outbox(new Link(), () => {}, storage);
  assert.deepEqual([storage.get(`stockgate.request.${id}`), reloaded.waiting], [null, []]);
});

test('an order is sent under its own request, and comes back when it is discarded', () => {
  const told = [];
  const { link, outbox } = bench((operation) => operation && told.push({ ...operation }));
  link.state = 'lost';
  const draft = { id: '536365', lines: [], request: 'r-1' };
  const operation = outbox.add('deduct', { sku: 'A-1', quantity: 1 }, draft);
  assert.equal(operation.id, 'r-1');
  outbox.discard(operation);
  assert.deepEqual([told.at(-1).state, told.at(-1).draft, outbox.waiting], ['discarded', draft, []]);
});

test('what one person has entered is never sent under the name of another', async () => {
  const { storage, link, outbox } = bench();
  Object.assign(link, { user: 'Anna', state: 'lost' });
  const picks = [1, 2].map((quantity) => outbox.add('deduct', { sku: 'A-1', quantity }));
  assert.deepEqual([outbox.isOwn(picks[0]), outbox.canDiscard(picks[0])], [true, true]);

  const bert = Object.assign(new Link(), { user: 'Bert' });
  const after = new Outbox(bert, () => {}, storage);
  after.resume();
  after.add('deduct', { sku: 'B-2', quantity: 3 });
  await settle();
  assert.deepEqual(bert.asked.map(({ body }) => body.sku), ['B-2'], 'they hold up nobody else');
  bert.asked[0].answer(done);
  await settle();
  assert.equal(after.undoable.body.sku, 'B-2');
  assert.deepEqual([waitingText('A-1', after), after.waiting.map((each) => after.canDiscard(each))], ['−3', [false, false]]);
  bert.role = 'admin';
  assert.ok(after.canDiscard(after.waiting[0]));

  const anna = Object.assign(new Link(), { user: 'Anna' });
  const again = new Outbox(anna, () => {}, storage);
  assert.equal(again.undoable.body.quantity, 2, 'the newest of hers');
  again.resume();
  for (const at of [0, 1]) {
    await settle();
    anna.asked[at].answer(done);
  }
  await settle();
  assert.deepEqual(anna.asked.map(({ body }) => body.quantity), [1, 2]);
  assert.equal(again.undoable.body.quantity, 2);
  const [bertsNow] = [Object.assign(new Link(), { user: 'Bert' })];
  const bertAgain = new Outbox(bertsNow, () => {}, storage);
  assert.equal(bertAgain.undoable.body.sku, 'B-2', 'not what Anna has done since');
});

test('what was entered without a name is sent under that of the next person', async () => {
  const { storage, link, outbox } = bench();
  Object.assign(link, { user: '', state: 'lost' });
  outbox.add('deduct', { sku: 'A-1', quantity: 1 });
  const bert = Object.assign(new Link(), { user: 'Bert' });
  new Outbox(bert, () => {}, storage).pump();
  await settle();
  assert.equal(bert.asked.length, 1);
});

test('what could not be stored says so, also when something else was stored since', () => {
  const { storage, link, outbox } = bench();
  link.state = 'lost';
  storage.isFull = true;
  const first = outbox.add('deduct', { sku: 'A-1', quantity: 5 });
  storage.isFull = false;
  const second = outbox.add('deduct', { sku: 'A-1', quantity: 1 });
  assert.deepEqual([first, second].map((each) => stateText(each, outbox, {})), [
    'This browser cannot store it: leave the page open.',
    'Waits on this terminal',
  ]);
});
