/** Quantities as they are typed. Pure. */

export const QUANTITY_MAX = 1_000_000_000;
const bounds = (mode) => (mode === 'count' ? [0, Number.MAX_SAFE_INTEGER] : [1, QUANTITY_MAX]);
/** Up to this, no quantity is surprising. */
const PLAIN_MAX = 9_999;
const TIMES_MAX = 10;

/** A typed quantity; `NaN` for no text, and for one that is no number. */
export function amountOf(text) {
  const plain = text.trim().replace(',', '.');
  return /^\d+(\.\d{1,6})?$/.test(plain) ? Number(plain) : NaN;
}

/** Exact to the smallest unit, by default the smallest there is, without the digits that binary fractions add. */
const exact = (amount, decimals = 6) => Number(amount.toFixed(decimals));

export const added = (one, other) => exact(one + other);
export const times = (one, other) => exact(one * other);
export const totalOf = (lines) => lines.reduce((sum, { quantity }) => added(sum, Number(quantity)), 0);

/** Whether a quantity of an item with so many decimals may be booked in this mode. Bounds are in its smallest unit. */
export function isAmount(amount, mode, decimals) {
  const [least, most] = bounds(mode);
  const unit = 10 ** decimals;
  return amount === exact(amount, decimals) && amount >= least / unit && amount <= most / unit;
}

/** One press more or less. The first one starts from the minimum, and less never becomes more. */
export function stepped(amount, change, mode) {
  const [least, most] = bounds(mode);
  return Number.isNaN(amount) ? least : Math.min(most, Math.max(Math.min(least, amount), added(amount, change)));
}

/** Whether so much is surprising enough to ask. */
export const isSurprising = (amount, item) => amount > Math.max(PLAIN_MAX, TIMES_MAX * (item?.on_hand ?? 0));
