// A browser phone: the served page in a real Chromium, driven through the hook that its README describes.
//
// Each phone has a browser context of its own, as another person's browser would: another storage, another device.

import { chromium } from "playwright-core";

import { until } from "./wait.mjs";

/** Starts Chromium; it plays sound before anybody touches a page unless `autoplay` is false. Its microphone is a fake one that beeps once a second; who may use it is each phone's setting. */
export function launch({ autoplay = true } = {}) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--use-fake-device-for-media-stream",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
      // Nobody is there to touch the page of an automatic callee.
      ...(autoplay ? ["--autoplay-policy=no-user-gesture-required"] : []),
    ],
  });
}

export class BrowserPhone {
  user;
  page;
  /** Errors that the page did not catch. */
  faults = [];
  #context;
  #address;

  /**
   * Opens the page as `user`, hands it to `keep` and waits until it is online. `query` goes into the address; without `tone` and `audio`
   * the microphone is used, if `microphone` allows it.
   */
  static async online({ user, query = {}, ...world }) {
    const phone = await BrowserPhone.open({ ...world, query: { user, ...query } });
    phone.user = user;
    await phone.ready();
    return phone;
  }

  /** Opens the page, whatever it shows then. */
  static async open({ chrome, url, path = "/", query = {}, microphone = false, context = {}, keep = (phone) => phone }) {
    const phone = new BrowserPhone();
    phone.#address = `${url}${path}?${new URLSearchParams(query)}`;
    phone.#context = await chrome.newContext({ permissions: microphone ? ["microphone"] : [], ...context });
    keep(phone);
    await phone.#context.addInitScript({ path: PROBE });
    phone.page = await phone.#context.newPage();
    phone.page.on("pageerror", (error) => phone.faults.push(String(error)));
    await phone.page.goto(phone.#address);
    return phone;
  }

  /** Waits until the page is online. */
  async ready() {
    await until(`${this.user}: the page is ready`, () => this.page.evaluate(() => globalThis.ringback !== undefined));
    await this.page.evaluate(() => globalThis.ringback.ready);
  }

  /** Calls a verb of the page's hook, such as `answer`. */
  tell(verb, ...args) {
    return this.page.evaluate(([verb, args]) => globalThis.ringback[verb](...args), [verb, args]);
  }

  /** Calls `user`. Returns the moment of the dial. */
  call(user) {
    return this.page.evaluate((user) => {
      const at_ms = Date.now();
      globalThis.ringback.call(user);
      return at_ms;
    }, user);
  }

  state() {
    return this.page.evaluate(() => globalThis.ringback.state());
  }

  /** How many events there are. */
  mark() {
    return this.page.evaluate(() => globalThis.ringback.events.length);
  }

  find(name, fields = {}, from = 0) {
    return this.page.evaluate(
      ([name, fields, from]) => {
        const same = (event) => Object.entries(fields).every(([key, value]) => event[key] === value);
        const events = globalThis.ringback?.events.slice(from) ?? [];
        return events.find((event) => event.event === name && same(event)) ?? null;
      },
      [name, fields, from],
    );
  }

  async event(name, fields = {}, { from = 0, limitMs } = {}) {
    try {
      return await until(`${this.user}: ${name} ${JSON.stringify(fields)}`, () => this.find(name, fields, from), limitMs);
    } catch (error) {
      const last = await this.page.evaluate(() => (globalThis.ringback?.events ?? []).slice(-6));
      const words = last.map((event) => event.state ?? event.event).join(", ");
      throw new Error(`${error.message}; last: ${words}; faults: ${this.faults.join(" / ") || "none"}`);
    }
  }

  async ended(from = 0) {
    const { reason, by } = await this.event("state", { state: "ended" }, { from });
    return { code: reason, by };
  }

  stats() {
    return this.tell("stats");
  }

  heard() {
    return this.tell("heard");
  }

  /** Loads the page again, as the reload button does. */
  async reload() {
    await this.page.reload();
    await this.ready();
  }

  /** Closes the tab and everything that belongs to it. */
  close() {
    return this.#context.close();
  }
}

/** Runs in the page before its own code: see there. */
const PROBE = new URL("probe.js", import.meta.url).pathname;
