// What a link to the page of a server without test hooks can do: nothing but what its user then does.

import { check, same, truth } from "../lib/checks.mjs";
import { dial } from "../lib/talk.mjs";

check("without test hooks a link places and answers no call, and scripts find no phone", async (stage) => {
  const native = await stage.native();
  const context = await stage.chrome.newContext({ permissions: ["microphone"] });
  stage.keep({ close: () => context.close() });
  const page = await context.newPage();
  await page.route("**/config.json", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ json: { ...(await response.json()), test_hooks: false } });
  });
  const user = stage.name("victim");
  await page.goto(`${stage.stack.url}/?${new URLSearchParams({ user, answer: 1, call: native.user, tone: 880 })}`);
  await page.locator('#signaling-state[data-state="online"]').waitFor();
  same(await page.evaluate(() => document.body.dataset.view), "home", "the view once online");
  truth(await page.evaluate(() => globalThis.ringback === undefined), "scripts find window.ringback");

  await dial(native, user);
  await page.locator("#decline").click();
  same((await native.ended()).code, "declined", "the end of a call that the link was to answer");
});
