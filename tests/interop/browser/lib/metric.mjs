// Results of benchmarks: one line of JSON each, in the shape that all benchmarks of the project print.

/** Prints a result. */
export function tell({ name, ours, peer, unit, n }) {
  const ratio = peer > 0 ? round(ours / peer) : null;
  console.log(JSON.stringify({ name, ours: round(ours), peer: round(peer), ratio, unit, n }));
}

/** The value below which `percent` of `values` lie (nearest rank). */
export function percentile(values, percent) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];
}

function round(value) {
  return Math.round(value * 1_000) / 1_000;
}
