// Named checks: registered by the files of a suite, run side by side, one line printed for each.
//
// A check passes unless it throws. `skip` ends it with a reason. Nothing is ever left out silently.

const registered = [];

/** How long a check may take, in ms. Most need well under a second, and 5 s more for each stall. */
const LIMIT = 30_000;

/** How many run side by side: most wait for a stall of the server, and a busy machine still has to be in time. */
const SIDE_BY_SIDE = 32;

class Skipped extends Error {}

/** Registers a check. `limit` is in ms. */
export function check(name, body, { limit = LIMIT } = {}) {
  if (registered.some((other) => other.name === name)) throw new Error(`two checks are named ${name}`);
  registered.push({ name, body, limit });
}

/** Registers a check for each serializer. */
export function checkBoth(name, body, options) {
  for (const vsn of ['1.0.0', '2.0.0']) check(`${name} (${vsn})`, () => body(vsn), options);
}

/** Ends the check that runs as skipped. */
export function skip(why) {
  throw new Skipped(why);
}

/** Runs every registered check whose name contains `ONLY` of the environment. Never returns. */
export async function run() {
  const only = process.env.ONLY ?? '';
  // The longest begin first.
  const chosen = registered.filter(({ name }) => name.includes(only)).sort((a, b) => b.limit - a.limit);
  let good = true;
  const lane = async () => {
    for (let next = chosen.shift(); next; next = chosen.shift()) good = (await one(next)) && good;
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, lane));
  process.exit(good ? 0 : 1);
}

async function one({ name, body, limit }) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing after ${limit / 1000} s`)), limit);
  });
  try {
    await Promise.race([body(), late]);
    console.log(`ok ${name}`);
    return true;
  } catch (error) {
    const why = String(error?.message ?? error).replace(/\s+/g, ' ').slice(0, 400);
    if (error instanceof Skipped) {
      console.log(`SKIPPED ${name}: ${why}`);
      return true;
    }
    console.log(`not ok ${name}: ${why}`);
    return false;
  } finally {
    clearTimeout(timer);
  }
}

/** Fails unless both are the same as JSON. */
export function same(actual, expected, what = 'it') {
  const [a, b] = [stable(actual), stable(expected)];
  if (a !== b) throw new Error(`${what} is ${a}, not ${b}`);
}

/** Fails with `why` unless `fact` holds. */
export function truth(fact, why) {
  if (!fact) throw new Error(why);
}

/** Fails if something came earlier than it may, in ms. That it comes in time is the limit of its check. */
export function notBefore(ms, earliest, what) {
  truth(ms >= earliest, `${what} took ${Math.round(ms)} ms, not at least ${earliest}`);
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function stable(value) {
  return JSON.stringify(value, (_, inner) =>
    inner && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
