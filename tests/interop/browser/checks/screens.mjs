// Every screen in two sizes and two languages: a picture is kept, and axe-core finds no serious fault.

import { createRequire } from "node:module";
import { join } from "node:path";

import { BrowserPhone } from "../lib/browser.mjs";
import { same, tour, truth } from "../lib/checks.mjs";
import { active, dial, mark, press } from "../lib/talk.mjs";
import { until } from "../lib/wait.mjs";

const SIZES = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
  desktop: { viewport: { width: 1280, height: 800 } },
};
const SCREENS = ["welcome", "home", "outgoing", "incoming", "call", "status", "ended"];

for (const [size, device] of Object.entries(SIZES)) {
  for (const lang of ["en", "fr"]) {
    const name = (screen) => `the screen ${screen} in ${lang} on a ${size} fits and is accessible`;
    tour(SCREENS.map(name), async (stage, check) => {
      const context = { ...device, locale: lang === "fr" ? "fr-FR" : "en-GB", reducedMotion: "reduce" };
      const { chrome, stack } = stage;
      const world = { chrome, url: stack.url, context, keep: stage.keeper() };
      const see = (screen, page, ready) =>
        check(name(screen), async () => {
          await ready?.();
          if (screen !== "status") await showing(page, screen);
          await judge(page, join(stage.artifacts, `${screen}-${size}-${lang}.png`), lang);
        });

      const newcomer = await BrowserPhone.open({ ...world, query: { lang } });
      await see("welcome", newcomer.page);
      await newcomer.page.close();

      const driver = await stage.browser("driver");
      const rider = await stage.browser("rider", { query: { lang }, context });
      const { page } = rider;
      await see("home", page, () => until("the driver is online", async () => (await rider.state()).online.some(({ user }) => user === driver.user)));

      await dial(rider, driver.user);
      await rider.event("state", { state: "ringing" });
      await see("outgoing", page);
      await press(rider, "hangUp");
      await rider.ended();

      const marks = [await mark(rider), await mark(driver)];
      await dial(driver, rider.user);
      await rider.event("incoming", {}, { from: marks[0] });
      await see("incoming", page);
      await press(rider, "answer");
      await Promise.all([active(rider, marks[0]), active(driver, marks[1])]);
      await see("call", page, () => until("the call has figures", async () => /\d/.test(await page.locator("#rtt").textContent())));

      const status = await BrowserPhone.open({ ...world, path: "/status.html", query: { lang } });
      await see("status", status.page, () =>
        until("the status page shows who is online", () => status.page.getByText(rider.user).count()));
      await status.page.close();

      await press(rider, "hangUp");
      await rider.ended(marks[0]);
      await see("ended", page);
    });
  }
}

const DARK = ["a name that is refused", "a microphone that is refused"];

tour(DARK.map(inTheDark), async (stage, check) => {
  const context = { ...SIZES.phone, locale: "en-GB", reducedMotion: "reduce", colorScheme: "dark" };
  const see = (what, page) =>
    check(inTheDark(what), () => judge(page, join(stage.artifacts, `${what.replaceAll(" ", "-")}-dark.png`), "en"));

  const world = { chrome: stage.chrome, url: stage.stack.url, context, keep: stage.keeper() };
  const { page } = await BrowserPhone.open({ ...world, query: { lang: "en" } });
  await showing(page, "welcome");
  await page.fill("#name", "no name/at all");
  await page.click("#enter");
  await until("the name is refused", () => page.textContent("#name-error"));
  await see(DARK[0], page);
  await page.close();

  const rider = await stage.browser("rider", { tone: null, query: { lang: "en" }, context });
  await dial(rider, stage.name("nobody"));
  truth((await rider.ended()).code === "microphone.denied", "the call ended for another reason");
  await showing(rider.page, "ended");
  await see(DARK[1], rider.page);
});

function inTheDark(what) {
  return `the page with ${what} in the dark fits and is accessible`;
}

function showing(page, view) {
  return until(`the view ${view}`, () => page.evaluate((view) => document.body.dataset.view === view, view));
}

/** Keeps a picture of the page, and fails if it has a serious fault. */
async function judge(page, file, lang) {
  await page.screenshot({ path: file, fullPage: true });
  same(await page.evaluate(() => document.documentElement.lang.slice(0, 2)), lang, "the language of the page");
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  truth(wide <= 0, `the page is ${wide} px wider than the screen`);
  const crowded = await page.evaluate(crowding);
  truth(crowded.length === 0, crowded.join("; "));

  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const told = serious.map(({ id, nodes }) => `${id} at ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
  truth(serious.length === 0, told.join("; "));
}

/** Runs in the page: what lies beside the screen, or on something else. */
function crowding() {
  const name = (element) => element.id || element.className || element.localName;
  const seen = (selector) => [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility());
  const box = (element) => element.getBoundingClientRect();
  const off = seen("main :is(h2, p, button, input, .avatar, .card)")
    .filter((element) => box(element).left < -1 || box(element).right > innerWidth + 1)
    .map((element) => `${name(element)} lies beside the screen`);

  const boxes = seen(".view, .card, .bar");
  const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  const over = boxes.flatMap((one, at) =>
    boxes
      .slice(at + 1)
      .filter((other) => !one.contains(other) && !other.contains(one) && meet(box(one), box(other)))
      .map((other) => `${name(one)} and ${name(other)} overlap`));
  return [...off, ...over];
}

/** The source of axe-core, which is run in the page. */
const { source: AXE } = createRequire(import.meta.url)("axe-core");
