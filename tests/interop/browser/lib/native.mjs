// A native phone: the terminal phone as a process of its own, driven by lines and read as JSON.

import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";

import { start } from "./process.mjs";
import { loudest } from "./sound.mjs";
import { until } from "./wait.mjs";

export class NativePhone {
  user;
  events = [];
  #process;
  #recording;

  /** Starts the phone of `user`, hands it to `keep` and waits until it is online. It sends a tone of 440 Hz at -20 dBFS. */
  static async online({ programs, url, folder, user, options = [], keep = (phone) => phone }) {
    const phone = new NativePhone();
    phone.user = user;
    phone.#recording = join(folder, `${user}.wav`);
    const sound = ["--capture", "tone", "--playback", `wav:${phone.#recording}`];
    const args = ["--json", "--local", "--server", url, "--user", user, ...sound, ...options];
    phone.#process = start(join(programs, "examples", "phone"), args, (line) => {
      try {
        phone.events.push(JSON.parse(line));
      } catch {
        phone.#process.errors.push(line);
      }
    });
    keep(phone);
    await phone.event("ready");
    return phone;
  }

  /** Tells it what a user would: `call USER`, `answer`, `hangup`, .. */
  tell(command) {
    this.#process.write(command);
  }

  /** The first event at or after `from` with that name whose fields are `fields`. */
  find(name, fields = {}, from = 0) {
    const same = (event) => Object.entries(fields).every(([key, value]) => event[key] === value);
    return this.events.slice(from).find((event) => event.event === name && same(event));
  }

  async event(name, fields = {}, { from = 0, limitMs } = {}) {
    const what = `${this.user}: ${name} ${JSON.stringify(fields)}`;
    try {
      return await until(what, () => this.find(name, fields, from), limitMs);
    } catch (error) {
      const last = this.events.slice(-6).map((event) => event.state ?? event.event);
      throw new Error(`${error.message}; last: ${last.join(", ")}; ${this.#process.errors.slice(-3).join(" / ")}`);
    }
  }

  /** How the call that began after `from` events ended: its code and who ended it. */
  async ended(from = 0) {
    const { reason, by } = await this.event("state", { state: "ended" }, { from });
    return { code: reason, by };
  }

  /** Counters of the call of now. */
  async stats() {
    const from = this.events.length;
    this.tell("stats");
    return this.event("stats", {}, { from });
  }

  /** What it heard in the last 170 ms that were written down. */
  heard() {
    // The file is made when the speaker opens.
    if (!existsSync(this.#recording)) return null;
    const file = openSync(this.#recording);
    try {
      const bytes = Buffer.alloc(2 * WINDOW);
      const end = fstatSync(file).size;
      if (end < WAV_HEADER + bytes.length) return null;
      readSync(file, bytes, 0, bytes.length, end - (end - WAV_HEADER) % 2 - bytes.length);
      const samples = Float64Array.from({ length: WINDOW }, (_, at) => bytes.readInt16LE(2 * at) / 32_768);
      return loudest(samples, RATE_HZ);
    } finally {
      closeSync(file);
    }
  }

  async close() {
    this.tell("quit");
    const timer = setTimeout(() => this.#process.kill(), 5_000);
    await this.#process.ended;
    clearTimeout(timer);
  }
}

const RATE_HZ = 48_000;
const WINDOW = 8_192;
const WAV_HEADER = 44;
