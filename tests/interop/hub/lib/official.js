// The official JavaScript client as the checks use it: clients, channels that keep what came, and pairs of them.

import { RealtimeClient } from '@supabase/realtime-js';
import WebSocket from 'ws';

import { sleep } from './checks.js';
import { hub, topic } from './hub.js';

/** The serializer, which the first argument names. */
export const VSN = process.argv[2] ?? '2.0.0';

/** A client of `at`, with a token if one is given. Heartbeats are counted in `beats`. */
export async function client(at = hub, { token, options = {} } = {}) {
  const beats = [];
  const created = new RealtimeClient(`${at.url.replace(/^http/, 'ws')}/realtime/v1`, {
    transport: WebSocket,
    params: { apikey: at.key },
    vsn: VSN,
    heartbeatCallback: (status) => beats.push(status),
    ...options,
  });
  created.beats = beats;
  if (token) await created.setAuth(token);
  created.connect();
  return created;
}

/** A channel with everything that came to it, and the states of its subscription. */
export function channel(of, name, config = {}) {
  const made = of.channel(name, { config });
  const got = [];
  made.on('broadcast', { event: '*' }, (message) => got.push(message));
  made.on('system', {}, (message) => got.push({ event: 'system', payload: message }));
  const states = [];
  const subscribe = () => made.subscribe((state, error) => states.push([state, error?.message]));
  const state = (wanted, ms = 12_000) => until(() => states.find(([name]) => name === wanted), ms, wanted);
  const heard = (event, ms) => until(() => got.find((message) => message.event === event), ms, event);
  const send = (event, payload, options) => made.send({ type: 'broadcast', event, payload }, options);
  return { made, got, states, subscribe, state, heard, send };
}

/** A channel that is subscribed. */
export async function joined(of, name, config) {
  const made = channel(of, name, config);
  made.subscribe();
  await made.state('SUBSCRIBED');
  return made;
}

/** Resolves to what `look` finds. */
export async function until(look, ms = 8000, what = 'it') {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    const found = look();
    if (found) return found;
    await sleep(5);
  }
  throw new Error(`${what} did not come within ${ms} ms`);
}

/** Two clients on one topic. */
export async function pair(config, name = topic()) {
  const [a, b] = await Promise.all([client(), client()]);
  const [left, right] = await Promise.all([joined(a, name, config), joined(b, name, config)]);
  return { a, b, left, right, name, close: () => Promise.all([a.disconnect(), b.disconnect()]) };
}
