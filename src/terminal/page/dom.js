/** Helpers for the document. */

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

/** Joins all calls within one frame, or within a longer time, into one. */
export function joined(draw, pause = 0) {
  let asked = false;
  const run = () => { asked = false; draw(); };
  return () => {
    if (asked) return;
    asked = true;
    if (pause) setTimeout(run, pause);
    // A page in the background gets no frames.
    else if (document.hidden) setTimeout(run, 250);
    else requestAnimationFrame(run);
  };
}

/** Disables a button in a way that keeps its focus and its place in the tab order. */
export function setEnabled(button, enabled) {
  button.setAttribute('aria-disabled', String(!enabled));
}

export const isEnabled = (button) => button.getAttribute('aria-disabled') !== 'true';
