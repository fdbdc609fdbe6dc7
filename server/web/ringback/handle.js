// @ts-check
/**
 * A call as the app holds it: verbs, and what it is now.
 */

/** @typedef {import("./machine/calls.js").Snapshot} Snapshot */

export class Call {
  /** Placed, while the browser still asks for the microphone: the machine does not know it yet. */
  isDraft = true;
  accepting = false;
  /** @type {import("./endings.js").End | null} */
  draftEnd = null;
  draftMedia = { muted: false, held: false };
  /** @type {Snapshot | null} what it was when the machine forgot it */
  last = null;
  /** @type {number | null} */
  conn = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  watch = undefined;
  /** Why its microphone is gone for good, until the machine is told. @type {string | null} */
  captureLost = null;
  path = "";
  sounded = false;

  /** @param {import("./phone.js").Phone} phone @param {string} id @param {"outgoing" | "incoming"} direction @param {string} peer */
  constructor(phone, id, direction, peer) {
    this.phone = phone;
    this.id = id;
    this.direction = direction;
    /** The other user; a claim, unless `snapshot.verified`. */
    this.peer = peer;
  }

  /** Everything at a glance. @returns {Snapshot} */
  get snapshot() {
    const known = this.phone.machine?.snapshot(this.id) ?? null;
    if (known) this.last = known;
    return known ?? this.last ?? this.draft;
  }

  /** `initiated`, `ringing`, `connecting`, `active`, `reconnecting` or `ended`. */
  get state() {
    return this.snapshot.state;
  }

  /** Why it ended, and by whom; null while it lives. */
  get end() {
    return this.snapshot.end;
  }

  /** Takes an incoming call. Resolves to null, or to the code of why the microphone cannot be used: it rings on then. */
  async accept() {
    if (this.accepting || this.state !== "ringing" || this.direction !== "incoming") return null;
    this.accepting = true;
    try {
      return await this.phone.accept(this);
    } finally {
      this.accepting = false;
    }
  }

  /** Refuses an incoming call, on all devices of this user. */
  decline() {
    this.phone.handle({ type: "decline", call: this.id });
  }

  /** Ends the call, whatever its state. Never waits for the network. */
  hangUp() {
    if (this.isDraft) this.endDraft("cancelled", "local");
    else this.phone.handle({ type: "hangUp", call: this.id });
  }

  /** Sends silence instead of the microphone, or the microphone again. @param {boolean} muted */
  setMuted(muted) {
    this.draftMedia.muted = muted;
    this.phone.handle({ type: "setMedia", call: this.id, muted });
  }

  /** Silences both directions, or resumes them. @param {boolean} held */
  setHeld(held) {
    this.draftMedia.held = held;
    this.phone.handle({ type: "setMedia", call: this.id, held });
  }

  /** Sends up to 4 KiB of the app's bytes to the other side of an answered call. @param {Uint8Array | string} data */
  sendMessage(data) {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    this.phone.handle({ type: "sendMessage", call: this.id, data: bytes });
  }

  /** What the connection says of itself; null without one. */
  async stats() {
    return this.conn === null ? null : this.phone.media.stats(this.conn);
  }

  /** The meter of what arrives; null before there is sound. */
  get meter() {
    return this.conn === null ? null : this.phone.media.meterOf(this.conn);
  }

  /** @param {string} code @param {"local" | "system"} by */
  endDraft(code, by) {
    if (this.draftEnd) return;
    this.draftEnd = { code, by };
    this.phone.onEnded(this);
    this.phone.emit("state", { call: this, state: "ended", end: this.draftEnd });
    this.phone.settle();
  }

  /** Watches the connection that now carries sound. @param {number} conn */
  observe(conn) {
    if (this.conn === conn && this.watch !== undefined) return;
    this.conn = conn;
    clearInterval(this.watch);
    this.watch = setInterval(() => void this.look(), LOOK);
  }

  stopObserving() {
    clearInterval(this.watch);
    this.watch = undefined;
    this.conn = null;
  }

  async look() {
    const { phone } = this;
    if (!this.sounded && (this.meter?.level ?? -100) > AUDIBLE_DBFS) {
      this.sounded = true;
      phone.emit("first_sound", { call: this });
    }
    if (this.path !== "" && ++this.looks % LOOKS_A_PATH !== 0) return;
    const path = (await this.stats())?.path ?? null;
    const name = path ? `${path.local} ${path.remote} ${path.protocol}` : "";
    if (name === "" || name === this.path) return;
    this.path = name;
    phone.emit("path", { call: this, ...path });
  }
  looks = 0;

  /** @returns {Snapshot} */
  get draft() {
    const { id, direction, peer, draftEnd, draftMedia } = this;
    const state = draftEnd ? "ended" : "initiated";
    return {
      call: id, direction, peer, state, end: draftEnd, ...draftMedia, verified: false, display: null, context: null,
      peerMuted: false, peerHeld: false, conn: null,
    };
  }
}

/** How often sound is looked for, and every how many of these the path. */
const LOOK = 100;
const LOOKS_A_PATH = 10;
/** What a person in a quiet room can hear. */
const AUDIBLE_DBFS = -50;
