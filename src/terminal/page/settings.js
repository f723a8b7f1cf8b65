/** The choices that belong to this terminal, and what its browser can do. */

import { $, keep, kept, make } from './browser.js';
import { LANGUAGES, keepLanguage } from './texts.js';

const AT_ONCE_KEY = 'stockgate.atOnce';

/** `choose(tag)` switches the language, and resolves to whether it did. */
export function offerSettings({ choose, feedback }) {
  for (const [tag, name] of Object.entries(LANGUAGES)) {
    const option = make('option', '', name);
    option.value = tag;
    $('language').append(option);
  }
  $('language').addEventListener('change', ({ target }) => {
    const { value } = target;
    choose(value).then((isSet) => {
      // One that cannot be loaded would be no language at the next visit either.
      if (isSet) keepLanguage(value);
    });
  });
  $('volume').value = String(Math.round(feedback.volume * 100));
  $('volume').addEventListener('change', ({ target }) => feedback.setVolume(Number(target.value) / 100));
  $('sound').setAttribute('aria-pressed', String(!feedback.muted));
  $('sound').addEventListener('click', () => {
    feedback.setMuted(!feedback.muted);
    $('sound').setAttribute('aria-pressed', String(!feedback.muted));
  });
  $('at-once').checked = kept(AT_ONCE_KEY) === 'yes';
  $('at-once').addEventListener('change', ({ target }) => keep(AT_ONCE_KEY, target.checked ? 'yes' : 'no'));
  $('full').hidden = !document.fullscreenEnabled;
  $('full').addEventListener('click', () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen?.().catch(() => {});
  });
  // Says what the page can't do where it is opened over plain http.
  $('plain').hidden = isSecureContext;
  stayAwake();
  startOffline();
}

/** Keeps the screen on while the page is seen. */
function stayAwake() {
  const ask = () => { if (!document.hidden) navigator.wakeLock?.request('screen').catch(() => {}); };
  document.addEventListener('visibilitychange', ask);
  // Browsers grant it once a person has used the page.
  document.addEventListener('pointerdown', ask, { once: true });
  ask();
}

/** A reload without the gateway opens the page all the same. */
function startOffline() {
  if (!navigator.serviceWorker || !isSecureContext) return;
  const address = new URL('./offline.js', import.meta.url).href;
  const policy = globalThis.trustedTypes?.createPolicy('stockgate', { createScriptURL: (url) => url });
  navigator.serviceWorker.register(policy ? policy.createScriptURL(address) : address, { scope: '/' }).catch(() => {});
}
