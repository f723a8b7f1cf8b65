// What is entered while a code is still looked up, and quantities that nobody has booked, without a browser.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Lookup, Turns } from '../../src/terminal/page/lookup.js';
import { Operations } from '../../src/terminal/page/operations.js';
import { Orders } from '../../src/terminal/page/orders.js';
import { Outbox } from '../../src/terminal/page/outbox.js';
import { setLanguage } from '../../src/terminal/page/texts.js';
import { Work } from '../../src/terminal/page/work.js';
import { openDocument } from './document.mjs';

const ITEMS = ['A-1', 'A-2', 'A-3', 'LAMP-4'].map((sku) => ({ sku, on_hand: 50, reserved: 0, available: 50 }));

openDocument();
globalThis.fetch = async (address) => new Response(readFileSync(address));
await setLanguage('en');
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

/** What the visit keeps, which survives a reload. */
function visit() {
  const texts = new Map();
  globalThis.sessionStorage = { getItem: (key) => texts.get(key) ?? null, setItem: (key, text) => texts.set(key, text) };
}

/** A terminal without its gateway, whose lookups the test answers: the oldest by default. */
function terminal({ isSlow = true } = {}) {
  const $ = openDocument();
  const [heard, asked] = [[], []];
  const nothing = () => {};
  let departures = 0;
  const feedback = { acknowledge: nothing, bad: () => heard.push('bad'), found: () => heard.push('found') };
  const link = { state: 'lost', role: 'operator', user: 'Anna', hasToken: true, needsToken: false, ask: async () => ({ lost: true }), leave: () => { departures += 1; link.needsToken = true; }, unlock: nothing };
  const texts = new Map();
  const storage = { keys: () => [...texts.keys()], get: (key) => texts.get(key) ?? null, put: (key, text) => (text === null ? texts.delete(key) : texts.set(key, text)) };
  const outbox = new Outbox(link, nothing, storage);
  const stock = { items: new Map(ITEMS.map((item) => [item.sku, item])), isOld: false, threshold: 0 };
  const known = (code) => { const sku = code.replace('BARCODE', 'A'); return { state: stock.items.has(sku) ? 'known' : 'unknown', sku }; };
  const orders = new Orders(stock, feedback, { show: (sku) => work.show(sku), draw: () => work.draw() });
  const work = new Work({
    link, outbox, stock, feedback, order: orders,
    lookup: { isKnown: (code) => stock.items.has(code), find: (code) => (isSlow ? new Promise((resolve) => asked.push({ code, resolve })) : Promise.resolve(known(code))) },
    found: { only: () => null, close: nothing, enter: nothing, search: () => false },
  });
  const operations = new Operations(outbox, stock, (operation) => work.follow(operation), () => true, (act) => work.inTurn(act));
  const answer = async (code = asked[0]?.code) => {
    const at = asked.findIndex((each) => each.code === code);
    const [{ resolve }] = asked.splice(at, 1);
    resolve(known(code));
    await settle();
    operations.draw({});
  };
  const answerAll = async () => { while (asked.length) await answer(); };
  const type = (text) => { for (const key of text) work.typed(key); };
  const picked = () => outbox.waiting.map(({ body }) => body.lines?.map(({ sku, quantity }) => `${quantity} ${sku}`).join() ?? `${body.quantity ?? body.counted} ${body.sku}`).reverse();
  operations.draw({});
  return { $, work, outbox, operations, heard, asked, answer, answerAll, type, picked, left: () => departures };
}

test('what is entered before a lookup is over is booked in its order, and undone in its order', async () => {
  const { $, work, outbox, operations, answerAll, picked } = terminal();
  outbox.add('deduct', { sku: 'A-1', quantity: 9 });
  operations.draw({});
  work.scan('A-3');
  work.scan('STOCKGATE OK');
  await answerAll();
  assert.deepEqual(picked(), ['9 A-1', '1 A-3']);

  work.scan('A-2');
  work.scan('STOCKGATE OK');
  work.scan('STOCKGATE UNDO');
  await answerAll();
  assert.deepEqual(picked(), ['9 A-1', '1 A-3'], 'it undoes what was entered last');
  assert.equal($('result').textContent, 'Undone: −1 A-2');
  work.scan('A-2');
  work.enter();
  $('undo').click();
  await answerAll();
  assert.deepEqual(picked(), ['9 A-1', '1 A-3'], 'and so does the button');
});

test('items and quantities stay together, whichever lookup ends first', async () => {
  for (const first of ['A-1', 'A-2']) {
    const { work, asked, answer, answerAll, type, picked } = terminal();
    work.scan('A-1');
    type('12');
    work.enter();
    work.scan('A-2');
    type('34');
    work.enter();
    if (asked.some(({ code }) => code === first)) await answer(first);
    await answerAll();
    assert.deepEqual(picked(), ['12 A-1', '34 A-2']);
  }
});

test('a mode that is chosen after the button is none of what was entered before', async () => {
  const { work, outbox, answerAll } = terminal();
  work.scan('A-1');
  work.confirm();
  work.shortcut('F4');
  work.scan('A-2');
  work.confirm();
  await answerAll();
  assert.deepEqual(outbox.waiting.map(({ op, body }) => `${op} ${body.sku}`).reverse(), ['deduct A-1', 'restock A-2']);
});

test('an order has the scans that came before its button', async () => {
  const { work, answerAll, picked } = terminal();
  work.scan('STOCKGATE MODE ORDER');
  work.scan('STOCKGATE ORDER 1001');
  work.scan('A-1');
  work.scan('A-2');
  work.scan('STOCKGATE OK');
  work.scan('STOCKGATE ORDER 1002');
  work.scan('A-3');
  work.scan('STOCKGATE OK');
  await answerAll();
  assert.deepEqual(picked(), ['1 A-1,1 A-2', '1 A-3']);
});

test('each of two quick scans of an item adds one', async () => {
  const { $, work, answerAll } = terminal();
  work.scan('A-1');
  work.scan('A-1');
  await answerAll();
  assert.equal($('quantity').value, '2');
});

test('what waits for a lookup is given up with Escape, and with the terminal, which is heard', async () => {
  const { work, heard, answerAll, picked } = terminal();
  work.scan('A-1');
  work.enter();
  document.fire('keydown', { key: 'Escape' });
  await answerAll();
  assert.deepEqual([picked(), heard.includes('bad')], [[], false]);
  work.scan('A-1');
  work.enter();
  work.leave();
  await answerAll();
  assert.deepEqual([picked(), heard.includes('bad')], [[], true]);
});

test('typing goes on where it was, whatever had to wait between', async () => {
  const { $, work, outbox, answerAll, type } = terminal();
  work.scan('A-1');
  type('12');
  work.shortcut('F4');
  type('34');
  assert.equal(document.activeElement, $('sink'), 'a key reaches no field meanwhile');
  work.enter();
  await answerAll();
  assert.deepEqual(outbox.waiting.map(({ op, body }) => `${op} ${body.quantity} ${body.sku}`), ['restock 1234 A-1']);

  work.scan('A-2');
  type('LAMP');
  work.shortcut('F2');
  type('-4');
  await answerAll();
  assert.deepEqual([$('code').value, document.activeElement], ['LAMP-4', $('code')]);
  work.scan('A-2');
  type('12');
  work.shortcut('F4');
  $('order').focus();
  await answerAll();
  assert.equal(document.activeElement, $('order'), 'a person has moved on');
});

test('a quantity that is typed while an unknown code is looked up is not the one before, and stays', async () => {
  const { $, work, asked, answer, type } = terminal();
  work.setMode('restock');
  work.scan('A-1');
  await answer();
  type('28');
  work.scan('A-9');
  type('55');
  while (asked.length) await answer();
  assert.deepEqual([$('quantity').value, $('sku').textContent], ['55', 'A-9']);
});

test('a terminal is locked after all that was entered before, and says what was not booked', async () => {
  const it = terminal();
  it.work.scan('A-1');
  it.work.scan('STOCKGATE OK');
  it.work.inTurn(() => it.work.depart());
  it.work.scan('A-2');
  it.work.scan('STOCKGATE OK');
  assert.equal(it.left(), 0);
  await it.answerAll();
  const missed = 'What you entered last was not booked: enter it again.';
  assert.deepEqual([it.picked(), it.left(), it.work.lost], [['1 A-1'], 1, missed], 'what came after is of nobody, which is said');

  for (const [why, enter, lost] of [
    ['a quantity', ({ type }) => type('5'), '5 × A-3 not booked.'],
    ['what waits for a lookup', ({ work }) => { work.scan('BARCODE-2'); work.enter(); }, '1 × BARCODE-2 not booked.'],
    ['nothing', () => {}, ''],
  ]) {
    const other = terminal();
    other.work.setMode('deduct');
    other.work.scan('A-3');
    await other.answer();
    enter(other);
    other.work.leave();
    await other.answerAll();
    assert.deepEqual([other.work.lost, other.$('result').textContent, other.picked()], [lost, lost, []], why);
    assert.equal(other.heard.includes('bad'), lost !== '', why);
  }
});

test('what cannot be looked up is not booked, and the button that was pressed for it says so', async () => {
  const { work, heard, asked, picked, outbox } = terminal();
  outbox.add('deduct', { sku: 'A-1', quantity: 9 });
  work.scan('A-9');
  work.enter();
  asked[0].resolve({ state: 'unreachable' });
  await settle();
  assert.deepEqual([picked(), heard], [['9 A-1'], ['bad', 'bad']]);
});

test('a quantity that was entered and not booked is not lost silently', async () => {
  const scanned = (code) => async (it) => { it.work.scan(code); await settle(); };
  for (const [why, act, said] of [
    ['another item', scanned('A-2'), '5 × A-1 not booked.'],
    ['another item by hand', async (it) => { it.work.choose('A-2'); await settle(); }, '5 × A-1 not booked.'],
    ['an item that is looked at', async (it) => { it.work.show('A-2'); await settle(); }, '5 × A-1 not booked.'],
    ['a code of no item', scanned('A-9'), '5 × A-1 not booked.'],
    ['a count', ({ work }) => work.shortcut('F9'), '5 × A-1 not booked.'],
    ['an order', ({ work }) => work.setMode('order'), '5 × A-1 not booked.'],
    ['the same item', async (it) => { it.work.show('A-1'); await settle(); assert.equal(it.$('quantity').value, '5'); }, ''],
    ['a reservation', ({ work, $ }) => { work.shortcut('F8'); assert.equal($('quantity').value, '5'); }, ''],
    ['Escape', () => document.fire('keydown', { key: 'Escape' }), ''],
    ['a booking', ({ work, $ }) => { work.enter(); $('result').textContent = ''; }, ''],
  ]) {
    visit();
    const it = terminal({ isSlow: false });
    it.work.setMode('deduct');
    await scanned('A-1')(it);
    it.type('5');
    await act(it);
    assert.equal(it.$('result').textContent, said, why);
    assert.equal(it.heard.includes('bad'), said !== '' , why);
    if (said) await scanned('A-3')(it);
    if (said) assert.equal(it.heard.filter((tone) => tone === 'bad').length, 1 + Number(why === 'a code of no item'), `${why}: it is said once`);
  }
});

test('a quantity that was not booked before a reload is said, once', async () => {
  visit();
  const before = terminal({ isSlow: false });
  before.work.setMode('count');
  before.work.scan('A-1');
  await settle();
  before.type('7');
  const after = terminal({ isSlow: false });
  after.work.recall();
  assert.deepEqual([after.$('result').textContent, after.heard], ['7 × A-1 not booked.', ['bad']]);
  const again = terminal({ isSlow: false });
  again.work.recall();
  assert.deepEqual([again.$('result').textContent, again.heard], ['', []]);
});

test('a code is looked up in what earlier visits have left before it is called unknown', async () => {
  let recall;
  const recalled = new Promise((resolve) => { recall = resolve; });
  const stock = { items: new Map() };
  const codes = { find: (code, isSku) => (isSku(code) ? { sku: code, quantity: 1 } : null), lists: () => false, areComplete: false };
  const lookup = new Lookup({ ask: async () => ({ lost: true }) }, stock, codes, recalled);
  const finding = lookup.find('A-3');
  await settle();
  stock.items.set('A-3', ITEMS[2]);
  recall();
  assert.deepEqual(await finding, { state: 'known', sku: 'A-3', quantity: 1 });
});

test('what a scanner or a person types into the field of the quantity and is a code is no quantity that was lost', async () => {
  const { $, work, heard } = terminal({ isSlow: false });
  const item = async (code) => { work.scan(code); await settle(); };
  await item('A-1');
  // The field gives back what it had.
  $('quantity').value = '14006381';
  $('quantity').fire('input');
  $('quantity').value = '1';
  await item('A-2');
  assert.deepEqual([$('result').textContent, heard.includes('bad')], ['', false]);
  $('quantity').value = 'LAMP-4';
  $('quantity').fire('input');
  work.enter();
  await settle();
  assert.deepEqual([$('sku').textContent, $('result').textContent, heard.includes('bad')], ['LAMP-4', '', false]);
});

test('a lookup that fails altogether holds up nothing for ever', async () => {
  const done = [];
  const turns = new Turns(() => {});
  const looked = turns.look(Promise.reject(new Error('planted')), () => done.push('found'));
  turns.take(() => done.push('first'));
  await assert.rejects(looked);
  turns.take(() => done.push('second'));
  assert.deepEqual(done, ['first', 'second']);
});

test('the same is booked however slow the lookups are, and whichever ends first', async () => {
  const codes = ['A-1', 'A-2', 'BARCODE-1', 'A-9'];
  for (let seed = 1; seed <= 120; seed += 1) {
    let state = seed * 2654435761 % 2 ** 32;
    const roll = (sides) => {
      state = (state * 1664525 + 1013904223) % 2 ** 32;
      return Math.floor(state / 2 ** 32 * sides);
    };
    const acts = Array.from({ length: 14 }, () => [
      () => { const code = codes[roll(4)]; return ['scan', code]; },
      () => ['scan', codes[roll(2)]],
      () => ['type', String(2 + roll(70))],
      () => ['digits', String(2 + roll(70))],
      () => ['enter'],
      () => ['scan', ['STOCKGATE OK', 'STOCKGATE UNDO', `STOCKGATE QTY ${1 + roll(9)}`, 'STOCKGATE CLEAR'][roll(4)]],
      () => ['shortcut', ['F2', 'F4', 'F8', 'F9'][roll(4)]],
    ][roll(7)]());
    const run = async (isSlow) => {
      visit();
      const it = terminal({ isSlow });
      it.work.setMode('deduct');
      for (const [what, ...how] of acts) {
        if (what === 'type' || what === 'digits') it.type(...how);
        if (what !== 'digits') it.work[what === 'type' ? 'enter' : what](...how);
        if (isSlow && it.asked.length && roll(3) === 0) await it.answer(it.asked[roll(it.asked.length)].code);
        await settle();
      }
      await it.answerAll();
      return [it.outbox.waiting.map(({ op, body }) => `${op} ${body.quantity ?? body.counted} ${body.sku}`).reverse(), it.$('quantity').value, it.$('sku').textContent];
    };
    assert.deepEqual(await run(true), await run(false), `seed ${seed}: ${acts.map((act) => act.join(' ')).join(', ')}`);
  }
});
