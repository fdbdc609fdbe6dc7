// `bench setup --peer chromium`: from the dial to sound, native to native, native with browser, browser to browser.
//
// All over the same server, in turns: native to native, browser to native, native to browser, browser to browser. The
// phones stay online for the whole run, answer by themselves, and send a tone; the first round is not counted.
//
// | moment | is |
// |---|---|
// | dial | the page's hook or the terminal phone is told to call |
// | sound at a browser | the first frame of the remote track, as its decoder hands it out, with a sample above -60 dBFS |
// | sound at a native phone | the first sample above -60 dBFS that it hands to its speaker |
// | audio | both have heard the other: the later of the two |
//
// Every moment is milliseconds since 1970 on the one clock of this machine. The dial of a native phone is taken before
// the order is written to its pipe, so that the pipe counts against it.
//
// Usage: `node setup.mjs --programs target/release [--calls 50]`; `native_browser` is half of each direction. Ends with 1
// if a bar is missed.

import { percentile, tell } from "./lib/metric.mjs";
import { open } from "./lib/open.mjs";
import { mark, press } from "./lib/talk.mjs";
import { until } from "./lib/wait.mjs";

const LONGEST_ROUND_MS = 60_000;
/** The most that half of the calls may take until both hear, over what they take from browser to browser. */
const MOST = { native_native: 0.8, native_browser: 1.0 };

const { stage, options, close } = await open();
const calls = Number(options.calls);
let missed = Object.keys(MOST);
await stage.play(measure, (calls + 1) * LONGEST_ROUND_MS);
await close();
missed.forEach((kind) => console.error(`${kind}: over ${MOST[kind]} of browser to browser`));
process.exit(missed.length > 0 ? 1 : 0);

async function measure() {
  const [n1, n2, n3, b1, b2, b3] = await Promise.all([
    stage.native("n1"),
    stage.native("n2", { answer: true }),
    stage.native("n3"),
    stage.browser("b1"),
    stage.browser("b2", { answer: true }),
    stage.browser("b3"),
  ]);
  const kinds = {
    native_native: [[n1, n2]],
    native_browser: [[b1, n2], [n3, b2]],
    browser_browser: [[b3, b2]],
  };
  const results = { native_native: [], native_browser: [], browser_browser: [] };
  for (let round = 0; round <= calls; round += 1) {
    for (const [kind, pairs] of Object.entries(kinds)) {
      const result = await one(...pairs[round % pairs.length]);
      if (round > 0) results[kind].push(result);
    }
  }

  for (const [kind, all] of Object.entries(results)) {
    const figures = ["atCaller", "atCallee", "atBoth"].map((end) => {
      const values = all.map((result) => result[end]);
      return `${end} ${percentile(values, 50).toFixed(0)} / ${percentile(values, 95).toFixed(0)}`;
    });
    console.error(`${kind}: ms from the dial to sound, p50 / p95: ${figures.join(", ")}`);
  }
  const both = (kind, percent) => percentile(results[kind].map(({ atBoth }) => atBoth), percent);
  for (const percent of [50, 95]) {
    for (const kind of ["native_native", "native_browser"]) {
      const peer = both("browser_browser", percent);
      tell({ name: `audio_p${percent}_ms_${kind}`, ours: both(kind, percent), peer, unit: "ms", n: calls });
    }
  }
  // Not "over": without a call the figures are no numbers.
  missed = missed.filter((kind) => !(both(kind, 50) <= MOST[kind] * both("browser_browser", 50)));
}

/** One call: milliseconds from the dial until the caller hears, the callee hears, both hear. */
async function one(caller, callee) {
  const marks = [await mark(caller), await mark(callee)];
  await Promise.all([caller, callee].map(forget));
  const dialed = caller.page ? await caller.call(callee.user) : toldToCall(caller, callee.user);
  const [atCaller, atCallee] = (
    await Promise.all([firstSound(caller, marks[0]), firstSound(callee, marks[1])])
  ).map((at) => at - dialed);
  await press(caller, "hangUp");
  await Promise.all([caller.ended(marks[0]), callee.ended(marks[1])]);
  return { atCaller, atCallee, atBoth: Math.max(atCaller, atCallee) };
}

function toldToCall(phone, user) {
  const at_ms = Date.now();
  phone.tell(`call ${user}`);
  return at_ms;
}

async function forget(phone) {
  await phone.page?.evaluate(() => (globalThis.audioProbe.first_ms = null));
}

async function firstSound(phone, from) {
  if (!phone.page) return (await phone.event("first_sound", {}, { from })).at_ms;
  return until(`${phone.user} hears something`, () => phone.page.evaluate(() => globalThis.audioProbe.first_ms));
}
