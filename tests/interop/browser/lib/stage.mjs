// What the checks play on: a server, a Chromium, and phones that are gone after each check.

import { BrowserPhone } from "./browser.mjs";
import { NativePhone } from "./native.mjs";
import { within } from "./wait.mjs";

export class Stage {
  #number = 0;
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
      await Promise.allSettled(this.#phones.splice(0).map((phone) => phone.close()));
    }
  }

  /** A name that no other check uses. */
  name(role) {
    return `${role}-${this.#number}`;
  }

  /** A browser phone that is online and sends a tone. */
  async browser(role = "web", { tone = BROWSER_HZ, answer = false, query = {}, ...rest } = {}) {
    const address = { ...(tone && { tone }), ...(answer && { answer: 1 }), ...query };
    return this.keep(await BrowserPhone.online({ ...this.#world(role), query: address, ...rest }));
  }

  /** A native phone that is online and sends a tone of 440 Hz. */
  async native(role = "native", { answer = false, options = [] } = {}) {
    return this.keep(await NativePhone.online({ ...this.#world(role), options: [...(answer ? ["--answer"] : []), ...options] }));
  }

  /** Closes this phone, too, after the check. */
  keep(phone) {
    this.#phones.push(phone);
    return phone;
  }

  #world(role) {
    const { programs, folder, chrome } = this;
    return { programs, folder, chrome, url: this.stack.url, user: this.name(role) };
  }
}

export const NATIVE_HZ = 440;
export const BROWSER_HZ = 880;
export const OTHER_HZ = 620;
