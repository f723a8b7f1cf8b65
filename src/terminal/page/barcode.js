/** Draws a barcode. */

import { code128 } from './code128.js';

const SVG = 'http://www.w3.org/2000/svg';
const QUIET = 10;
const HEIGHT = 50;

/** A text as Code 128, with a name for who cannot see it. */
export function barcode(text, name = text) {
  const svg = document.createElementNS(SVG, 'svg');
  const widths = Array.from(code128(text), Number);
  const total = widths.reduce((sum, width) => sum + width, 2 * QUIET);
  svg.setAttribute('viewBox', `0 0 ${total} ${HEIGHT}`);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', name);
  let [path, at] = ['', QUIET];
  widths.forEach((width, index) => {
    if (index % 2 === 0) path += `M${at} 0h${width}v${HEIGHT}h-${width}z`;
    at += width;
  });
  const bars = document.createElementNS(SVG, 'path');
  bars.setAttribute('d', path);
  svg.append(bars);
  return svg;
}
