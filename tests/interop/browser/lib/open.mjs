// Opens the stage as the command line says, for the suite and for the benchmarks.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { launch } from "./browser.mjs";
import { Stack } from "./stack.mjs";
import { Stage } from "./stage.mjs";

const OPTIONS = {
  // The folder of the built programs.
  programs: { type: "string" },
  // Where pictures go.
  artifacts: { type: "string", default: "." },
  // Only checks whose name contains this.
  only: { type: "string", default: "" },
  // How many calls a benchmark makes of each kind.
  calls: { type: "string", default: "50" },
};

export async function open() {
  const { values: options } = parseArgs({ options: OPTIONS });
  const programs = resolve(options.programs);
  const artifacts = resolve(options.artifacts);
  mkdirSync(artifacts, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), "ringback-browser-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

  const [stack, chrome] = await Promise.all([Stack.start(programs), launch()]);
  const stage = new Stage({ programs, folder, artifacts, stack, chrome });
  const close = async () => {
    await chrome.close();
    await stack.stop();
  };
  return { stage, options, close };
}
