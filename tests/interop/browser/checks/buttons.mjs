// A person at the page: buttons and keys, a browser that plays nothing unasked, and none of the page's hook.

import { BrowserPhone, launch } from "../lib/browser.mjs";
import { check } from "../lib/checks.mjs";
import { pause, until } from "../lib/wait.mjs";

check("the echo bot is called, muted and hung up by clicks", (stage) =>
  byHand(stage, (page, id) => page.click(`#${id}`)));

check("the echo bot is called, muted and hung up by Tab and Enter", (stage) =>
  byHand(stage, async (page, id) => {
    // Keys that were meant for the view before are not taken.
    await pause(SETTLED_MS);
    await until(`the focus on ${id}`, async () => {
      if ((await page.evaluate(() => document.activeElement?.id)) === id) return true;
      await page.keyboard.press("Tab");
      return false;
    });
    await page.keyboard.press("Enter");
  }));

async function byHand(stage, press) {
  const chrome = await launch({ autoplay: false });
  try {
    const { page } = await BrowserPhone.open({ chrome, url: stage.stack.url, microphone: true, keep: stage.keeper() });
    const view = (name) =>
      until(`the view ${name}`, () => page.evaluate((name) => document.body.dataset.view === name, name));
    await view("welcome");
    await page.fill("#name", stage.name("person"));
    await press(page, "enter");
    await view("home");
    await until("the echo bot can be called", () => page.isEnabled("#echo"));
    await press(page, "echo");
    await view("call");
    await until("a sound comes", () => page.evaluate(() => globalThis.audioProbe.first_ms));
    await press(page, "mute");
    await until("the microphone is muted", async () => (await page.getAttribute("#mute", "aria-pressed")) === "true");
    await press(page, "hangup");
    await view("ended");
  } finally {
    await chrome.close();
  }
}

/** Longer than a fresh view ignores keys. */
const SETTLED_MS = 700;
