/**
 * A service worker: it serves the page while the gateway cannot be reached. Everything else goes to the
 * gateway, which always has the newer page.
 */

const CACHE = 'stockgate-page';
const PATIENCE_MS = 3_000;
/** They name all files that they load, but for the languages. */
const PAGES = ['/', '/scanner'];
const LANGUAGES = ['en', 'de', 'zh', 'fr', 'es', 'pl'];

self.addEventListener('install', (event) => {
  self.skipWaiting();
  event.waitUntil(keepFiles());
});
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  const isPage = pathname.startsWith('/page/') || PAGES.includes(pathname);
  if (request.method === 'GET' && origin === self.location.origin && isPage) event.respondWith(answer(request, pathname));
});

async function keepFiles() {
  const texts = await Promise.all(PAGES.map(async (page) => (await fetch(page)).text()));
  const files = [...texts.join().match(/page\/\w+\.\w+/g), ...LANGUAGES.map((tag) => `page/${tag}.json`)];
  const cache = await caches.open(CACHE);
  await cache.addAll([...PAGES, ...new Set(files.map((file) => `/${file}`))]);
}

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
