/** The hub for people: gateways, stock by place, and whether the books balance. It changes nothing. */

import { LANGUAGES, keepLanguage, keptLanguage, number, pickLanguage, setLanguage, t, time } from './texts.js';

const REFRESH_MS = 2_000;
const ROWS = 100;
const KEY = 'stockgate-hub.token';

const $ = (id) => document.getElementById(id);
const figure = (value) => (typeof value === 'number' ? number(value) : String(value ?? '–'));
/** What the hub itself says, which is English. */
let details = [];

function row(...cells) {
  const line = document.createElement('tr');
  for (const [text, className = ''] of cells) {
    const cell = document.createElement('td');
    cell.textContent = text;
    cell.className = className;
    line.append(cell);
  }
  return line;
}

async function ask(path) {
  const token = sessionStorage.getItem(KEY);
  const answer = await fetch(path, { cache: 'no-store', headers: token ? { Authorization: `Bearer ${token}` } : {} });
  if (answer.ok) return answer.json();
  const { code, detail } = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(detail ?? `HTTP ${answer.status}`), { code });
}

function drawBalance({ balanced, drift }) {
  const words = [t(balanced ? 'balanced' : 'notBalanced'), drift?.length ? t('drift', { count: drift.length }) : ''];
  $('balance').textContent = words.filter(Boolean).join(' ');
  $('balance').className = balanced && !drift?.length ? 'good' : 'bad';
}

function drawGateways({ items }) {
  const looks = { online: 'good', offline: 'late' };
  const rows = items.map(({ site, gateway, state, acked_seq: acked, pending, in_transit: transit, last_seen: seen, problem }) => row(
    [site], [gateway], [t(`state.${state}`) || state, problem ? 'bad' : looks[state] ?? 'bad'],
    [figure(acked), 'figure'], [figure(pending), pending ? 'figure late' : 'figure'], [figure(transit), 'figure'], [time(new Date(seen))],
  ));
  details = items.filter(({ problem }) => problem).map(({ site, gateway, problem }) => `${site}/${gateway}: ${problem}`);
  $('gateways').replaceChildren(...rows);
}

function drawStock({ items }) {
  const at = ({ site, gateway, on_hand: onHand }) => `${site}/${gateway} ${figure(onHand)}`;
  const rows = items.map(({ sku, name, unallotted, in_transit: transit, gateways, total }) => row(
    [name ? `${sku} · ${name}` : sku], [figure(unallotted), 'figure'], [figure(transit), 'figure'], [gateways.map(at).join(', ')], [figure(total), 'figure'],
  ));
  $('stock').replaceChildren(...rows);
}

/** A token that is bound to some sites may not read the balance; the rest is shown all the same. */
async function refresh() {
  try {
    const after = $('after').value.trim();
    const [gateways, stock] = await Promise.all([ask('api/gateways'), ask(`api/stock?limit=${ROWS}&after=${encodeURIComponent(after)}`)]);
    drawGateways(gateways);
    drawStock(stock);
    $('sign-in').hidden = true;
    $('state').textContent = t('asOf', { time: time(new Date()) });
    await ask('api/reconcile').then(drawBalance, (error) => { $('balance').textContent = '–'; $('balance').className = ''; details.push(error.message); });
  } catch (error) {
    const isLocked = error.code === 'unauthorized';
    $('sign-in').hidden = !isLocked;
    $('state').textContent = t(isLocked ? 'needsToken' : 'unreadable');
    details = isLocked ? [] : [error.message];
  }
  $('details').textContent = details.join(' · ');
}

async function work() {
  await refresh();
  setTimeout(work, REFRESH_MS);
}

for (const [tag, name] of Object.entries(LANGUAGES)) $('language').append(new Option(name, tag));
$('language').addEventListener('change', async ({ target }) => {
  const { value } = target;
  if (!await setLanguage(value)) return;
  keepLanguage(value);
  refresh();
});
$('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, $('token').value.trim());
  refresh();
});
$('find').addEventListener('submit', (event) => { event.preventDefault(); refresh(); });

const language = pickLanguage(location.href, keptLanguage(), navigator.languages ?? []);
await setLanguage(language);
$('language').value = language;
work();
