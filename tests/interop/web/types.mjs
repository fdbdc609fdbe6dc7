// The browser phone's JSDoc types, checked by TypeScript without a build.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { check } from "./checks.mjs";

const web = fileURLToPath(new URL("../../../server/web/", import.meta.url));
const modules = readdirSync(web, { recursive: true }).map(String).filter((name) => name.endsWith(".js")).sort();

await check("every module asks for its types to be checked", () => {
  for (const name of modules) assert.ok(readFileSync(web + name, "utf8").startsWith("// @ts-check\n"), name);
});

await check("the types of every module hold", () => {
  const compiler = fileURLToPath(import.meta.resolve("typescript/package.json")).replace(/package\.json$/, "bin/tsc");
  const options = ["--allowJs", "--checkJs", "--noEmit", "--strict", "--skipLibCheck", "--pretty", "false",
    "--target", "es2023", "--lib", "es2023,dom,dom.iterable", "--module", "nodenext", "--types", ""];
  const { status, stdout } = spawnSync(process.execPath, [compiler, ...options, ...modules], { cwd: web, encoding: "utf8" });
  assert.equal(status, 0, stdout);
});
