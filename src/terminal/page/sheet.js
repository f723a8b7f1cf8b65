/** The sheet with which a scanner is set up: printable barcodes, and a test of what arrives. */

import { barcode } from './barcode.js';
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

function labelled(text, name = text) {
  const figure = make('figure');
  figure.append(barcode(text), make('figcaption', '', name === text ? text : `${name} · ${text}`));
  return figure;
}

$('tests').append(...TESTS.map((text) => labelled(text)));
$('commands').append(...COMMANDS.map(([name, text]) => labelled(text, name)));
$('text').addEventListener('input', ({ target }) => {
  try { $('made').replaceChildren(labelled(target.value)); } catch { $('made').replaceChildren(make('p', '', 'Letters of ASCII only.')); }
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
