// @ts-check
/**
 * The microphone: opened for the first call that needs it, closed after the last.
 *
 * A source of the app's own (a tone, a file) takes its place if given. What fails is a code from the endings:
 * `microphone.denied`, `microphone.missing`, `microphone.in_use`.
 */

/** Fires `changed` when the device was exchanged, `failed` with `{code}` when it is gone for good. */
export class Microphone extends EventTarget {
  /** @type {Promise<MediaStream> | null} */
  opening = null;
  /** @type {MediaStream | null} */
  stream = null;

  /** @param {() => Promise<MediaStream>} [source] */
  constructor(source = askBrowser) {
    super();
    this.source = source;
  }

  /** Opens it, or gives what is open. Rejects with {@link MicrophoneError}. @returns {Promise<MediaStream>} */
  open() {
    this.opening ??= this.start().catch((error) => {
      this.opening = null;
      throw error;
    });
    return this.opening;
  }

  close() {
    const { opening } = this;
    this.opening = null;
    this.stream = null;
    opening?.then((stream) => stream.getTracks().forEach((track) => track.stop()), () => {});
  }

  async start() {
    const stream = await this.source().catch((error) => {
      throw new MicrophoneError(codeOf(error));
    });
    this.stream = stream;
    // An unplugged headset ends its track: whatever the system offers next takes its place.
    stream.getAudioTracks()[0]?.addEventListener("ended", () => void this.reopen(stream));
    return stream;
  }

  /** @param {MediaStream} gone */
  async reopen(gone) {
    if (this.stream !== gone) return;
    this.opening = null;
    try {
      await this.open();
      this.dispatchEvent(new CustomEvent("changed"));
    } catch (error) {
      const code = error instanceof MicrophoneError ? error.code : "microphone.missing";
      this.dispatchEvent(new CustomEvent("failed", { detail: { code } }));
    }
  }
}

export class MicrophoneError extends Error {
  /** @param {string} code */
  constructor(code) {
    super(code);
    this.code = code;
  }
}

async function askBrowser() {
  // Outside secure origins there is no microphone at all.
  if (!navigator.mediaDevices) throw new DOMException("not a secure origin", "NotAllowedError");
  return navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  });
}

/** @param {unknown} error */
function codeOf(error) {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "microphone.missing";
  if (name === "NotReadableError" || name === "AbortError") return "microphone.in_use";
  return "microphone.denied";
}
