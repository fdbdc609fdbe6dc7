// What the Rust core says of calls, read from its source: how they end on both sides, and its times.

import { readFileSync } from "node:fs";

const core = new URL("../../../core/proto/src/", import.meta.url);
const source = (path) => readFileSync(new URL(path, core), "utf8");

/** `ConnectFailed` is `connect_failed`. */
const code = (name) => name.trim().replace(/(?<=[a-z])[A-Z]/g, "_$&").toLowerCase();

/** The table under `# Pairs`: the callee's codes by that of the caller, and those of a device that did not win. */
export const endings = readEndings(source("call/mod.rs"));

/** Every `const NAME: Duration` in ms, by its name. */
export const times = new Map(
  ["call/timers.rs", "call/context.rs", "session/candidates.rs", "session/ladder.rs", "session/mod.rs"].flatMap(readTimes),
);

function readEndings(docs) {
  const [, section] = docs.split("# Pairs");
  const rows = section
    .split("\n# ")[0]
    .split("\n")
    .filter((line) => line.startsWith("//! | "))
    .map((line) => line.slice("//! | ".length).split(" | "))
    .slice(1);
  const pairs = new Map();
  let loser = [];
  for (const [callers, callees] of rows) {
    const codes = callees.split(",").map(code);
    if (callers === "a device that did not win") loser = codes;
    else for (const caller of callers.split(",")) pairs.set(code(caller), codes);
  }
  return { pairs, loser };
}

function readTimes(path) {
  const found = source(path).matchAll(/const (\w+): Duration = Duration::from_(secs|millis)\(([\d_]+)\)/g);
  return [...found].map(([, name, unit, number]) => [name, Number(number.replaceAll("_", "")) * (unit === "secs" ? 1000 : 1)]);
}
