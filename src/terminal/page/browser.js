/** What the page uses of the browser: the document, and what it keeps. */

export const $ = (id) => document.getElementById(id);

/** Sets a text if it differs, so that a screen reader does not say the same text twice. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function make(tag, className, text = '') {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

/** Joins all calls within one frame into one, and so that there is a pause after each that drew something. */
export function joined(draw, pause = 0) {
  let asked = false;
  let drawnAt = -pause;
  const run = () => { asked = false; if (draw() !== false) drawnAt = performance.now(); };
  return () => {
    if (asked) return;
    asked = true;
    const wait = drawnAt + pause - performance.now();
    // A page in the background gets no frames.
    if (wait > 0 || document.hidden) setTimeout(run, Math.max(wait, document.hidden ? 250 : 0));
    else requestAnimationFrame(run);
  };
}

/** Disables a button in a way that keeps its focus and its place in the tab order. */
export function setEnabled(button, enabled) {
  button.setAttribute('aria-disabled', String(!enabled));
}

// ---- What this terminal keeps between visits. Local storage can be off or full; the page then works without it. ----

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
