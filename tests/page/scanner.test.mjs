// The scanner without a page, on made-up time. `node --test tests/page` runs it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isSound } from '../../src/terminal/page/codes.js';
import { SEPARATOR, Scanner } from '../../src/terminal/page/scanner.js';

const EAN8 = '96385074';
const EAN13 = '4006381333931';
const KNOWN = ['85123A', '123A', '185123A', 'A-1', '47566', 'ab-12'];

/** A scanner and what came of it; keys are pressed in a field with a gap in milliseconds. */
function bench(known = KNOWN) {
  const scanner = new Scanner((text) => known.includes(text) || isSound(text));
  const bench = { scanner, at: 1_000, did: [], passed: '', field: 'sink' };
  const take = ({ taken, then }, key) => {
    if (!taken && key?.length === 1) bench.passed += key;
    bench.did.push(...then);
    return bench;
  };
  bench.key = (key, gap = 5, more = {}) => {
    bench.at += gap;
    bench.did.push(...scanner.tick(bench.at - gap / 2));
    return take(scanner.press({ key, at: bench.at, field: bench.field, before: bench.passed, ...more }), key);
  };
  bench.keys = (text, gap = 5, more = {}) => {
    for (const key of text) bench.key(key, gap, typeof more === 'function' ? more(key) : more);
    return bench;
  };
  bench.insert = (text, gap = 5) => {
    bench.at += gap;
    return take(scanner.insert(text, { at: bench.at, field: bench.field, before: bench.passed }));
  };
  bench.wait = (ms) => {
    for (let past = 0; past < ms; past += 10) bench.did.push(...scanner.tick(bench.at += 10));
    return bench;
  };
  bench.scans = () => bench.did.filter((each) => each.do === 'scan').map(({ code }) => code);
  bench.names = () => bench.did.map((each) => each.do);
  return bench;
}

test('a fast run is a scan, known or not', () => {
  for (const code of [EAN13, '85123A', 'NEW-7', '12345678']) {
    for (const field of ['sink', 'button', 'code', 'number', 'free']) {
      const it = bench();
      it.field = field;
      it.keys(code).key('Enter');
      assert.deepEqual(it.scans(), [code], `${code} in ${field}`);
    }
  }
});

test('a person types a quantity, and Enter confirms it', () => {
  for (const gap of [110, 200, 450]) {
    const it = bench().keys('12', gap).wait(100).key('Enter', gap);
    assert.deepEqual(it.names(), ['typed', 'typed', 'enter'], `${gap} ms`);
  }
});

test('an EAN-8 at 90 ms a key is a scan with whatever in front', () => {
  for (const field of ['sink', 'number', 'free', 'code']) {
    const it = bench();
    it.field = field;
    it.keys(EAN8, 90).key('Enter', 90);
    assert.deepEqual(it.scans(), [EAN8], field);
  }
});

test('a sound code is no quantity however slowly it is typed', () => {
  const it = bench();
  it.field = 'number';
  it.keys(EAN8, 250).key('Enter', 250);
  assert.deepEqual(it.scans(), [EAN8]);
  assert.equal(it.did[0].slow, true, 'but it does not book at once');
});

test('head and tail around a pause are one scan', () => {
  for (const pause of [95, 150, 250]) {
    for (const cut of [1, 3, 7, 12]) {
      const it = bench().keys(EAN13.slice(0, cut)).keys(EAN13[cut], pause).keys(EAN13.slice(cut + 1)).key('Enter');
      assert.deepEqual(it.scans(), [EAN13], `${pause} ms after ${cut}`);
    }
  }
});

test('the tail of a cut scan is never another item', () => {
  // 85123A is an item, and so is the whole label.
  let it = bench().keys('1').keys('8', 95).keys('5123A').key('Enter');
  assert.deepEqual(it.scans(), ['185123A']);
  // The whole is no item; its tail alone would be one.
  it = bench().keys('99').keys('8', 95).keys('5123A').key('Enter');
  assert.deepEqual(it.scans(), ['9985123A']);
  // The pause is longer than any within a scan.
  it = bench().keys('999').keys('8', 700).keys('5123A').key('Enter');
  assert.deepEqual(it.did.filter((each) => each.do === 'scan').map(({ note }) => note), ['cut']);
});

test('a long pause in a code is joined by its check digit', () => {
  const it = bench().keys(EAN13.slice(0, 6)).keys(EAN13[6], 900).keys(EAN13.slice(7)).key('Enter');
  assert.deepEqual(it.scans(), [EAN13]);
});

test('a scan after a number that a person typed is that scan', () => {
  const it = bench().keys('12', 150).keys(EAN13[0], 800).keys(EAN13.slice(1)).key('Enter');
  assert.deepEqual(it.scans(), [EAN13]);
});

test('no key within a scan is a shortcut', () => {
  for (const key of ['F8', 'F4', 'ArrowUp', 'Escape', 'Home', 'F12']) {
    const it = bench().keys('0104006381333931').keys('10LOT').key(key).keys('3712').key('Enter');
    assert.deepEqual(it.names().filter((name) => name !== 'typed'), ['scan'], key);
    assert.deepEqual(it.scans(), [`010400638133393110LOT${SEPARATOR}3712`], key);
  }
});

test('a function key just before a scan begins it', () => {
  const it = bench().key('F8').keys(EAN13).key('Enter');
  assert.deepEqual(it.names(), ['scan']);
});

test('a function key alone is a shortcut', () => {
  const it = bench().key('F8').wait(60);
  assert.deepEqual(it.did, [{ do: 'shortcut', key: 'F8' }]);
  assert.deepEqual(bench().key('F4', 5, { alt: true }).wait(60).names(), [], 'Alt+F4 closes the window');
  assert.deepEqual(bench().key('F5').wait(60).names(), [], 'F5 reloads the page');
});

test('a function key that a person hurries on from is a shortcut', () => {
  assert.deepEqual(bench().key('F4').key('Enter', 15).names(), ['shortcut', 'enter']);
  assert.deepEqual(bench().key('F4').key('3', 15).wait(100).names(), ['shortcut', 'typed']);
});

test('a scanner that holds Alt with every key is read', () => {
  const it = bench().keys(EAN13, 5, { alt: true }).key('Enter', 5, { alt: true });
  assert.deepEqual(it.scans(), [EAN13]);
});

test('Alt and a number of the keypad are the separator', () => {
  const it = bench().keys('0104006381333931').keys('10LOT').key('Alt');
  it.keys('029', 5, (key) => ({ alt: true, code: `Numpad${key}` }));
  it.did.push(...it.scanner.release({ key: 'Alt', at: it.at += 5, field: 'sink', before: '' }).then);
  it.keys('3712').key('Enter');
  assert.deepEqual(it.scans(), [`010400638133393110LOT${SEPARATOR}3712`]);
});

test('a menu that a person opens with Alt stays a menu', () => {
  const it = bench().key('Alt').key('d', 80, { alt: true });
  assert.equal(it.passed, 'd');
  assert.deepEqual(it.names(), []);
});

test('inserted text is a scan, with and without an end', () => {
  for (const field of ['sink', 'number', 'free']) {
    for (const [text, wait] of [[EAN8, 200], [`${EAN8}\n`, 0], ['85123A', 200], ['NEW-7\t', 0]]) {
      const it = bench();
      it.field = field;
      it.insert(text).wait(wait);
      assert.deepEqual(it.scans(), [text.trim()], `${JSON.stringify(text)} in ${field}`);
    }
  }
  assert.deepEqual(bench().insert(EAN8).key('Enter').scans(), [EAN8]);
});

test('text that is inserted character by character is a scan', () => {
  const it = bench();
  for (const character of EAN13) it.insert(character, 8);
  it.insert('\n');
  assert.deepEqual(it.scans(), [EAN13]);
});

test('a scanner that sends no Enter is read', () => {
  assert.deepEqual(bench().keys(EAN13).wait(600).scans(), [EAN13]);
  assert.deepEqual(bench().keys('12').wait(600).scans(), []);
  // A scanner that is late with its Enter has scanned once.
  const it = bench().keys(EAN13).wait(450).key('Enter', 100);
  assert.deepEqual(it.names().filter((name) => name !== 'typed'), ['scan']);
});

test('a second Enter after a scan has no effect', () => {
  const it = bench().keys(EAN13).key('Enter').key('Enter', 100);
  assert.deepEqual(it.names(), ['scan']);
  assert.deepEqual(it.key('Enter', 400).names(), ['scan', 'enter']);
});

const AZERTY = { 1: '&', 2: 'é', 3: '"', 4: "'", 5: '(', 6: '-', 7: 'è', 8: '_', 9: 'ç', 0: 'à' };

test('a scanner with another keyboard layout is read, and it is said', () => {
  const it = bench();
  for (const digit of EAN13) it.key(AZERTY[digit], 5, { code: `Digit${digit}` });
  it.key('Enter');
  assert.deepEqual(it.scans(), [EAN13]);
  assert.equal(it.did.at(-1).note, 'layout');
});

test('a German keyboard and a US scanner agree on what is known', () => {
  const it = bench(['YZ-1']);
  it.key('Z', 5, { code: 'KeyY', shift: true }).key('Y', 5, { code: 'KeyZ', shift: true });
  it.key('ß', 5, { code: 'Minus' }).key('1', 5, { code: 'Digit1' }).key('Enter');
  assert.deepEqual(it.scans(), ['YZ-1']);
});

test('caps lock is noticed', () => {
  const it = bench().keys('85123').key('a', 5, { shift: true, caps: true, code: 'KeyA' }).key('Enter');
  assert.deepEqual(it.scans(), ['85123A']);
  assert.equal(it.did.at(-1).note, 'caps', 'though the code of the key says so as well');
  const typed = bench().keys('AB-12', 5, { caps: true }).key('Enter');
  assert.deepEqual(typed.scans(), ['ab-12']);
  assert.equal(typed.did.at(-1).note, 'caps');
});

test('a slow hand may type a known code as an order', () => {
  const it = bench();
  it.field = 'free';
  it.keys('47566', 200).key('Enter', 200);
  assert.deepEqual(it.scans(), []);
  assert.equal(it.passed, '47566');
});

test('a scan gives back what the fields contained', () => {
  const it = bench();
  it.field = 'free';
  it.keys('5363', 200).keys('6', 400).keys('5', 150);
  it.keys(EAN13[0], 900).keys(EAN13.slice(1)).key('Enter');
  assert.equal(it.did.at(-1).before, '536365', 'the order that a person typed');
});

test('correcting a typed number is no scan', () => {
  const it = bench();
  it.field = 'number';
  it.keys('12', 150).key('Backspace', 150).keys('5', 150).key('Enter', 150);
  assert.deepEqual(it.scans(), []);
});

test('three digits that an item has as its SKU may be a quantity', () => {
  assert.deepEqual(bench(['12']).keys('12', 130).key('Enter', 130).scans(), []);
  assert.deepEqual(bench(['12']).keys('12', 10).key('Enter', 10).scans(), ['12']);
});

test('a letter shows that a number field has got a code', () => {
  const it = bench();
  it.field = 'number';
  it.keys('85123A', 150).wait(100);
  assert.deepEqual(it.names(), ['restore', 'typed']);
  assert.equal(it.did.at(-1).text, '85123A');
});

test('digits that arrive as other characters are digits, known or not', () => {
  const it = bench();
  for (const digit of '12345678') it.key(AZERTY[digit], 5, { code: `Digit${digit}` });
  it.key('Enter');
  assert.deepEqual(it.scans(), ['12345678']);
  assert.equal(it.did.at(-1).note, 'layout');
});

test('a quick Backspace corrects and separates nothing', () => {
  const it = bench();
  it.field = 'number';
  it.keys('47', 70).key('Backspace', 70).keys('5', 150).key('Enter', 150);
  assert.deepEqual(it.names(), []);
  assert.equal(it.passed, '475');
});

test('caps lock is said of real keys, and of what no item has', () => {
  const real = (text) => Array.from(text, (letter) => [/[A-Z]/.test(letter) ? letter.toLowerCase() : letter, { code: CODES[letter] ?? `Key${letter}`, shift: /[A-Z]/.test(letter), caps: true }]);
  for (const [text, code] of [['AB-7', 'AB-7'], ['NEW-7', 'NEW-7']]) {
    const it = bench(['AB-7']);
    for (const [key, more] of real(text)) it.key(key, 5, more);
    it.key('Enter');
    assert.deepEqual([it.scans(), it.did.at(-1).note], [[code], 'caps']);
  }
  assert.equal(bench().keys('12345', 5, { caps: true }).key('Enter').did.at(-1).note, '', 'digits have no case');
});

const CODES = { '-': 'Minus', 7: 'Digit7' };

test('a key that begins an accent here is the character that the scanner meant', () => {
  // A German keyboard has an accent where that of the United States has =.
  for (const known of [['A=12'], ['A12'], []]) {
    for (const field of ['sink', 'code', 'free', 'number']) {
      const it = bench(known);
      it.field = field;
      it.key('A', 5, { code: 'KeyA', shift: true }).key('Dead', 5, { code: 'Equal' }).key('1', 5, { code: 'Digit1' }).key('2', 5, { code: 'Digit2' }).key('Enter');
      assert.deepEqual([it.scans(), it.did.at(-1)?.note], [['A=12'], 'layout'], `${known} in ${field}`);
    }
  }
});

test('a person\'s accent is none of a scanner\'s', () => {
  const it = bench();
  it.keys('cr', 120).key('Dead', 120, { code: 'Equal' }).key('è', 120, { code: 'KeyE' }).wait(100);
  it.keys('m', 70).key('Dead', 70, { code: 'Equal' }).key('é', 70, { code: 'KeyE' }).wait(100);
  assert.equal(it.did.map(({ text }) => text).join(''), 'crèmé');
});

const LABEL = '010400638133393110LOT';

test('no key within a slow scan is a shortcut', () => {
  for (const field of ['sink', 'code', 'number', 'free', 'button']) {
    for (const key of ['F8', 'F4', 'ArrowUp', 'Escape', 'Home']) {
      const it = bench();
      it.field = field;
      it.keys(LABEL, 90).key(key, 90).keys('3712', 90).key('Enter', 90);
      assert.deepEqual(it.scans(), [`${LABEL}${SEPARATOR}3712`], `${key} in ${field}`);
      assert.ok(!it.names().includes('shortcut'), `${key} in ${field}`);
    }
  }
});

test('a pause before the separator or after it loses none', () => {
  for (const [before, after] of [[95, 4], [4, 95], [250, 250]]) {
    const it = bench().keys(LABEL, 4).key('F8', before).keys('3', after).keys('712', 4).key('Enter', 4);
    assert.deepEqual(it.scans(), [`${LABEL}${SEPARATOR}3712`], `${before} ms before and ${after} ms after`);
    assert.ok(!it.names().includes('shortcut'));
  }
});

test('a function key after a typed number is a shortcut', () => {
  for (const gap of [100, 200, 290]) {
    const it = bench();
    it.field = 'number';
    it.keys('120', 150).key('F8', gap).wait(400);
    assert.deepEqual(it.did, [{ do: 'shortcut', key: 'F8' }], `${gap} ms`);
    const next = bench();
    next.field = 'number';
    next.keys('120', 150).key('F4', gap).key('Enter', 150);
    assert.deepEqual(next.names(), ['shortcut', 'enter'], `${gap} ms`);
  }
});

test('a person edits a field with arrows', () => {
  const it = bench();
  it.field = 'free';
  it.keys('536365', 150).key('ArrowLeft', 150).keys('7', 150).key('Enter', 150);
  assert.deepEqual(it.names(), []);
  assert.equal(it.passed, '5363657');
});

test('a short code without an Enter is read', () => {
  const known = ['22423', '8487', 'A-1', '84879', '123', '12'];
  for (const field of ['sink', 'number', 'code', 'free']) {
    for (const code of ['22423', '8487', 'A-1', '84879']) {
      const it = bench(known);
      it.field = field;
      assert.deepEqual(it.keys(code).wait(600).scans(), [code], `${code} in ${field}`);
    }
    // A quick hand may type so few digits as a quantity.
    for (const number of ['12', '123']) assert.deepEqual(bench(known).keys(number, 45).wait(600).scans(), [], number);
  }
});

test('a head of two characters is remembered', () => {
  const it = bench(['185123A', '5123A']).keys('18').keys('5', 400).keys('123A').key('Enter');
  assert.deepEqual(it.scans(), ['185123A']);
});

test('a scan right after what a person typed is that scan, and the rest stays', () => {
  for (const field of ['sink', 'code', 'number', 'free']) {
    for (const pause of [100, 180, 250]) {
      for (const [typed, code] of [['5363', 'SKU-0000'], ['12', EAN13], ['5363', '85123A']]) {
        const it = bench([...KNOWN, 'SKU-0000']);
        it.field = field;
        it.keys(typed, 200).keys(code[0], pause).keys(code.slice(1), 4).key('Enter', 4);
        assert.deepEqual(it.scans(), [code], `${typed}, ${pause} ms, ${code} in ${field}`);
        if (field === 'free' || field === 'code') assert.equal(it.did.at(-1).before, typed);
      }
    }
  }
});

test('what a person types more quickly at its end is no scan', () => {
  for (const text of ['536312', '536385123']) {
    const it = bench(['12', '123', '85123']);
    it.field = 'free';
    it.keys(text.slice(0, -3), 200).keys(text.at(-3), 150).keys(text.slice(-2), 45).key('Enter', 150);
    assert.deepEqual(it.scans(), [], text);
  }
  // A code that is known as a whole is that code.
  const it = bench(['AB85123A', '85123A']).keys('AB', 200).keys('8', 120).keys('5123A', 4).key('Enter', 4);
  assert.deepEqual(it.scans(), ['AB85123A']);
});

test('a slow scan that pauses is whole', () => {
  for (const gap of [60, 90]) {
    for (const field of ['sink', 'code', 'free']) {
      for (const head of ['A', 'AB-']) {
        const it = bench(['7100', `${head}7100`]);
        it.field = field;
        it.keys(head, gap).keys('7', 350).keys('100', gap).key('Enter', gap);
        assert.deepEqual(it.scans(), [`${head}7100`], `${head} at ${gap} ms in ${field}`);
      }
    }
  }
  const it = bench(['7100', '17100']).keys('1', 90).keys('7', 350).keys('100', 90).key('Enter', 90);
  assert.deepEqual(it.scans(), ['7100'], 'after a quantity');
});
