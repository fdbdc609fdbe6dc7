// Every screen in two sizes and two languages: a picture is kept, and axe-core finds no serious fault.

import { createRequire } from "node:module";
import { join } from "node:path";

import { BrowserPhone } from "../lib/browser.mjs";
import { check, same, truth } from "../lib/checks.mjs";
import { connect, dial, press, rings } from "../lib/talk.mjs";
import { until } from "../lib/wait.mjs";

const SIZES = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
  desktop: { viewport: { width: 1280, height: 800 } },
};

for (const [size, device] of Object.entries(SIZES)) {
  for (const lang of ["en", "fr"]) {
    const context = { ...device, locale: lang === "fr" ? "fr-FR" : "en-GB", reducedMotion: "reduce" };

    const screen = (view, lead) =>
      check(`the screen ${view} in ${lang} on a ${size} is accessible and fits`, async (stage) => {
        const page = await lead(stage);
        await judge(page, join(stage.artifacts, `${view}-${size}-${lang}.png`), lang);
      });

    const online = (stage) => stage.browser("rider", { query: { lang }, context });
    const views = (web, view) =>
      until(`the view ${view}`, () => web.page.evaluate((view) => document.body.dataset.view === view, view));
    const shown = async (web, view) => {
      await views(web, view);
      return web.page;
    };

    screen("welcome", async (stage) => {
      const web = await BrowserPhone.open({ chrome: stage.chrome, url: stage.stack.url, query: { lang }, context });
      return shown(stage.keep(web), "welcome");
    });

    screen("home", async (stage) => {
      const [web] = await Promise.all([online(stage), stage.browser("driver"), stage.browser("courier")]);
      await until("two others are online", async () => (await web.state()).online.length >= 2);
      return shown(web, "home");
    });

    screen("outgoing", async (stage) => {
      const [web, other] = await Promise.all([online(stage), stage.browser("driver")]);
      await dial(web, other.user);
      await web.event("state", { state: "ringing" });
      return shown(web, "outgoing");
    });

    screen("incoming", async (stage) => {
      const [web, other] = await Promise.all([online(stage), stage.browser("driver")]);
      await dial(other, web.user);
      await rings(web);
      return shown(web, "incoming");
    });

    screen("call", async (stage) => {
      const web = await inCall(stage, online);
      await until("the call has figures", async () => (await web.stats())?.path);
      return shown(web, "call");
    });

    screen("ended", async (stage) => {
      const web = await inCall(stage, online);
      await press(web, "hangUp");
      await web.ended();
      return shown(web, "ended");
    });

    screen("status", async (stage) => {
      await inCall(stage, online);
      const status = await BrowserPhone.open({
        chrome: stage.chrome,
        url: stage.stack.url,
        path: "/status.html",
        query: { lang },
        context,
      });
      stage.keep(status);
      await status.page.waitForLoadState("networkidle").catch(() => {});
      return status.page;
    });
  }
}

async function inCall(stage, online) {
  const [web, other] = await Promise.all([online(stage), stage.browser("driver", { answer: true })]);
  await connect(web, other);
  return web;
}

/** Keeps a picture of the page, and fails if it has a serious fault. */
async function judge(page, file, lang) {
  await page.screenshot({ path: file, fullPage: true });
  same(await page.evaluate(() => document.documentElement.lang.slice(0, 2)), lang, "the language of the page");
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  truth(wide <= 0, `the page is ${wide} px wider than the screen`);

  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const told = serious.map(({ id, nodes }) => `${id} at ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
  truth(serious.length === 0, told.join("; "));
}

/** The source of axe-core, which is run in the page. */
const { source: AXE } = createRequire(import.meta.url)("axe-core");
