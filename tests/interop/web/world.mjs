// Phones, a network and a media engine in virtual time, for the call machine of the browser phone.
//
// Everything is decided by a seed: run it again and the same happens. The network can lose, delay and duplicate; the
// engine brings media up 30 ms after both sides have each other's description, unless the world says otherwise.

import { readFileSync } from "node:fs";

import { decode } from "../../../server/web/ringback/envelope.js";
import { toHex, uuidFrom } from "../../../server/web/ringback/ids.js";
import { Calls } from "../../../server/web/ringback/machine/calls.js";

const samples = new URL("../../../core/proto/src/signal/sdp/samples/", import.meta.url);
const OFFER = readFileSync(new URL("webrtc_rs_offer.sdp", samples), "utf8").replace(/\r?\n/g, "\r\n");

/** SplitMix32, good enough to choose. */
export function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

export class World {
  now = 1000;
  queue = [];
  order = 0;
  phones = [];
  /** Envelopes that were handed to the network: `{at, from, envelope}`. */
  sent = [];
  /** Whether media comes up. */
  mediaWorks = true;

  constructor({ seed = 1, loss = 0, duplicate = 0, delay = () => 10 } = {}) {
    this.chance = dice(seed);
    Object.assign(this, { loss, duplicate, delay });
  }

  phone(user, options = {}) {
    const phone = new VirtualPhone(this, user, options);
    this.phones.push(phone);
    if (options.up !== false) phone.input({ type: "up" });
    return phone;
  }

  later(ms, run) {
    this.queue.push({ at: this.now + ms, order: this.order++, run });
  }

  /** Lets time pass, event by event. */
  run(ms) {
    const until = this.now + ms;
    for (let steps = 0; ; steps++) {
      if (steps > 200_000) throw new Error("time stands still");
      this.queue.sort((a, b) => a.at - b.at || a.order - b.order);
      const event = this.queue[0]?.at ?? Infinity;
      const due = Math.min(...this.phones.map((phone) => phone.machine.deadline));
      const next = Math.max(this.now, Math.min(event, due));
      if (next > until) break;
      this.now = next;
      if (event <= due) this.queue.shift().run();
      else for (const phone of this.phones) if (phone.machine.deadline <= this.now) phone.input({ type: "tick" });
    }
    this.now = until;
  }

  carry(from, effect) {
    const { envelope } = decode(effect.text);
    if (!envelope) throw new Error(`an envelope that does not decode: ${effect.text}`);
    this.sent.push({ at: this.now, from, envelope });
    if (this.filter && !this.filter(envelope, from)) return;
    for (const to of this.phones.filter((phone) => phone.user === effect.to.user)) {
      const copies = this.chance() < this.duplicate ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        if (this.chance() < this.loss) continue;
        this.later(this.delay(this.chance), () => to.up && to.input({ type: "message", text: effect.text, age: 0 }));
      }
    }
  }

  kinds(since = 0) {
    return this.sent.slice(since).map(({ envelope }) => envelope.kind);
  }
}

let devices = 0;

class VirtualPhone {
  events = [];
  engine = new Map();

  constructor(world, user, options) {
    this.world = world;
    this.user = user;
    this.up = options.up !== false;
    const chance = dice(1000 * ++devices);
    const random = (count) => Uint8Array.from({ length: count }, () => Math.floor(256 * chance()));
    this.random = random;
    this.fingerprint = toHex(random(32));
    this.config = { user, device: options.device ?? uuidFrom(random(16)), instance: toHex(random(8)), random, ...options };
    this.machine = new Calls(this.config, world.now);
  }

  input(input) {
    if (input.type === "up") this.up = true;
    if (input.type === "down") this.up = false;
    for (const effect of this.machine.handleInput(this.world.now, input)) {
      if (effect.type === "send") this.world.carry(this, effect);
      else if (effect.type === "media") this.engineCommand(effect.conn, effect.command);
      else this.events.push({ at: this.world.now, call: effect.call, ...effect.event });
    }
    if (this.machine.deadline <= this.world.now) throw new Error("after a drain the timeout lies in the past");
  }

  dial(to, options = {}) {
    const call = options.call ?? uuidFrom(this.random(16));
    this.input({ type: "dial", to, ...options, call });
    return call;
  }

  /** Feeds a message that was made by hand. */
  feed(envelope, age = 0) {
    this.input({ type: "message", text: JSON.stringify(envelope), age });
  }

  state(call) {
    return this.machine.snapshot(call)?.state ?? null;
  }

  end(call) {
    return this.machine.snapshot(call)?.end?.code ?? null;
  }

  /** The call of the last event. */
  get last() {
    return this.events.at(-1)?.call;
  }

  all(type) {
    return this.events.filter((event) => event.type === type);
  }

  report(conn, event) {
    if (this.engine.get(conn)?.open) this.input({ type: "media", conn, event });
  }

  engineCommand(conn, command) {
    const known = this.engine.get(conn) ?? { open: false, commands: [], peer: null };
    this.engine.set(conn, known);
    known.commands.push(command);
    const { world } = this;
    const sdp = (role) => describe(this.fingerprint, role, this.world.phones.indexOf(this), conn, command.round);
    switch (command.type) {
      case "open":
        known.open = true;
        return world.later(1, () => this.report(conn, { type: "opened", fingerprint: this.fingerprint }));
      case "createOffer":
        return world.later(5, () => {
          this.report(conn, { type: "offerReady", round: command.round, sdp: sdp("actpass") });
          this.gather(conn);
        });
      case "takeOffer":
        return world.later(5, () => {
          this.report(conn, { type: "answerReady", round: command.round, sdp: sdp("active") });
          this.gather(conn);
        });
      case "takeAnswer": {
        const [, other, theirs] = /^o=- (\d+) (\d+)/m.exec(command.sdp);
        return world.later(30, () => {
          if (!world.mediaWorks) return;
          const peer = world.phones[Number(other) - 1];
          for (const [phone, id] of [[this, conn], [peer, Number(theirs)]]) {
            phone.report(id, { type: "path", state: "connected" });
            phone.report(id, { type: "secured" });
            phone.report(id, { type: phone.engine.get(id)?.arrived ? "back" : "arrived" });
            if (phone.engine.has(id)) phone.engine.get(id).arrived = true;
          }
        });
      }
      case "close":
        known.open = false;
    }
  }

  gather(conn) {
    const candidate = `candidate:1 1 udp 2130706431 192.0.2.${this.world.phones.indexOf(this) + 1} ${5000 + conn} typ host`;
    this.report(conn, { type: "candidate", candidate, mid: "0" });
    this.report(conn, { type: "gatheringDone" });
  }
}

function describe(fingerprint, role, phone, conn) {
  const pairs = fingerprint.match(/../g).join(":").toUpperCase();
  return OFFER.replace(/^o=.*$/m, `o=- ${phone + 1} ${conn} IN IP4 0.0.0.0`)
    .replace(/a=fingerprint:sha-256 \S+/g, `a=fingerprint:sha-256 ${pairs}`)
    .replace(/a=setup:\w+/g, `a=setup:${role}`);
}
