// Connecting, refusals, limits of a frame, silence.

import { check, checkBoth, notBefore, same, skip, sleep, truth } from '../lib/checks.js';
import { hub, isOurs, now, topic, user } from '../lib/hub.js';
import { Socket, attempt } from '../lib/phoenix.js';

const REFUSED = [
  ['a missing key', () => null, 'API key is missing'],
  ['an expired key', () => hub.anon(-60), 'Token has expired'],
  ['a key that is no token', () => 'nonsense', 'The token provided is not a valid JWT'],
  ['a key signed by somebody else', () => hub.sign({ role: 'anon', exp: now() + 60 }, 'x'.repeat(40)), 'Failed to validate JWT signature'],
  ['a key without role and exp', () => hub.sign({ sub: user() }), 'Fields `role` and `exp` are required in JWT'],
];

for (const [what, key, message] of REFUSED) {
  check(`${what} is refused with 401 after 2 s`, async () => {
    const answer = await attempt(hub, { key: key() });
    same(answer.status, 401, 'the status');
    same(JSON.parse(answer.body), { error: message }, 'the body');
    notBefore(answer.ms, 1900, 'the refusal');
  });
}

check('a publishable key is refused, which only a gateway swaps', async () => {
  if (hub.key.startsWith('sb_')) skip('the target has a gateway that swaps such keys');
  same((await attempt(hub, { key: 'sb_publishable_nobody' })).status, 401, 'the status');
});

check('the header x-api-key wins over the query', async () => {
  const good = await Socket.open(hub, { key: 'nonsense', headers: { 'x-api-key': hub.key } });
  good.close();
  same((await attempt(hub, { headers: { 'x-api-key': 'nonsense' } })).status, 401, 'the status');
});

check('an unsupported vsn is refused with 403 and an empty body', async () => {
  const answer = await attempt(hub, { vsn: '3.0.0' });
  same([answer.status, answer.body], [403, ''], 'the answer');
});

check('no vsn means 1.0.0', async () => {
  const socket = await Socket.open(hub, { vsn: null });
  const { reply } = await socket.heartbeat();
  same(reply.payload, { status: 'ok', response: {} }, 'the reply');
  socket.close();
});

check('log_level is accepted', async () => {
  const socket = await Socket.open(hub, { query: { log_level: 'info' } });
  await socket.heartbeat();
  socket.close();
});

check('there is no permessage-deflate', async () => {
  const socket = await Socket.open(hub, { deflate: true });
  same(socket.extensions, '', 'the agreed extensions');
  socket.close();
});

checkBoth('a heartbeat is answered', async (vsn) => {
  const socket = await Socket.open(hub, { vsn });
  const { reply } = await socket.heartbeat();
  same(reply.payload, { status: 'ok', response: {} }, 'the reply');
  socket.close();
});

check('a frame of 4.9 MB is read and one over 5 MB closes with 1009', async () => {
  const socket = await Socket.open(hub);
  socket.push('phoenix', 'heartbeat', { padding: 'x'.repeat(4_900_000) });
  await socket.heartbeat();
  socket.text('x'.repeat(5_000_001));
  same((await socket.closed).code, 1009, 'the close code');
});

checkBoth('a frame that makes no sense does not end the socket', async (vsn) => {
  const socket = await Socket.open(hub, { vsn });
  socket.text('{bad');
  socket.text('[]');
  socket.text('{"topic":1}');
  await survives(socket);
});

check('a binary frame that makes no sense does not end the socket', async () => {
  const socket = await Socket.open(hub);
  socket.bytes(Buffer.from([3]));
  socket.bytes(Buffer.from([3, 255, 255, 255, 255, 255, 1]));
  socket.bytes(Buffer.from([9, 0, 0, 0]));
  await survives(socket);
});

check(
  'a silent client is closed with 1000 after 60 to 66 s although it receives',
  async () => {
    const name = topic('idle');
    const [silent, talker] = await Promise.all([Socket.open(hub), Socket.open(hub)]);
    const listening = await silent.join(name);
    const last = performance.now();
    const talking = await talker.join(name);
    const beat = setInterval(() => talking.binary('tick', {}), 5000);
    try {
      const end = await silent.closed;
      same(end.code, 1000, 'the close code');
      notBefore(end.at - last, 58_000, 'the silence');
      await listening.heard('tick');
    } finally {
      clearInterval(beat);
      talker.close();
    }
  },
  { limit: 90_000 },
);

check(
  'pings of the websocket count as traffic',
  async () => {
    const socket = await Socket.open(hub);
    const beat = setInterval(() => socket.isOpen && socket.ws.ping(), 15_000);
    await Promise.race([sleep(70_000), socket.closed]);
    clearInterval(beat);
    truth(socket.isOpen, 'it was closed');
    socket.close();
  },
  { limit: 90_000 },
);

/** The real server may close a socket that sends nonsense; then a new one must be welcome. */
async function survives(socket) {
  if (isOurs) return void (await socket.heartbeat());
  const alive = await socket.heartbeat().then(
    () => true,
    () => false,
  );
  if (!alive) (await Socket.open(hub)).close();
}
