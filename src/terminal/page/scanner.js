/**
 * Key presses outside any field. A scanner types fast and ends with Enter or Tab, whatever has the
 * focus; the keys of a person, who types slowly, are directed to a field.
 */

/** Keys closer together than this come from a scanner. */
const GAP_MS = 80;
/** The average limit where a person may be typing a number, which can be quick. */
const FIELD_GAP_MS = 50;
/** FNC1, which ends an element of a GS1 code. */
const SEPARATOR = '\u001d';
const SCAN_KEYS_MIN = 2;
const FIELD_KEYS_MIN = 4;
/** Modifier keys, which a scanner presses before a character; the character contains their effect. */
const MODIFIERS = ['Shift', 'Control', 'Alt', 'AltGraph', 'Meta', 'CapsLock', 'NumLock'];
/** A scanner may send a second Enter. */
const ECHO_MS = 300;

const isField = (element) => element.matches?.('input:not([type=radio], [type=checkbox]), select, textarea') ?? false;

/**
 * The handler has `scan(code)`, `typed(text)` and `enter()`; `codes` is the field for codes, `numbers`
 * are fields that take no codes.
 */
export function listen(handler, codes, numbers) {
  let burst = '';
  let burstAt = 0;
  let timer = 0;
  let scannedAt = -ECHO_MS;
  const inField = { field: null, keys: '', from: 0, at: 0, before: '' };

  function scanned(event, code) {
    event.preventDefault();
    event.stopPropagation();
    clearTimeout(timer);
    burst = '';
    scannedAt = event.timeStamp;
    handler.scan(code);
  }

  /** The keys came from a person. */
  function flush() {
    clearTimeout(timer);
    const text = burst;
    burst = '';
    if (text) handler.typed(text);
  }

  function collect(event, character) {
    event.preventDefault();
    burst += character;
    burstAt = event.timeStamp;
    clearTimeout(timer);
    timer = setTimeout(flush, GAP_MS);
  }

  /** Collects what a field gets in quick succession; returns whether it was a scan, which is then removed from the field. */
  function leftField(event, keysMin) {
    const { target: field, timeStamp: at } = event;
    if (inField.field !== field || at - inField.at > GAP_MS) Object.assign(inField, { field, keys: '', from: at, before: field.value });
    inField.at = at;
    const count = inField.keys.length;
    if (!isEnd(event) || count < keysMin || at - inField.from > count * FIELD_GAP_MS) return false;
    field.value = inField.before;
    scanned(event, inField.keys);
    inField.keys = '';
    return true;
  }

  function inCodes(event, character) {
    if (leftField(event, SCAN_KEYS_MIN)) return;
    inField.keys = character ? inField.keys + character : '';
    if (character !== SEPARATOR) return;
    // No browser inserts this character.
    event.preventDefault();
    codes.setRangeText(SEPARATOR, codes.selectionStart, codes.selectionEnd, 'end');
  }

  function inNumber(event, character) {
    if (leftField(event, FIELD_KEYS_MIN)) return;
    const field = event.target;
    if (character && !/\d/.test(character)) {
      // No digit: what came fast before it belongs to the same code.
      if (inField.keys) field.value = inField.before;
      const code = inField.keys + character;
      inField.keys = '';
      collect(event, code);
    } else {
      inField.keys += character;
    }
  }

  function onKey(event) {
    if (event.isComposing || MODIFIERS.includes(event.key)) return undefined;
    // The timer may be late, so the timestamps of the key events count.
    if (burst && event.timeStamp - burstAt > GAP_MS) flush();
    const character = characterOf(event);
    if (isEnd(event) && event.timeStamp - scannedAt < ECHO_MS && !burst) return event.preventDefault();
    if (burst) {
      if (isEnd(event) && burst.length >= SCAN_KEYS_MIN) return scanned(event, burst);
      if (character) return collect(event, character);
      flush();
    }
    if (event.target === codes) return inCodes(event, character);
    if (numbers.includes(event.target)) return inNumber(event, character);
    if (isField(event.target)) return undefined;
    // The space bar presses buttons.
    if (character && character !== ' ' && !event.repeat) return collect(event, character);
    const isFree = !event.target.closest?.('button, a, summary, select, label, [type=checkbox]');
    if (event.key === 'Enter' && isFree && !event.repeat && handler.enter()) event.preventDefault();
    return undefined;
  }

  document.addEventListener('keydown', onKey, true);
}

const isEnd = ({ key }) => key === 'Enter' || key === 'Tab';

/** The character of a key press; scanners send the separator as Ctrl and ]. */
function characterOf({ key, ctrlKey, altKey, metaKey }) {
  if (ctrlKey && key === ']' && !altKey) return SEPARATOR;
  const writes = key.length === 1 && !metaKey && ctrlKey === altKey;
  return writes ? key : '';
}
