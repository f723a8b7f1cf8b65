/**
 * What keys and inserted text mean: a scan, or a person. Pure: it reads no clock and touches no page.
 *
 * A scanner types like a keyboard, often fast and with an Enter at the end, but it may also be as slow
 * as a person, pause in the middle, hold Alt all the time, send a function key as FNC1, or insert all
 * of a code at once. So nothing is decided by time alone: keys are collected until they end, and the
 * whole of them is a scan if it came fast or if it is a sound or known code.
 */

/** A person's keys are further apart than this; what came before is then shown in a field. */
const GAP_MS = 80;
/** Pauses up to this are part of one scan, or of one number that a person types. */
const JOIN_MS = 300;
/** A pause after which the head of a cut scan is no longer remembered. */
const HEAD_MS = 1_500;
/** An average below this is a scanner's. */
const FAST_MS = 50;
/** An average below this may be a slow scanner's. */
const SLOW_MS = 105;
/** A key this short before a scan is the FNC1 that begins it. */
const LEAD_MS = 40;
/** A scanner that sends no Enter is silent for this long after a code. */
const QUIET_MS = 400;
/** The same for text that is inserted in one piece. */
const INSERTED_MS = 120;
/** A scanner may send a second Enter. */
const ECHO_MS = 300;

/** FNC1, which ends an element of a GS1 code. */
export const SEPARATOR = '\u001d';
/** The least number of characters of a scan that is no known code, by the kind of field that has the focus. */
const KEYS_MIN = { sink: 2, code: 2, number: 4, free: 4 };
/** So many characters that come fast after slow ones are a scan, if they are known. */
const TAIL_KEYS_MIN = 4;
/** A person may type so few digits as a quantity, though an item has them as its SKU. */
const SHORT_NUMBER = 3;
const QUIET_KEYS_MIN = 3;
const HEAD_KEYS_MIN = 2;
/** After so many characters a function key may be the FNC1 of a slow scan. */
const RUN_KEYS_MIN = 3;
/** No number of a trade item is longer: what is sound and longer has elements, and FNC1 between them. */
const NUMBER_MAX = 14;

const MODIFIERS = ['Shift', 'Control', 'Alt', 'AltGraph', 'Meta', 'CapsLock', 'NumLock', 'Fn'];
/** Their text comes as an insertion. */
const UNREAD = ['Unidentified', 'Process'];
/** Stands for a key that only begins an accent here, and was a character on the scanner's keyboard. */
const DEAD = '\ufffd';
const EDITS = ['Backspace', 'Delete'];
const ENDS = ['Enter', 'Tab'];
const CONTROL_CODES = [28, 29, 30];
/** The function keys that a person uses here. */
const SHORTCUTS = ['F2', 'F4', 'F8', 'F9'];

const NONE = { taken: false, then: [] };
const taken = (...then) => ({ taken: true, then });
const passed = (...then) => ({ taken: false, then });

export class Scanner {
  #isKnown;
  #run = newRun();
  /** The beginning of a scan that was cut by a long pause. */
  #head = null;
  /** What a person has typed and no field shows yet. */
  #typed = '';
  /** A function key that may be the first of a scan, or FNC1 within one; empty for FNC1 or nothing. */
  #pending = null;
  #scannedAt = -Infinity;
  /** The digits of a character that is typed as Alt and its number. */
  #altCode = null;
  #isAltDown = false;
  #due = Infinity;

  /** `isKnown(text)` says whether an item has this SKU or barcode, or the text can only be a code. */
  constructor(isKnown) { this.#isKnown = isKnown; }

  /** When `tick` is to be called. */
  get due() { return this.#due; }

  /**
   * Takes a key. `{key, code, at, shift, ctrl, alt, meta, caps, repeat, field, before}`: `field` is the kind
   * of element that has the focus (`sink`, `button`, `code`, `number`, `free`, `secret`), `before` what the
   * fields contain, which a scan gives back. Returns `{taken, then}`: whether the key has no other effect,
   * and what follows: `{do: 'scan', code, note, slow, field, before}`, `{do: 'typed', text}`, `{do: 'insert', text}`,
   * `{do: 'shortcut', key}`, `{do: 'enter'}`.
   */
  press(stroke) {
    if (stroke.field === 'secret' || UNREAD.includes(stroke.key)) return NONE;
    // A person's accent comes with the next letter.
    if (stroke.key === 'Dead' && !(this.#isBurst(stroke.at) && onUsLayout(stroke))) return NONE;
    const late = this.#overdue(stroke.at);
    const { taken, then } = this.#press(stroke);
    return { taken, then: [...late, ...then] };
  }

  /** Alt and a number of the keypad make a character when Alt is released. */
  release({ key, at, field, before }) {
    const digits = this.#altCode;
    if (key === 'Alt') this.#isAltDown = false;
    if (key !== 'Alt' || digits === null) return NONE;
    this.#altCode = null;
    const isSeparator = CONTROL_CODES.includes(Number(digits));
    return digits && isSeparator ? this.#collect({ key: SEPARATOR, at, field, before }, SEPARATOR) : NONE;
  }

  /** Takes text that an input method has inserted. */
  insert(text, { at, field, before }) {
    const late = this.#overdue(at);
    const [, body, end] = /^(.*?)([\r\n\t]*)$/s.exec(text);
    for (const character of body) this.#append(character, character, { at, field, before });
    if (body.length > 1) this.#run.inserted = true;
    if (end) return { taken: true, then: [...late, ...this.#end({ key: 'Enter', at, field }).then] };
    if (this.#run.inserted) this.#due = at + INSERTED_MS;
    else {
      this.#typed += body;
      this.#due = at + GAP_MS;
    }
    return { taken: true, then: late };
  }

  /** Does what is due: shows what a person has typed, or ends a scan that has no Enter. */
  tick(at) {
    return at >= this.#due ? this.#overdue(at) : [];
  }

  /** Forgets what was typed, because a person has moved on. */
  reset() {
    this.#run = newRun();
    this.#head = null;
    this.#typed = '';
    this.#pending = null;
    this.#due = Infinity;
  }

  // ---- Keys ----

  #press(stroke) {
    const { key } = stroke;
    if (key === 'Alt') {
      this.#isAltDown = true;
      this.#altCode = this.#isBurst(stroke.at) ? '' : null;
    }
    if (MODIFIERS.includes(key)) return NONE;
    if (ENDS.includes(key)) return this.#end(stroke);
    const character = characterOf(stroke);
    if (this.#altCode !== null && /^Numpad\d$/.test(stroke.code ?? '')) {
      this.#altCode += stroke.code.slice(-1);
      return taken();
    }
    return character ? this.#character(stroke, character) : this.#special(stroke);
  }

  #character(stroke, character) {
    const isBurst = this.#isBurst(stroke.at);
    const led = this.#pending;
    const isCut = led !== null && this.#isWithin(stroke.at);
    this.#pending = null;
    // A person opens a menu with Alt; a scanner that holds it presses no Alt.
    if (!isBurst && this.#isAltDown && stroke.alt && !stroke.ctrl) return NONE;
    // The space bar presses buttons, and a key that is held down is no scanner's.
    if (!isBurst && led === null && (stroke.field === 'button' && character === ' ' || stroke.repeat && stroke.field === 'sink')) return NONE;
    const collected = this.#collect(stroke, character, isCut ? SEPARATOR : '');
    if (led && !isCut) this.#run.led = led;
    return collected;
  }

  #collect(stroke, character, separator = '') {
    const { at, field } = stroke;
    const text = separator + character;
    this.#append(text, separator + (onUsLayout(stroke) || character), stroke);
    if (field === 'number' && /[^\d.,]/.test(text)) {
      // No quantity contains it, so it all belongs to a code.
      this.#typed = this.#run.text;
      this.#due = at + GAP_MS;
      return taken({ do: 'restore', before: this.#run.before });
    }
    if (field === 'sink' || field === 'button' || this.#typed) {
      this.#typed += text;
      this.#due = at + GAP_MS;
      return taken();
    }
    this.#due = at + QUIET_MS;
    return text.includes(SEPARATOR) ? taken({ do: 'insert', text }) : passed();
  }

  /** Function keys, arrows and the like: within a scan they are FNC1, else a person's. In a slow one the next key tells. */
  #special(stroke) {
    const { key, at, ctrl, alt, meta } = stroke;
    if (EDITS.includes(key)) {
      const then = this.#flush();
      this.reset();
      return passed(...then);
    }
    if (this.#isBurst(at)) return this.#collect({ ...stroke, code: '' }, SEPARATOR);
    const isShortcut = SHORTCUTS.includes(key) && !ctrl && !alt && !meta;
    const isWithin = !ctrl && !meta && this.#isWithin(at) && (isShortcut || this.#isCode(stroke.field));
    if (!isShortcut && !isWithin) {
      this.reset();
      return NONE;
    }
    if (stroke.repeat) return taken();
    this.#pending = isShortcut ? key : '';
    if (isWithin) this.#run.at = at;
    this.#due = at + (isWithin ? JOIN_MS : LEAD_MS);
    return taken();
  }

  #end({ key, at, field }) {
    if (this.#run.text === '') {
      const then = this.#flush();
      if (then.length) return taken(...then, ...(key === 'Enter' ? [{ do: 'enter' }] : []));
      if (at - this.#scannedAt < ECHO_MS) return taken();
      return field === 'sink' && key === 'Enter' ? passed({ do: 'enter' }) : NONE;
    }
    const scan = this.#decide(field);
    if (scan) return taken(this.#scanned(scan, field, at));
    const then = this.#flush();
    const isShown = then.length === 0;
    this.reset();
    if (isShown && field !== 'sink') return passed();
    return taken(...then, ...(key === 'Enter' ? [{ do: 'enter' }] : []));
  }

  // ---- The run of characters since the last pause or end ----

  #append(character, onUs, { at, field, before, caps }) {
    const run = this.#run;
    if (run.text && at - run.at > JOIN_MS) {
      this.#head = at - run.at <= HEAD_MS ? run : null;
      this.#run = newRun();
    } else if (run.text.length >= HEAD_KEYS_MIN && at - run.at > GAP_MS && !isFast(run)) run.tail = newRun();
    for (const each of [this.#run, this.#run.tail]) {
      if (!each) continue;
      const isFirst = !each.text;
      Object.assign(each, { text: each.text + character, onUs: each.onUs + onUs, at, caps: each.caps || Boolean(caps) });
      if (isFirst) Object.assign(each, { from: at, before, field });
    }
  }

  #isBurst(at) {
    return this.#run.text !== '' && at - this.#run.at <= GAP_MS;
  }

  /** Whether a slow scan may still go on. */
  #isWithin(at) {
    return this.#run.text.length >= RUN_KEYS_MIN && at - this.#run.at <= JOIN_MS;
  }

  /** Whether the run is no text that a person edits with arrows. */
  #isCode(field) {
    const { text } = this.#run;
    return field === 'sink' || field === 'button' || text.length > NUMBER_MAX && this.#isKnown(text);
  }

  /** The scan that the run is, as `{code, note, slow, before}`; `null` if a person typed it. */
  #decide(field) {
    const run = this.#run;
    const average = averageOf(run);
    const shape = { slow: average > SLOW_MS, before: run.before, began: run.field };
    const head = this.#head;
    if (head && isFast(head) && head.text.length >= HEAD_KEYS_MIN) return this.#joined(head, shape);
    // A slow scanner pauses too. A number is what a person had typed.
    const goesOn = head && !isFast(run) && average <= SLOW_MS && /\D/.test(head.text);
    const joined = goesOn ? this.#joined(head, shape) : null;
    if (joined) return joined;
    const tail = this.#tail(run);
    if (tail) return tail;
    const [code, note] = this.#reading(run);
    if (this.#isKnown(code) && run.text.length > 1) {
      const isShort = isShortNumber(code) && !isFast(run);
      // A slow hand may type a known code as an order, and finds it by typing it where codes belong.
      const isOwn = average > SLOW_MS && (field === 'free' || field === 'code');
      if (!isShort && !isOwn) return { ...shape, code, note };
    }
    const least = run.inserted ? 2 : KEYS_MIN[field] ?? 2;
    return isFast(run) && run.text.length >= least ? { ...shape, code, note } : null;
  }

  /** A scan that was cut by a pause: whole if that makes a known code, and never its tail alone. */
  #joined(head, shape) {
    const [code, note] = this.#reading({ ...this.#run, text: head.text + this.#run.text, onUs: head.onUs + this.#run.onUs });
    const joined = { ...shape, slow: false, before: head.before, began: head.field, code };
    if (this.#isKnown(code)) return { ...joined, note };
    // A whole code after something that a person typed quickly.
    return isFast(this.#run) ? { ...joined, note: 'cut' } : null;
  }

  /** A scan right after something that a person typed, unless both are a code; more digits than a number has are none. */
  #tail({ text, tail }) {
    if (!tail || !isFast(tail) || tail.text.length < TAIL_KEYS_MIN) return null;
    const [code, note] = this.#reading(tail);
    const isWhole = this.#isKnown(text) && !(text.length > NUMBER_MAX && /^\d+$/.test(text));
    return this.#isKnown(code) && !isWhole ? { slow: false, before: tail.before, began: tail.field, code, note } : null;
  }

  /** The code as it was meant: through a wrong keyboard layout or caps lock it reads differently. */
  #reading({ text, onUs, caps }) {
    if (text.includes(DEAD)) return [onUs, 'layout'];
    if (this.#isKnown(text)) return [text, ''];
    const swapped = caps ? swapCase(text) : text;
    if (swapped !== text && this.#isKnown(swapped)) return [swapped, 'caps'];
    if (onUs !== text && this.#isKnown(onUs)) return [onUs, 'layout'];
    // Digits that arrive as other characters: the layouts differ.
    const digits = (each) => each.replace(/\D/g, '').length;
    if (digits(onUs) > digits(text)) return [onUs, 'layout'];
    return [swapped, swapped === text ? '' : 'caps'];
  }

  #scanned(scan, field, at) {
    this.reset();
    this.#scannedAt = at;
    const { code, note, slow, before, began } = scan;
    return { do: 'scan', code, note: note ?? '', slow, field: began ?? field, before };
  }

  /** What a person did: a function key, and typed text that no field shows yet. */
  #flush() {
    const key = this.#pending || this.#run.led;
    const text = this.#typed.replaceAll(DEAD, '');
    this.#pending = null;
    this.#run.led = null;
    this.#typed = '';
    return [...(key ? [{ do: 'shortcut', key }] : []), ...(text ? [{ do: 'typed', text }] : [])];
  }

  #overdue(at) {
    if (at < this.#due) return [];
    this.#due = Infinity;
    if (this.#pending !== null) return this.#flush();
    const run = this.#run;
    if (run.inserted) {
      const scan = this.#decide(run.field);
      if (scan) return [this.#scanned(scan, run.field, at)];
    }
    if (this.#typed) {
      if (at - run.at < QUIET_MS) this.#due = run.at + QUIET_MS;
      const shown = this.#flush();
      return this.#due <= at ? [...shown, ...this.#overdue(at)] : shown;
    }
    // A scanner without an Enter; a person does not type so fast.
    const isWhole = at - run.at >= QUIET_MS && run.text.length >= QUIET_KEYS_MIN && isFast(run);
    const scan = isWhole && !isShortNumber(run.text) && this.#isKnown(this.#reading(run)[0]) ? this.#decide(run.field) : null;
    return scan ? [this.#scanned(scan, run.field, at)] : [];
  }
}

function newRun() {
  return { text: '', onUs: '', from: 0, at: -Infinity, before: null, field: undefined, inserted: false, caps: false, led: null, tail: null };
}

const averageOf = ({ text, from, at }) => (text.length > 1 ? (at - from) / (text.length - 1) : Infinity);
const isShortNumber = (text) => text.length <= SHORT_NUMBER && /^\d+$/.test(text);
const isFast = (run) => run.inserted || averageOf(run) <= FAST_MS;

/** The character of a key; scanners send the separator as Ctrl and ], and some hold Alt with every key. */
function characterOf({ key, ctrl, alt, meta }) {
  if (ctrl && key === ']' && !alt) return SEPARATOR;
  if (key === 'Dead') return DEAD;
  return key.length === 1 && !meta && (!ctrl || alt) ? key : '';
}

const ON_US = {
  Minus: '-_', Equal: '=+', BracketLeft: '[{', BracketRight: ']}', Semicolon: ';:', Quote: '\'"', Backquote: '`~',
  Backslash: '\\|', Comma: ',<', Period: '.>', Slash: '/?', Space: '  ',
};
const SHIFTED_DIGITS = ')!@#$%^&*(';

/** The character that a key has on a keyboard of the United States, as most scanners type. */
function onUsLayout({ code = '', shift, ctrl }) {
  if (ctrl) return '';
  const [, letter, digit] = /^(?:Key([A-Z])|Digit(\d))$/.exec(code) ?? [];
  if (letter) return shift ? letter : letter.toLowerCase();
  if (digit) return shift ? SHIFTED_DIGITS[Number(digit)] : digit;
  return ON_US[code]?.[shift ? 1 : 0] ?? '';
}

function swapCase(text) {
  return Array.from(text, (letter) => (letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase())).join('');
}
