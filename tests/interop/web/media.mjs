// The call machine of the browser phone while a call has media: restarts, certificates, mute, messages.

import assert from "node:assert/strict";

import { promise } from "../../../server/web/ringback/machine/caller.js";
import { check } from "./checks.mjs";
import { connOf, pair, talking } from "./phones.mjs";

await check("missing media is restarted by the caller under the next round", () => {
  const { world, alice, bob, call } = talking();
  alice.report(connOf(alice, call), { type: "missing" });
  assert.equal(alice.state(call), "reconnecting");
  world.run(300);
  assert.equal(alice.state(call), "active");
  const offer = world.sent.find(({ envelope }) => envelope.kind === "negotiate").envelope.body;
  assert.deepEqual([offer.conn, offer.round, offer.what, offer.ice_restart], [1, 2, "offer", true]);
  assert.equal(bob.state(call), "active");
});

await check("the callee asks the caller for the restart", () => {
  const { world, alice, bob, call } = talking();
  bob.report(connOf(bob, call), { type: "path", state: "disconnected" });
  world.run(300);
  const steps = world.sent.filter(({ envelope }) => envelope.kind === "negotiate").map(({ envelope }) => envelope.body.what);
  assert.deepEqual(steps, ["wanted", "offer", "answer"]);
  assert.equal(alice.state(call), "active");
});

await check("a restart that brings no media within 7 s is followed by a new connection", () => {
  const { world, alice, bob, call } = talking();
  world.mediaWorks = false;
  alice.report(connOf(alice, call), { type: "missing" });
  bob.report(connOf(bob, call), { type: "missing" });
  world.run(6900);
  world.mediaWorks = true;
  world.run(2000);
  assert.deepEqual([alice.state(call), bob.state(call)], ["active", "active"]);
  assert.ok(world.sent.some(({ envelope: { body } }) => body.what === "offer" && body.conn === 2));
  assert.equal([...alice.engine.values()].filter(({ open }) => open).length, 1);
});

await check("media that stays away ends the call after 30 s", () => {
  const { world, alice, bob, call } = talking();
  world.mediaWorks = false;
  alice.report(connOf(alice, call), { type: "missing" });
  world.run(30_500);
  assert.deepEqual([alice.end(call), bob.end(call)], ["connection_lost", "connection_lost"]);
});

await check("media that never comes ends the call after 15 s, with the engine's explanation", () => {
  const { world, alice, bob } = pair();
  world.mediaWorks = false;
  const call = alice.dial("bob");
  world.run(100);
  bob.input({ type: "accept", call });
  world.run(200);
  alice.report(connOf(alice, call), { type: "path", state: "failed", why: "connect_failed.no_path" });
  world.run(16_000);
  assert.equal(alice.end(call), "connect_failed.no_path");
  assert.match(bob.end(call), /^connect_failed\./);
});

await check("a peer that closes its connection has hung up after 2 s", () => {
  const { world, alice, call } = talking();
  world.filter = () => false;
  alice.report(connOf(alice, call), { type: "peerClosed" });
  world.run(1900);
  assert.equal(alice.state(call), "active");
  world.run(200);
  assert.equal(alice.end(call), "hung_up");
});

await check("a description under another certificate is refused", () => {
  const { world, alice, bob, call } = talking();
  alice.fingerprint = "00".repeat(32);
  alice.report(connOf(alice, call), { type: "missing" });
  world.run(2000);
  assert.ok(!world.kinds().join(" ").includes("negotiate negotiate negotiate negotiate"));
  assert.ok(!world.sent.some(({ from, envelope }) => from === bob && envelope.body.what === "answer"));
});

await check("a caller that breaks its promise of the certificate is not talked to", () => {
  const { world, alice, bob } = pair();
  world.filter = (envelope) => {
    if (envelope.kind === "settled" && envelope.body.nonce) envelope.body.nonce = "00".repeat(16);
    return true;
  };
  const carry = world.carry.bind(world);
  world.carry = (from, effect) => {
    const body = JSON.parse(effect.text);
    if (body.kind === "settled" && body.body.nonce) body.body.nonce = "00".repeat(16);
    carry(from, { ...effect, text: JSON.stringify(body) });
  };
  const call = alice.dial("bob");
  world.run(100);
  bob.input({ type: "accept", call });
  world.run(300);
  assert.equal(bob.end(call), "connect_failed.dtls");
  assert.equal(promise("00".repeat(16), "00".repeat(32)).length, 64);
});

await check("mute and hold are told, the last revision wins, and make the peer wait longer", () => {
  const { world, alice, bob, call } = talking();
  alice.input({ type: "setMedia", call, muted: true });
  alice.input({ type: "setMedia", call, held: true });
  alice.input({ type: "setMedia", call, held: false, muted: false });
  alice.input({ type: "setMedia", call, muted: true });
  world.run(3000);
  const { peerMuted, peerHeld } = bob.machine.snapshot(call);
  assert.deepEqual([peerMuted, peerHeld], [true, false]);
  const waits = [...bob.engine.values()][0].commands.filter(({ type }) => type === "expectMedia").map(({ within }) => within);
  assert.deepEqual([waits[0], waits.at(-1)], [400, 1000]);
});

await check("a message of the app arrives once over a network that duplicates and loses", () => {
  const { world, alice, bob, call } = talking();
  Object.assign(world, { loss: 0.4, duplicate: 0.5 });
  for (let i = 0; i < 20; i++) alice.input({ type: "sendMessage", call, data: Uint8Array.of(i) });
  world.run(30_000);
  assert.deepEqual(bob.all("message").map(({ data }) => data[0]).sort((a, b) => a - b), [...Array(20).keys()]);
});
