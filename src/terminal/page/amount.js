/** Quantities as they are typed. Pure. */

export const QUANTITY_MAX = 1_000_000_000;
const bounds = (mode) => (mode === 'count' ? [0, Number.MAX_SAFE_INTEGER] : [1, QUANTITY_MAX]);
/** Up to this, no quantity is surprising. */
const PLAIN_MAX = 9_999;
const TIMES_MAX = 10;

const MILLION = 1_000_000n;

/** An amount in millionths, the smallest unit there is, by its digits; `null` for what has no such amount. */
function millionths(amount) {
  const [, whole, fraction = ''] = /^(-?\d+)(?:\.(\d{1,6}))?$/.exec(String(amount)) ?? [];
  return whole === undefined ? null : BigInt(whole + fraction.padEnd(6, '0'));
}

/** The number with these digits; `NaN` if a number with a binary fraction stands for other ones. */
function ofMillionths(exact) {
  const digits = String(exact).replace(/\d+/, (digits) => digits.padStart(7, '0'));
  const amount = Number(`${digits.slice(0, -6)}.${digits.slice(-6)}`);
  return millionths(amount) === exact ? amount : NaN;
}

/** A typed quantity; `NaN` for no text, and for one that is no number or has more digits than a number holds. */
export function amountOf(text) {
  const plain = text.trim().replace(',', '.');
  const exact = plain.startsWith('-') ? null : millionths(plain);
  return exact === null ? NaN : ofMillionths(exact);
}

/** What follows from two amounts, exactly. */
const exactly = (one, other, of) => {
  const both = [millionths(one), millionths(other)];
  return both.includes(null) ? NaN : ofMillionths(of(...both));
};

export const added = (one, other) => exactly(one, other, (a, b) => a + b);
export const times = (one, other) => exactly(one, other, (a, b) => a * b / MILLION);
export const totalOf = (lines) => lines.reduce((sum, { quantity }) => added(sum, Number(quantity)), 0);

/** Whether a quantity of an item with so many decimals may be booked in this mode. Bounds are in its smallest unit. */
export function isAmount(amount, mode, decimals) {
  const [least, most] = bounds(mode);
  const [exact, unit] = [millionths(amount), 10n ** BigInt(6 - decimals)];
  return exact !== null && exact % unit === 0n && exact >= BigInt(least) * unit && exact <= BigInt(most) * unit;
}

/** One press more or less. The first one starts from the minimum, and less never becomes more. */
export function stepped(amount, change, mode) {
  const [least, most] = bounds(mode);
  const next = added(amount, change);
  return Number.isNaN(next) ? least : Math.min(most, Math.max(Math.min(least, amount), next));
}

/** Whether so much is surprising enough to ask. */
export const isSurprising = (amount, item) => amount > Math.max(PLAIN_MAX, TIMES_MAX * (item?.on_hand ?? 0));
