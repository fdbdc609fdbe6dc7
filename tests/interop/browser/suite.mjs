// The suite `browser`: `node suite.mjs --programs target/debug --artifacts FOLDER [--only TEXT]`.

import { open } from "./lib/open.mjs";
import { run } from "./lib/checks.mjs";
import "./checks/buttons.mjs";
import "./checks/calls.mjs";
import "./checks/endings.mjs";
import "./checks/incall.mjs";
import "./checks/keys.mjs";
import "./checks/links.mjs";
import "./checks/races.mjs";
import "./checks/many.mjs";
import "./checks/screens.mjs";

const { stage, options, close } = await open();
const good = await run(stage, options.only);
await close();
process.exit(good ? 0 : 1);
