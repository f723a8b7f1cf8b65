/** The hub for people: gateways, stock by place, and whether the books balance. It changes nothing. */

const REFRESH_MS = 2_000;
const ROWS = 100;
const KEY = 'stockgate-hub.token';

const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat('en', { maximumFractionDigits: 6 });
const figure = (value) => (typeof value === 'number' ? number.format(value) : String(value ?? '–'));

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
  $('balance').textContent = balanced ? 'Yes, to the unit.' : 'No.';
  $('balance').className = balanced ? 'good' : 'bad';
  if (drift?.length) $('balance').textContent += ` ${drift.length} with drift.`;
}

function drawGateways({ items }) {
  const rows = items.map(({ site, gateway, state, acked_seq: acked, pending, in_transit: transit, last_seen: seen, problem }) => row(
    [site], [gateway], [problem ?? state, { online: problem ? 'bad' : 'good', offline: 'late', fenced: 'bad' }[state]],
    [figure(acked)], [figure(pending), pending ? 'late' : ''], [figure(transit)], [new Date(seen).toLocaleTimeString()],
  ));
  $('gateways').replaceChildren(...rows);
}

function drawStock({ items }) {
  const at = ({ site, gateway, on_hand: onHand }) => `${site}/${gateway} ${figure(onHand)}`;
  const rows = items.map(({ sku, name, unallotted, in_transit: transit, gateways, total }) => row(
    [name ? `${sku} · ${name}` : sku], [figure(unallotted)], [figure(transit)], [gateways.map(at).join(', ')], [figure(total)],
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
    $('state').textContent = `As of ${new Date().toLocaleTimeString()}.`;
    await ask('api/reconcile').then(drawBalance, (error) => { $('balance').textContent = error.message; });
  } catch (error) {
    $('sign-in').hidden = error.code !== 'unauthorized';
    $('state').textContent = error.code === 'unauthorized' ? 'Sign in to read the books.' : `The books cannot be read: ${error.message}`;
  }
  setTimeout(refresh, REFRESH_MS);
}

$('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, $('token').value.trim());
});
$('find').addEventListener('submit', (event) => event.preventDefault());
refresh();
