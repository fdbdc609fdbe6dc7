// The local stack under test: `ringback-server` on a free port of the loopback address.

import { join } from "node:path";

import { start } from "./process.mjs";
import { within } from "./wait.mjs";

export class Stack {
  #programs;
  #process;
  /** Where it listens. */
  url;

  static async start(programs) {
    const stack = new Stack();
    stack.#programs = programs;
    await stack.#launch("127.0.0.1:0");
    return stack;
  }

  /** Kills the server and starts another on the same port, with nothing in its memory. */
  async restart() {
    this.#process.kill();
    await this.#process.ended;
    await this.#launch(new URL(this.url).host);
  }

  stop() {
    return this.#process.stop();
  }

  async #launch(listen) {
    let heard;
    const listening = new Promise((resolve) => (heard = resolve));
    this.#process = start(join(this.#programs, "ringback-server"), ["--listen", listen, "--demo", "--test-hooks"], (line) => {
      const found = line.match(/http:\/\/127\.0\.0\.1:\d+/);
      if (found) heard(found[0]);
    });
    const died = this.#process.ended.then(({ why }) => {
      throw new Error(`the server ended: ${why}; ${this.#process.errors.join(" / ")}`);
    });
    // Once it listens nobody waits for its end any more.
    died.catch(() => {});
    this.url = await within("the server listens", Promise.race([listening, died]), 20_000);
  }
}
