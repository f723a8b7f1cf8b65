/**
 * The words of the page. Each language is one file, `xx.json`: a text by its key, with `{name}` where a
 * value goes; where a number changes the words, the text of each plural form as `Intl.PluralRules`
 * names it. docs/TERMINALS.md says how to add one.
 */

import { keep, kept } from './kept.js';

/** The languages, each by its own name. */
export const LANGUAGES = { en: 'English', de: 'Deutsch', zh: '中文', fr: 'Français', es: 'Español', pl: 'Polski' };
const TAGS = { zh: 'zh-Hans' };
const HOURS = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
const FRACTION = { maximumFractionDigits: 6 };
const KEY = 'stockgate.language';
const RETRY_MS = 1_000;
const LOAD_MS = 4_000;
/** Where `offline.js` looks for files; it does not know which language is chosen. */
const CACHE = 'stockgate-page';

export let language = 'en';

let texts = {};
/** The language that was asked for last; another one may still be loading. */
let wanted = '';
let forms = new Intl.PluralRules('en');
let figures = new Intl.NumberFormat('en', FRACTION);
let clock = new Intl.DateTimeFormat('en', HOURS);

/** The text of a key. `count` chooses the plural form; numbers are written as the language does. */
export function t(key, values = {}) {
  const entry = texts[key] ?? '';
  const text = typeof entry === 'string' ? entry : entry[forms.select(values.count)] ?? entry.other;
  return text.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === 'number' ? number(values[name]) : values[name] ?? ''));
}

export const hasText = (key) => key in texts;

/** The language in the address, else this terminal's choice, else the first of the browser's languages that the page has. */
export function pickLanguage(address, kept, preferred) {
  const asked = [new URL(address).searchParams.get('lang'), kept, ...preferred];
  const known = asked.map((tag) => (tag ?? '').slice(0, 2).toLowerCase()).find((tag) => Object.hasOwn(LANGUAGES, tag));
  return known ?? 'en';
}

export const keptLanguage = () => kept(KEY);
export const keepLanguage = (chosen) => keep(KEY, chosen);

/** Switches the page to a language, unless another one is asked for meanwhile; returns whether it did. */
export async function setLanguage(chosen) {
  wanted = chosen;
  const loaded = await load(chosen);
  if (wanted !== chosen) return false;
  texts = loaded;
  language = chosen;
  forms = new Intl.PluralRules(chosen);
  figures = new Intl.NumberFormat(chosen, FRACTION);
  clock = new Intl.DateTimeFormat(chosen, HOURS);
  document.documentElement.lang = TAGS[chosen] ?? chosen;
  for (const element of document.querySelectorAll('[data-text]')) element.textContent = t(element.dataset.text);
  for (const element of document.querySelectorAll('[data-hint]')) element.placeholder = t(element.dataset.hint);
  for (const element of document.querySelectorAll('[data-label]')) element.setAttribute('aria-label', t(element.dataset.label));
  return true;
}

/** A page without words is of no use, so this tries until it has them. */
async function load(chosen) {
  const address = new URL(`./${chosen}.json`, import.meta.url);
  for (;;) {
    const answer = await fetch(address, { signal: AbortSignal.timeout(LOAD_MS) }).catch(() => null);
    const copy = answer?.ok ? answer.clone() : null;
    const read = answer?.ok ? await answer.json().catch(() => null) : null;
    if (read) {
      globalThis.caches?.open(CACHE).then((cache) => cache.put(address.pathname, copy)).catch(() => {});
      return read;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

export const number = (value) => figures.format(value);
export const time = (ms) => clock.format(ms);

/** A time span as people say it: `40 s`, `12 min`, `5 h`, `3 d`. */
export function duration(ms) {
  const seconds = Math.max(1, Math.floor(ms / 1000));
  const steps = [[2 * 86400, 86400, 'd'], [2 * 3600, 3600, 'h'], [60, 60, 'min']];
  const [, size, unit] = steps.find(([from]) => seconds >= from) ?? [0, 1, 's'];
  return `${number(Math.floor(seconds / size))}\u00a0${t(`unit.${unit}`)}`;
}

/** Why the gateway does not reach the hub, in a few plain words. */
export function plainReason(reason) {
  const kinds = [
    [/the hub refuses/, 'drift'],
    [/the hub/, 'hub'],
    [/refuses/, 'denied'],
    [/^TLS/, 'tls'],
    [/was lost:/, 'broke'],
    [/broker/, 'broker'],
  ];
  const kind = kinds.find(([words]) => words.test(reason));
  // The gateway's own words stand at the foot of the page; they are English.
  return t(`reason.${kind ? kind[1] : 'other'}`);
}

/** Why the gateway refused an operation. */
export function plainError(error) {
  const key = `error.${error.code}`;
  const figure = (value) => value ?? '?';
  const values = { ...error, available: figure(error.available), requested: figure(error.requested) };
  return hasText(key) ? t(key, values) : t('error.other', { code: error.code });
}
