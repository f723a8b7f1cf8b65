/** What a text says about itself: whether it is a sound code, or a command. Pure. */

import { amountOf } from './amount.js';

const GTIN_LENGTHS = [8, 12, 13, 14];
/** No quantity has as many digits. */
const DIGITS_MAX = 14;
/** The symbology that some scanners send first, as AIM defines it. */
const AIM = /^\][A-Za-z][0-9A-Za-z]/;
const COMMAND = /^STOCKGATE ([A-Z]+)(?: (.*))?$/s;

const hasLength = (text) => GTIN_LENGTHS.includes(text.length) && /^\d+$/.test(text);

/** Whether these are the digits of a trade item, with the right check digit. */
export function isGtin(text) {
  if (!hasLength(text)) return false;
  const sum = Array.from(text).reverse().reduce((sum, digit, at) => sum + Number(digit) * (at % 2 ? 3 : 1), 0);
  return sum % 10 === 0;
}

/** Whether a text can only be a code, known or not: a person does not type it, and it is no quantity. */
export function isSound(text) {
  const bare = text.replace(AIM, '');
  return isGtin(bare) || bare !== text && bare !== '' || /^\d+$/.test(bare) && bare.length > DIGITS_MAX
    || /^0[12]\d{14}/.test(bare) && isGtin(bare.slice(2, 16)) || isCommand(text);
}

const SEPARATOR = '\u001d';
/** The symbologies of element strings. */
const MARK = /^](C1|e0|d2|Q3|J1)/;
/** A lot or serial number. */
const TEXT = /^[!"%-?A-Z_a-z]{1,20}$/;
/** The lengths of what follows application identifiers: of a fixed length, or up to a separator. */
const FIXED = { '01': 14, '02': 14, 11: 6, 13: 6, 15: 6, 17: 6 };
const OPEN = ['10', '21', '30', '37'];
/** A count, of which no tail may be the next element after a separator that was lost. */
const COUNT = /^(?=0*[1-9])(?!.+(?:(?:10|2[12]|3[07]|9\d)\d|20\d\d|(?:2[345]|4[02])\d\d|(?:39|43|7[012]|8[012])\d{3}))\d{1,8}$/;

/** A text whose tail may be an element with a number, after a separator that the scanner does not send, or that was lost. */
const WITH_TAIL = /.(?:3[07]\d{1,8}$|(?:0[0-3]|1[1-7]|3[1-6])\d{6})/;
const WITH_LONG_TAIL = /.(?:3[07][1-9]\d{1,7}$|(?:0[0-3]|1[1-7]|3[1-6])\d{6})/;

/** A trade item's number in each of its lengths. */
export function spellings(gtin) {
  const longest = gtin.padStart(14, '0');
  return GTIN_LENGTHS.map((length) => longest.slice(-length)).filter((short) => Number(short) === Number(longest));
}

/**
 * What a code of a trade item says, as `{gtin, count, lot, serial, expires, best}`: as much as a terminal needs
 * that cannot ask the gateway. `null` for anything else, and where a reading is not certain.
 */
export function elementsOf(text) {
  const bare = text.replace(AIM, '');
  const isMarked = MARK.test(text);
  // Eight digits with a zero first are a UPC-E.
  if (isGtin(bare) && !isMarked) return /^0.{7}$/.test(bare) ? null : { gtin: bare, count: 1 };
  if (/^]E/.test(text)) return null;
  const isSeparated = isMarked || /[^\u001d]\u001d[^\u001d]/.test(bare);
  const found = {};
  for (let rest = bare; rest;) {
    const ai = rest.slice(0, 2);
    const end = FIXED[ai] ? 2 + FIXED[ai] : OPEN.includes(ai) ? (rest + SEPARATOR).indexOf(SEPARATOR) : 0;
    if (end < 3 || end > rest.length || ai in found) return null;
    found[ai] = rest.slice(2, end);
    if (FIXED[ai] === 6 && !dateOf(found[ai])) return null;
    if (['10', '21'].includes(ai) && (!TEXT.test(found[ai]) || (isSeparated ? WITH_LONG_TAIL : WITH_TAIL).test(found[ai]))) return null;
    rest = rest.slice(rest[end] === SEPARATOR ? end + 1 : end);
  }
  const [gtin, other, count = '1'] = '02' in found ? [found['02'], found['01'] ?? found[21] ?? found[30], found[37] ?? ''] : [found['01'], found[37], found[30]];
  if (!gtin || other !== undefined || !isGtin(gtin) || !COUNT.test(count)) return null;
  return { gtin, count: Number(count), lot: found[10], serial: found[21], expires: found[17], best: found[15] };
}

/** The day of six digits as `YYYY-MM-DD`, or `null` if there is none; its year is within 50 of this one, day 00 the end of the month. */
function dateOf(digits, now = new Date().getUTCFullYear()) {
  const [year, month, day] = digits.match(/\d\d/g)?.map(Number) ?? [];
  // The clock of a gateway is never before 2026.
  const least = Math.max(now, 2026) - 49;
  const date = new Date(Date.UTC(least + (year + 2100 - least) % 100, day ? month - 1 : month, day));
  const isThere = date.getUTCMonth() + 1 === month && date.getUTCDate() === (day || date.getUTCDate());
  return isThere ? date.toISOString().slice(0, 10) : null;
}

/** The trace of what a code says, with its date as `YYYY-MM-DD`; `null` without one. */
export function traceOf({ lot, serial, expires, best }, now) {
  const date = dateOf(expires ?? best ?? '', now);
  return lot || serial || date ? { lot, serial, expires: date ?? undefined } : null;
}

const isCommand = (text) => COMMAND.test(text);

/** A printed command, as `{name, rest}`; `null` for any other text. */
export function commandOf(text) {
  const [, name, rest = ''] = COMMAND.exec(text) ?? [];
  return name ? { name: name.toLowerCase(), rest } : null;
}

const MODES = { pick: 'deduct', in: 'restock', reserve: 'reserve', count: 'count', writeoff: 'writeoff', order: 'order' };
/** The mode of a printed command; `undefined` for any other text. */
export const modeOf = (rest) => MODES[rest.toLowerCase()];

/** A printed pick list, `ORDER SKU*QUANTITY SKU*QUANTITY …`, as `{order, lines}`; `null` if it is none. */
export function listOf(rest) {
  const [order, ...words] = rest.split(' ').filter(Boolean);
  const lines = words.map((word) => /^(.+)\*(\d{1,10}([.,]\d+)?)$/.exec(word)).map((found) => found && { sku: found[1], wanted: amountOf(found[2]) });
  return order && lines.length && lines.every((line) => line?.wanted > 0) ? { order, lines } : null;
}
