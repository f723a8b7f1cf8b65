/** What a text says about itself: whether it is a sound code, or a command. Pure. */

const GTIN_LENGTHS = [8, 12, 13, 14];
/** No quantity has as many digits. */
const DIGITS_MAX = 14;
/** The symbology that some scanners send first, as AIM defines it. */
const AIM = /^\][A-Za-z][0-9A-Za-z]/;
const COMMAND = /^STOCKGATE ([A-Z]+)(?: (.*))?$/s;

/** Whether these are the digits of a trade item, with the right check digit. */
export function isGtin(text) {
  if (!GTIN_LENGTHS.includes(text.length) || !/^\d+$/.test(text)) return false;
  const sum = Array.from(text).reverse().reduce((sum, digit, at) => sum + Number(digit) * (at % 2 ? 3 : 1), 0);
  return sum % 10 === 0;
}

/** Whether a text can only be a code, known or not: a person does not type it, and it is no quantity. */
export function isSound(text) {
  const bare = text.replace(AIM, '');
  return isGtin(bare) || bare !== text && bare !== '' || /^\d+$/.test(bare) && bare.length > DIGITS_MAX
    || /^0[12]\d{14}/.test(bare) && isGtin(bare.slice(2, 16)) || isCommand(text);
}

const isCommand = (text) => COMMAND.test(text);

/** A printed command, as `{name, rest}`; `null` for any other text. */
export function commandOf(text) {
  const [, name, rest = ''] = COMMAND.exec(text) ?? [];
  return name ? { name: name.toLowerCase(), rest } : null;
}

/** A printed pick list, `ORDER SKU*QUANTITY SKU*QUANTITY …`, as `{order, lines}`; `null` if it is none. */
export function listOf(rest) {
  const [order, ...words] = rest.split(' ').filter(Boolean);
  const lines = words.map((word) => /^(.+)\*(\d{1,10})$/.exec(word)).map((found) => found && { sku: found[1], wanted: Number(found[2]) });
  return order && lines.length && lines.every((line) => line?.wanted > 0) ? { order, lines } : null;
}
