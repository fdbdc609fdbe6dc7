// @ts-check
/**
 * Listens to a stream without playing it: level for people, frequency for tests.
 */

/** What is heard now. @typedef {{frequency_hz: number, level_dbfs: number, share: number}} Heard */

export class Meter {
  /** @param {AudioContext} context @param {MediaStream} stream */
  constructor(context, stream) {
    this.context = context;
    this.stream = stream;
    this.source = context.createMediaStreamSource(stream);
    this.analyser = new AnalyserNode(context, { fftSize: SPECTRUM, smoothingTimeConstant: 0 });
    this.source.connect(this.analyser);
    this.samples = new Float32Array(LEVEL);
    this.bins = new Float32Array(this.analyser.frequencyBinCount);
    this.all = new Float32Array(SPECTRUM);
  }

  close() {
    this.source.disconnect();
  }

  /** The level of the last 43 ms, in dB below full scale; -100 is silence. */
  get level() {
    this.analyser.getFloatTimeDomainData(this.all);
    this.samples.set(this.all.subarray(SPECTRUM - LEVEL));
    const power = this.samples.reduce((sum, sample) => sum + sample * sample, 0) / LEVEL;
    return Math.max(-100, 10 * Math.log10(power + 1e-10));
  }

  /** The loudest frequency, and which share of the energy lies around it. @returns {Heard} */
  heard() {
    this.analyser.getFloatFrequencyData(this.bins);
    const width = this.context.sampleRate / SPECTRUM;
    const power = this.bins.map((decibels) => 10 ** (decibels / 10));
    let peak = 1;
    for (let bin = 2; bin < power.length - 1; bin++) if (power[bin] > power[peak]) peak = bin;
    const [left, middle, right] = [this.bins[peak - 1], this.bins[peak], this.bins[peak + 1]];
    // The top of the parabola through the three bins.
    const bend = left - 2 * middle + right;
    const shift = Number.isFinite(bend) && bend !== 0 ? (left - right) / (2 * bend) : 0;
    const reach = Math.ceil(AROUND_HZ / width);
    const around = power.subarray(Math.max(0, peak - reach), peak + reach + 1).reduce((sum, one) => sum + one, 0);
    const whole = power.reduce((sum, one) => sum + one, 0);
    return { frequency_hz: (peak + shift) * width, level_dbfs: this.level, share: whole > 0 ? around / whole : 0 };
  }
}

const SPECTRUM = 8192;
const LEVEL = 2048;
const AROUND_HZ = 60;
