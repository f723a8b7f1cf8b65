/** What this terminal keeps between visits. Local storage can be off or full; the page then works without it. */

export function kept(key, otherwise = null) {
  try { return localStorage.getItem(key) ?? otherwise; } catch { return otherwise; }
}

/** Returns whether it was kept; `null` removes it. */
export function keep(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
    return true;
  } catch {
    return false;
  }
}

export function keptKeys() {
  try { return Object.keys(localStorage); } catch { return []; }
}

export function parsed(text) {
  try { return JSON.parse(text); } catch { return null; }
}
