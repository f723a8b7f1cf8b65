const FIRST_MS = 500;
const MAX_MS = 15_000;

/** A wait that grows with each failure, and is random so that terminals do not reconnect together. */
export function backoff(attempt) {
  const longest = Math.min(MAX_MS, FIRST_MS * 2 ** attempt);
  return longest / 2 + Math.random() * longest / 2;
}
