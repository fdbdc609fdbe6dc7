// Child processes that print lines. Every one that still runs when we end is killed.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

import { pause } from "./wait.mjs";

const running = new Set();

process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(1));

/** Starts a program; `onLine` gets what it prints. Its last words on standard error are kept in `errors`. */
export function start(program, args, onLine) {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env: clean(process.env) });
  running.add(child);
  const errors = [];
  const ended = new Promise((resolve) => {
    child.on("error", (error) => {
      running.delete(child);
      resolve({ code: null, why: String(error) });
    });
    child.on("close", (code, signal) => {
      running.delete(child);
      resolve({ code, why: signal ?? `exit code ${code}` });
    });
  });
  // A program that has ended takes no more orders.
  child.stdin.on("error", () => {});
  createInterface({ input: child.stdout }).on("line", onLine);
  createInterface({ input: child.stderr }).on("line", (line) => {
    errors.push(line);
    if (errors.length > MOST_ERRORS) errors.shift();
  });
  return {
    errors,
    ended,
    write: (line) => child.stdin.write(`${line}\n`),
    /** Asks it to end, and makes it after a while. */
    async stop() {
      child.kill("SIGTERM");
      await Promise.race([ended, pause(GRACE_MS)]);
      child.kill("SIGKILL");
      await ended;
    },
    kill: () => child.kill("SIGKILL"),
  };
}

/** The environment without the settings of somebody's own server. */
const clean = (env) => Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("RINGBACK_")));

const MOST_ERRORS = 50;
const GRACE_MS = 5_000;
