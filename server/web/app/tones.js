// @ts-check
/**
 * What the user hears of a call that has no sound yet: a ring here, a ringback tone, a busy tone.
 *
 * The tones are the European ones (ETSI TR 101 041-2: 425 Hz; ringback 1 s of 5, busy 0.5 s of 1); the ring is two soft
 * notes.
 */

/** @typedef {"ring" | "ringback" | "busy" | "congestion"} Tone */

/** Frequencies in Hz, then pairs of seconds on and off. @type {Record<Tone, {notes: number[], on: number, off: number, level: number}>} */
const TONES = {
  ring: { notes: [659.3, 830.6], on: 1.2, off: 1.8, level: 0.09 },
  ringback: { notes: [425], on: 1, off: 4, level: 0.05 },
  busy: { notes: [425], on: 0.5, off: 0.5, level: 0.05 },
  congestion: { notes: [425], on: 0.2, off: 0.2, level: 0.05 },
};

export class Tones {
  /** @type {Tone | null} */
  playing = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer = undefined;
  /** @type {AudioNode | null} */
  sounding = null;

  /** @param {() => AudioContext} context */
  constructor(context) {
    this.context = context;
  }

  /** @param {Tone | null} tone @param {number} [seconds] after which it stops by itself */
  play(tone, seconds = Infinity) {
    if (this.playing === tone) return;
    clearTimeout(this.timer);
    this.sounding?.disconnect();
    this.sounding = null;
    this.playing = tone;
    if (tone) this.burst(tone, performance.now() + 1000 * seconds);
  }

  /** @param {Tone} tone @param {number} until */
  burst(tone, until) {
    const { notes, on, off, level } = TONES[tone];
    const context = this.context();
    const gain = new GainNode(context, { gain: 0 });
    gain.connect(context.destination);
    const start = context.currentTime;
    for (const [index, frequency] of notes.entries()) {
      const oscillator = new OscillatorNode(context, { frequency });
      const shift = notes.length > 1 ? (index * on) / (2 * notes.length) : 0;
      oscillator.connect(gain);
      oscillator.start(start + shift);
      oscillator.stop(start + on);
    }
    // Ramps: a tone that is cut clicks.
    gain.gain.setTargetAtTime(level, start, RAMP);
    gain.gain.setTargetAtTime(0, start + on - 4 * RAMP, RAMP);
    this.sounding = gain;
    this.timer = setTimeout(() => {
      if (this.playing === tone && performance.now() < until) this.burst(tone, until);
      else if (this.playing === tone) this.play(null);
    }, 1000 * (on + off));
  }
}

const RAMP = 0.015;
