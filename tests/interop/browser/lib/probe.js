// Runs in the page before its own code, and notes when sound was decoded: `audioProbe.first_ms`, since 1970.
//
// It takes the frames of each remote track as the browser's decoder hands them out, 10 ms each, and so is finer than
// anything that goes through Web Audio. Sound is a sample above -60 dBFS, which is what the native phone calls sound.
(() => {
  const probe = { first_ms: null };
  globalThis.audioProbe = probe;
  const AUDIBLE = 0.001;

  async function follow(track) {
    probe.first_ms = null;
    const frames = new MediaStreamTrackProcessor({ track }).readable.getReader();
    for (;;) {
      const { done, value: frame } = await frames.read();
      if (done) return;
      const samples = new Float32Array(frame.numberOfFrames);
      frame.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
      frame.close();
      if (samples.some((sample) => Math.abs(sample) > AUDIBLE)) {
        probe.first_ms = Date.now();
        frames.cancel();
        return;
      }
    }
  }

  const Connection = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Connection {
    constructor(...args) {
      super(...args);
      this.addEventListener("track", ({ track }) => follow(track.clone()).catch(() => {}));
    }
  };
})();
