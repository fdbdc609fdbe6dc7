// The call machine of the browser phone in virtual time: the rules one by one, then random schedules.

import assert from "node:assert/strict";

import { check } from "./checks.mjs";
import { endings } from "./contract.mjs";
import { HIGH, LOW, connOf, invite, pair, talking } from "./phones.mjs";
import { World } from "./world.mjs";

await check("an ordinary call is active on both sides and takes nine messages", () => {
  const { world, alice, bob, call } = talking();
  const kinds = world.kinds().sort().join(" ");
  assert.equal(kinds, "ack ack answer candidates candidates candidates invite ringing settled");
  assert.deepEqual(alice.all("state").map(({ state }) => state), ["initiated", "ringing", "connecting", "active"]);
  assert.deepEqual(bob.all("state").map(({ state }) => state), ["ringing", "connecting", "active"]);
  alice.input({ type: "hangUp", call });
  world.run(200);
  assert.deepEqual([alice.end(call), bob.end(call)], ["hung_up", "hung_up"]);
  assert.equal(bob.all("state").filter(({ state }) => state === "ended").length, 1);
});

await check("no address of the callee leaves before it accepts", () => {
  const { world, alice, bob } = pair();
  alice.dial("bob");
  world.run(5000);
  assert.ok(!JSON.stringify(world.sent.filter(({ from }) => from === bob).map(({ envelope }) => envelope)).includes("candidate:"));
  assert.equal(bob.engine.size, 0);
});

await check("decline, cancel and both clocks end in the pairs of the table", () => {
  for (const [act, caller, callee] of [
    [({ bob }, call) => bob.input({ type: "decline", call }), "declined", "declined"],
    [({ alice }, call) => alice.input({ type: "hangUp", call }), "cancelled", "cancelled"],
    [() => {}, "no_answer", "missed"],
  ]) {
    const all = pair();
    const call = all.alice.dial("bob");
    all.world.run(100);
    act(all, call);
    all.world.run(51_000);
    assert.deepEqual([all.alice.end(call), all.bob.end(call)], [caller, callee]);
  }
});

await check("a call that reaches nobody is unreachable, one without signaling offline", () => {
  const { world, alice } = pair();
  const call = alice.dial("carol");
  const dark = world.phone("dave", { up: false });
  const lost = dark.dial("alice");
  world.run(10_100);
  assert.equal(dark.end(lost), "offline");
  world.run(41_000);
  assert.equal(alice.end(call), "unreachable");
});

await check("a phone in a call says busy, and the caller believes it after 3 s", () => {
  const { world } = talking();
  const carol = world.phone("carol");
  const call = carol.dial("bob");
  world.run(2900);
  assert.equal(carol.end(call), null);
  world.run(200);
  assert.equal(carol.end(call), "busy");
});

await check("when both dial each other the higher call id goes on", () => {
  for (const [ours, theirs] of [[HIGH, LOW], [LOW, HIGH]]) {
    const { world, alice, bob } = pair();
    alice.dial("bob", { call: ours });
    bob.dial("alice", { call: theirs });
    world.run(500);
    const [winner, loser, callee] = ours === HIGH ? [ours, theirs, bob] : [theirs, ours, alice];
    const caller = callee === bob ? alice : bob;
    assert.equal(callee.end(loser), `replaced.${winner}`);
    assert.equal(callee.state(winner), "ringing");
    callee.input({ type: "accept", call: winner });
    world.run(500);
    assert.deepEqual([caller.state(winner), callee.state(winner)], ["active", "active"]);
  }
});

await check("dialing somebody whose call rings here takes that call", () => {
  const { world, alice, bob } = pair();
  const call = alice.dial("bob");
  world.run(100);
  const own = bob.dial("alice");
  world.run(500);
  assert.equal(bob.end(own), `replaced.${call}`);
  assert.equal(bob.state(call), "active");
});

await check("the first of two devices wins, the other ends elsewhere", () => {
  const { world, alice, bob } = pair();
  const second = world.phone("bob");
  const call = alice.dial("bob");
  world.run(100);
  bob.input({ type: "accept", call });
  world.run(500);
  assert.deepEqual([bob.state(call), second.end(call)], ["active", "elsewhere.answered"]);
  const again = world.phone("carol").dial("bob");
  world.run(100);
  second.input({ type: "decline", call: again });
  world.run(500);
  assert.equal(second.end(again), "declined");
});

await check("a decline ends the call on every device", () => {
  const { world, alice, bob } = pair();
  const second = world.phone("bob");
  const call = alice.dial("bob");
  world.run(100);
  bob.input({ type: "decline", call });
  world.run(300);
  assert.deepEqual([alice.end(call), second.end(call)], ["declined", "elsewhere.declined"]);
});

await check("an invite that is old, of unknown age, or cancelled before it came never rings", () => {
  const { world, bob } = pair();
  bob.feed(invite(bob), null);
  bob.feed(invite(bob, { ttl_ms: 3000 }), 1500);
  bob.feed({ ...invite(bob), kind: "cancel", body: { reason: "user" } });
  bob.feed(invite(bob));
  world.run(1000);
  assert.equal(bob.events.length, 0);
  assert.deepEqual(world.kinds(), ["ack"]);
});

await check("a newer call of a device replaces the one that rings, an older one is dropped", () => {
  const { world, bob } = pair();
  bob.feed(invite(bob, { call: LOW }, { seq: 5 }));
  bob.feed(invite(bob, { call: HIGH }, { seq: 6 }));
  assert.deepEqual([bob.end(LOW), bob.state(HIGH)], ["missed", "ringing"]);
  bob.feed(invite(bob, { call: "77777777-7777-4777-8777-777777777777" }, { seq: 4 }));
  world.run(100);
  assert.equal(bob.state("77777777-7777-4777-8777-777777777777"), null);
});

await check("who may not ring learns nothing", () => {
  const world = new World();
  const bob = world.phone("bob", { mayRing: () => "refused" });
  bob.feed(invite(bob));
  bob.feed({ ...invite(bob), v: 2 });
  bob.feed({ ...invite(bob), kind: "hangup", body: { reason: "hung_up" } });
  world.run(1000);
  assert.deepEqual([world.sent, bob.events], [[], []]);
});

await check("an envelope of another version is answered once a minute", () => {
  const { world, bob } = pair();
  for (let i = 0; i < 5; i++) bob.feed({ ...invite(bob), v: 9 });
  assert.deepEqual(world.sent.map(({ envelope }) => envelope.body), [{ of: invite(bob).id, code: "unsupported_version", max: 1 }]);
  world.run(61_000);
  bob.feed({ ...invite(bob), v: 9 });
  assert.equal(world.sent.length, 2);
});

await check("a caller whose invite is not understood ends unsupported", () => {
  const { world, alice, bob } = pair();
  world.filter = ({ kind }) => kind !== "ringing";
  const call = alice.dial("bob");
  world.run(50);
  const { envelope } = world.sent.find(({ envelope: { kind } }) => kind === "invite");
  const { device, instance } = bob.config;
  alice.feed({ ...envelope, v: 1, kind: "error", from: { user: "bob", device, instance }, to: envelope.from, body: { of: envelope.id, code: "unsupported_codec" } });
  world.run(3100);
  assert.equal(alice.end(call), "unsupported.codec");
});

await check("a message of somebody else about this call changes nothing", () => {
  const { world, bob, call } = talking();
  for (const kind of ["hangup", "cancel"]) bob.feed({ ...invite(bob), call, kind, body: { reason: "user" } });
  const { device, instance } = bob.config;
  const stranger = { ...invite(bob), call, kind: "hangup", body: { reason: "hung_up" }, to: { user: "bob", device, instance } };
  bob.feed({ ...stranger, from: { user: "alice", device: HIGH, instance: "00000000000000ff" } });
  world.run(100);
  assert.equal(bob.state(call), "active");
});

await check("a lost answer is sent again until it is settled", () => {
  const { world, alice, bob } = pair();
  const call = alice.dial("bob");
  world.run(100);
  let drops = 3;
  world.filter = ({ kind }) => kind !== "answer" || drops-- <= 0;
  bob.input({ type: "accept", call });
  world.run(3000);
  assert.deepEqual([alice.state(call), bob.state(call)], ["ringing", "connecting"]);
  world.run(1000);
  assert.deepEqual([alice.state(call), bob.state(call)], ["active", "active"]);
});

await check("an invite goes out at the gaps of the table, and every 8 s once a device rang", () => {
  const { world, alice } = pair();
  alice.dial("nobody");
  world.run(46_000);
  const times = world.sent.filter(({ envelope }) => envelope.kind === "invite").map(({ at }) => at);
  assert.deepEqual(times.slice(1, 6).map((at, i) => at - times[i]), [500, 1000, 2000, 4000, 8000]);
  const other = pair();
  other.alice.dial("bob");
  other.world.run(30_000);
  const rang = other.world.sent.filter(({ envelope }) => envelope.kind === "invite");
  assert.deepEqual(rang.map(({ envelope }) => Math.round(envelope.ttl_ms / 1000)), [45, 37, 29, 21]);
});

await check("signaling that goes down does not end an active call, and a hang-up waits for it", () => {
  const { world, alice, bob, call } = talking();
  alice.input({ type: "down" });
  world.run(20_000);
  assert.deepEqual([alice.state(call), bob.state(call)], ["active", "active"]);
  alice.input({ type: "hangUp", call });
  world.run(1000);
  assert.deepEqual([alice.end(call), bob.end(call)], ["hung_up", null]);
  alice.input({ type: "up" });
  world.run(100);
  assert.equal(bob.end(call), "hung_up");
});

await check("a page that goes away hangs up, cancels, and leaves what rings to other devices", () => {
  const active = talking();
  active.bob.input({ type: "close" });
  active.world.run(100);
  assert.equal(active.alice.end(active.call), "hung_up");
  const { world, alice, bob } = pair();
  const second = world.phone("bob");
  const call = alice.dial("bob");
  world.run(100);
  bob.input({ type: "close" });
  world.run(100);
  assert.deepEqual([alice.state(call), second.state(call)], ["ringing", "ringing"]);
  alice.input({ type: "close" });
  world.run(100);
  assert.equal(second.end(call), "cancelled");
});

await check("a page that was loaded again tells callees of the one before that it is gone", () => {
  const { world, alice, bob } = pair();
  const call = alice.dial("bob");
  world.run(100);
  world.phones = world.phones.filter((phone) => phone !== alice);
  world.phone("alice", { device: alice.config.device });
  world.run(9000);
  assert.equal(bob.end(call), "cancelled");
});

await check("the order after accept connects too", () => {
  const { world, alice, bob } = pair();
  const call = alice.dial("bob", { order: "after_accept" });
  world.run(100);
  bob.input({ type: "accept", call });
  world.run(500);
  assert.deepEqual([alice.state(call), bob.state(call)], ["active", "active"]);
});

await check("candidates of loopback are taken in the local demo only", () => {
  for (const localDemo of [false, true]) {
    const world = new World();
    const bob = world.phone("bob", { localDemo });
    const alice = world.phone("alice");
    alice.gather = (conn) => alice.report(conn, { type: "candidate", candidate: "candidate:1 1 udp 1 127.0.0.1 9 typ host", mid: "0" });
    const call = alice.dial("bob");
    world.run(200);
    bob.input({ type: "accept", call });
    world.run(300);
    const added = [...bob.engine.values()][0].commands.some(({ type }) => type === "addCandidates");
    assert.equal(added, localDemo);
  }
});

await check("after a gap nothing rings until signaling is up again", () => {
  const { world, bob } = pair();
  bob.input({ type: "resumed", gap: 6000 });
  bob.feed(invite(bob));
  assert.equal(bob.events.length, 0);
  bob.input({ type: "up" });
  bob.feed(invite(bob));
  world.run(10);
  assert.equal(bob.state(HIGH), "ringing");
});

await check("a flood of calls leaves 256 tombstones and four that ring", () => {
  const { world, bob } = pair();
  const hex = (n) => n.toString(16).padStart(8, "0");
  for (let n = 0; n < 400; n++) {
    const call = `${hex(n)}-0000-4000-8000-000000000000`;
    const from = { user: `u${n}`, device: `${hex(n)}-0000-4000-8000-00000000000d`, instance: "00000000000000ee" };
    bob.feed(invite(bob, { call, from }));
    if (n % 2) bob.feed(invite(bob, { call, from, kind: "cancel", body: { reason: "user" } }));
  }
  world.run(100);
  const phases = [...bob.machine.calls.values()].map(({ phase }) => phase.name);
  assert.ok(phases.filter((name) => name === "ringing").length <= 4);
  assert.ok(phases.length <= 260 && bob.machine.lobby.guests.length <= 256);
});

await check("400 random schedules end in a pair of the table, with nobody left alone", () => {
  for (let seed = 1; seed <= 400; seed++) schedule(seed);
});

function schedule(seed) {
  const world = new World({ seed, loss: (seed % 4) * 0.15, duplicate: 0.1, delay: (chance) => 5 + 300 * chance() ** 3 });
  const phones = [world.phone("alice"), world.phone("bob"), ...(seed % 3 ? [] : [world.phone("bob")])];
  const pick = (list) => list[Math.floor(world.chance() * list.length)];
  for (let act = 0; act < 14; act++) {
    const phone = pick(phones);
    const live = [...phone.machine.calls.values()].filter(({ phase }) => phase.name !== "ended");
    const call = live.length > 0 ? pick(live).id : null;
    const verb = pick(["dial", "dial", "accept", "accept", "accept", "decline", "hangUp", "mute", "down", "up", "missing"]);
    if (verb === "dial") phone.dial(phone.user === "alice" ? "bob" : "alice");
    else if (verb === "down" || verb === "up") phone.input({ type: verb });
    else if (verb === "mute" && call) phone.input({ type: "setMedia", call, muted: world.chance() < 0.5 });
    else if (verb === "missing" && call && connOf(phone, call) !== null) phone.report(connOf(phone, call), { type: "missing" });
    else if (call && (verb === "accept" || verb === "decline" || verb === "hangUp")) phone.input({ type: verb, call });
    world.run(4000 * world.chance() ** 2);
  }
  for (const phone of phones) phone.input({ type: "up" });
  world.loss = 0;
  world.run(40_000);
  for (const phone of phones) {
    for (const call of phone.machine.calls.values()) if (call.phase.name !== "ended") phone.input({ type: "hangUp", call: call.id });
    world.run(1000);
  }
  world.run(20_000);
  const calls = new Set(phones.flatMap((phone) => phone.events.map(({ call }) => call)));
  for (const call of calls) judge(seed, phones, call);
}

function judge(seed, phones, call) {
  const ends = new Map();
  for (const phone of phones) {
    const events = phone.events.filter((event) => event.call === call);
    if (events.length === 0) continue;
    const ended = events.filter(({ state }) => state === "ended");
    assert.equal(ended.length, 1, `seed ${seed}: ${phone.user} ended ${ended.length} times`);
    assert.equal(events.at(-1), ended[0], `seed ${seed}: the end is last`);
    const side = events[0].type === "outgoing" ? "caller" : "callee";
    ends.set(phone, { side, code: ended[0].end.code, family: ended[0].end.code.split(".")[0] });
  }
  const caller = [...ends.values()].find(({ side }) => side === "caller");
  for (const { side, family, code } of ends.values()) {
    if (side === "caller" || !caller) continue;
    const { pairs, loser } = endings;
    const allowed = [...(pairs.get(caller.family) ?? []), ...(phones.length > 2 ? loser : [])];
    assert.ok(allowed.includes(family), `seed ${seed}: ${caller.code} / ${code}`);
  }
}
