// How calls between a browser and a native phone end, and what each side is told.

import { check, truth } from "../lib/checks.mjs";
import { bothEnded, connect, dial, press, rings } from "../lib/talk.mjs";

const kinds = ["browser", "native"];
const article = (kind) => `a ${kind === "browser" ? "browser" : "native phone"}`;

for (const caller of kinds) {
  const callee = kinds.find((kind) => kind !== caller);

  check(`${article(callee)} declines a call of ${article(caller)}`, async (stage) => {
    const [a, b] = await pair(stage, caller, callee);
    await dial(a, b.user);
    await rings(b);
    await press(b, "decline");
    await bothEnded([b, "declined"], [a]);
  });

  check(`${article(caller)} cancels a call that rings at ${article(callee)}`, async (stage) => {
    const [a, b] = await pair(stage, caller, callee);
    await dial(a, b.user);
    await Promise.all([rings(b), a.event("state", { state: "ringing" })]);
    await press(a, "hangUp");
    await bothEnded([a, "cancelled"], [b]);
  });

  check(`the caller hangs up, ${article(caller)} to ${article(callee)}`, async (stage) => {
    const [a, b] = await talking(stage, caller, callee);
    await press(a, "hangUp");
    await bothEnded([a, "hung_up"], [b]);
  });

  check(`the callee hangs up, ${article(caller)} to ${article(callee)}`, async (stage) => {
    const [a, b] = await talking(stage, caller, callee);
    await press(b, "hangUp");
    await bothEnded([b, "hung_up"], [a]);
  });

  check(`${article(callee)} in a call is busy for ${article(caller)}`, async (stage) => {
    const [, b] = await talking(stage, caller, callee);
    const third = await stage[caller]("third");
    await dial(third, b.user);
    const { code } = await third.ended();
    truth(code === "busy", `the third phone ended ${code}`);
    truth((await b.find("state", { state: "ended" })) == null, "the call under way ended");
  });
}

check("a browser that calls somebody who is not there gives up by hand", async (stage) => {
  const web = await stage.browser();
  await dial(web, stage.name("nobody"));
  await web.event("state", { state: "initiated" });
  await press(web, "hangUp");
  const { code } = await web.ended();
  truth(code === "cancelled", `it ended ${code}`);
});

function pair(stage, caller, callee, options) {
  return Promise.all([stage[caller]("caller"), stage[callee]("callee", options)]);
}

async function talking(stage, caller, callee) {
  const [a, b] = await pair(stage, caller, callee, { answer: true });
  await connect(a, b);
  return [a, b];
}
