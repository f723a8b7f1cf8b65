/**
 * A service worker: it serves the page while the gateway cannot be reached. Everything else goes to the
 * gateway, which always has the newer page.
 */

const CACHE = 'stockgate-page';
const PATIENCE_MS = 3_000;
const FILES = [
  '/', '/scanner', 'sheet.css', 'sheet.js', 'barcode.js', 'code128.js',
  'en.json', 'de.json', 'zh.json', 'fr.json', 'es.json', 'pl.json',
  'style.css', 'icon.svg', 'manifest.json', 'amount.js', 'app.js', 'barcodes.js',
  'codes.js', 'database.js', 'dom.js', 'feedback.js', 'found.js', 'item.js', 'kept.js', 'link.js', 'lookup.js',
  'operations.js', 'order.js', 'orders.js', 'outbox.js', 'pad.js', 'reservations.js', 'scanner.js',
  'search.js', 'settings.js', 'sink.js', 'stock.js', 'texts.js', 'words.js', 'work.js',
];

self.addEventListener('install', (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES.map((file) => (file.startsWith('/') ? file : `/page/${file}`)))));
});
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  const isPage = pathname === '/' || pathname.startsWith('/page/') || pathname === '/scanner';
  if (request.method === 'GET' && origin === self.location.origin && isPage) event.respondWith(answer(request, pathname));
});

/** From the gateway if it answers soon, else what it answered last. */
async function answer(request, pathname) {
  const cache = await caches.open(CACHE);
  const fresh = fetch(request).then((response) => {
    if (response.ok) cache.put(pathname, response.clone());
    return response;
  });
  fresh.catch(() => {});
  const old = await cache.match(pathname);
  if (!old) return fresh;
  const late = new Promise((resolve) => setTimeout(() => resolve(old), PATIENCE_MS));
  return Promise.race([fresh.catch(() => old), late]);
}
