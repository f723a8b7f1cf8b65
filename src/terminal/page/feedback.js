/** What the operator hears, feels and sees from the corner of an eye. A failure stays until it is acknowledged. */

import { keep, kept } from './browser.js';

const VOLUME_KEY = 'stockgate.volume';
const MUTED_KEY = 'stockgate.muted';
const VOLUME = 0.7;
const GOOD_MS = 1_000;
/** A second Enter of the scanner acknowledges nothing. */
const HOLD_MS = 300;
/** Frequency, shape, start and length in seconds: a short high pair, and a long low one. */
const TONES = {
  good: [[1_320, 'sine', 0, 0.07], [1_980, 'sine', 0.08, 0.1]],
  bad: [[196, 'square', 0, 0.22], [147, 'square', 0.26, 0.4]],
};
const VIBRATIONS = { good: [60], bad: [250, 100, 250] };

export class Feedback {
  volume;
  muted;

  #audio = null;
  #alarm = '';
  #alarmAt = 0;
  /** When a failure was heard last, unless something else was since. */
  #badAt = -HOLD_MS;
  #timer = 0;

  constructor() {
    const volume = Number(kept(VOLUME_KEY, VOLUME));
    this.volume = volume >= 0 && volume <= 1 ? volume : VOLUME;
    this.muted = kept(MUTED_KEY) === 'yes';
    // To open the sound device takes longer than a scan may, but not once the browser knows the devices.
    (globalThis.requestIdleCallback ?? setTimeout)(async () => {
      await navigator.mediaDevices?.enumerateDevices().catch(() => {});
      this.#open();
    });
    for (const kind of ['keydown', 'pointerdown']) document.addEventListener(kind, () => this.acknowledge(), true);
  }

  /** Something was found. */
  found() { this.#play('good'); }

  /** Something was booked, which does not hide that something else was not. */
  good() {
    this.#play('good');
    if (this.#alarm === 'bad') return;
    this.#show('good');
    this.#timer = setTimeout(() => this.#show(''), GOOD_MS);
  }

  /** Several failures at once are one tone. */
  bad() {
    this.#show('bad');
    if (performance.now() - this.#badAt >= HOLD_MS) this.#play('bad');
  }

  /** Ends the sight of a failure. */
  acknowledge() {
    if (this.#alarm === 'bad' && performance.now() - this.#alarmAt > HOLD_MS) this.#show('');
  }

  setVolume(volume) {
    this.volume = volume;
    keep(VOLUME_KEY, String(volume));
    this.#play('good');
  }

  setMuted(muted) {
    this.muted = muted;
    keep(MUTED_KEY, muted ? 'yes' : 'no');
    if (!muted) this.#play('good');
  }

  #show(alarm) {
    clearTimeout(this.#timer);
    this.#alarm = alarm;
    this.#alarmAt = performance.now();
    document.body.dataset.alarm = alarm;
  }

  #play(name) {
    this.#badAt = name === 'bad' ? performance.now() : -HOLD_MS;
    // Browsers vibrate and sound only after a person has touched the page.
    if (navigator.userActivation?.hasBeenActive ?? true) navigator.vibrate?.(VIBRATIONS[name]);
    if (this.muted || !this.volume) return;
    try {
      this.#open();
      this.#audio.resume();
      for (const tone of TONES[name]) this.#tone(...tone);
    } catch { /* without sound the colour remains */ }
  }

  #open() {
    try { this.#audio ??= new AudioContext(); } catch { /* the same */ }
  }

  #tone(frequency, shape, start, length) {
    const audio = this.#audio;
    const from = audio.currentTime + start;
    const [source, gain] = [audio.createOscillator(), audio.createGain()];
    source.type = shape;
    source.frequency.value = frequency;
    // A soft end, because a hard one clicks.
    gain.gain.setValueAtTime(this.volume * (shape === 'square' ? 0.5 : 1), from);
    gain.gain.exponentialRampToValueAtTime(0.001, from + length);
    source.connect(gain).connect(audio.destination);
    source.start(from);
    source.stop(from + length);
  }
}
