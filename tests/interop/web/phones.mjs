// Phones in virtual time as the checks of the machine want them: two that are up, two that talk, and a stranger's invite.

import assert from "node:assert/strict";

import { World } from "./world.mjs";

/** Alice and Bob, a device each. */
export const pair = (options) => {
  const world = new World(options);
  return { world, alice: world.phone("alice"), bob: world.phone("bob") };
};
/** The highest id of a call. */
export const HIGH = "ffffffff-ffff-4fff-bfff-ffffffffffff";
/** The lowest. */
export const LOW = "00000000-0000-4000-8000-000000000000";

/** Alice has called Bob, and both are active. */
export function talking(options) {
  const { world, alice, bob } = pair(options);
  const call = alice.dial("bob");
  world.run(100);
  bob.input({ type: "accept", call });
  world.run(500);
  assert.deepEqual([alice.state(call), bob.state(call)], ["active", "active"]);
  return { world, alice, bob, call };
}

/** An invite of somebody whom nobody here knows, with other fields if asked for. */
export const invite = (bob, changes = {}, body = {}) => ({
  v: 1, id: "11111111-1111-4111-8111-111111111111", call: HIGH, kind: "invite", ttl_ms: 45_000,
  from: { user: "eve", device: LOW, instance: "00000000000000ee" },
  to: { user: bob.user, device: null, instance: null },
  body: { seq: 1, order: "after_accept", commit: "ab".repeat(32), ...body }, auth: null, ...changes,
});

/** The connection of a call. */
export const connOf = (phone, call) => phone.machine.snapshot(call).conn;
