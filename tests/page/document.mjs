// As much of a document as the page's panels touch, for tests without a browser.

class Element {
  children = [];
  dataset = {};
  style = { setProperty: (name, value) => { this.style[name] = value; } };
  classList = { toggle() {} };
  hidden = false;
  textContent = '';
  value = '';
  #attributes = new Map();
  #listeners = new Map();

  addEventListener(kind, listener) { this.#listeners.set(kind, listener); }
  fire(kind, event = {}) { this.#listeners.get(kind)?.({ target: this, preventDefault() {}, ...event }); }
  click() { this.fire('click'); }
  getAttribute(name) { return this.#attributes.get(name) ?? null; }
  setAttribute(name, value) { this.#attributes.set(name, value); }
  append(...children) { this.children.push(...children); }
  insertBefore() {}
  remove() {}
  replaceChildren(...children) { this.children = children; }
  /** Every selector finds an element of its own. */
  querySelector(selector) { return this[selector] ??= new Element(); }
  querySelectorAll() { return []; }
  closest() { return this; }
  matches() { return false; }
  focus() { document.activeElement = this; }
  setSelectionRange() {}
  scrollIntoView() { document.seen = this; }
}

/** A new document; returns an element by its id. Every id has one. */
export function openDocument() {
  const elements = {};
  const listeners = {};
  const $ = (id) => elements[id] ??= Object.assign(new Element(), { id });
  $('available').append(new Element(), new Element());
  globalThis.document = {
    body: new Element(),
    documentElement: {},
    addEventListener(kind, listener) { (listeners[kind] ??= []).push(listener); },
    fire(kind, event) { for (const listener of listeners[kind] ?? []) listener(event); },
    createElement: (localName) => Object.assign(new Element(), { localName }),
    getElementById: $,
    querySelectorAll: () => [],
  };
  globalThis.matchMedia = () => ({ matches: true });
  return $;
}
