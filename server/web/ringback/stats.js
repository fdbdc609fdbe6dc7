// @ts-check
/**
 * What a connection says of itself, in one flat record.
 */

/**
 * @typedef {object} Stats
 * @property {{local: string, remote: string, protocol: string} | null} path candidate types of the selected pair
 * @property {number | null} rtt_ms
 * @property {number} loss share of the packets that did not come, 0 to 1
 * @property {number} jitter_ms
 * @property {number} packets_received
 * @property {number} packets_lost
 * @property {number} packets_sent
 * @property {number} concealed_samples
 * @property {number} silent_concealed_samples
 * @property {number} total_samples_received
 * @property {number} inserted_samples
 * @property {number} removed_samples
 * @property {number | null} jitter_buffer_ms
 * @property {number} sent_bps
 * @property {number} received_bps
 */

/**
 * @param {RTCPeerConnection} pc
 * @param {{last: {at: number, sent: number, received: number} | null}} memory what was counted the last time
 * @returns {Promise<Stats>}
 */
export async function readStats(pc, memory) {
  /** @type {Map<string, any>} */
  const entries = new Map();
  /** @type {Record<string, any>} */
  const first = {};
  (await pc.getStats()).forEach((entry) => {
    entries.set(entry.id, entry);
    first[entry.type] ??= entry;
  });
  const inbound = first["inbound-rtp"] ?? {};
  const outbound = first["outbound-rtp"] ?? {};
  const pair = entries.get(first.transport?.selectedCandidatePairId) ?? selectedPair(entries);
  const rtt = pair?.currentRoundTripTime ?? first["remote-inbound-rtp"]?.roundTripTime ?? null;
  const lost = Math.max(0, inbound.packetsLost ?? 0);
  const received = inbound.packetsReceived ?? 0;
  const bytes = { at: performance.now(), sent: outbound.bytesSent ?? 0, received: inbound.bytesReceived ?? 0 };
  const { last } = memory;
  const seconds = last ? (bytes.at - last.at) / 1000 : 0;
  memory.last = bytes;
  const rate = (/** @type {number} */ now, /** @type {number} */ before) => (seconds > 0 ? (8 * (now - before)) / seconds : 0);
  return {
    path: pair ? pathOf(entries, pair) : null,
    rtt_ms: rtt === null ? null : 1000 * rtt,
    loss: received + lost > 0 ? lost / (received + lost) : 0,
    jitter_ms: 1000 * (inbound.jitter ?? 0),
    packets_received: received,
    packets_lost: lost,
    packets_sent: outbound.packetsSent ?? 0,
    concealed_samples: inbound.concealedSamples ?? 0,
    silent_concealed_samples: inbound.silentConcealedSamples ?? 0,
    total_samples_received: inbound.totalSamplesReceived ?? 0,
    inserted_samples: inbound.insertedSamplesForDeceleration ?? 0,
    removed_samples: inbound.removedSamplesForAcceleration ?? 0,
    jitter_buffer_ms: inbound.jitterBufferEmittedCount
      ? (1000 * inbound.jitterBufferDelay) / inbound.jitterBufferEmittedCount
      : null,
    sent_bps: rate(bytes.sent, last?.sent ?? 0),
    received_bps: rate(bytes.received, last?.received ?? 0),
  };
}

/** @param {Map<string, any>} entries @param {any} pair */
function pathOf(entries, pair) {
  const local = entries.get(pair.localCandidateId);
  const remote = entries.get(pair.remoteCandidateId);
  return {
    local: local?.candidateType ?? "unknown",
    remote: remote?.candidateType ?? "unknown",
    protocol: local?.relayProtocol ?? local?.protocol ?? "udp",
  };
}

/** For browsers without `transport` entries. @param {Map<string, any>} entries */
function selectedPair(entries) {
  return [...entries.values()].find((entry) => entry.type === "candidate-pair" && (entry.selected || (entry.nominated && entry.state === "succeeded")));
}
