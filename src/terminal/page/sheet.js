/** The sheet with which a scanner is set up: printable barcodes, and a test of what arrives. */

import { barcode } from './barcode.js';
import { $, make } from './browser.js';
import { FNC3 } from './code128.js';
import { commandOf, isSound } from './codes.js';
import { SEPARATOR } from './scanner.js';
import { listen, rest } from './sink.js';
import { keptLanguage, language, pickLanguage, setLanguage, t } from './texts.js';

/** Two elements, a separator between them. */
const ELEMENTS = `10LOT${SEPARATOR}2137`;
const TESTS = ['96385074', '4006381333931', 'aB-12Cd_9Z', 'TEST/1+2=3', ELEMENTS];
const COMMANDS = { OK: 'OK', UNDO: 'undoLast', CLEAR: 'Esc', 'MODE PICK': 'deduct', 'MODE IN': 'restock', 'MODE RESERVE': 'reserve', 'MODE COUNT': 'count', 'MODE WRITEOFF': 'writeoff', 'MODE ORDER': 'order' };
const AMOUNTS = [0, 1, 2, 5, 6, 10, 12, 24, 50, 100];
/** What sets a scanner up, by its maker. docs/TERMINALS.md says where each is documented. */
const SETUP = [
  ['Honeywell', 'factory', `~DEFALT.${FNC3}`],
  ['Honeywell', 'keyboard', `~PAP124.${FNC3}`],
  ['Honeywell', 'enter', `~VSUFCR.${FNC3}`],
  ['Datalogic', 'keyboard', `${FNC3}$P,HA35,P\r`],
  ['Zebra', 'factory', `${FNC3}92`],
];

const shown = (text) => text.replaceAll(SEPARATOR, '⟨GS⟩').replace(FNC3, '').trim();
const bare = (text) => text.replace(/^][A-Za-z]\d/, '');

function labelled(text, caption = shown(text), content = text) {
  const figure = make('figure');
  figure.append(barcode(content, caption), make('figcaption', '', caption));
  return figure;
}

const command = (text, name) => labelled(`STOCKGATE ${text}`, `${name} · STOCKGATE ${text}`);

/** Says what a scanner has sent, as the terminal page reads it. */
function tell(code, { note }) {
  const isWell = TESTS.includes(bare(code)) || isSound(bare(code));
  // A badge is a secret.
  const text = commandOf(code)?.name === 'token' ? 'STOCKGATE TOKEN …' : shown(code);
  $('read').textContent = `${isWell ? '✓' : '?'} ${text} ${note ? t(`note.${note}`) : ''}`;
}

/** The texts of the sheet are a file of its own, as no terminal needs them for its work. */
function fill({ sections, ...lines }) {
  $('setups').append(...SETUP.map(([maker, does, text]) => labelled(text, `${maker} · ${lines[does]} · ${shown(text)}`)));
  for (const element of document.querySelectorAll('[data-line]')) element.textContent = lines[element.dataset.line];
  $('sections').append(...sections.map(([title, ...points]) => {
    const [section, list] = [make('section', 'panel'), make('ul')];
    list.append(...points.map((point) => make('li', '', point)));
    section.append(make('h2', '', title), list);
    return section;
  }));
  // What plain http cannot do is the last of them.
  $('sections').lastElementChild.id = 'https';
}

const file = document.querySelector('[data-texts]').dataset.texts;
const texts = fetch(file).then((answer) => answer.json());
await setLanguage(pickLanguage(location.href, keptLanguage(), navigator.languages ?? []));
fill((await texts)[language]);
// FNC1 at the beginning says that elements follow.
$('tests').append(...TESTS.map((text) => labelled(text, shown(text), text === ELEMENTS ? SEPARATOR + text : text)));
$('commands').append(...Object.entries(COMMANDS).map(([text, key]) => command(text, t(key) || key)), ...AMOUNTS.map((n) => command(`QTY ${n}`, `${t('quantity')} ${n}`)));
$('text').addEventListener('input', ({ target }) => {
  try { $('made').replaceChildren(labelled(target.value)); } catch { $('made').replaceChildren('ASCII!'); }
});
const nothing = () => {};
// The sections come after the address was followed.
if (location.hash === '#https') $('https').scrollIntoView();
listen({ scan: tell, typed: nothing, shortcut: nothing, enter: nothing }, (text) => TESTS.includes(bare(text)) || isSound(text));
rest();
