/**
 * The WebSocket to the gateway. It reconnects by itself, checks regularly that the gateway answers,
 * and has a state: `connecting`, `ready`, `lost`, or `locked` while a token is needed.
 */

import { keep, kept } from './browser.js';

/** Waits between attempts grow between these. */
const FIRST_MS = 500;
const MAX_MS = 15_000;
const BEAT_MS = 10_000;
const WAKE_MS = 3_000;
const STEADY_MS = 5_000;
const TOKEN_KEY = 'stockgate.token';
const USER_KEY = 'stockgate.user';
const GUARDED_KEY = 'stockgate.guarded';

export class Link {
  state = 'connecting';
  /** When the connection was lost. */
  lostAt = 0;
  /** Whether the last token was refused. */
  rejected = false;
  /** The role of the token; `null` where none is needed. */
  role = null;
  /** The name of the token, also before a gateway has answered. */
  user = keptIn(USER_KEY);
  /** Whether the gateway refuses pages from this address. */
  foreign = false;

  /** A token that no gateway has accepted yet, `{token, onTerminal}`, and what hears whether one has. */
  #offered = null;
  #answer = () => {};
  #socket = null;
  #answers = new Map();
  #lastId = 0;
  #attempt = 0;
  #heard = false;
  #readyAt = 0;
  #timer = 0;
  #beat = 0;

  /** The listener has `ready(status)`, `event(message)`, `status(status)` and `changed()`. */
  constructor(listener) {
    this.listener = listener;
    for (const event of ['online', 'pageshow', 'focus']) addEventListener(event, () => this.#wake());
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.#wake(); });
  }

  /** Where a token was asked for once, there is no work without one that was accepted, also while the gateway is away. */
  get needsToken() { return this.state === 'locked' || this.state !== 'ready' && !this.hasToken && kept(GUARDED_KEY) !== null; }
  get hasToken() { return this.#token() !== ''; }

  connect() {
    clearTimeout(this.#timer);
    this.#socket?.close();
    const address = new URL('ws', location.href);
    address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    address.search = '';
    address.hash = '';
    const socket = new WebSocket(address);
    // An abandoned socket may still send events; only the current one counts.
    const ifCurrent = (handle) => (event) => { if (socket === this.#socket) handle(event); };
    socket.onopen = ifCurrent(() => this.#enter());
    socket.onmessage = ifCurrent((event) => this.#hear(event.data));
    socket.onclose = ifCurrent(() => this.#drop());
    this.#socket = socket;
    this.#expectWord(BEAT_MS);
  }

  /** Sends a request; resolves to `{ok, result, error}`, or to `{lost: true}` if no answer can come. */
  ask(body) {
    return new Promise((resolve) => {
      if (this.#socket?.readyState !== WebSocket.OPEN) return resolve({ lost: true });
      const id = ++this.#lastId;
      this.#answers.set(id, resolve);
      this.#socket.send(JSON.stringify({ id, ...body }));
    });
  }

  /**
   * Tries a token. Once accepted it is kept for this visit or on this terminal; it is sent in `auth` only. Resolves to whether it
   * was accepted. If the connection is lost before, it was not, but is tried again.
   */
  unlock(token, onTerminal) {
    this.#offered = { token, onTerminal };
    this.#set('connecting');
    this.connect();
    return new Promise((resolve) => { this.#answer = resolve; });
  }

  /** Forgets the token. */
  leave() {
    this.#lock(false);
  }

  async #enter() {
    this.foreign = false;
    this.role = null;
    const token = this.#offered?.token ?? this.#token();
    if (token) {
      const answer = await this.ask({ op: 'auth', token });
      if (answer.lost) return;
      if (!answer.ok) return answer.error.code === 'unauthorized' ? this.#lock(true) : this.#drop();
      this.#accepted(token);
      this.role = answer.result.role;
      this.user = answer.result.name ?? '';
      for (const storage of [sessionStorage, localStorage]) if (textOf(storage, TOKEN_KEY) === token) put(storage, USER_KEY, this.user);
    }
    const answer = await this.ask({ op: 'status' });
    if (answer.lost) return;
    if (!answer.ok) return answer.error.code === 'unauthorized' ? this.#lock(false) : this.#drop();
    if (!token) keep(GUARDED_KEY, null);
    this.rejected = false;
    this.#readyAt = Date.now();
    this.#set('ready');
    this.listener.ready(answer.result);
  }

  #accepted(token) {
    if (!this.#offered) return;
    put(sessionStorage, TOKEN_KEY, token);
    if (this.#offered.onTerminal) put(localStorage, TOKEN_KEY, token);
    this.#offered = null;
  }

  #hear(text) {
    this.#heard = true;
    const message = JSON.parse(text);
    if (message.event) return this.listener.event(message);
    this.#answers.get(message.id)?.(message);
    this.#answers.delete(message.id);
  }

  /** A dead wireless link reports no error, so a connection without an answer counts as lost. */
  #expectWord(ms) {
    clearTimeout(this.#beat);
    this.#heard = false;
    this.#beat = setTimeout(() => {
      if (!this.#heard) return this.#drop();
      this.#askStatus();
      this.#expectWord(BEAT_MS);
    }, ms);
  }

  async #askStatus() {
    if (this.state !== 'ready') return;
    const answer = await this.ask({ op: 'status' });
    if (answer.ok) this.listener.status(answer.result);
    else if (answer.error?.code === 'unauthorized') this.#lock(true);
  }

  /** The page was suspended, so its view of the connection may be out of date. */
  #wake() {
    if (this.state === 'lost') {
      this.#attempt = 0;
      this.connect();
    } else if (this.state === 'ready') {
      this.#askStatus();
      this.#expectWord(WAKE_MS);
    }
  }

  #close() {
    const socket = this.#socket;
    this.#socket = null;
    clearTimeout(this.#beat);
    clearTimeout(this.#timer);
    for (const answer of this.#answers.values()) answer({ lost: true });
    this.#answers.clear();
    socket?.close();
  }

  #drop() {
    const wasReady = this.state === 'ready';
    this.#close();
    if (wasReady && Date.now() - this.#readyAt > STEADY_MS) this.#attempt = 0;
    if (!wasReady) this.#lookForReason();
    this.#timer = setTimeout(() => this.connect(), backoff(this.#attempt));
    this.#attempt += 1;
    if (this.state !== 'lost') this.lostAt = Date.now();
    this.#set('lost');
  }

  /** A terminal without a valid token holds no connection. */
  #lock(rejected) {
    this.#close();
    this.#offered = null;
    for (const storage of [sessionStorage, localStorage]) for (const key of [TOKEN_KEY, USER_KEY]) put(storage, key, '');
    keep(GUARDED_KEY, 'yes');
    this.rejected = rejected;
    this.role = null;
    this.user = '';
    this.#set('locked');
  }

  /** A refused handshake gives a page no reason, so a plain request asks for it. */
  async #lookForReason() {
    const { code } = await this.#get('api/status');
    this.foreign = code === 'forbidden';
    this.listener.changed();
  }

  /** What a path answers, or `null`. */
  async read(path) {
    const answer = await this.#get(path);
    return answer.code ? null : answer;
  }

  async #get(path) {
    const token = this.#token();
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    return fetch(path, { headers, cache: 'no-store' }).then((answer) => answer.json()).catch(() => ({ code: 'lost' }));
  }

  #set(state) {
    this.state = state;
    this.listener.changed();
    if (state !== 'connecting') this.#answer(!this.needsToken);
  }

  #token() { return keptIn(TOKEN_KEY); }
}

/** A wait that grows with each failure, and is random so that terminals do not reconnect together. */
export function backoff(attempt) {
  const longest = Math.min(MAX_MS, FIRST_MS * 2 ** attempt);
  return longest / 2 + Math.random() * longest / 2;
}

/** Local storage can be off; a token then lasts as long as the page. */
const memory = new Map();

function textOf(storage, key) {
  try { return storage.getItem(key) ?? ''; } catch { return memory.get(key) ?? ''; }
}

const keptIn = (key) => textOf(sessionStorage, key) || textOf(localStorage, key);

function put(storage, key, text) {
  try {
    if (text) storage.setItem(key, text);
    else storage.removeItem(key);
  } catch {
    memory.set(key, text);
  }
}
