// Joins: accepted, refused, repeated; leaving; join_ref.

import { check, checkBoth, notBefore, same, truth } from '../lib/checks.js';
import { hub, now, topic, user } from '../lib/hub.js';
import { Socket } from '../lib/phoenix.js';

checkBoth('a join is answered with ok and its changes', async (vsn) => {
  const socket = await Socket.open(hub, { vsn });
  const { reply } = await socket.tryJoin(topic());
  same(reply.payload, { status: 'ok', response: { postgres_changes: [] } }, 'the reply');
  socket.close();
});

check('frames to a 1.0.0 client have no join_ref and those to a 2.0.0 client are arrays of five', async () => {
  const [one, two] = await Promise.all(['1.0.0', '2.0.0'].map((vsn) => Socket.open(hub, { vsn })));
  const replies = await Promise.all([one, two].map((socket) => socket.tryJoin(topic())));
  const [first, second] = replies.map(({ reply }) => JSON.parse(reply.raw));
  same(Object.keys(first).sort(), ['event', 'payload', 'ref', 'topic'], 'the keys');
  same(second.length, 5, 'the length');
  same(second.slice(0, 2), ['1', '1'], 'join_ref and ref');
  one.close();
  two.close();
});

check('a join with changes of tables is answered with their ids', async () => {
  const socket = await Socket.open(hub);
  const asked = { event: '*', schema: 'public', table: 'calls', filter: 'callee=eq.1' };
  const { reply } = await socket.tryJoin(topic(), { changes: [asked] });
  const [told] = reply.payload.response.postgres_changes;
  truth(Number.isInteger(told?.id), `there is no id in ${JSON.stringify(reply.payload.response)}`);
  const { id, ...rest } = told;
  same(rest, asked, 'what is told back');
  socket.close();
});

/** Tokens that end a join, and how its reason begins. */
const REFUSED = [
  ['of another user', () => hub.token(user()), /^Unauthorized: You do not have permissions to read from this Channel topic: user:/],
  ['that has expired', () => hub.token(user(), -7), /^InvalidJWTToken: Token has expired \d+ seconds ago$/],
  ['that is none', () => 'nonsense', /^MalformedJWT: /],
  ['signed by somebody else', () => hub.sign({ sub: user(), role: 'authenticated', exp: now() + 60 }, 'x'.repeat(40)), /^JwtSignatureError: /],
];

for (const [what, token, expected] of REFUSED) {
  checkBoth(`a private join with a token ${what} is refused after 5 s`, async (vsn) => {
    const socket = await Socket.open(hub, { vsn });
    const start = performance.now();
    const { reply } = await socket.tryJoin(`user:${user()}`, { token: token(), isPrivate: true });
    same(reply.payload.status, 'error', 'the status');
    truth(expected.test(reply.payload.response.reason), `the reason is ${reply.payload.response.reason}`);
    notBefore(performance.now() - start, 4900, 'the answer');
    socket.close();
  });
}

check('a topic without a name is refused', async () => {
  const socket = await Socket.open(hub);
  const { reply } = await socket.tryJoin('');
  truth(/^TopicNameRequired: /.test(reply.payload.response.reason), JSON.stringify(reply.payload));
  socket.close();
});

check('the 101st channel of a socket is refused', async () => {
  const socket = await Socket.open(hub);
  const name = topic('many');
  for (let batch = 0; batch < 4; batch += 1) {
    await Promise.all(Array.from({ length: 25 }, (_, n) => socket.join(`${name}:${batch}:${n}`)));
  }
  const { reply } = await socket.tryJoin(`${name}:over`);
  truth(/^ChannelRateLimitReached: /.test(reply.payload.response.reason ?? ''), JSON.stringify(reply.payload));
  socket.close();
});

check('a refused join stalls its whole socket for 5 s in both directions', async () => {
  const [stalled, other] = await Promise.all([Socket.open(hub), Socket.open(hub)]);
  const name = topic('stall');
  const [here, there] = await Promise.all([stalled.join(name), other.join(name)]);
  const start = performance.now();
  const took = () => performance.now() - start;
  const refused = stalled.tryJoin(`user:${user()}`, { token: hub.token(user()), isPrivate: true });
  const beat = stalled.heartbeat(12_000);
  here.binary('up', { n: 1 });
  there.binary('down', { n: 2 });
  const heardUp = there.heard('up', 12_000).then(took);
  const heardDown = here.heard('down', 12_000).then(took);
  const quick = await other.heartbeat();
  truth(quick.ms < 2000, 'another socket is stalled, too');
  await refused;
  notBefore((await beat).ms, 4700, 'the heartbeat');
  notBefore(await heardUp, 4700, 'the own message');
  notBefore(await heardDown, 4700, 'the message of the other');
  stalled.close();
  other.close();
});

check('a socket is as good as new after a refused join', async () => {
  const socket = await Socket.open(hub);
  const id = user();
  await socket.tryJoin(`user:${user()}`, { token: hub.token(id), isPrivate: true });
  await socket.join(`user:${id}`, { token: hub.token(id), isPrivate: true });
  socket.close();
});

checkBoth('a second join of a topic is answered before the first is closed', async (vsn) => {
  const socket = await Socket.open(hub, { vsn });
  const name = topic('again');
  const first = await socket.join(name);
  const second = await socket.join(name);
  const closed = await first.next('phx_close');
  same(closed.ref, first.joinRef, 'the ref of phx_close');
  const reply = socket.frames.find((f) => f.event === 'phx_reply' && f.ref === second.joinRef);
  truth(socket.frames.indexOf(reply) < socket.frames.indexOf(closed), 'phx_close came first');
  // The new one lives.
  const other = await Socket.open(hub, { vsn });
  (await other.join(name)).send('still', {});
  await second.heard('still');
  socket.close();
  other.close();
});

for (const [what, joinRef] of [
  ['stale', '999'],
  ['null', null],
]) {
  checkBoth(`a ${what} join_ref on a broadcast is accepted and acknowledged`, async (vsn) => {
    const socket = await Socket.open(hub, { vsn });
    const channel = await socket.join(topic(), { ack: true, self: true });
    const reply = await channel.reply(channel.broadcast('loose', {}, { joinRef }));
    same(reply.payload, { status: 'ok', response: {} }, 'the reply');
    await channel.heard('loose');
    socket.close();
  });

  checkBoth(`a leave with a ${what} join_ref is ignored`, async (vsn) => {
    const socket = await Socket.open(hub, { vsn });
    const channel = await socket.join(topic(), { ack: true });
    const ref = channel.push('phx_leave', {}, { joinRef });
    await channel.none('phx_close');
    truth(!socket.frames.some((f) => f.ref === ref), 'it was answered');
    await channel.reply(channel.broadcast('still', {}));
    socket.close();
  });
}

checkBoth('a leave is answered with ok and then phx_close', async (vsn) => {
  const socket = await Socket.open(hub, { vsn });
  const channel = await socket.join(topic());
  const reply = await channel.reply(channel.push('phx_leave', {}));
  same(reply.payload, { status: 'ok', response: {} }, 'the reply');
  const closed = await channel.next('phx_close');
  same(closed.payload, {}, 'the payload of phx_close');
  truth(socket.frames.indexOf(reply) < socket.frames.indexOf(closed), 'phx_close came first');
  const after = await channel.reply(channel.broadcast('late', {}));
  same(after.payload.status, 'error', 'a push after the leave');
  socket.close();
});

checkBoth('a leave of a topic that was never joined is answered with ok', async (vsn) => {
  const socket = await Socket.open(hub, { vsn });
  const name = `realtime:${topic()}`;
  const reply = await socket.reply(name, socket.push(name, 'phx_leave', {}, { joinRef: '77' }));
  same(reply.payload.status, 'ok', 'the status');
  socket.close();
});

checkBoth('a push to a topic that was not joined is unmatched', async (vsn) => {
  const socket = await Socket.open(hub, { vsn });
  const name = `realtime:${topic()}`;
  for (const event of ['broadcast', 'presence', 'access_token', 'anything']) {
    const reply = await socket.reply(name, socket.push(name, event, {}));
    same(reply.payload, { status: 'error', response: { reason: 'unmatched topic' } }, `the reply to ${event}`);
  }
  socket.close();
});

check('a public and a private channel of one name are two', async () => {
  const id = user();
  const [a, b] = await Promise.all([Socket.open(hub), Socket.open(hub)]);
  const inner = await a.join(`user:${id}`, { token: hub.token(id), isPrivate: true });
  const outer = await b.join(`user:${id}`);
  outer.binary('outside', {});
  await inner.deaf('outside');
  a.close();
  b.close();
});
