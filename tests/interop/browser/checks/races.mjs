// Several devices, crossing calls, and a microphone that is refused.

import { check, same, truth } from "../lib/checks.mjs";
import { BrowserPhone } from "../lib/browser.mjs";
import { NativePhone } from "../lib/native.mjs";
import { active, dial, press, rings } from "../lib/talk.mjs";

for (const winner of ["browser", "native"]) {
  check(`a user's browser and native phone both ring, and the ${winner} answers`, async (stage) => {
    const caller = await stage.browser("caller");
    const user = stage.name("user");
    const { programs, folder, chrome } = stage;
    const world = { programs, folder, chrome, url: stage.stack.url, user, keep: stage.keeper() };
    const [web, native] = await Promise.all([
      BrowserPhone.online({ ...world, query: { tone: 500 } }),
      NativePhone.online(world),
    ]);
    await dial(caller, user);
    await Promise.all([rings(web), rings(native)]);
    const [wins, loses] = winner === "browser" ? [web, native] : [native, web];
    await press(wins, "answer");
    await Promise.all([active(wins), active(caller)]);
    const { code } = await loses.ended();
    same(code, "elsewhere.answered", "the end on the other device");
    await press(caller, "hangUp");
    same((await wins.ended()).code, "hung_up", "the end on the device that answered");
  });
}

check("calls of a browser and a native phone that cross become one", async (stage) => {
  const [web, native] = await Promise.all([stage.browser(), stage.native()]);
  await Promise.all([dial(web, native.user), dial(native, web.user)]);
  await Promise.any([rings(web), rings(native)]);
  // Nobody's claims are verified in public mode, so the call that wins rings; both pick it up if it does.
  const pickUp = async (phone) => {
    await rings(phone);
    await press(phone, "answer");
  };
  await Promise.any([pickUp(web), pickUp(native)]);
  await Promise.all([active(web), active(native)]);
  const { call } = await web.state();
  const of = native.events.find((event) => event.call === call.call);
  truth(of, "the native phone is in another call than the browser");
  await press(web, "hangUp");
  await Promise.all([web.event("state", { state: "ended", reason: "hung_up" }), native.event("state", { state: "ended", reason: "hung_up" })]);
});

check("a browser whose user refuses the microphone calls nobody", async (stage) => {
  const [web, native] = await Promise.all([stage.browser("web", { tone: null }), stage.native()]);
  await web.call(native.user);
  same((await web.ended()).code, "microphone.denied", "the end at the browser");
  truth(native.find("incoming") === undefined, "the native phone rang");
});

check("a microphone that is lost while it rings ends the call once it is answered", async (stage) => {
  const [web, native] = await Promise.all([stage.browser(), stage.native()]);
  await dial(web, native.user);
  await rings(native);
  await web.page.evaluate(() => {
    const { microphone } = globalThis.ringback.phone;
    microphone.source = () => Promise.reject(new DOMException("unplugged", "NotFoundError"));
    microphone.stream.getAudioTracks()[0].dispatchEvent(new Event("ended"));
  });
  same((await web.event("microphone", { state: "failed" })).why, "microphone.missing", "what the page is told");
  same((await web.state()).call.state, "ringing", "the call until it is answered");
  await press(native, "answer");
  same((await web.ended()).code, "microphone.missing", "the end at the browser");
});

check("a browser whose user refuses the microphone rings on, and can still decline", async (stage) => {
  const [web, native] = await Promise.all([stage.browser("web", { tone: null }), stage.native()]);
  await dial(native, web.user);
  await rings(web);
  await press(web, "answer");
  same((await web.event("microphone", { state: "failed" })).why, "microphone.denied", "why it cannot answer");
  same((await web.state()).call.state, "ringing", "the call at the browser");
  await press(web, "decline");
  same((await native.ended()).code, "declined", "the end at the native phone");
});
