// @ts-check
/**
 * Who is online, as a list with a button each.
 */

import { t } from "./i18n.js";

/** @typedef {import("../ringback/phone.js").Online} Online */

/**
 * One row a user: somebody with two devices is one person to call.
 * @param {Online[]} online @param {string} self @param {(user: string) => void} call
 */
export function drawPeople(online, self, call) {
  const list = /** @type {HTMLElement} */ (document.getElementById("people"));
  const nobody = /** @type {HTMLElement} */ (document.getElementById("nobody"));
  const users = new Map(online.filter(({ user }) => user !== self).map((one) => [one.user, one]));
  const sorted = [...users.values()].sort((a, b) => a.user.localeCompare(b.user));
  nobody.hidden = sorted.length > 0;
  const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset.callUser;
  list.replaceChildren(...sorted.map((one) => person(one, call)));
  // A redrawn list must not take the focus away.
  /** @type {HTMLElement | null} */
  const again = focused ? list.querySelector(`[data-call-user="${CSS.escape(focused)}"]`) : null;
  again?.focus();
}

/** Shows a name as initials on its own colour. @param {HTMLElement} avatar @param {string} name */
export function drawAvatar(avatar, name) {
  const words = name.split(/[._:@-]+/).filter(Boolean);
  const initials = (words.length > 1 ? words[0][0] + words[1][0] : name.slice(0, 2)).toUpperCase();
  const hue = [...name].reduce((sum, character) => (sum * 31 + (character.codePointAt(0) ?? 0)) % 360, 7);
  avatar.style.setProperty("--hue", String(hue));
  /** @type {HTMLElement} */ (avatar.firstElementChild).textContent = initials;
}

/** @param {Online} one @param {(user: string) => void} call */
function person({ user, app }, call) {
  const item = document.createElement("li");
  item.className = "person";
  const avatar = document.createElement("div");
  avatar.className = "avatar";
  avatar.setAttribute("aria-hidden", "true");
  avatar.append(document.createElement("span"));
  drawAvatar(avatar, user);
  const text = document.createElement("div");
  text.className = "person-text";
  const name = document.createElement("div");
  name.className = "person-name";
  name.textContent = user;
  const where = document.createElement("div");
  where.className = "person-app";
  where.textContent = t(APPS[app] ?? "appOther");
  text.append(name, where);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "call";
  button.dataset.callUser = user;
  button.setAttribute("aria-label", t("callPerson", { name: user }));
  button.innerHTML = HANDSET;
  button.append(Object.assign(document.createElement("span"), { textContent: t("call") }));
  button.addEventListener("click", () => call(user));
  item.append(avatar, text, button);
  return item;
}

/** @type {Record<string, string>} */
const APPS = { browser: "appBrowser", terminal: "appTerminal", echo: "appEcho" };
const HANDSET = '<svg viewBox="0 0 32 32" aria-hidden="true"><use href="#handset"></use></svg>';
