/** The little that the page needs of the document. */

export const $ = (id) => document.getElementById(id);

/** Leaves equal text alone, so that a screen reader does not say it twice. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function make(tag, className, text = '') {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

/** Joins all that is asked for within one frame, or a longer time, into one call. */
export function joined(draw, pause = 0) {
  let asked = false;
  const run = () => { asked = false; draw(); };
  return () => {
    if (asked) return;
    asked = true;
    if (pause) setTimeout(run, pause);
    // A page in the background has no frames.
    else if (document.hidden) setTimeout(run, 250);
    else requestAnimationFrame(run);
  };
}

/** A button that says "not now" keeps the focus and its place among the keys. */
export function setEnabled(button, enabled) {
  button.setAttribute('aria-disabled', String(!enabled));
}

export const isEnabled = (button) => button.getAttribute('aria-disabled') !== 'true';
