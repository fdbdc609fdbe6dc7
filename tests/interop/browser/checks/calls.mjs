// Calls between browsers, native phones and the echo bot: who hears whom.

import { check, same, truth } from "../lib/checks.mjs";
import { BROWSER_HZ, NATIVE_HZ, OTHER_HZ } from "../lib/stage.mjs";
import { connect, hears, press, rings, dial, active } from "../lib/talk.mjs";
import { until } from "../lib/wait.mjs";

check("a browser calls a native phone and each hears the other", async (stage) => {
  const [web, native] = await Promise.all([stage.browser(), stage.native("driver", { answer: true })]);
  await connect(web, native);
  await Promise.all([hears(web, NATIVE_HZ), hears(native, BROWSER_HZ)]);
});

check("a native phone calls a browser and each hears the other", async (stage) => {
  const [web, native] = await Promise.all([stage.browser("web", { answer: true }), stage.native()]);
  await connect(native, web);
  await Promise.all([hears(web, NATIVE_HZ), hears(native, BROWSER_HZ)]);
});

check("a browser calls a browser and each hears the other", async (stage) => {
  const [rider, driver] = await Promise.all([
    stage.browser("rider"),
    stage.browser("driver", { tone: OTHER_HZ, answer: true }),
  ]);
  await connect(rider, driver);
  await Promise.all([hears(rider, OTHER_HZ), hears(driver, BROWSER_HZ)]);
});

check("a browser calls the echo bot and hears itself", async (stage) => {
  const web = await stage.browser("web", { tone: OTHER_HZ });
  await web.call("echo");
  await active(web);
  await hears(web, OTHER_HZ);
  await press(web, "mute");
  await until("the echo falls silent", async () => {
    const heard = await web.heard();
    return !heard || heard.level_dbfs < -60;
  });
});

check("the echo bot plays back what a microphone hears", async (stage) => {
  const web = await stage.browser("web", { tone: null, microphone: true });
  await web.call("echo");
  await active(web);
  // The fake microphone beeps for a moment each second.
  await until("a beep comes back", async () => (await web.heard())?.level_dbfs > -45);
});

check("the microphone of a browser is heard by a native phone", async (stage) => {
  const [web, native] = await Promise.all([
    stage.browser("web", { tone: null, microphone: true }),
    stage.native("driver", { answer: true }),
  ]);
  await connect(web, native);
  await until("a beep arrives", () => native.heard()?.level_dbfs > -45);
});

check("a call that rings is answered by hand on both kinds of phone", async (stage) => {
  const [web, native] = await Promise.all([stage.browser(), stage.native()]);
  await dial(web, native.user);
  await Promise.all([rings(native), web.event("state", { state: "ringing" })]);
  await press(native, "answer");
  await Promise.all([active(web), active(native)]);
  await press(web, "hangUp");
  await native.ended();

  const mark = await web.mark();
  await dial(native, web.user);
  await web.event("incoming", {}, { from: mark });
  await press(web, "answer");
  await web.event("state", { state: "active" }, { from: mark });
  await hears(web, NATIVE_HZ);
});

check("both sides tell the path, the round trip and the packets of a call", async (stage) => {
  const [web, native] = await Promise.all([stage.browser(), stage.native("driver", { answer: true })]);
  await connect(web, native);
  await hears(native, BROWSER_HZ);
  const told = await until("the page's figures", async () => {
    const stats = await web.stats();
    return stats?.path && stats.rtt_ms !== null && stats.packets_received > 20 && stats;
  });
  truth(DIRECT.includes(told.path.local), `the page's path is ${JSON.stringify(told.path)}`);
  same(told.packets_lost, 0, "what the page lost");
  const { path, loss } = await native.stats();
  truth(DIRECT.includes(path), `the native path is ${path}`);
  same(loss, 0, "what the native phone lost");
});

/** Not relayed: on loopback Chromium takes now its own address, now the same as the STUN server saw it. */
const DIRECT = ["host", "prflx", "srflx"];
