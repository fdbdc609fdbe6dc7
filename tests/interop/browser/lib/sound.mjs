// Measures sound: its loudest frequency and its level.

/** The loudest frequency of `samples` between 50 and 4000 Hz, and the level of all of it in dB of full scale. */
export function loudest(samples, rateHz) {
  const energy = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  const level_dbfs = energy > 0 ? 10 * Math.log10(energy) : -Infinity;
  let [best, frequency_hz] = [0, 0];
  for (let candidate = 50; candidate <= 4_000; candidate += STEP_HZ) {
    const power = goertzel(samples, candidate / rateHz);
    if (power > best) [best, frequency_hz] = [power, candidate];
  }
  return { frequency_hz, level_dbfs };
}

/** The power of one frequency, given in cycles a sample, under a Hann window. */
function goertzel(samples, frequency) {
  const turn = 2 * Math.cos(2 * Math.PI * frequency);
  const window = (2 * Math.PI) / samples.length;
  let [before, last] = [0, 0];
  samples.forEach((sample, at) => {
    const weighted = sample * (0.5 - 0.5 * Math.cos(window * at));
    [before, last] = [last, weighted + turn * last - before];
  });
  return before * before + last * last - turn * before * last;
}

/** Half of the width of a Hann window of 8192 samples at 48 kHz. */
const STEP_HZ = 10;
