// The border of the call machine, and what the page makes of its address.

import assert from "node:assert/strict";

import { allowed } from "../../../server/web/app/config.js";
import * as timers from "../../../server/web/ringback/machine/timers.js";
import { askToken } from "../../../server/web/ringback/patience.js";
import { check } from "./checks.mjs";
import { endings, times } from "./contract.mjs";
import { invite, pair, talking } from "./phones.mjs";

const id = (n) => `${n.toString(16).padStart(8, "0")}-0000-4000-8000-000000000000`;

await check("a link cannot answer, place a call, choose the server, or replace the microphone", () => {
  const link = new URLSearchParams("user=a&answer=1&call=b&hub=http://x&key=k&tone=440&audio=chirp&lang=fr&ring=20&relay=1");
  assert.equal(allowed(link, false).toString(), "user=a&lang=fr&ring=20&relay=1");
  assert.equal(allowed(link, true).toString(), link.toString());
});

await check("every time of the call machine is that of the Rust core", () => {
  // A count, and a default that is written with the settings of the phone.
  const { GENERATIONS, RING_DEFAULT, ...rest } = timers;
  const own = Object.entries(rest);
  const without = own.map(([name]) => name).filter((name) => !times.has(name));
  assert.deepEqual(without, []);
  for (const [name, value] of own) assert.equal(value, times.get(name), name);
});

await check("the table of endings was read whole", () => {
  assert.deepEqual(endings.pairs.get("hung_up"), ["hung_up", "connection_lost", "connect_failed"]);
  assert.ok(endings.pairs.has("unreachable") && endings.pairs.has("not_allowed"));
  assert.ok(endings.loser.includes("elsewhere"));
});

await check("a microphone that fails ends a call from connecting on, not before", () => {
  const { world, alice, bob } = pair();
  const call = alice.dial("bob");
  world.run(100);
  for (const phone of [alice, bob]) phone.input({ type: "captureFailed", call, why: "microphone.missing" });
  assert.deepEqual([alice.state(call), bob.state(call)], ["ringing", "ringing"]);
  const live = talking();
  live.alice.input({ type: "captureFailed", call: live.call, why: "microphone.missing" });
  assert.equal(live.alice.end(live.call), "microphone.missing");
});

await check("a cancel that there is no room to remember is not acknowledged", () => {
  const { world, bob } = pair();
  const cancel = (n) => bob.feed({ ...invite(bob), call: id(n), id: id(n), kind: "cancel", body: { reason: "user" } });
  const candidates = (n) => bob.feed({ ...invite(bob), call: id(n), id: id(n), kind: "candidates",
    body: { conn: 1, generation: 1, candidates: [], end: false } });
  for (let n = 0; n < 16; n++) candidates(n);
  cancel(99);
  world.run(100);
  assert.deepEqual(world.kinds(), []);
  cancel(3);
  world.run(100);
  assert.deepEqual(world.kinds(), ["ack"]);
});

await check("a token that never comes is given up, and so is one that fails", async () => {
  assert.equal(await askToken(() => new Promise(() => {}), 10), null);
  assert.equal(await askToken(() => Promise.reject(new Error("no session"))), null);
  assert.equal(await askToken(async () => "token"), "token");
});
