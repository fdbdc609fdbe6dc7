// What no client can provoke: faults of the server, by the switches of our own hub.

import { check, checkBoth, notBefore, same, truth } from '../lib/checks.js';
import { topic, user, withSwitches } from '../lib/hub.js';
import { Socket, attempt } from '../lib/phoenix.js';

/** Whether a socket of this hub can connect, and how it is told. */
const REFUSED_CONNECTS = [
  ['RealtimeDisabled', 403, null],
  ['TenantNotFound', 404, null],
  ['TooManyConnectedUsers', 429, 'Too many connected users'],
  ['TooManyJoins', 429, 'Too many joins per second'],
];

for (const [refusal, status, message] of REFUSED_CONNECTS) {
  check(`a connection is refused with ${status} by ${refusal} after 2 s`, () =>
    withSwitches(async (own) => {
      await own.faults({ refuse_connects: refusal });
      const answer = await attempt(own);
      same(answer.status, status, 'the status');
      if (message) same(JSON.parse(answer.body), { error: message }, 'the body');
      notBefore(answer.ms, 1900, 'the refusal');
      await own.faults({ refuse_connects: null });
      (await Socket.open(own)).close();
    }));
}

const REFUSED_JOINS = [
  'ConnectionRateLimitReached',
  'DatabaseLackOfConnections',
  'InitializingProjectConnection',
  'PrivateOnly',
  'RealtimeDisabledForTenant',
  'RealtimeRestarting',
  'UnableToReplayMessages',
];

for (const code of REFUSED_JOINS) {
  check(`a join is refused by ${code} after 5 s and the next is welcome`, () =>
    withSwitches(async (own) => {
      const socket = await Socket.open(own);
      await own.faults({ refuse_joins: code });
      const start = performance.now();
      const { reply } = await socket.tryJoin(topic());
      truth(reply.payload.response.reason.startsWith(`${code}: `), reply.payload.response.reason);
      notBefore(performance.now() - start, 4900, 'the answer');
      await own.faults({ refuse_joins: null });
      await socket.join(topic());
      socket.close();
    }));
}

check('too many joins refuse a join and close the socket with 1001', () =>
  withSwitches(async (own) => {
    const socket = await Socket.open(own);
    await own.faults({ refuse_joins: 'ClientJoinRateLimitReached' });
    const { reply } = await socket.tryJoin(topic());
    truth(reply.payload.response.reason.startsWith('ClientJoinRateLimitReached: '), reply.payload.response.reason);
    same((await socket.closed).code, 1001, 'the close code');
  }));

check('a missing partition refuses private joins and leaves public ones alone', () =>
  withSwitches(async (own) => {
    const [one, two] = await Promise.all([Socket.open(own), Socket.open(own)]);
    await own.faults({ refuse_joins: 'MissingPartition' });
    const id = user();
    await two.join(topic());
    const { reply } = await one.tryJoin(`user:${id}`, { token: own.token(id), isPrivate: true });
    truth(reply.payload.response.reason.startsWith('MissingPartition: '), reply.payload.response.reason);
    one.close();
    two.close();
  }));

checkBoth('a deploy closes every socket with 1012 at once and unannounced', (vsn) =>
  withSwitches(async (own) => {
    const sockets = await Promise.all([Socket.open(own, { vsn }), Socket.open(own, { vsn })]);
    const channel = await sockets[0].join(topic());
    await own.kick(1012);
    for (const { closed } of sockets) same((await closed).code, 1012, 'the close code');
    truth(!sockets[0].frames.some((f) => f.topic === channel.topic && f.event !== 'phx_reply'), 'it was announced');
    await (await Socket.open(own, { vsn })).join(topic());
  }));

check('a socket that stalls is closed by a deploy, too', () =>
  withSwitches(async (own) => {
    const socket = await Socket.open(own);
    const room = await socket.join(topic(), { self: true });
    room.send('last', {});
    socket.tryJoin(`user:${user()}`, { token: own.token(user()), isPrivate: true }).catch(() => {});
    // What was sent just before the join has been read.
    await room.heard('last');
    const frames = socket.frames.length;
    await own.kick(1012);
    same((await socket.closed).code, 1012, 'the close code');
    truth(!socket.frames.slice(frames).some((f) => f.event === 'phx_reply'), 'the stall was over');
  }));

checkBoth('an administrator is told as Server requested disconnect with status ok', (vsn) =>
  withSwitches(async (own) => {
    const socket = await Socket.open(own, { vsn });
    const channel = await socket.join(topic());
    await own.faults({ act: ['disconnect'] });
    const note = await channel.next('system');
    same([note.payload.status, note.payload.message], ['ok', 'Server requested disconnect'], 'the note');
    same((await socket.closed).code, 1012, 'the close code');
  }));

checkBoth('a crashed channel says phx_error and can be joined again on the same socket', (vsn) =>
  withSwitches(async (own) => {
    const socket = await Socket.open(own, { vsn });
    const name = topic();
    const channel = await socket.join(name);
    await own.faults({ act: [{ crash: channel.topic }] });
    const error = await channel.next('phx_error');
    same(error.payload, { reason: 'channel_crash' }, 'the payload');
    const again = await socket.join(name, { self: true });
    again.send('again', {});
    await again.heard('again');
    socket.close();
  }));

checkBoth('a malformed frame of the server leaves the socket open', (vsn) =>
  withSwitches(async (own) => {
    const socket = await Socket.open(own, { vsn });
    await own.faults({ act: [{ inject: '{bad' }] });
    await socket.next((f) => f.malformed, 8000, 'broken frame');
    await socket.heartbeat();
    socket.close();
  }));

checkBoth('a muted hub acknowledges what reaches nobody', (vsn) =>
  withSwitches(async (own) => {
    const [a, b] = await Promise.all([Socket.open(own, { vsn }), Socket.open(own, { vsn })]);
    const name = topic();
    const [sender, receiver] = await Promise.all([a.join(name, { ack: true }), b.join(name)]);
    await own.faults({ mute: true });
    same((await sender.reply(sender.send('lost', {}))).payload.status, 'ok', 'the status');
    await receiver.deaf('lost');
    await own.faults({ mute: false });
    sender.send('heard', {});
    await receiver.heard('heard');
    a.close();
    b.close();
  }));

check('a slow hub delivers late and in order', () =>
  withSwitches(async (own) => {
    const [a, b] = await Promise.all([Socket.open(own), Socket.open(own)]);
    const name = topic();
    const [sender, receiver] = await Promise.all([a.join(name), b.join(name)]);
    await own.faults({ delay_ms: 700 });
    const start = performance.now();
    for (let n = 0; n < 20; n += 1) sender.binary('n', { n });
    for (let n = 0; n < 20; n += 1) same((await receiver.heard('n')).payload.payload, { n }, 'the next');
    notBefore(performance.now() - start, 690, 'the delivery');
    a.close();
    b.close();
  }));

check('a lossy hub loses a share of the deliveries', () =>
  withSwitches(async (own) => {
    const [a, b] = await Promise.all([Socket.open(own), Socket.open(own)]);
    const name = topic();
    const [sender, receiver] = await Promise.all([a.join(name), b.join(name)]);
    await own.faults({ drop_percent: 50 });
    for (let n = 0; n < 100; n += 1) sender.binary('n', { n });
    await own.faults({ drop_percent: 0 });
    sender.binary('end', {});
    await receiver.heard('end');
    const came = b.frames.filter((f) => f.payload?.event === 'n').length;
    truth(came > 20 && came < 80, `${came} of 100 came`);
    a.close();
    b.close();
  }));

check('with the database down private joins fail after up to 22 s and judged rights go on', () =>
  withSwitches(
    async (own) => {
      const id = user();
      const other = user();
      const [a, b, c] = await Promise.all([Socket.open(own), Socket.open(own), Socket.open(own)]);
      const inbox = await a.join(`user:${id}`, { token: own.token(id), isPrivate: true, ack: true, self: true });
      await inbox.reply(inbox.binary('judged', {}));
      const fresh = await c.join(`user:${other}`, { token: own.token(other), isPrivate: true, ack: true });
      await own.faults({ database_down: true });
      const start = performance.now();
      const { reply } = await b.tryJoin(`user:${id}`, { token: own.token(id), isPrivate: true }, 27_000);
      truth(reply.payload.response.reason.startsWith('IncreaseConnectionPool: '), reply.payload.response.reason);
      notBefore(performance.now() - start, 4900, 'the refusal');
      same((await inbox.reply(inbox.binary('still', {}))).payload.status, 'ok', 'a judged right');
      const first = fresh.binary('first', {});
      await c.none((f) => f.ref === first, 600, 'reply to a first write');
      await b.join(topic());
      for (const socket of [a, b, c]) socket.close();
    },
  ), { limit: 45_000 });

check('the database is not back at once', () =>
  withSwitches(async (own) => {
    await own.faults({ database_down: true, database_timeout_ms: 0, database_recovery_ms: 7000 });
    await own.faults({ database_down: false });
    const id = user();
    const socket = await Socket.open(own);
    const options = { token: own.token(id), isPrivate: true };
    same((await socket.tryJoin(`user:${id}`, options)).reply.payload.status, 'error', 'the first join');
    // Every refusal stalls the socket for 5 s.
    let status;
    do ({ status } = (await socket.tryJoin(`user:${id}`, options)).reply.payload);
    while (status !== 'ok');
    socket.close();
  }));
