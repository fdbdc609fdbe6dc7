// What happens to a call while it lasts: mute, a reload, a closed tab, a server that restarts.

import { check, truth } from "../lib/checks.mjs";
import { BROWSER_HZ, NATIVE_HZ } from "../lib/stage.mjs";
import { bothEnded, connect, hears, hearsNothing, press } from "../lib/talk.mjs";
import { until } from "../lib/wait.mjs";

check("a muted browser is silent at the native phone, which is told", async (stage) => {
  const [web, native] = await talking(stage);
  await hears(native, BROWSER_HZ);
  await press(web, "mute");
  await Promise.all([native.event("peer_media", { muted: true }), hearsNothing(native)]);
  const from = native.events.length;
  await press(web, "unmute");
  await Promise.all([native.event("peer_media", { muted: false }, { from }), hears(native, BROWSER_HZ)]);
});

check("a muted native phone is silent at the browser, which is told", async (stage) => {
  const [web, native] = await talking(stage);
  await hears(web, NATIVE_HZ);
  await press(native, "mute");
  await Promise.all([web.event("peer_media", { muted: true }), hearsNothing(web)]);
  const { call } = await web.state();
  truth(call.peer_muted, "the page's state does not say that the other side is muted");
  const from = await web.mark();
  await press(native, "unmute");
  await Promise.all([web.event("peer_media", { muted: false }, { from }), hears(web, NATIVE_HZ)]);
});

check("a page that is reloaded in a call hangs up as it goes", async (stage) => {
  const [web, native] = await talking(stage);
  await web.reload();
  await endedByRemote(native);
  truth((await web.state()).call === null, "the page shows a call after its reload");
});

check("a tab that is closed in a call hangs up as it goes", async (stage) => {
  const [web, native] = await talking(stage);
  await web.page.close();
  await endedByRemote(native);
});

check("a page that is reloaded while it calls cancels", async (stage) => {
  const [web, native] = await Promise.all([stage.browser(), stage.native()]);
  await web.call(native.user);
  await native.event("incoming");
  await web.reload();
  const { code } = await native.ended();
  truth(code === "cancelled", `the native phone ended ${code}`);
});

check("a call outlives a restart of the server and is hung up by the browser", async (stage) => {
  const [web, native] = await afterRestart(stage);
  await press(web, "hangUp");
  await bothEnded([web, "hung_up"], [native]);
});

check("a call outlives a restart of the server and is hung up by the native phone", async (stage) => {
  const [web, native] = await afterRestart(stage);
  await press(native, "hangUp");
  await bothEnded([native, "hung_up"], [web]);
});

async function talking(stage) {
  const [web, native] = await Promise.all([stage.browser(), stage.native("driver", { answer: true })]);
  await connect(web, native);
  return [web, native];
}

/** Both are in a call, the server has restarted, and both are online again. */
async function afterRestart(stage) {
  const [web, native] = await talking(stage);
  const [webMark, nativeMark] = [await web.mark(), native.events.length];
  await stage.stack.restart();
  await Promise.all([
    native.event("offline", {}, { from: nativeMark }),
    native.event("ready", {}, { from: nativeMark, limitMs: BACK_ONLINE_MS }),
    until("the page is online again", () => web.find("signaling", { state: "online" }, webMark), BACK_ONLINE_MS),
  ]);
  const ended = [await web.find("state", { state: "ended" }), native.find("state", { state: "ended" })];
  truth(ended.every((event) => event == null), "the call ended with the server");
  await Promise.all([hears(web, NATIVE_HZ), hears(native, BROWSER_HZ)]);
  return [web, native];
}

async function endedByRemote(phone) {
  const { code, by } = await phone.ended();
  truth(code === "hung_up" && by === "remote", `${phone.user} ended ${code} by ${by}`);
}

/** Both try again after a second or a few. */
const BACK_ONLINE_MS = 25_000;
