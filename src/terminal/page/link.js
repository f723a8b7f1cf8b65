/**
 * The WebSocket to the gateway. It reconnects by itself, checks regularly that the gateway answers,
 * and has a state: `connecting`, `ready`, `lost`, or `locked` while a token is needed.
 */

import { backoff } from './backoff.js';

const BEAT_MS = 10_000;
const WAKE_MS = 3_000;
const STEADY_MS = 5_000;
const TOKEN_KEY = 'stockgate.token';

export class Link {
  state = 'connecting';
  /** When the connection was lost. */
  lostAt = 0;
  /** Whether the last token was refused. */
  rejected = false;
  /** The role of the token; `null` where none is needed. */
  role = null;
  /** The name of the token. */
  user = '';
  /** Whether the gateway refuses pages from this address. */
  foreign = false;

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

  get needsToken() { return this.state === 'locked'; }
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

  /** Tries a token. It is kept for this visit or on this terminal, and is sent in `auth` only. */
  unlock(token, onTerminal) {
    keep(sessionStorage, token);
    keep(localStorage, onTerminal ? token : '');
    this.#set('connecting');
    this.connect();
  }

  /** Forgets the token. */
  leave() {
    this.#lock(false);
  }

  async #enter() {
    this.foreign = false;
    this.role = null;
    const token = this.#token();
    if (token) {
      const answer = await this.ask({ op: 'auth', token });
      if (answer.lost) return;
      if (!answer.ok) return answer.error.code === 'unauthorized' ? this.#lock(true) : this.#drop();
      this.role = answer.result.role;
      this.user = answer.result.name ?? '';
    }
    const answer = await this.ask({ op: 'status' });
    if (answer.lost) return;
    if (!answer.ok) return answer.error.code === 'unauthorized' ? this.#lock(false) : this.#drop();
    this.rejected = false;
    this.#readyAt = Date.now();
    this.#set('ready');
    this.listener.ready(answer.result);
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
    keep(sessionStorage, '');
    keep(localStorage, '');
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
  }

  #token() {
    return kept(sessionStorage) || kept(localStorage);
  }
}

/** Local storage can be off; a token then lasts as long as the page. */
const memory = new Map();

function kept(storage) {
  try { return storage.getItem(TOKEN_KEY) ?? ''; } catch { return memory.get(TOKEN_KEY) ?? ''; }
}

function keep(storage, token) {
  try {
    if (token) storage.setItem(TOKEN_KEY, token);
    else storage.removeItem(TOKEN_KEY);
  } catch {
    memory.set(TOKEN_KEY, token);
  }
}
