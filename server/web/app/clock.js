// @ts-check

/** Minutes and seconds, hours if there are any. @param {number} ms */
export function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  const pad = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(seconds % 60)}` : `${minutes}:${pad(seconds % 60)}`;
}
