/**
 * The words of the page. Each language is one file, `xx.json`: a text by its key, with `{name}` where a
 * value goes; where a number changes the words, the text of each plural form as `Intl.PluralRules`
 * names it. docs/TERMINALS.md says how to add one.
 */

import { keep, kept } from './browser.js';

/** The languages, each by its own name. */
export const LANGUAGES = { en: 'English', de: 'Deutsch', zh: '中文', fr: 'Français', es: 'Español', pl: 'Polski' };
const TAGS = { zh: 'zh-Hans' };
const DAY = { day: 'numeric', month: 'short' };
const HOURS = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
const FRACTION = { maximumFractionDigits: 6 };
const KEY = 'stockgate.language';
const RETRY_MS = 1_000;
const LOAD_MS = 4_000;

export let language = 'en';

let texts = {};
/** The language that was asked for last; it may still be loading, or not be there now. */
export let wanted = '';
/** What writes plurals, numbers and dates. To make one takes its time, so each is made when it is first needed. */
let writers = {};
const WRITERS = {
  forms: () => new Intl.PluralRules(language),
  figures: () => new Intl.NumberFormat(language, FRACTION),
  clock: () => new Intl.DateTimeFormat(language, HOURS),
  dayClock: () => new Intl.DateTimeFormat(language, { ...DAY, ...HOURS }),
  // A day of the label is the same everywhere.
  dates: () => new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeZone: 'UTC' }),
};
const writer = (name) => writers[name] ??= WRITERS[name]();

/** The text of a key. `count`, or else `n`, chooses the plural form; numbers, and what is a `date`, are written as the language does. */
export function t(key, values = {}) {
  const entry = texts[key] ?? '';
  const text = typeof entry === 'string' ? entry : entry[writer('forms').select(values.count ?? values.n)] ?? entry.other;
  return text.replace(/\{(\w+)\}/g, (_, name) => written(name, values[name] ?? ''));
}

function written(name, value) {
  if (typeof value === 'number') return number(value);
  const day = name === 'date' ? new Date(value) : NaN;
  return day > 0 ? writer('dates').format(day) : value;
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

/**
 * Switches the page to a language, unless another one is asked for meanwhile; returns whether it did. A page without words
 * is of no use: one that has none yet takes any language that can be loaded.
 */
export async function setLanguage(chosen) {
  wanted = chosen;
  let [spoken, loaded] = [chosen, await load(chosen)];
  for (const tags = []; !loaded && !Object.keys(texts).length; loaded = await load(spoken)) {
    if (!tags.length && tags.push(...Object.keys(LANGUAGES))) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    spoken = tags.shift();
  }
  if (wanted !== chosen) return false;
  if (!loaded) wanted = language;
  if (!loaded) return false;
  texts = loaded;
  language = spoken;
  writers = {};
  document.documentElement.lang = TAGS[language] ?? language;
  for (const element of document.querySelectorAll('[data-text]')) element.textContent = t(element.dataset.text);
  for (const element of document.querySelectorAll('[data-hint]')) element.placeholder = t(element.dataset.hint);
  for (const element of document.querySelectorAll('[data-label]')) element.setAttribute('aria-label', t(element.dataset.label));
  return language === chosen;
}

/** The texts of a language, or `null` if it cannot be loaded now. */
async function load(tag) {
  const answer = await fetch(new URL(`./${tag}.json`, import.meta.url), { signal: AbortSignal.timeout(LOAD_MS) }).catch(() => null);
  return answer?.ok ? answer.json().catch(() => null) : null;
}

/** What has no separator is the same in each of the languages. */
const isPlain = (value) => Number.isInteger(value) && value >= 0 && value < 1000;
export const number = (value) => (isPlain(value) ? String(value) : writer('figures').format(value));
const dayOf = (ms) => new Date(ms).toDateString();
/** The time of day, with its day if that is another one. */
export const time = (ms) => writer(dayOf(ms) === dayOf(Date.now()) ? 'clock' : 'dayClock').format(ms);

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
