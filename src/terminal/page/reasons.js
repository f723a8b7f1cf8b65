/** The reasons for a write-off or a short pick. A terminal may have its own, separated by commas. */

import { keep, kept } from './kept.js';

const KEY = 'stockgate.reasons';
const REASONS = ['damaged', 'expired', 'missing', 'own_use', 'sample'];
const BYTES_MAX = 64;

const isReason = (text) => text && new TextEncoder().encode(text).length <= BYTES_MAX;

/** The page has words for its own reasons; others are shown as they are. */
export function reasonsFor() {
  const own = (kept(KEY) ?? '').split(',').map((each) => each.trim()).filter(isReason);
  return own.length ? own : REASONS;
}

export const ownReasons = () => kept(KEY) ?? '';
export const keepReasons = (text) => keep(KEY, text.trim() || null);
