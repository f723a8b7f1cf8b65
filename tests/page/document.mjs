// As much of a document as the page's panels touch, for tests without a browser.

class Element {
  children = [];
  dataset = {};
  hidden = false;
  textContent = '';
  value = '';
  #attributes = new Map();
  #listeners = new Map();

  addEventListener(kind, listener) { this.#listeners.set(kind, listener); }
  fire(kind, event = {}) { this.#listeners.get(kind)?.({ target: this, preventDefault() {}, ...event }); }
  getAttribute(name) { return this.#attributes.get(name) ?? null; }
  setAttribute(name, value) { this.#attributes.set(name, value); }
  append(...children) { this.children.push(...children); }
  replaceChildren(...children) { this.children = children; }
  /** Every selector finds an element of its own. */
  querySelector(selector) { return this[selector] ??= new Element(); }
  closest() { return this; }
  focus() {}
}

/** A new document; returns an element by its id. Every id has one. */
export function openDocument() {
  const elements = {};
  const $ = (id) => elements[id] ??= new Element();
  $('available').append(new Element(), new Element());
  globalThis.document = {
    body: new Element(),
    documentElement: {},
    addEventListener() {},
    createElement: () => new Element(),
    getElementById: $,
    querySelectorAll: () => [],
  };
  globalThis.matchMedia = () => ({ matches: true });
  return $;
}
