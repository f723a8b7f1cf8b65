/** The demo's own page: the cable, goods with their barcodes, and the orders as they come in. */

import { barcode } from './barcode.js';
import { $, make, say, setEnabled } from './browser.js';

const REFRESH_MS = 400;
const number = new Intl.NumberFormat('en');

let isPulled = false;

function drawLink({ plugged, by_hand: byHand, state, pending, acked_seq: acked }) {
  const cable = plugged ? 'The cable is in' : byHand ? 'You have pulled the cable' : 'The cable is out';
  const waiting = pending ? `${number.format(pending)} entries wait here` : 'nothing waits';
  say($('link'), `${cable}. The gateway is ${state}: ${waiting}, ${number.format(acked)} are in the books.`);
  $('link').className = state === 'online' ? 'good' : 'late';
  isPulled = byHand && !plugged;
  say($('cable'), isPulled ? 'Plug the cable in' : 'Pull the cable');
  $('cable').setAttribute('aria-pressed', String(isPulled));
  setEnabled($('cable'), true);
}

function drawGoods(goods, terminal) {
  if (!$('goods').children.length) {
    $('goods').append(...goods.map(({ name, code }) => {
      const [row, link] = [make('li'), make('a')];
      link.href = `${terminal}?code=${code}`;
      link.target = 'terminal';
      link.append(make('span', '', name), barcode(code), make('span', '', code), make('strong'));
      row.append(link);
      return row;
    }));
  }
  goods.forEach(({ available }, at) => say($('goods').children[at].querySelector('strong'), `${number.format(available)} available`));
}

function drawOrders(orders) {
  const rows = orders.map(({ order, items, refused }) => {
    const row = make('tr');
    row.append(make('td', '', order), make('td', '', items), make('td', refused ? 'bad' : 'good', refused ?? 'sold'));
    return row;
  });
  $('orders').replaceChildren(...rows);
}

async function refresh() {
  try {
    const now = await (await fetch('api/now', { cache: 'no-store' })).json();
    $('terminal').href = now.terminal;
    $('sheet').href = `${now.terminal}scanner`;
    $('hub').href = now.hub;
    drawLink(now);
    drawGoods(now.goods, now.terminal);
    drawOrders(now.orders);
  } catch {
    say($('link'), 'The demo has ended.');
    $('link').className = 'bad';
    setEnabled($('cable'), false);
  }
}

$('cable').addEventListener('click', async () => {
  await fetch(`api/cable/${isPulled ? 'in' : 'out'}`, { method: 'POST' }).catch(() => {});
  refresh();
});

for (;;) {
  await refresh();
  await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
}
