// Several windows of one browser, reloads, lost answers and other people, in every order: what was entered is booked
// once, under the name of the person who entered it, or was discarded.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Outbox } from '../../src/terminal/page/outbox.js';

const SEEDS = Number(process.env.STOCKGATE_PAGE_SEEDS ?? 400);
const STEPS = 60;
const PEOPLE = ['Anna', 'Bert'];

/** A small generator of numbers, the same for the same seed. */
function dice(seed) {
  let state = seed * 2654435761 % 2 ** 32;
  return (sides) => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return Math.floor(state / 2 ** 32 * sides);
  };
}

/** The gateway decides each request once. */
class Gateway {
  outcomes = new Map();
  decide({ request_id: id, ...body }, user) {
    const text = JSON.stringify(body);
    const known = this.outcomes.get(id);
    if (known) {
      assert.equal(known.text, text, 'one request id, one request');
      return known.answer;
    }
    const answer = { ok: true, result: { seq: this.outcomes.size + 1, lines: [], expires_at: '2100-01-01T00:00:00Z' } };
    this.outcomes.set(id, { text, answer, user, nth: this.outcomes.size });
    return answer;
  }
}

class World {
  gateway = new Gateway();
  windows = [];
  /** What was entered, by its id: who, and whether it was discarded. */
  entered = new Map();
  #texts = new Map();

  constructor(seed) {
    this.roll = dice(seed);
    this.log = [];
    for (const user of PEOPLE) this.windows.push(this.#open(user, 'ready'));
  }

  #open(user, state) {
    const window = { events: [] };
    window.storage = {
      keys: () => [...this.#texts.keys()],
      get: (key) => this.#texts.get(key) ?? null,
      put: (key, text) => {
        if (text === null) this.#texts.delete(key);
        else this.#texts.set(key, text);
        for (const other of this.windows) if (other !== window) other.events.push(key);
        return true;
      },
    };
    window.link = { state, role: 'operator', user, asked: [], ask: (body) => new Promise((answer) => (window.link.state === 'ready' ? window.link.asked.push({ body, answer, user: window.link.user }) : answer({ lost: true }))) };
    window.outbox = new Outbox(window.link, () => {}, window.storage);
    if (state === 'ready') window.outbox.resume();
    return window;
  }

  /** One thing happens in one of the windows. */
  async step() {
    const at = this.roll(this.windows.length);
    const window = this.windows[at];
    const what = ['enter', 'enter', 'answer', 'answer', 'lose', 'undo', 'discard', 'reload', 'up', 'down', 'other', 'event', 'event'][this.roll(13)];
    this.log.push(`${what} ${at}`);
    this[what](window, at);
    await settle();
  }

  enter({ outbox, link }) {
    const { id } = outbox.add('deduct', { sku: 'A-1', quantity: 1 + this.roll(9) });
    this.entered.set(id, { user: link.user, discarded: false });
  }

  answer({ link }) {
    const asked = link.asked.shift();
    if (asked) asked.answer(this.gateway.decide(asked.body, asked.user));
  }

  /** The request or its answer is lost with the connection. */
  lose({ link }) {
    const asked = link.asked.shift();
    if (!asked) return;
    if (this.roll(2)) this.gateway.decide(asked.body, asked.user);
    this.#drop(link);
    asked.answer({ lost: true });
  }

  #drop(link) {
    link.state = 'lost';
    for (const { answer } of link.asked.splice(0)) answer({ lost: true });
  }

  undo({ outbox, link }) {
    const aim = outbox.undoable;
    if (!aim) return;
    if (outbox.canDiscard(aim)) return this.#discard(outbox, aim);
    const { id } = outbox.undo(aim);
    this.entered.set(id, { user: link.user, discarded: false });
  }

  discard({ outbox }) {
    const aims = outbox.waiting.filter((each) => outbox.canDiscard(each));
    if (aims.length) this.#discard(outbox, aims[this.roll(aims.length)]);
  }

  #discard(outbox, aim) {
    outbox.discard(aim);
    assert.ok(!this.gateway.outcomes.has(aim.id), 'what was booked is not called discarded');
    this.entered.get(aim.id).discarded = true;
  }

  reload({ link }, at) {
    const [asked] = link.asked;
    // The gateway may have heard of it all the same.
    if (asked && this.roll(2)) this.gateway.decide(asked.body, asked.user);
    this.windows[at] = this.#open(link.user, this.roll(2) ? 'ready' : 'lost');
  }

  up({ link, outbox }) {
    link.state = 'ready';
    outbox.resume();
  }

  down({ link }) { this.#drop(link); }

  other({ link, outbox }) {
    this.#drop(link);
    link.user = PEOPLE[this.roll(PEOPLE.length)];
    link.state = 'ready';
    outbox.resume();
  }

  event({ events, outbox }) { for (const key of events.splice(0)) outbox.share(key); }

  /** Everybody signs in again, and the gateway answers everything. */
  async finish() {
    for (const user of PEOPLE) {
      for (const { link, outbox } of this.windows) {
        this.#drop(link);
        await settle();
        Object.assign(link, { user, state: 'ready' });
        outbox.resume();
        for (let more = true; more;) {
          await settle();
          more = link.asked.length > 0;
          this.answer({ link });
        }
      }
    }
  }

  check() {
    for (const [id, { user, discarded }] of this.entered) {
      const outcome = this.gateway.outcomes.get(id);
      assert.equal(Boolean(outcome), !discarded, `${id} ${discarded ? 'is booked though discarded' : 'is lost'}`);
      if (outcome) assert.equal(outcome.user, user, 'booked under its own name');
    }
    for (const id of this.gateway.outcomes.keys()) assert.ok(this.entered.has(id));
    for (const { outbox } of this.windows) assert.deepEqual(outbox.waiting, []);
  }
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test('what was entered is booked once or was discarded, whatever happens', async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const world = new World(seed);
    try {
      for (let step = 0; step < STEPS; step += 1) await world.step();
      await world.finish();
      world.check();
    } catch (error) {
      error.message = `seed ${seed}, ${world.log.join(', ')}: ${error.message}`;
      throw error;
    }
  }
});
