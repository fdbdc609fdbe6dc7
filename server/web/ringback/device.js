// @ts-check
/**
 * Which device this is: kept by the tab, so that a reload stays the same device and two tabs are two.
 *
 * A copied tab brings the first one's storage along; the lock that a living tab holds tells them apart.
 */

import { randomBytes, readUuid, uuidFrom } from "./ids.js";

/** @param {string} user @returns {Promise<string>} a UUID */
export async function deviceOf(user) {
  const key = `ringback.device.${user}`;
  const kept = readUuid(storage()?.getItem(key) ?? "");
  const device = kept !== null && (await hold(kept)) ? kept : uuidFrom(randomBytes(16));
  if (device !== kept) await hold(device);
  storage()?.setItem(key, device);
  return device;
}

/** Storage may be switched off: then every load is a new device. */
function storage() {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}

/** Holds the name for as long as the page lives; says whether it was free. @param {string} device @returns {Promise<boolean>} */
function hold(device) {
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    const held = navigator.locks.request(`ringback.${device}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock ? new Promise(() => {}) : undefined;
    });
    held.catch(() => resolve(true));
  });
}
