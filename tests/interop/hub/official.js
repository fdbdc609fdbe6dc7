// The official JavaScript client, @supabase/realtime-js, on the serializer that the first argument names.

import { RealtimeClient } from '@supabase/realtime-js';
import WebSocket from 'ws';

import { check, notBefore, run, same, sleep, truth } from './lib/checks.js';
import { hub, topic, user, withLimits, withSwitches } from './lib/hub.js';
import { VSN, channel, client, joined, pair, until } from './lib/official.js';

/** Of a token that is to expire, in seconds: short, and long enough for a join on a busy machine. */
const LIFE = 8;

/** A check for the serializer that carries bytes. */
const checkOfBytes = (name, body) => VSN === '2.0.0' && check(name, body);

check('the serializer is the one that was asked for', async () => {
  const asked = await client();
  truth(asked.endpointURL().includes(`vsn=${VSN}`), asked.endpointURL());
  const plain = new RealtimeClient('ws://127.0.0.1:9/realtime/v1', { transport: WebSocket, params: { apikey: 'x' } });
  truth(plain.endpointURL().includes('vsn=2.0.0'), 'the default is another one');
  await asked.disconnect();
});

check('it connects and its heartbeats are answered', async () => {
  const socket = await client(hub, { options: { heartbeatIntervalMs: 1000 } });
  await until(() => socket.beats.filter((beat) => beat === 'ok').length >= 3, 12_000, 'the third heartbeat');
  truth(!socket.beats.includes('timeout') && !socket.beats.includes('error'), socket.beats.join(' '));
  await socket.disconnect();
});

check('it joins a public topic', async () => {
  const socket = await client();
  await joined(socket, topic());
  await socket.disconnect();
});

check('it joins its private inbox', async () => {
  const id = user();
  const socket = await client(hub, { token: hub.token(id) });
  await joined(socket, `user:${id}`, { private: true });
  await socket.disconnect();
});

check('a refused join is told with its reason after 5 s and tried again', async () => {
  const socket = await client(hub, { token: hub.token(user()) });
  const refused = channel(socket, `user:${user()}`, { private: true });
  const start = performance.now();
  refused.subscribe();
  const [, message] = await refused.state('CHANNEL_ERROR');
  truth(/^Unauthorized: You do not have permissions to read/.test(message), message);
  notBefore(performance.now() - start, 4900, 'the refusal');
  await until(() => refused.made.state === 'joining', 4000, 'another attempt');
  await socket.disconnect();
});

check('a broadcast reaches the other and not the sender', async () => {
  const { left, right, close } = await pair();
  same(await left.send('sig', { n: 1 }), 'ok', 'the answer');
  same((await right.heard('sig')).payload, { n: 1 }, 'the payload');
  await sleep(200);
  same(left.got.length, 0, 'what the sender heard');
  await close();
});

check('the sender hears itself with self', async () => {
  const { left, close } = await pair({ broadcast: { self: true } });
  await left.send('sig', { n: 1 });
  same((await left.heard('sig')).payload, { n: 1 }, 'the payload');
  await close();
});

check('an acknowledged broadcast answers ok', async () => {
  const { left, close } = await pair({ broadcast: { ack: true } });
  same(await left.send('sig', {}), 'ok', 'the answer');
  await close();
});

check('an acknowledged broadcast over the limit answers error', async () => {
  const { left, close } = await pair({ broadcast: { ack: true } });
  same(await left.send('sig', { padding: 'x'.repeat(3_500_000) }), 'error', 'the answer');
  await close();
});

check('text of every script survives', async () => {
  const { left, right, close } = await pair();
  const payload = { text: 'été \u{1F697} \u0000 "quoted" שלום', nested: [1, null, { a: true }] };
  await left.send('sig', payload);
  same((await right.heard('sig')).payload, payload, 'the payload');
  await close();
});

checkOfBytes('bytes survive', async () => {
  const { left, right, close } = await pair();
  await left.send('raw', new Uint8Array([0, 255, 7]).buffer);
  same([...new Uint8Array((await right.heard('raw')).payload)], [0, 255, 7], 'the bytes');
  await close();
});

check('a hundred broadcasts arrive in order', async () => {
  const { left, right, close } = await pair();
  for (let n = 0; n < 100; n += 1) left.send('n', { n });
  await until(() => right.got.length === 100, 8000, 'the hundredth');
  same(right.got.map(({ payload }) => payload.n), [...Array(100).keys()], 'the order');
  await close();
});

check('a broadcast of a client on the other serializer is understood', async () => {
  const name = topic();
  const [mine, other] = [await client(), await client(hub, { options: { vsn: VSN === '1.0.0' ? '2.0.0' : '1.0.0' } })];
  const [left, right] = await Promise.all([joined(mine, name), joined(other, name)]);
  await left.send('there', { n: 1 });
  await right.send('back', { n: 2 });
  same([(await right.heard('there')).payload, (await left.heard('back')).payload], [{ n: 1 }, { n: 2 }], 'the payloads');
  await Promise.all([mine.disconnect(), other.disconnect()]);
});

check('httpSend reaches a subscriber', async () => {
  const { left, right, close } = await pair();
  same(await left.made.httpSend('sig', { n: 1 }), { success: true }, 'the answer');
  same((await right.heard('sig')).payload, { n: 1 }, 'the payload');
  await close();
});

checkOfBytes('httpSend of bytes reaches a subscriber', async () => {
  const { left, right, close } = await pair();
  await left.made.httpSend('raw', new Uint8Array([1, 254]));
  same([...new Uint8Array((await right.heard('raw')).payload)], [1, 254], 'the bytes');
  await close();
});

check('httpSend without the right is refused', async () => {
  const socket = await client();
  const inbox = channel(socket, `user:${user()}`, { private: true });
  const error = await inbox.made.httpSend('sig', {}).then(
    () => null,
    (why) => why,
  );
  truth(error instanceof Error, 'it was accepted');
  await socket.disconnect();
});

check('a send before the join goes over REST', async () => {
  const [a, b] = await Promise.all([client(), client()]);
  const name = topic();
  const right = await joined(b, name);
  const warn = console.warn;
  console.warn = () => {};
  same(await channel(a, name).send('sig', { n: 1 }), 'ok', 'the answer');
  console.warn = warn;
  same((await right.heard('sig')).payload, { n: 1 }, 'the payload');
  await Promise.all([a.disconnect(), b.disconnect()]);
});

check('presence is tracked, untracked and seen by both', async () => {
  const [a, b] = await Promise.all([client(), client()]);
  const name = topic();
  const [left, right] = [channel(a, name, { presence: { key: 'alice' } }), channel(b, name, { presence: { key: 'bob' } })];
  const events = [];
  for (const event of ['sync', 'join', 'leave']) {
    left.made.on('presence', { event }, () => {});
    right.made.on('presence', { event }, ({ key }) => events.push(`${event} ${key ?? ''}`.trim()));
  }
  left.subscribe();
  right.subscribe();
  await Promise.all([left.state('SUBSCRIBED'), right.state('SUBSCRIBED')]);
  same(await left.made.track({ device: 'phone' }), 'ok', 'the answer to track');
  await until(() => right.made.presenceState().alice?.[0]?.device === 'phone', 8000, 'the presence');
  await until(() => left.made.presenceState().alice, 8000, 'the own presence');
  same(await left.made.untrack(), 'ok', 'the answer to untrack');
  await until(() => !right.made.presenceState().alice, 8000, 'the end of the presence');
  truth(['sync', 'join alice', 'leave alice'].every((event) => events.includes(event)), events.join(', '));
  await Promise.all([a.disconnect(), b.disconnect()]);
});

check('an update of a presence is seen', async () => {
  const [a, b] = await Promise.all([client(), client()]);
  const name = topic();
  const [left, right] = [channel(a, name, { presence: { key: 'alice', enabled: true } }), channel(b, name)];
  right.made.on('presence', { event: 'sync' }, () => {});
  left.subscribe();
  right.subscribe();
  await Promise.all([left.state('SUBSCRIBED'), right.state('SUBSCRIBED')]);
  // This client keeps the old meta beside the new one: it removes the refs by which it would find it.
  const has = (device) => right.made.presenceState().alice?.some((meta) => meta.device === device);
  await left.made.track({ device: 'phone' });
  await until(() => has('phone'), 8000, 'the presence');
  await left.made.track({ device: 'tablet' });
  await until(() => has('tablet'), 8000, 'the update');
  await Promise.all([a.disconnect(), b.disconnect()]);
});

check('a late subscriber gets the presence state', async () => {
  const [a, b] = await Promise.all([client(), client()]);
  const name = topic();
  const left = channel(a, name, { presence: { key: 'alice', enabled: true } });
  left.subscribe();
  await left.state('SUBSCRIBED');
  await left.made.track({ n: 1 });
  const right = channel(b, name, { presence: { key: 'bob' } });
  right.made.on('presence', { event: 'sync' }, () => {});
  right.subscribe();
  await until(() => right.made.presenceState().alice?.[0]?.n === 1, 8000, 'the presence');
  await a.disconnect();
  await until(() => !right.made.presenceState().alice, 8000, 'the end of the presence');
  await b.disconnect();
});

check('a sixth presence call within 30 s closes the channel', async () => {
  const socket = await client();
  const eager = channel(socket, topic(), { presence: { key: 'alice', enabled: true } });
  eager.subscribe();
  await eager.state('SUBSCRIBED');
  for (let n = 0; n < 6; n += 1) eager.made.track({ n });
  await eager.state('CLOSED');
  truth(eager.got.some(({ payload }) => payload.message === 'Client presence rate limit exceeded'), 'no system message');
  await socket.disconnect();
});

check('a refreshed token keeps the channel beyond the first expiry', async () => {
  const id = user();
  const socket = await client(hub, { token: hub.token(id, LIFE) });
  const inbox = await joined(socket, `user:${id}`, { private: true, broadcast: { ack: true } });
  await socket.setAuth(hub.token(id));
  await sleep((LIFE + 2) * 1000);
  same([inbox.made.state, await inbox.send('still', {})], ['joined', 'ok'], 'state and answer');
  await socket.disconnect();
});

check('an expired token ends the channel for good', async () => {
  const id = user();
  const socket = await client(hub, { token: hub.token(id, LIFE) });
  const inbox = await joined(socket, `user:${id}`, { private: true });
  await inbox.state('CLOSED', 16_000);
  const note = inbox.got.find(({ event }) => event === 'system')?.payload;
  same([note?.status, note?.message], ['error', 'Token has expired 0 seconds ago'], 'the note');
  const joins = inbox.states.length;
  await sleep(4000);
  same([inbox.made.state, inbox.states.length], ['closed', joins], 'state and number of changes');
  await socket.disconnect();
});

check('unsubscribing is answered and ends the delivery', async () => {
  const { left, right, close } = await pair();
  same(await right.made.unsubscribe(), 'ok', 'the answer');
  await left.send('sig', {});
  await sleep(300);
  same(right.got.length, 0, 'what came');
  await close();
});

check('one client joins many topics on one socket', async () => {
  const socket = await client();
  const names = Array.from({ length: 30 }, () => topic());
  const channels = await Promise.all(names.map((name) => joined(socket, name, { broadcast: { self: true } })));
  await Promise.all(channels.map((one, n) => one.send('sig', { n })));
  const heard = await Promise.all(channels.map((one) => one.heard('sig')));
  same(heard.map(({ payload }) => payload.n), [...names.keys()], 'who heard what');
  await socket.disconnect();
});

check('a join with changes of tables succeeds', async () => {
  const socket = await client();
  const tables = channel(socket, topic());
  tables.made.on('postgres_changes', { event: '*', schema: 'public', table: 'calls' }, () => {});
  tables.subscribe();
  const [state, why] = await until(() => tables.states[0], 12_000, 'a state');
  same([state, why], ['SUBSCRIBED', undefined], 'the state');
  await socket.disconnect();
});

check('a broadcast sent while a refused join stalls the socket arrives after it', async () => {
  const { a, left, right, close } = await pair();
  await a.setAuth(hub.token(user()));
  const start = performance.now();
  channel(a, `user:${user()}`, { private: true }).subscribe();
  // From before the join is sent: the stall cannot have begun yet.
  left.send('late', {});
  await right.heard('late', 12_000);
  notBefore(performance.now() - start, 4900, 'the broadcast');
  await close();
});

check('after the hub was restarted it connects and joins again by itself', () =>
  withSwitches(async (own) => {
    const socket = await client(own);
    const room = await joined(socket, topic(), { broadcast: { self: true, ack: true } });
    await own.kick(1012);
    await until(() => !socket.isConnected(), 4000, 'the end of the connection');
    await until(() => room.states.filter(([state]) => state === 'SUBSCRIBED').length === 2, 12_000, 'the second join');
    same(await room.send('again', {}), 'ok', 'the answer');
    await room.heard('again');
    await socket.disconnect();
  }));

check('after a crash of its channel it joins again by itself', () =>
  withSwitches(async (own) => {
    const socket = await client(own);
    const room = await joined(socket, topic(), { broadcast: { self: true } });
    await own.crashChannels();
    await until(() => room.states.some(([state]) => state === 'CHANNEL_ERROR'), 4000, 'the error');
    await until(() => room.states.filter(([state]) => state === 'SUBSCRIBED').length === 2, 12_000, 'the second join');
    await room.send('again', {});
    await room.heard('again');
    await socket.disconnect();
  }));

check('a channel that the rate limit closed stays closed', () =>
  withLimits(
    async (own) => {
      const [a, b] = await Promise.all([client(own), client(own)]);
      const name = topic();
      const [sender, receiver] = [await joined(a, name, { broadcast: { ack: true } }), await joined(b, name)];
      const flood = setInterval(() => sender.send('flood', {}), 20);
      await receiver.state('CLOSED');
      clearInterval(flood);
      truth(receiver.got.some(({ payload }) => payload.message === 'Too many messages per second'), 'no system message');
      same(await sender.send('two', {}), 'ok', 'the answer to the sender');
      await sleep(3000);
      same(receiver.made.state, 'closed', 'the state');
      await Promise.all([a.disconnect(), b.disconnect()]);
    },
    { 'messages-per-second': 10, 'tick-ms': 500 },
  ));

check('a replayed message is marked and comes oldest first', () =>
  withSwitches(async (own) => {
    const id = user();
    for (let n = 0; n < 3; n += 1) await own.sendFromDatabase(`user:${id}`, 'old', { n });
    const socket = await client(own, { token: own.token(id) });
    const inbox = await joined(socket, `user:${id}`, { private: true, broadcast: { replay: { since: Date.now() - 60_000, limit: 10 } } });
    await until(() => inbox.got.filter(({ event }) => event === 'old').length === 3, 8000, 'the replay');
    same(inbox.got.map(({ payload }) => payload.n), [0, 1, 2], 'the order');
    truth(inbox.got.every(({ meta }) => meta?.replayed === true && meta.id), 'a meta is missing');
    await socket.disconnect();
  }));

check('a message of the database is understood', () =>
  withSwitches(async (own) => {
    const id = user();
    const socket = await client(own, { token: own.token(id) });
    const inbox = await joined(socket, `user:${id}`, { private: true });
    await own.sendFromDatabase(`user:${id}`, 'sig', { n: 1 });
    const message = await inbox.heard('sig');
    same([message.payload.n, typeof message.meta?.id], [1, 'string'], 'payload and id');
    await socket.disconnect();
  }));

await run();
