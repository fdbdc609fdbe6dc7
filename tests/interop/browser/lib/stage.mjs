// What the checks play on: a server, a Chromium, and phones that are gone after each check.

import { BrowserPhone } from "./browser.mjs";
import { NativePhone } from "./native.mjs";
import { within } from "./wait.mjs";

export class Stage {
  #number = 0;
  /** Of the check that runs. */
  #phones = [];

  constructor(world) {
    // programs, folder, artifacts, stack, chrome
    Object.assign(this, world);
  }

  /** Runs `body`, then closes every phone that it opened. */
  async play(body, limitMs) {
    this.#number += 1;
    try {
      await within("the check", body(), limitMs);
    } finally {
      const phones = this.#phones;
      this.#phones = [];
      await Promise.allSettled(phones.map((phone) => phone.close()));
    }
  }

  /** A name that no other check uses. */
  name(role) {
    return `${role}-${this.#number}`;
  }

  /** A browser phone that is online and sends a tone. */
  async browser(role = "web", { tone = BROWSER_HZ, answer = false, query = {}, ...rest } = {}) {
    const address = { ...(tone && { tone }), ...(answer && { answer: 1 }), ...query };
    return BrowserPhone.online({ ...this.#world(role), query: address, ...rest });
  }

  /** A native phone that is online and sends a tone of 440 Hz. */
  async native(role = "native", { answer = false, options = [] } = {}) {
    return NativePhone.online({ ...this.#world(role), options: [...(answer ? ["--answer"] : []), ...options] });
  }

  /** Closes this phone, too, after the check. */
  keep(phone) {
    return this.keeper()(phone);
  }

  /** The same as a function that belongs to the check that runs now: later it closes the phone at once and throws. */
  keeper() {
    const phones = this.#phones;
    return (phone) => {
      if (phones !== this.#phones) {
        phone.close().catch(() => {});
        throw new Error("the check is over");
      }
      phones.push(phone);
      return phone;
    };
  }

  #world(role) {
    const { programs, folder, chrome } = this;
    return { programs, folder, chrome, url: this.stack.url, user: this.name(role), keep: this.keeper() };
  }
}

export const NATIVE_HZ = 440;
export const BROWSER_HZ = 880;
export const OTHER_HZ = 620;
