/**
 * Keys without a field to go to. A scanner types fast and ends with Enter or Tab, whatever has the
 * focus; a person types slowly and is led to a field.
 */

/** Keys closer together than this come from a scanner. */
const GAP_MS = 80;
/** The same on average where a person may be typing a number, who can be quick. */
const FIELD_GAP_MS = 50;
const SCAN_KEYS_MIN = 2;
const FIELD_KEYS_MIN = 4;
/** A scanner may send a second Enter. */
const ECHO_MS = 300;

const isField = (element) => element.matches?.('input:not([type=radio], [type=checkbox]), select, textarea') ?? false;

/** The handler has `scan(code)`, `typed(text)` and `enter()`; `numbers` are fields that no code belongs into. */
export function listen(handler, numbers) {
  let burst = '';
  let timer = 0;
  let scannedAt = -ECHO_MS;
  const inField = { keys: '', from: 0, at: 0, before: '' };

  function scanned(event, code) {
    event.preventDefault();
    event.stopPropagation();
    clearTimeout(timer);
    burst = '';
    scannedAt = event.timeStamp;
    handler.scan(code);
  }

  /** It was a hand. */
  function flush() {
    const text = burst;
    burst = '';
    if (text) handler.typed(text);
  }

  function collect(event, character) {
    event.preventDefault();
    burst += character;
    clearTimeout(timer);
    timer = setTimeout(flush, GAP_MS);
  }

  function inNumber(event, character) {
    const field = event.target;
    const at = event.timeStamp;
    if (at - inField.at > GAP_MS) Object.assign(inField, { keys: '', from: at, before: field.value });
    inField.at = at;
    const count = inField.keys.length;
    if (isEnd(event) && count >= FIELD_KEYS_MIN && at - inField.from <= count * FIELD_GAP_MS) {
      field.value = inField.before;
      scanned(event, inField.keys);
      inField.keys = '';
    } else if (character && !/\d/.test(character)) {
      // No number: what came so fast before it belongs to it.
      if (inField.keys) field.value = inField.before;
      const code = inField.keys + character;
      inField.keys = '';
      collect(event, code);
    } else {
      inField.keys += character;
    }
  }

  function onKey(event) {
    if (event.isComposing) return undefined;
    const character = characterOf(event);
    if (isEnd(event) && event.timeStamp - scannedAt < ECHO_MS && !burst) return event.preventDefault();
    if (burst) {
      if (isEnd(event) && burst.length >= SCAN_KEYS_MIN) return scanned(event, burst);
      if (character) return collect(event, character);
      clearTimeout(timer);
      flush();
    }
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

/** What a key writes; scanners press Ctrl and ] for the separator of GS1 codes. */
function characterOf({ key, ctrlKey, altKey, metaKey }) {
  if (ctrlKey && key === ']' && !altKey) return '\u001d';
  const writes = key.length === 1 && !metaKey && ctrlKey === altKey;
  return writes ? key : '';
}
