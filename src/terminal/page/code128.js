/** Code 128 as the widths of its bars and spaces. Pure. */

const WIDTHS = `212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231
113222 123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321
232121 111323 131123 131321 112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121 313121
211331 231131 213113 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 111422 121124
121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111 111242 121142 121241
114212 124112 124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113 114311 411113 411311 113141
114131 311141 411131 211412 211214 211232`.split(/\s+/);
const START_A = 103;
const START_B = 104;
/** Says that the symbol is for the scanner itself. It is no character of any text. */
export const FNC3 = '\ue003';
const FUNCTIONS = { '\u001d': 102, [FNC3]: 96 };
const STOP = '2331112';
const FIRST = 32;
/** Code set A has its control characters after the others. */
const CONTROLS = 64;

/**
 * The widths of bars and spaces in turn, for printable ASCII, or for control characters and no small letters. A separator
 * is FNC1, as which a scanner reads it.
 */
export function code128(text) {
  const isPrintable = /^[ -~\x1d\ue003]*$/.test(text);
  if (!isPrintable && !/^[\0-_\ue003]*$/.test(text)) throw new RangeError('Code 128 holds ASCII only');
  const valueOf = (code) => code - FIRST + (code < FIRST ? FIRST + CONTROLS : 0);
  const values = Array.from(text, (character) => FUNCTIONS[character] ?? valueOf(character.charCodeAt(0)));
  const start = isPrintable ? START_B : START_A;
  const sum = values.reduce((sum, value, at) => sum + value * (at + 1), start);
  return [...[start, ...values, sum % 103].map((value) => WIDTHS[value]), STOP].join('');
}
