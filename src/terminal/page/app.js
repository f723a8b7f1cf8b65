/** The terminal page: connects the parts, and says when each is drawn. */

import { Barcodes } from './barcodes.js';
import { $, joined, keep, kept, keptKeys, say } from './browser.js';
import { Cache, Database } from './database.js';
import { Feedback } from './feedback.js';
import { rowOf } from './item.js';
import { backoff, Link } from './link.js';
import { Lookup } from './lookup.js';
import { Operations } from './operations.js';
import { fillReasons, Orders } from './orders.js';
import { Outbox } from './outbox.js';
import { padFor } from './quantity.js';
import { Reservations } from './reservations.js';
import { Found } from './search.js';
import { offerSettings } from './settings.js';
import { listen, ready, rest } from './sink.js';
import { Stock } from './stock.js';
import { hasText, keptLanguage, language, pickLanguage, setLanguage, t, wanted } from './texts.js';
import { linkSentence, takeReasons } from './words.js';
import { Work } from './work.js';

const THRESHOLD_KEY = 'stockgate.threshold';
const THRESHOLD = 10;
const OFFLINE_KEY = 'stockgate.offlineSince';
const LOW_ROWS = 10;
/** How often the ages on the page are updated. */
const TICK_MS = 1_000;
/** The list of low stock may lag a busy stock by this long. */
const LOW_MS = 300;

const threshold = Number(kept(THRESHOLD_KEY, THRESHOLD));
const stock = new Stock(Number.isSafeInteger(threshold) ? threshold : THRESHOLD);
const database = new Database();
const cache = new Cache(database);
const feedback = new Feedback();
let sync = {};
let status = null;
let subscribing = 0;
/** The item that the address names, as a link or a label may. */
let asked = new URL(location.href).searchParams.get('code');

const link = new Link({
  ready(news) {
    stock.meet(news.epoch, news.catalogue);
    drawLow();
    outbox.meet(news.epoch);
    takeStatus(news);
    // The changes since the last connection; the first time, all of the stock.
    subscribe();
    outbox.resume();
    if (asked) work.show(asked);
    asked = null;
  },
  status: takeStatus,
  event(message) {
    if (message.event === 'hello') takeNames(message);
    else if (message.event === 'sync') takeSync(message.sync);
    else if (message.event === 'stock') {
      if (stock.take(message)) drawLow();
      found.learn(message.items);
      cache.save(stock, message.items);
      drawWork();
    }
  },
  changed() {
    // A badge that is not known.
    if (link.state === 'locked' && link.rejected) feedback.bad();
    // At once: a person may be typing the code that is asked for already, or what follows it.
    if (hasText('ready')) drawAccess();
    draw();
  },
});
const outbox = new Outbox(link, settled, { keys: keptKeys, get: (key) => kept(key), put: keep });
const barcodes = new Barcodes(database, (path) => link.read(path));
const recalled = recall();
const lookup = new Lookup(link, stock, barcodes, recalled);
const found = new Found({ link, stock, barcodes }, (sku) => work.choose(sku));
const orders = new Orders(stock, feedback, { show: (sku) => work.show(sku), draw: () => work.draw() });
const work = new Work({ link, outbox, stock, lookup, feedback, found, order: orders });
const mayChange = () => link.role !== 'viewer' && !link.needsToken;
const operations = new Operations(outbox, stock, (operation) => work.follow(operation), mayChange, (act) => work.inTurn(act));

const reservations = new Reservations({
  link, outbox, stock, mayChange,
  begin: (op, body) => work.follow(outbox.add(op, body)),
  inFront: () => work.inFront,
});

// ---- Events from the gateway ----

/** Repeats the request if the gateway is busy; `ready` starts from the beginning. */
async function subscribe(attempt = 0) {
  clearTimeout(subscribing);
  const { ok, lost } = await link.ask({ op: 'subscribe', all: true, since: stock.seq });
  if (!ok && !lost) subscribing = setTimeout(() => subscribe(attempt + 1), backoff(attempt));
}

/** An operation has taken a step; its outcome is heard and seen. */
function settled(operation) {
  if (operation?.state === 'done') feedback.good();
  if (operation?.state === 'refused') {
    feedback.bad();
    // Another one may be done in the same moment.
    work.follow(operation);
  }
  if (['refused', 'discarded'].includes(operation?.state)) orders.takeBack(operation);
  if (operation?.state === 'done') reservations.refresh();
  draw();
}

const ENDS = { committed: 'commit', released: 'release', expired: 'expire' };
let isAsking = false;

/** A reservation whose time is over by this clock says so by itself, if it is over by the gateway's. */
async function endReservations() {
  if (isAsking || link.state !== 'ready') return;
  isAsking = true;
  for (const operation of outbox.overdue(Date.now())) {
    const { ok, result } = await link.ask({ op: 'reservation', reservation: operation.id });
    if (ok && ENDS[result.state]) outbox.close(operation, ENDS[result.state]);
  }
  isAsking = false;
}

function takeNames({ gateway, site }) {
  say($('names'), `${site} · ${gateway}`);
  document.title = `${gateway} – Stockgate`;
}

function takeStatus(news) {
  status = news;
  stock.asOf = Date.now();
  takeNames(news);
  if (takeReasons(news.reasons)) offerReasons();
  barcodes.follow(news.epoch, news.catalogue);
  // A page that opened without its language has another one.
  if (hasText('ready') && language !== wanted) choose(wanted);
  takeSync(news.sync);
}

function takeSync(news) {
  sync = news;
  try {
    if (sync.state !== 'offline') sessionStorage.removeItem(OFFLINE_KEY);
    else if (!sessionStorage.getItem(OFFLINE_KEY)) sessionStorage.setItem(OFFLINE_KEY, Date.now());
  } catch { /* the age begins with this page then */ }
  draw();
}

/** How long at least: since this page first saw it, or since the oldest movement has waited. */
function offlineMs() {
  let since = Date.now();
  try { since = Number(sessionStorage.getItem(OFFLINE_KEY) ?? since); } catch { /* the same */ }
  return Math.max(Date.now() - since, (sync.oldest_pending_s ?? 0) * 1000);
}

// ---- Drawing ----

const draw = joined(() => {
  // Without words there is nothing to draw yet.
  if (!hasText('ready')) return;
  drawLink();
  drawAccess();
  work.draw();
  operations.draw(sync);
  reservations.draw();
  drawAbout();
});
const drawWork = joined(() => work.draw());
const drawLow = joined(listLow, LOW_MS);

function drawLink() {
  const waiting = outbox.waiting.length;
  const problem = status?.problem ?? null;
  const [state, text] = linkSentence({ link, sync, waiting, problem, offlineMs: offlineMs() });
  const banner = $('banner');
  const announcement = $('announcement');
  const { lang } = document.documentElement;
  // Announced to screen readers when the state or the language changes, not with every figure.
  if (banner.dataset.state !== state || announcement.lang !== lang) say(announcement, text);
  announcement.lang = lang;
  banner.dataset.state = state;
  say($('sentence'), text);
}

function drawAccess() {
  const isLocked = link.needsToken;
  const access = $('access');
  const turned = isLocked === access.hidden;
  if (turned && isLocked) work.leave();
  access.hidden = !isLocked;
  for (const id of ['work', 'side', 'top']) $(id).hidden = isLocked;
  if (turned) isLocked ? $('token').focus() : ready();
  $('leave').hidden = isLocked || !link.hasToken;
  say($('who'), link.role ? [link.user, t(`role.${link.role}`)].filter(Boolean).join(' · ') : '');
  if (!isLocked) work.lost = '';
}

function drawAbout() {
  say($('about'), status ? `Stockgate ${status.version}` : 'Stockgate');
  // For the support staff: the gateway's own words.
  const refusal = outbox.operations[0]?.error?.message;
  say($('details'), [status?.problem, sync.state === 'offline' && sync.reason, refusal].filter(Boolean).join(' · '));
}

function listLow() {
  if (!hasText('ready')) return false;
  const items = stock.lowest(LOW_ROWS);
  const rows = items.map((item) => {
    const [row, button] = rowOf(item);
    button.dataset.level = item.available ? 'low' : 'empty';
    return row;
  });
  const focused = document.activeElement?.closest?.('#low button')?.dataset.sku;
  $('low').replaceChildren(...rows);
  if (focused !== undefined) rows.map((row) => row.firstChild).find(({ dataset }) => dataset.sku === focused)?.focus();
  const more = stock.lowCount - items.length;
  say($('low-note'), more > 0 ? t('lowMore', { n: more }) : items.length ? '' : t('lowNone'));
  return stock.items.size > 0;
}

// ---- The choices of this terminal ----

async function choose(chosen) {
  const isSet = await setLanguage(chosen);
  document.body.removeAttribute('data-loading');
  $('language').value = language;
  offerReasons();
  draw();
  listLow();
  return isSet;
}

function offerReasons() { fillReasons($('reason'), $('reason').value, t('reasonFirst')); }

$('threshold').value = String(stock.threshold);
$('threshold').addEventListener('input', ({ target }) => {
  if (!/^\d+$/.test(target.value)) return;
  stock.setThreshold(Number(target.value));
  keep(THRESHOLD_KEY, String(stock.threshold));
  listLow();
  draw();
});
$('low').addEventListener('click', ({ target }) => {
  const button = target.closest('button');
  if (button) work.show(button.dataset.sku);
});
$('access-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const field = $('token');
  if (!field.value) return field.focus();
  // A badge may be scanned into the field, or an item.
  work.scan(field.value.trim(), { field: 'token', slow: true });
  field.value = '';
});
$('leave').addEventListener('click', () => work.lock());
// Other windows of this browser share the storage.
addEventListener('storage', ({ key }) => {
  outbox.share(key);
  orders.share(key);
  draw();
});
addEventListener('pagehide', () => cache.saveNow(stock, true));

/** What earlier visits have left, until the gateway answers. */
async function recall() {
  await cache.recall((old) => {
    stock.recall(old);
    found.learn(old.items);
    draw();
    drawLow();
  });
  await barcodes.recall();
}

// The connection is made while the words are loaded.
link.connect();
offerSettings({ choose, feedback });
padFor((text) => work.enterAmount(text), () => work.settle());
// A scan may come before the words.
listen(work, lookup.isKnown);
await choose(pickLanguage(location.href, keptLanguage(), navigator.languages ?? [language]));
work.recall();
setInterval(draw, TICK_MS);
setInterval(endReservations, 5 * TICK_MS);
rest();
await recalled;
