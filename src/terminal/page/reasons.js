/** The reasons for a write-off or a short pick, as the gateway is configured. */

import { keep, kept, parsed } from './kept.js';

const KEY = 'stockgate.reasons';

/** As they were last heard of. */
let offered = kept(KEY) ?? '[]';

/** Returns whether they are others than before. */
export function takeReasons(reasons = []) {
  const before = offered;
  offered = JSON.stringify(reasons);
  if (offered !== before) keep(KEY, offered);
  return offered !== before;
}

/** The page has words for some of them; others are shown as they are. */
export const reasonsFor = () => parsed(offered) ?? [];
