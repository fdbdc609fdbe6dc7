// Calls one after the other between the same two phones, and how much of their sound was concealed.
//
// Concealed is what a listener's jitter buffer made up because nothing had come in time. The first second after the
// call became active is left out: a jitter buffer learns the path then. The share is over all calls together.

import { BROWSER_HZ, NATIVE_HZ, OTHER_HZ } from "./stage.mjs";
import { connect, hears, mark, press } from "./talk.mjs";
import { pause } from "./wait.mjs";

export class Row {
  count = 0;
  direction;
  #members;

  /** Brings the two phones of `direction` online. */
  static async open(stage, direction) {
    const row = new Row();
    row.direction = direction;
    row.#members = await Promise.all(PAIRS[direction](stage));
    return row;
  }

  /** One call that lasts `talkMs` beyond its first second. Both sides must hear each other. */
  async call(talkMs) {
    const [caller, callee] = this.#members.map(({ phone }) => phone);
    const marks = [await mark(caller), await mark(callee)];
    await connect(caller, callee, marks);
    await pause(LEARNING_MS);
    const before = await this.#counters();
    await Promise.all(this.#members.map(({ phone, expectedHz }) => hears(phone, expectedHz)));
    await pause(talkMs);
    const after = await this.#counters();
    this.#members.forEach((member, at) => {
      const [concealed, played] = ["concealed", "played"].map((what) => after[at][what] - before[at][what]);
      member.concealed += concealed;
      member.played += played;
      member.calls.push((100 * concealed) / played);
    });
    await press(caller, "hangUp");
    await Promise.all([caller.ended(marks[0]), callee.ended(marks[1])]);
    this.count += 1;
  }

  /** The percentage that was concealed, by who heard it. */
  concealed() {
    return Object.fromEntries(
      this.#members.map(({ role, concealed, played }) => [role, (100 * concealed) / played]),
    );
  }

  /** The percentages of the worst calls, worst first, by who heard them. */
  worst(count) {
    const first = (calls) => [...calls].sort((a, b) => b - a).slice(0, count);
    return Object.fromEntries(this.#members.map(({ role, calls }) => [role, first(calls)]));
  }

  #counters() {
    return Promise.all(this.#members.map(({ phone }) => counters(phone)));
  }
}

/** The caller, then the callee; users of different rows differ. */
const PAIRS = {
  "browser to native": (stage) => [
    member("browser", NATIVE_HZ, stage.browser("rider-out")),
    member("native phone", BROWSER_HZ, stage.native("driver-out", { answer: true })),
  ],
  "native to browser": (stage) => [
    member("native phone", BROWSER_HZ, stage.native("rider-back")),
    member("browser", NATIVE_HZ, stage.browser("driver-back", { answer: true })),
  ],
  "browser to browser": (stage) => [
    member("calling browser", OTHER_HZ, stage.browser("rider-peer")),
    member("called browser", BROWSER_HZ, stage.browser("driver-peer", { answer: true, tone: OTHER_HZ })),
  ],
};

async function member(role, expectedHz, opening) {
  return { role, expectedHz, phone: await opening, concealed: 0, played: 0, calls: [] };
}

/** Seconds made up, and seconds played, both since the call began; only differences mean something. */
async function counters(phone) {
  const stats = await phone.stats();
  if (!phone.page) return { concealed: stats.concealed_ms / 1_000, played: stats.at_ms / 1_000 };
  return { concealed: stats.concealed_samples / RATE_HZ, played: stats.total_samples_received / RATE_HZ };
}

const LEARNING_MS = 1_000;
const RATE_HZ = 48_000;
