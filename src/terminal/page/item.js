/** Draws the item in front of the operator. */

import { $, make, say } from './browser.js';
import { number, t, time } from './texts.js';

/** How an item is marked by its stock. */
export function levelOf(item, threshold) {
  if (item.available === 0) return 'empty';
  return item.available <= threshold ? 'low' : 'known';
}

/** An item as a row of a list, `[row, button]`. */
export function rowOf({ sku, name, available }) {
  const [row, button, words] = [make('li'), make('button'), make('span', 'words')];
  button.type = 'button';
  button.dataset.sku = sku;
  words.append(make('span', 'subject', sku));
  if (name) words.append(make('span', 'called', name));
  button.append(words, make('strong', 'figure', number(available)));
  row.append(button);
  return [row, button];
}

let drawn = { sku: '', available: 0 };

/**
 * `shown` is `{sku, state, note, trace}`, or `null`; `item` its stock, or `null`; `waiting` what is not sent yet
 * of it, and `asOf` when the stock was seen, both if the gateway is away.
 */
export function drawItem(shown, item, { threshold, waiting, asOf }) {
  const state = item ? levelOf(item, threshold) : shown?.state ?? 'none';
  const panel = $('item');
  panel.dataset.state = state;
  panel.dataset.stale = asOf === null ? '' : 'yes';
  say($('sku'), shown ? shown.sku : t('ready'));
  say($('name'), item?.name ?? '');
  const [figure, word] = $('available').children;
  say(figure, item ? number(item.available) : '');
  say(word, item ? availableText(item, waiting, asOf) : state === 'unknown' ? t('unknown') : '');
  say($('on-hand'), item ? number(item.on_hand) : '');
  say($('reserved'), item ? number(item.reserved) : '');
  $('figures').hidden = !item;
  say($('trace'), shown?.trace ? traceText(shown.trace) : '');
  say($('note'), noteText(shown, state));
  // A long number is drawn smaller; it is never cut off.
  panel.dataset.digits = item ? String(Math.min(16, figure.textContent.length)) : '';
  flash(item, figure);
}

function availableText(item, waiting, asOf) {
  const unit = item.unit ? `${item.unit} ` : '';
  if (asOf === null) return `${unit}${t('available', { n: item.available })}`;
  const at = asOf ? time(asOf) : '?';
  return waiting ? t('lessWaiting', { n: item.available, waiting, time: at }) : t('asOf', { n: item.available, time: at });
}

function traceText({ lot, serial, expires }) {
  const parts = [lot && t('lotIs', { lot }), serial && t('serialIs', { serial }), expires && t('expiresOn', { date: expires })];
  return parts.filter(Boolean).join(' · ');
}

/** What to do about a state, and what a scan said about the scanner. */
function noteText(shown, state) {
  const note = shown?.note ? t(`note.${shown.note}`) : '';
  const about = t(`about.${state}`, { sku: shown?.near });
  return [about, note].filter(Boolean).join(' ');
}

/** Highlights a figure that changes while it is shown. */
function flash(item, figure) {
  const { sku, available } = drawn;
  drawn = { sku: item?.sku ?? '', available: item?.available ?? 0 };
  const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches;
  if (!item || isStill || item.sku !== sku || item.available === available) return;
  figure.animate([{ transform: 'scale(1.06)' }, { transform: 'scale(1)' }], 300);
}
