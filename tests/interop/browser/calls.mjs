// `bench calls --peer chromium`: many calls in each direction, and how much of the sound was concealed.
//
// Browser to native, native to browser, and browser to browser in turns over the same server, between phones that stay
// online. Every call must be heard both ways. Concealed is counted from one second after the call became active: in the
// browser by `concealedSamples` of its statistics, in the native phone by its jitter buffer.
//
// Usage: `node calls.mjs --programs target/release [--calls 50]`. Ends with 1 if a bar is missed.

import { tell } from "./lib/metric.mjs";
import { open } from "./lib/open.mjs";
import { Row } from "./lib/row.mjs";

/** A hundred packets after the first second. */
const TALK_MS = 2_000;
/** As many tell one bad moment of the machine from a steady fault. */
const WORST = 8;
const MOST_PERCENT = 0.5;
const MOST_ABOVE_PEER = 0.2;
const LONGEST_ROUND_MS = 60_000;

const { stage, options, close } = await open();
const calls = Number(options.calls);
let good = false;
await stage.play(async () => {
  const rows = [];
  for (const direction of ["browser to native", "native to browser", "browser to browser"]) {
    rows.push(await Row.open(stage, direction));
  }
  const [out, back, peer] = rows;
  while (out.count < calls) for (const row of rows) await row.call(TALK_MS);

  for (const row of rows) {
    for (const [role, calls] of Object.entries(row.worst(WORST))) {
      const figures = calls.map((percent) => percent.toFixed(1)).join(" ");
      console.error(`${row.direction}, heard by the ${role}: % concealed in the worst calls: ${figures}`);
    }
  }
  const among = Object.values(peer.concealed());
  const peerPercent = (among[0] + among[1]) / 2;
  const ours = [
    ["concealed_percent_browser_to_native_at_browser", out.concealed()["browser"]],
    ["concealed_percent_browser_to_native_at_native", out.concealed()["native phone"]],
    ["concealed_percent_native_to_browser_at_browser", back.concealed()["browser"]],
    ["concealed_percent_native_to_browser_at_native", back.concealed()["native phone"]],
  ];
  for (const [name, percent] of ours) tell({ name, ours: percent, peer: peerPercent, unit: "%", n: calls });
  good = ours.every(([, percent]) => percent <= MOST_PERCENT && percent <= peerPercent + MOST_ABOVE_PEER);
}, calls * LONGEST_ROUND_MS);
await close();
if (!good) console.error(`over ${MOST_PERCENT} %, or over ${MOST_ABOVE_PEER} points more than browser to browser`);
process.exit(good ? 0 : 1);
