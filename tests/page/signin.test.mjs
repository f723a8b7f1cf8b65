// What is entered after a lock, or while a token waits for its answer, without a browser.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Turns } from '../../src/terminal/page/lookup.js';
import { Orders } from '../../src/terminal/page/orders.js';
import { Outbox } from '../../src/terminal/page/outbox.js';
import { setLanguage } from '../../src/terminal/page/texts.js';
import { Work } from '../../src/terminal/page/work.js';
import { openDocument } from './document.mjs';

const ITEMS = ['A-1', 'A-2', 'A-3'].map((sku) => ({ sku, on_hand: 50, reserved: 0, available: 50 }));
const PEOPLE = { 'secret-of-anna': 'Anna', 'secret-of-bert': 'Bert' };
const MISSED = 'What you entered last was not booked: enter it again.';
const WRONG = 'This access code is not known.';
const BERT = 'STOCKGATE TOKEN secret-of-bert';

openDocument();
globalThis.fetch = async (address) => new Response(readFileSync(address));
await setLanguage('en');
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

/** A link that waits for its gateway until `answer()` or `lose()`. */
class Link {
  state = 'ready';
  role = 'operator';
  user = 'Anna';
  needsToken = false;
  rejected = false;
  tried = [];
  #answer = null;

  get hasToken() { return !this.needsToken; }
  get isAsked() { return this.#answer !== null; }
  ask() { return new Promise(() => {}); }
  leave() { Object.assign(this, { state: 'locked', needsToken: true, user: '' }); }

  unlock(token) {
    this.tried.push(token);
    this.state = 'connecting';
    return new Promise((resolve) => { this.#answer = resolve; });
  }

  answer() {
    const user = PEOPLE[this.tried.at(-1)];
    Object.assign(this, user ? { state: 'ready', needsToken: false, rejected: false, user } : { state: 'locked', rejected: true });
    return this.#end(Boolean(user));
  }

  lose() {
    this.state = 'lost';
    return this.#end(false);
  }

  #end(isIn) {
    this.#answer(isIn);
    this.#answer = null;
    return settle();
  }
}

/** A terminal with Anna, whose lookups and logins are answered at once, or by the test. */
function terminal({ isSlow = false } = {}) {
  const $ = openDocument();
  globalThis.sessionStorage = { getItem: () => null, setItem() {} };
  const [heard, asked, texts, link] = [[], [], new Map(), new Link()];
  const nothing = () => {};
  const feedback = { acknowledge: nothing, bad: () => heard.push('bad'), found: () => heard.push('found') };
  const storage = { keys: () => [...texts.keys()], get: (key) => texts.get(key) ?? null, put: (key, text) => (text === null ? texts.delete(key) : texts.set(key, text)) };
  const outbox = new Outbox(link, nothing, storage);
  const stock = { items: new Map(ITEMS.map((item) => [item.sku, item])), isOld: false, threshold: 0 };
  const known = (code) => ({ state: stock.items.has(code) ? 'known' : 'unknown', sku: code });
  const find = (code) => (isSlow ? new Promise((resolve) => asked.push(() => resolve(known(code)))) : Promise.resolve(known(code)));
  const work = new Work({
    link, outbox, stock, feedback,
    order: new Orders(stock, feedback, {}),
    lookup: { isKnown: (code) => stock.items.has(code), find },
    found: { only: () => null, close: nothing, enter: nothing, search: () => false },
  });
  const all = async () => { for (await settle(); asked.length || link.isAsked; await settle()) (asked.shift() ?? (() => link.answer()))(); };
  const booked = () => outbox.operations.map(({ user, body }) => `${user}: ${body.quantity ?? body.counted} ${body.sku}`).reverse();
  const seen = () => ['sku', 'note', 'result', 'hint', 'name', 'code', 'access-note', 'quantity'].map((id) => `${$(id).textContent}${$(id).value}`).join();
  work.setMode('deduct');
  return { $, work, link, heard, all, booked, seen, lock: () => work.lock(), count: (tone) => heard.filter((each) => each === tone).length };
}

/** A terminal that nobody works at. */
function locked() {
  const it = terminal();
  it.lock();
  it.heard.length = 0;
  return it;
}

test('what is entered after a badge waits for its answer, and is booked by the person of the badge', async () => {
  const it = terminal();
  it.work.scan(BERT);
  it.work.scan('A-1');
  it.work.typed('3');
  it.work.enter();
  it.work.shortcut('F9');
  it.work.scan('A-2');
  it.work.scan('STOCKGATE QTY 7');
  it.work.scan('STOCKGATE OK');
  await settle();
  assert.deepEqual([it.booked(), it.$('sku').textContent, it.heard], [[], 'Ready to scan', []], 'nobody works yet');
  await it.link.answer();
  assert.deepEqual([it.booked(), it.link.tried], [['Bert: 3 A-1', 'Bert: 7 A-2'], ['secret-of-bert']]);
});

test('so it does after a token in the field for it, and no item is tried as a token', async () => {
  const it = locked();
  it.$('token').focus();
  it.work.scan('secret-of-bert', { field: 'token' });
  assert.equal(document.activeElement, it.$('sink'), 'what comes next is no token');
  it.work.scan('A-1');
  it.work.scan('A-2', { field: 'token' });
  it.work.scan('STOCKGATE OK', { field: 'token' });
  await it.link.answer();
  assert.deepEqual([it.booked(), it.link.tried], [['Bert: 1 A-2'], ['secret-of-bert']]);
});

test('what a person types right after a badge may be the token once more, and is refused in words', async () => {
  for (const text of ['A-2', 'secret-of-bert']) {
    const it = terminal();
    it.work.scan(BERT);
    it.work.typed(text);
    it.work.enter();
    it.work.enter();
    assert.ok(!it.seen().includes(text));
    await it.link.answer();
    assert.ok(!it.seen().includes(text), 'nor is it shown later');
    assert.deepEqual([it.$('token').value, it.booked(), it.$('result').textContent, it.heard[0]], ['', [], MISSED, 'bad']);
  }
});

test('a second badge without its command is neither shown nor an order', async () => {
  for (const mode of ['deduct', 'order']) {
    const it = locked();
    it.work.setMode(mode);
    it.work.scan('secret-of-anna', { field: 'token' });
    it.work.scan('secret-of-bert');
    it.work.scan('A-1');
    await it.link.answer();
    await settle();
    assert.deepEqual([it.$('order').value, it.heard.includes('bad')], ['', true], mode);
    assert.ok(!it.seen().includes('secret'), it.seen());
    assert.equal(it.$('sku').textContent, 'A-1', 'what follows is found');
  }
});

test('Escape gives up what waits, but not that another person works here', async () => {
  for (const leaves of [(it) => it.work.scan(BERT), (it) => it.lock()]) {
    const it = terminal({ isSlow: true });
    it.work.scan('A-1');
    it.work.enter();
    leaves(it);
    it.work.scan('A-3');
    document.fire('keydown', { key: 'Escape' });
    it.work.scan('A-2');
    it.work.enter();
    await it.all();
    assert.ok(it.booked().every((each) => each === 'Bert: 1 A-2'), it.booked().join());
  }
});

test('what is looked up when the page locks itself is of nobody, and is said', async () => {
  for (const how of [{}, { field: 'free' }]) {
    for (const atOnce of [false, true]) {
      const it = terminal({ isSlow: true });
      it.$('at-once').checked = atOnce;
      it.$('order').focus();
      it.work.scan(how.field ? 'ORD-77' : 'A-1', how);
      it.link.leave();
      it.work.leave();
      await it.all();
      assert.deepEqual([it.booked(), it.$('order').value, it.$('access-note').textContent, it.heard.at(-1)], [[], '', MISSED, 'bad']);
      it.work.scan(BERT);
      await it.all();
      it.work.enter();
      assert.deepEqual([it.booked(), it.$('order').value], [[], '']);
    }
  }
});

test('a person who leaves hears of what waited beside what was not booked', async () => {
  const it = terminal({ isSlow: true });
  it.work.scan('A-1');
  await it.all();
  it.work.typed('7');
  it.work.scan('A-3');
  it.work.enter();
  it.link.leave();
  it.work.leave();
  assert.ok(it.$('access-note').textContent.endsWith(MISSED), it.$('access-note').textContent);
});

test('what is entered after a badge that is refused is refused in words, and booked by nobody later', async () => {
  const it = terminal();
  it.work.scan('STOCKGATE TOKEN secret-of-nobody');
  it.work.scan('A-1');
  it.work.enter();
  await it.link.answer();
  assert.deepEqual([it.booked(), it.$('access-note').textContent], [[], `${WRONG} ${MISSED}`]);
  assert.ok(it.heard.includes('bad'));
  assert.equal(document.activeElement, it.$('token'), 'the next token can be typed');
  it.work.scan(BERT);
  await it.link.answer();
  assert.deepEqual([it.booked(), it.$('result').textContent], [[], MISSED], 'it stays in sight');
});

test('what is entered while the page is locked says that it is not booked', async () => {
  for (const [why, enter] of [
    ['Enter', (work) => work.enter()],
    ['a function key', (work) => work.shortcut('F4')],
    ['a command', (work) => work.scan('STOCKGATE OK')],
    ['a command in the field for the token', (work) => work.scan('STOCKGATE OK', { field: 'token' })],
    ['an item of the list', (work) => work.show('A-1')],
  ]) {
    const it = locked();
    enter(it.work);
    assert.deepEqual([it.$('access-note').textContent, it.heard, it.link.tried, it.booked()], [MISSED, ['bad'], [], []], why);
  }
  // Badges may be anything.
  const it = locked();
  it.work.scan('A-1', { field: 'token' });
  await it.link.answer();
  assert.deepEqual([it.$('access-note').textContent, it.booked()], [`${WRONG} ${MISSED}`, []]);
});

test('what the last person had not booked is said beside what came after', () => {
  const it = terminal();
  it.work.scan('A-3');
  return settle().then(() => {
    it.work.typed('5');
    it.lock();
    it.work.enter();
    it.work.enter();
    assert.equal(it.$('access-note').textContent, `5 × A-3 not booked. ${MISSED}`);
  });
});

test('what a person types while the page is locked is the token', () => {
  const it = locked();
  it.$('sink').focus();
  it.work.typed('s');
  assert.deepEqual([it.$('token').value, document.activeElement, it.heard], ['s', it.$('token'), []]);
  // The head of a scan that was cut by the answer to a token.
  it.work.typed('A-');
  assert.deepEqual([it.$('token').value, it.$('access-note').textContent], ['s', MISSED]);
});

test('after a lock that waits for a lookup, what follows is refused in words, and a badge signs in', async () => {
  const it = terminal({ isSlow: true });
  it.work.scan('A-1');
  it.work.enter();
  it.lock();
  it.work.scan('A-2');
  it.work.enter();
  it.work.scan(BERT);
  it.work.scan('A-3');
  it.work.enter();
  await it.all();
  assert.deepEqual(it.booked(), ['Anna: 1 A-1', 'Bert: 1 A-3']);
  assert.ok(it.heard.includes('bad'));
});

test('a quantity from the number pad that cannot wait says so', async () => {
  const it = terminal({ isSlow: true });
  it.work.scan('A-1');
  it.work.enter();
  it.work.enterAmount('7');
  assert.deepEqual([it.$('result').textContent, it.heard], [MISSED, ['bad']]);
});

test('a page that locks itself says what waited', async () => {
  const it = terminal({ isSlow: true });
  it.work.scan('A-1');
  it.work.enter();
  it.work.clear();
  it.link.leave();
  it.work.leave();
  await it.all();
  assert.deepEqual([it.$('access-note').textContent, it.booked()], [MISSED, []]);
});

test('a badge that is scanned twice, or ends with two Enter, signs in once', async () => {
  for (const [first, again] of [[BERT, BERT], ['secret-of-bert', 'secret-of-bert'], ['secret-of-bert', BERT]]) {
    const it = locked();
    it.work.scan(first, { field: 'token' });
    it.work.enter();
    it.work.scan(again);
    it.work.scan('A-1');
    it.work.enter();
    await it.link.answer();
    assert.deepEqual([it.booked(), it.link.tried, it.heard.includes('bad')], [['Bert: 1 A-1'], ['secret-of-bert'], false]);
  }
  const it = terminal();
  for (let time = 0; time < 2; time += 1) {
    it.link.needsToken = true;
    it.work.scan('STOCKGATE TOKEN secret-of-nobody');
    await it.link.answer();
  }
  assert.equal(it.link.tried.length, 2, 'a badge that was refused is tried again');
});

test('a token is never shown, whenever it is entered', async () => {
  for (const how of [{}, { field: 'token' }]) {
    const it = locked();
    it.work.scan('secret-of-bert', { field: 'token' });
    it.work.scan('A-1');
    it.work.scan('secret-of-bert', how);
    it.work.scan('secret-of-anna', { field: 'token' });
    await it.link.answer();
    await it.all();
    assert.ok(!it.seen().includes('secret'), it.seen());
    assert.ok(it.$('result').textContent.endsWith(MISSED) && it.heard.includes('bad'));
  }
});

test('another badge waits for the first one, and each person books what followed theirs', async () => {
  const it = locked();
  it.work.scan('STOCKGATE TOKEN secret-of-anna');
  it.work.scan('A-1');
  it.work.enter();
  it.work.scan(BERT);
  it.work.scan('A-2');
  it.work.enter();
  await it.link.answer();
  await it.link.answer();
  assert.deepEqual(it.booked(), ['Anna: 1 A-1', 'Bert: 1 A-2']);
});

test('a login that cannot be answered keeps nothing waiting, and no item takes its place', async () => {
  const it = locked();
  it.work.scan(BERT);
  it.work.scan('A-1');
  it.work.enter();
  await it.link.lose();
  assert.deepEqual([it.$('access-note').textContent, document.activeElement], [MISSED, it.$('token')]);
  it.heard.length = 0;
  it.work.scan('A-2', { field: 'token' });
  assert.deepEqual([it.heard, it.link.tried], [['bad'], ['secret-of-bert']], 'it is tried again by itself');
  it.work.scan('secret-of-anna', { field: 'token' });
  await it.link.answer();
  assert.deepEqual([it.booked(), it.link.tried], [[], ['secret-of-bert', 'secret-of-anna']], 'but another token does');
});

test('no more waits than there is room for, and what has none is refused', async () => {
  const done = [];
  let refused = 0;
  const turns = new Turns(() => {}, {}, () => { refused += 1; });
  let answer;
  turns.look(new Promise((resolve) => { answer = resolve; }), () => {}, true);
  for (let nth = 0; nth < 502; nth += 1) turns.take(() => done.push(nth));
  assert.deepEqual([done.length, refused], [0, 2]);
  answer(true);
  await settle();
  assert.deepEqual([done.length, done.at(-1), refused], [500, 499, 2]);
});

test('the same is booked by the same people however slow lookups and logins are', async () => {
  for (let seed = 1; seed <= 100; seed += 1) {
    let state = seed * 2654435761 % 2 ** 32;
    const roll = (sides) => {
      state = (state * 1664525 + 1013904223) % 2 ** 32;
      return Math.floor(state / 2 ** 32 * sides);
    };
    const acts = Array.from({ length: 20 }, () => [
      ['scan', `A-${1 + roll(3)}`], ['scan', `A-${1 + roll(3)}`], ['scan', 'STOCKGATE OK'], ['enter'], ['enter'],
      ['scan', `STOCKGATE QTY ${2 + roll(8)}`], ['shortcut', ['F2', 'F4', 'F9'][roll(3)]],
      ['scan', `STOCKGATE TOKEN secret-of-${['anna', 'bert', 'nobody'][roll(3)]}`], ['scan', BERT], ['lock'],
    ][roll(10)]);
    const run = async (isSlow) => {
      const it = terminal({ isSlow });
      for (const [what, ...how] of acts) {
        if (what === 'lock') it.lock();
        else it.work[what](...how);
        if (!isSlow || roll(4) === 0) await it.all();
      }
      await it.all();
      return it.booked();
    };
    assert.deepEqual(await run(true), await run(false), `seed ${seed}: ${acts.map((act) => act.join(' ')).join(', ')}`);
  }
});
