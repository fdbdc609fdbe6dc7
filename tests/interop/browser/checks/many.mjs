// Many calls in a row: every one has sound both ways, and next to none of it is made up.

import { check, truth } from "../lib/checks.mjs";
import { Row } from "../lib/row.mjs";

/** Enough to find what goes wrong once in a few calls; `bench calls` makes more. */
const CALLS = 10;
/** Long enough for fifty packets after the first second. */
const TALK_MS = 1_000;
/** The bar of 0.5 % is that of `bench calls`; here a busy machine is no fault of the sound. */
const MOST_PERCENT = 5;

for (const direction of ["browser to native", "native to browser"]) {
  check(`${CALLS} calls in a row, ${direction}, are heard both ways and hardly concealed`, async (stage) => {
    const row = await Row.open(stage, direction);
    while (row.count < CALLS) await row.call(TALK_MS);
    for (const [who, percent] of Object.entries(row.concealed())) {
      truth(percent <= MOST_PERCENT, `${percent.toFixed(2)} % of what the ${who} heard was concealed`);
    }
  }, { limitMs: 90_000 });
}
