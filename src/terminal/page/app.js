/** The terminal page: connects the parts, and says when each is drawn. */

import { $, joined, make, say } from './dom.js';
import { Link, backoff } from './link.js';
import { Operations } from './operations.js';
import { Outbox } from './outbox.js';
import { listen } from './scanner.js';
import { Stock } from './stock.js';
import { LANGUAGES, keepLanguage, keptLanguage, language, number, pickLanguage, setLanguage, t } from './texts.js';
import { Work } from './work.js';
import { linkSentence } from './words.js';

const THRESHOLD_KEY = 'stockgate.threshold';
const THRESHOLD = 10;
const OFFLINE_KEY = 'stockgate.offlineSince';
const LOW_ROWS = 10;
/** How often the ages on the page are updated. */
const TICK_MS = 1_000;
/** The list of low stock may lag a busy stock by this long. */
const LOW_MS = 300;

/** Local storage can be off or full; the page then works without it. */
function tryStorage(use, otherwise = null) {
  try { return use() ?? otherwise; } catch { return otherwise; }
}

const threshold = Number(tryStorage(() => localStorage.getItem(THRESHOLD_KEY), THRESHOLD));
const stock = new Stock(Number.isSafeInteger(threshold) ? threshold : THRESHOLD);
let sync = {};
let status = null;
let subscribing = 0;

const link = new Link({
  ready(news) {
    stock.meet(news.epoch);
    drawLow();
    outbox.meet(news.epoch);
    takeStatus(news);
    // The changes since the last connection; the first time, all of the stock.
    subscribe();
    outbox.resume();
  },
  status: takeStatus,
  event(message) {
    if (message.event === 'hello') takeNames(message);
    else if (message.event === 'sync') takeSync(message.sync);
    else if (message.event === 'stock') {
      if (stock.take(message)) drawLow();
      drawWork();
    }
  },
  changed: () => draw(),
});
const outbox = new Outbox(link, () => draw());
const work = new Work(link, outbox, stock);
const mayChange = () => link.role !== 'viewer' && !link.needsToken;
const operations = new Operations(outbox, (operation) => work.follow(operation), mayChange);

// ---- Events from the gateway ----

/** Repeats the request if the gateway is busy; `ready` starts from the beginning. */
async function subscribe(attempt = 0) {
  clearTimeout(subscribing);
  const { ok, lost } = await link.ask({ op: 'subscribe', all: true, since: stock.seq });
  if (!ok && !lost) subscribing = setTimeout(() => subscribe(attempt + 1), backoff(attempt));
}

function takeNames({ gateway, site }) {
  say($('names'), `${site} · ${gateway}`);
  document.title = `${gateway} – Stockgate`;
}

function takeStatus(news) {
  status = news;
  takeNames(news);
  takeSync(news.sync);
}

function takeSync(news) {
  sync = news;
  tryStorage(() => {
    if (sync.state !== 'offline') sessionStorage.removeItem(OFFLINE_KEY);
    else if (!sessionStorage.getItem(OFFLINE_KEY)) sessionStorage.setItem(OFFLINE_KEY, Date.now());
  });
  draw();
}

/** How long at least: since this page first saw it, or since the oldest movement has waited. */
function offlineMs() {
  const since = Number(tryStorage(() => sessionStorage.getItem(OFFLINE_KEY), Date.now()));
  return Math.max(Date.now() - since, (sync.oldest_pending_s ?? 0) * 1000);
}

// ---- Drawing ----

const draw = joined(() => {
  drawLink();
  drawAccess();
  work.draw();
  operations.draw(sync);
  drawAbout();
});
const drawWork = joined(() => work.draw());
const drawLow = joined(listLow, LOW_MS);

function drawLink() {
  const waiting = outbox.waiting.length;
  const problem = status?.problem ?? null;
  const [state, text] = linkSentence({ link, sync, waiting, problem, offlineMs: offlineMs() });
  const banner = $('banner');
  // Announced to screen readers when the state changes, not with every figure.
  if (banner.dataset.state !== state) say($('announcement'), text);
  banner.dataset.state = state;
  say($('sentence'), text);
}

function drawAccess() {
  const isLocked = link.needsToken;
  if (isLocked && $('access').hidden) requestAnimationFrame(() => $('token').focus());
  $('access').hidden = !isLocked;
  $('work').hidden = isLocked;
  $('side').hidden = isLocked;
  $('leave').hidden = isLocked || !link.hasToken;
  say($('access-note'), isLocked && link.rejected ? t.tokenWrong : '');
}

function drawAbout() {
  say($('about'), status ? `Stockgate ${status.version}` : 'Stockgate');
  // For the support staff: the gateway's own words.
  say($('details'), [status?.problem, sync.state === 'offline' && sync.reason].filter(Boolean).join(' · '));
}

function listLow() {
  const items = stock.lowest(LOW_ROWS);
  const rows = items.map(({ sku, available }) => {
    const row = make('li');
    const button = make('button');
    button.type = 'button';
    button.dataset.sku = sku;
    button.dataset.level = available ? 'low' : 'empty';
    button.append(make('span', 'subject', sku), make('strong', 'figure', number(available)));
    row.append(button);
    return row;
  });
  const focused = document.activeElement?.closest?.('#low button')?.dataset.sku;
  $('low').replaceChildren(...rows);
  if (focused !== undefined) rows.map((row) => row.firstChild).find(({ dataset }) => dataset.sku === focused)?.focus();
  const more = stock.lowCount - items.length;
  say($('low-note'), more > 0 ? t.lowMore(number(more)) : items.length ? '' : t.lowNone);
}

// ---- The choices of this terminal ----

function choose(chosen) {
  setLanguage(chosen);
  $('language').value = chosen;
  draw();
  listLow();
}

for (const [tag, { name }] of Object.entries(LANGUAGES)) {
  const option = make('option', '', name);
  option.value = tag;
  $('language').append(option);
}
$('language').addEventListener('change', ({ target }) => {
  keepLanguage(target.value);
  choose(target.value);
});
$('threshold').value = String(stock.threshold);
$('threshold').addEventListener('input', ({ target }) => {
  if (!/^\d+$/.test(target.value)) return;
  stock.setThreshold(Number(target.value));
  tryStorage(() => localStorage.setItem(THRESHOLD_KEY, stock.threshold));
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
  link.unlock(field.value.trim(), $('keep').checked);
  field.value = '';
});
$('leave').addEventListener('click', () => link.leave());

choose(pickLanguage(location.href, keptLanguage(), navigator.languages ?? [language]));
listen(work, $('code'), [$('quantity'), $('threshold')]);
setInterval(draw, TICK_MS);
link.connect();
