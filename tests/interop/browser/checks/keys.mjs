// What keys do: none answers, places or mutes a call that the user did not mean.

import { check, same, truth } from "../lib/checks.mjs";
import { active, dial, rings } from "../lib/talk.mjs";
import { until } from "../lib/wait.mjs";

check("Enter while a name is typed does not answer the call that comes in", async (stage) => {
  const [web, native] = await Promise.all([stage.browser(), stage.native()]);
  await web.page.locator("#dial-user").pressSequentially("some");
  await dial(native, web.user);
  await rings(web);
  await web.page.keyboard.type("body");
  await web.page.keyboard.press("Enter");
  const { call } = await web.state();
  same([call.state, call.direction], ["ringing", "incoming"], "the call");
});

check("Enter held on the button of the echo bot places one call", async (stage) => {
  const web = await stage.browser();
  await web.page.locator("#echo").focus();
  // Without a release in between, each is a repetition.
  for (let i = 0; i < 10; i += 1) await web.page.keyboard.down("Enter");
  await active(web);
  for (let i = 0; i < 10; i += 1) await web.page.keyboard.down("Enter");
  await web.page.keyboard.up("Enter");
  const { calls } = await web.state();
  same(calls.map(({ state }) => state), ["active"], "the calls");
});

check("m mutes while the call has the focus, and nowhere else", async (stage) => {
  const [web, native] = await Promise.all([stage.browser(), stage.native("native", { answer: true })]);
  await dial(web, native.user);
  await active(web);
  const muted = async () => (await web.state()).call.muted;
  await web.page.locator("#events").focus();
  await web.page.keyboard.press("m");
  truth(!(await muted()), "m in the list of events muted the call");
  // Keys count once the view has been there for a moment.
  await web.page.locator("#hangup").focus();
  await until("m mutes", async () => {
    if (!(await muted())) await web.page.keyboard.press("m");
    return muted();
  });
});

check("a call that comes in while the browser asks for the microphone is shown", async (stage) => {
  const [web, native] = await Promise.all([stage.browser(), stage.native()]);
  await web.page.evaluate(() => {
    globalThis.ringback.phone.microphone.source = () => new Promise(() => {});
  });
  await web.call("nobody");
  await dial(native, web.user);
  await rings(web);
  await web.page.locator("#answer").waitFor({ state: "visible" });
  same((await web.state()).call.peer, native.user, "the call on the screen");
});
