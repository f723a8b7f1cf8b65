/** The sheet with which a scanner is set up: printable barcodes, and a test of what arrives. */

import { code128 } from './code128.js';
import { isSound } from './codes.js';
import { $, make } from './dom.js';
import { SEPARATOR, Scanner } from './scanner.js';

const TESTS = ['96385074', '4006381333931', 'aB-12Cd_9Z', 'TEST/1+2=3'];
const COMMANDS = [
  ['Confirm', 'STOCKGATE OK'], ['Undo last', 'STOCKGATE UNDO'], ['Clear', 'STOCKGATE CLEAR'],
  ['Pick', 'STOCKGATE MODE PICK'], ['Goods in', 'STOCKGATE MODE IN'], ['Reserve', 'STOCKGATE MODE RESERVE'],
  ['Count', 'STOCKGATE MODE COUNT'], ['Write off', 'STOCKGATE MODE WRITEOFF'], ['Order', 'STOCKGATE MODE ORDER'],
  ...[0, 1, 2, 5, 6, 10, 12, 24, 50, 100].map((n) => [`Quantity ${n}`, `STOCKGATE QTY ${n}`]),
];
const SVG = 'http://www.w3.org/2000/svg';
const QUIET = 10;
const HEIGHT = 50;

function barcode(text, name = text) {
  const figure = make('figure');
  const svg = document.createElementNS(SVG, 'svg');
  const widths = Array.from(code128(text), Number);
  const total = widths.reduce((sum, width) => sum + width, 2 * QUIET);
  svg.setAttribute('viewBox', `0 0 ${total} ${HEIGHT}`);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', text);
  let [path, at] = ['', QUIET];
  widths.forEach((width, index) => {
    if (index % 2 === 0) path += `M${at} 0h${width}v${HEIGHT}h-${width}z`;
    at += width;
  });
  const bars = document.createElementNS(SVG, 'path');
  bars.setAttribute('d', path);
  svg.append(bars);
  figure.append(svg, make('figcaption', '', name === text ? text : `${name} · ${text}`));
  return figure;
}

$('tests').append(...TESTS.map((text) => barcode(text)));
$('commands').append(...COMMANDS.map(([name, text]) => barcode(text, name)));
$('text').addEventListener('input', ({ target }) => {
  try { $('made').replaceChildren(barcode(target.value)); } catch { $('made').replaceChildren(make('p', '', 'Letters of ASCII only.')); }
});

// What a scanner sends, as the terminal page reads it.
const scanner = new Scanner((text) => TESTS.includes(text) || isSound(text));
document.addEventListener('keydown', (event) => {
  if (event.target === $('text')) return;
  const { key, code, ctrlKey: ctrl, altKey: alt, metaKey: meta, shiftKey: shift, timeStamp: at } = event;
  const caps = event.getModifierState('CapsLock');
  const { taken, then } = scanner.press({ key, code, at, ctrl, alt, meta, shift, caps, field: 'sink', before: null });
  if (taken) event.preventDefault();
  for (const step of then) if (step.do === 'scan') tell(step);
});
setInterval(() => { for (const step of scanner.tick(performance.now())) if (step.do === 'scan') tell(step); }, 100);

function tell({ code, note }) {
  const text = code.replaceAll(SEPARATOR, '⟨GS⟩');
  const remarks = { layout: ' The keyboard layouts differ: set the scanner to that of the terminal.', caps: ' Caps lock is on.', cut: ' It was cut in two: shorten the delay between keys.' };
  const verdict = TESTS.includes(code) || isSound(code) ? 'Read well' : 'Read';
  $('read').textContent = `${verdict}: ${text}.${remarks[note] ?? ''}`;
}
