// When the page is locked, with a socket and storages that are given.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { Link } from '../../src/terminal/page/link.js';

/** What a browser keeps between visits, and while a window is open. */
class Storage {
  items = new Map();
  getItem(key) { return this.items.get(key) ?? null; }
  setItem(key, text) { this.items.set(key, String(text)); }
  removeItem(key) { this.items.delete(key); }
}

/** A gateway that is reached or not, and knows one token; or none, if it needs none. */
const gateway = { isUp: true, token: 'secret' };

class Socket {
  static OPEN = 1;
  readyState = 0;
  constructor() { setTimeout(() => (gateway.isUp ? this.#open() : this.onclose?.()), 0); }
  #open() { this.readyState = 1; this.onopen?.(); }
  close() { this.readyState = 3; }
  send(text) {
    const { id, op, token } = JSON.parse(text);
    if (op === 'auth') this.isLetIn = token === gateway.token;
    const ok = this.isLetIn || !gateway.token;
    const answer = ok ? { id, ok, result: { role: 'operator', name: 'line-3' } } : { id, ok, error: { code: 'unauthorized' } };
    setTimeout(() => this.onmessage?.({ data: JSON.stringify(answer) }), 0);
  }
}

globalThis.document = { addEventListener() {} };
globalThis.addEventListener = () => {};
globalThis.location = new URL('http://gateway/');
globalThis.WebSocket = Socket;
globalThis.fetch = async () => { throw new TypeError('away'); };

/** Their timers would keep the test from its end. */
const opened = [];
afterEach(() => { for (const link of opened.splice(0)) link.leave(); });

/** A page that is opened, with what earlier ones have kept unless it is a new terminal. */
async function open({ isNew = false, isNewWindow = isNew } = {}) {
  if (isNew) globalThis.localStorage = new Storage();
  if (isNewWindow) globalThis.sessionStorage = new Storage();
  const states = [];
  const link = new Link({ ready() {}, event() {}, status() {}, changed: () => states.push(link.needsToken) });
  opened.push(link);
  link.connect();
  await settle();
  return Object.assign(link, { states });
}

/** Lets all that is due run, over and over: on a busy machine a single pause may end before what it waits for has begun. */
async function settle() {
  for (let turn = 0; turn < 60; turn += 1) await new Promise((resolve) => setTimeout(resolve, 1));
}
const say = ({ state, needsToken }) => [state, needsToken];

async function unlock(link, token, onTerminal = false) {
  link.states.length = 0;
  link.unlock(token, onTerminal);
  await settle();
}

test('a page is unlocked once a gateway has accepted the token', async () => {
  Object.assign(gateway, { isUp: true, token: 'secret' });
  const link = await open({ isNew: true });
  assert.deepEqual(say(link), ['locked', true]);
  await unlock(link, 'guess');
  assert.deepEqual([say(link), link.rejected], [['locked', true], true]);
  gateway.isUp = false;
  for (const token of ['guess', 'secret']) {
    await unlock(link, token);
    assert.deepEqual(say(link), ['lost', true], token);
    assert.ok(!link.states.includes(false), 'not for a moment');
  }
  // The last one is tried again.
  gateway.isUp = true;
  link.connect();
  await settle();
  assert.deepEqual(say(link), ['ready', false]);
});

test('what was only tried opens no page while the gateway is away', async () => {
  Object.assign(gateway, { isUp: true, token: 'secret' });
  const link = await open({ isNew: true });
  gateway.isUp = false;
  await unlock(link, 'guess', true);
  for (const isNewWindow of [false, true]) {
    const next = await open({ isNewWindow });
    assert.equal(next.needsToken, true, 'after a reload');
    assert.ok(!next.states.includes(false), 'not for a moment');
  }
});

test('a token that was accepted opens the page while the gateway is away, as long as was chosen', async () => {
  for (const onTerminal of [false, true]) {
    Object.assign(gateway, { isUp: true, token: 'secret' });
    const link = await open({ isNew: true });
    await unlock(link, 'secret', onTerminal);
    assert.deepEqual(say(link), ['ready', false]);
    gateway.isUp = false;
    const reloaded = await open();
    assert.deepEqual(say(reloaded), ['lost', false]);
    const elsewhere = await open({ isNewWindow: true });
    assert.equal(elsewhere.needsToken, !onTerminal, 'in a window of a later visit');
  }
});

test('a gateway that needs no token any more leaves nothing locked', async () => {
  Object.assign(gateway, { isUp: true, token: 'secret' });
  await open({ isNew: true });
  gateway.token = '';
  assert.deepEqual(say(await open()), ['ready', false]);
  gateway.isUp = false;
  const link = await open();
  assert.deepEqual(say(link), ['lost', false]);
});

test('a page that opens while the gateway is away knows who works', async () => {
  for (const onTerminal of [false, true]) {
    gateway.isUp = true;
    await unlock(await open({ isNew: true }), 'secret', onTerminal);
    gateway.isUp = false;
    const again = await open({ isNewWindow: onTerminal });
    assert.deepEqual([again.state, again.user], ['lost', 'line-3']);
    again.leave();
    assert.equal((await open()).user, '');
  }
  gateway.isUp = true;
});

test('what was entered after a token hears whether it was accepted', async () => {
  const decided = async (token, isUp) => {
    Object.assign(gateway, { isUp: true, token: 'secret' });
    const link = await open({ isNew: true });
    gateway.isUp = isUp;
    const answers = [];
    link.unlock(token, false).then((isIn) => answers.push(isIn, link.user));
    await settle();
    return answers;
  };
  assert.deepEqual(await decided('secret', true), [true, 'line-3']);
  assert.deepEqual(await decided('guess', true), [false, '']);
  assert.deepEqual(await decided('secret', false), [false, ''], 'not yet');
  gateway.isUp = true;
});
