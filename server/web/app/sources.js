// @ts-check
/**
 * Sound instead of the microphone: `?tone=HZ`, `?audio=chirp|silence|URL`; and failures on demand, for tests.
 */

/** The next request for the microphone fails with this name. @type {string | null} */
let failure = null;

/** @param {string} name of a DOMException: `NotAllowedError`, `NotFoundError`, .. */
export function failNextRequest(name) {
  failure = name;
}

/** @param {URLSearchParams} asked @returns {() => Promise<MediaStream>} */
export function sourceOf(asked) {
  const tone = Number(asked.get("tone"));
  const audio = asked.get("audio");
  const open = tone > 0 ? () => makeTone(tone) : audio === null ? askMicrophone : () => makeAudio(audio);
  return () => {
    const name = failure;
    failure = null;
    return name === null ? open() : Promise.reject(new DOMException("asked for by a test", name));
  };
}

async function askMicrophone() {
  if (!navigator.mediaDevices) throw new DOMException("not a secure origin", "NotAllowedError");
  return navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  });
}

/** @param {string} audio */
async function makeAudio(audio) {
  if (audio === "silence") return makeStream(() => {});
  if (audio === "chirp") return makeStream(startChirp);
  const response = await fetch(audio);
  if (!response.ok) throw new DOMException("no such file", "NotFoundError");
  const bytes = await response.arrayBuffer();
  return makeStream(async (context, output) => {
    const loop = new AudioBufferSourceNode(context, { buffer: await context.decodeAudioData(bytes), loop: true });
    loop.connect(output);
    loop.start();
  });
}

/** @param {number} frequency */
function makeTone(frequency) {
  return makeStream((context, output) => {
    const oscillator = new OscillatorNode(context, { frequency });
    oscillator.connect(output);
    oscillator.start();
  });
}

/** One sweep a second, made once and played in a loop. @param {AudioContext} context @param {AudioNode} output */
function startChirp(context, output) {
  const { sampleRate } = context;
  const buffer = context.createBuffer(1, sampleRate, sampleRate);
  const samples = buffer.getChannelData(0);
  let phase = 0;
  for (let i = 0; i < samples.length; i++) {
    phase += (2 * Math.PI * (CHIRP_LOW + ((CHIRP_HIGH - CHIRP_LOW) * i) / samples.length)) / sampleRate;
    samples[i] = Math.sin(phase);
  }
  const loop = new AudioBufferSourceNode(context, { buffer, loop: true });
  loop.connect(output);
  loop.start();
}

/** @param {(context: AudioContext, output: AudioNode) => void | Promise<void>} start */
async function makeStream(start) {
  const context = new AudioContext();
  // Without a click or a flag of the browser it stays silent, and the track with it.
  void context.resume().catch(() => {});
  const gain = new GainNode(context, { gain: AMPLITUDE });
  const destination = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
  gain.connect(destination);
  await start(context, gain);
  const [track] = destination.stream.getTracks();
  const stop = track.stop.bind(track);
  track.stop = () => {
    stop();
    void context.close();
  };
  return destination.stream;
}

const AMPLITUDE = 0.25;
const CHIRP_LOW = 300;
const CHIRP_HIGH = 3000;
