// Waits with a limit, and says what it waited for.

/** Resolves with the first truthy value of `test`, which is asked again and again; rejects after `limitMs`. */
export async function until(what, test, limitMs = 15_000) {
  const end = Date.now() + limitMs;
  for (;;) {
    const value = await test();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${limitMs / 1000} s`);
    await pause(15);
  }
}

/** Lets time pass: for what has to last, such as a call in which sound is measured. Never to wait for an event. */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Resolves as `promise` does, or rejects after `limitMs`. */
export function within(what, promise, limitMs = 15_000) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${limitMs / 1000} s`)), limitMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
