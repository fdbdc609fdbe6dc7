// Named checks, run one after the other: they share two cores, and what they measure is sound in real time.

const registered = [];

/** Registers a check. It passes unless it throws; `stage` is what it needs. */
export function check(name, body, { limitMs = 40_000 } = {}) {
  if (registered.some((other) => other.name === name)) throw new Error(`two checks are named ${name}`);
  registered.push({ name, body, limitMs });
}

/**
 * Registers checks that follow each other on the same phones. `body` gets the stage, and a function that runs one of
 * `names`; those that it does not come to have failed.
 */
export function tour(names, body, { limitMs = 90_000 } = {}) {
  registered.push({ name: names.join("; "), names, body, limitMs });
}

/** Runs every check whose name contains `only`, and prints a line for each. True if none failed. */
export async function run(stage, only = "") {
  let good = true;
  for (const { name, names, body, limitMs } of registered.filter((one) => one.name.includes(only))) {
    const began = performance.now();
    const left = new Set(names ?? [name]);
    const record = async (which, part) => {
      left.delete(which);
      try {
        await part();
        console.log(`ok ${which}`);
      } catch (error) {
        good = false;
        console.log(`not ok ${which}: ${words(error)}`);
      }
    };
    if (names) {
      await stage.play(() => body(stage, record), limitMs).catch((error) => {
        good = false;
        left.forEach((which) => console.log(`not ok ${which}: not reached, ${words(error)}`));
      });
    } else {
      await record(name, () => stage.play(() => body(stage), limitMs));
    }
    const seconds = (performance.now() - began) / 1000;
    if (seconds > SLOW_S) console.log(`    that took ${seconds.toFixed(1)} s`);
  }
  return good;
}

/** Fails unless both are the same as JSON. */
export function same(actual, expected, what) {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what} is ${a}, not ${b}`);
}

/** Fails with `why` unless `fact` holds. */
export function truth(fact, why) {
  if (!fact) throw new Error(why);
}

function words(error) {
  return String(error?.message ?? error).replace(/\s+/g, " ").slice(0, 600);
}

const SLOW_S = 10;
