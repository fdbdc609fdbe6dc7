// Messages from the database: `realtime.send`, replay, and replication that is lost. Our own hub stands in for SQL.

import { check, checkBoth, notBefore, same, skip, truth } from '../lib/checks.js';
import { hub, topic, user, withLimits, withSwitches } from '../lib/hub.js';
import { Socket } from '../lib/phoenix.js';

const inboxOf = (id, own, more = {}) => [`user:${id}`, { token: own.token(id), isPrivate: true, ...more }];

check('realtime.send reaches 2.0.0 as kind 4 with an id in meta and payload', () =>
  withSwitches(async (own) => {
    const id = user();
    const socket = await Socket.open(own);
    const inbox = await socket.join(...inboxOf(id, own));
    const sent = await own.sendFromDatabase(`user:${id}`, 'sig', { n: 1 });
    const frame = await inbox.heard('sig');
    same([frame.binary, frame.payload.payload.n, frame.payload.payload.id], [true, 1, sent], 'form, payload and id');
    same(frame.payload.meta, { id: sent }, 'meta');
    socket.close();
  }));

check('realtime.send reaches 1.0.0 with an id in meta and payload', () =>
  withSwitches(async (own) => {
    const id = user();
    const socket = await Socket.open(own, { vsn: '1.0.0' });
    const inbox = await socket.join(...inboxOf(id, own));
    const sent = await own.sendFromDatabase(`user:${id}`, 'sig', { n: 1 });
    const frame = await inbox.heard('sig');
    same(frame.payload, { type: 'broadcast', event: 'sig', payload: { n: 1, id: sent }, meta: { id: sent } }, 'the payload');
    socket.close();
  }));

check('arrays, scalars, long events and prefixed topics of realtime.send are lost without an error', () =>
  withSwitches(async (own) => {
    const id = user();
    const socket = await Socket.open(own);
    const inbox = await socket.join(...inboxOf(id, own));
    for (const payload of [[1], 'text', 7, null]) {
      same(await own.sendFromDatabase(`user:${id}`, 'lost', payload), null, 'the id');
    }
    await own.sendFromDatabase(`user:${id}`, 'e'.repeat(256), {});
    await own.sendFromDatabase(`realtime:user:${id}`, 'lost', {});
    await own.sendFromDatabase(`user:${id}`, 'after', {});
    await inbox.heard('after');
    same(socket.frames.filter((f) => f.event === 'broadcast').length, 1, 'what came');
    socket.close();
  }));

checkBoth('a replay has the newest, oldest first, marked and with the join_ref', (vsn) =>
  withSwitches(async (own) => {
    const id = user();
    const ids = [];
    for (let n = 0; n < 5; n += 1) ids.push(await own.sendFromDatabase(`user:${id}`, 'old', { n }));
    const socket = await Socket.open(own, { vsn });
    const inbox = await socket.join(...inboxOf(id, own, { replay: { since: Date.now() - 60_000, limit: 3 } }));
    for (const n of [2, 3, 4]) {
      const frame = await inbox.heard('old');
      same([frame.binary, frame.payload.payload.n], [false, n], 'form and number');
      same(frame.payload.meta, { replayed: true, id: ids[n] }, 'meta');
      if (vsn === '2.0.0') same(frame.joinRef, inbox.joinRef, 'join_ref');
    }
    await inbox.deaf('old');
    socket.close();
  }));

check('a replay has at most 25 messages whatever its limit', () =>
  withSwitches(async (own) => {
    const id = user();
    for (let n = 0; n < 30; n += 1) await own.sendFromDatabase(`user:${id}`, 'old', { n });
    const [a, b] = await Promise.all([Socket.open(own), Socket.open(own)]);
    const wide = await a.join(...inboxOf(id, own, { replay: { since: 0, limit: 100 } }));
    const narrow = await b.join(...inboxOf(id, own, { replay: { since: 0, limit: 0 } }));
    same((await wide.heard('old')).payload.payload.n, 5, 'the oldest of many');
    same((await narrow.heard('old')).payload.payload.n, 29, 'the only one');
    await narrow.deaf('old');
    same(a.frames.filter((f) => f.event === 'broadcast').length, 25, 'the number');
    a.close();
    b.close();
  }));

check('broadcasts of sockets and of REST are never replayed', () =>
  withSwitches(async (own) => {
    const id = user();
    const socket = await Socket.open(own);
    const inbox = await socket.join(...inboxOf(id, own, { ack: true }));
    await inbox.reply(inbox.binary('live', {}));
    await own.single(`user:${id}`, 'rest', {}, { isPrivate: true, token: own.token(user()) });
    const late = await (await Socket.open(own)).join(...inboxOf(id, own, { replay: { since: 0, limit: 25 } }));
    await late.none('broadcast');
    socket.close();
    late.socket.close();
  }));

for (const [what, isPrivate, replay] of [
  ['of a public topic', false, { since: 0, limit: 5 }],
  ['whose since is no whole number', true, { since: 1.5, limit: 5 }],
  ['whose since is text', true, { since: 'yesterday', limit: 5 }],
]) {
  check(`a replay ${what} is refused after 5 s`, async () => {
    const id = user();
    const socket = await Socket.open(hub);
    const start = performance.now();
    const { reply } = await socket.tryJoin(`user:${id}`, { token: hub.token(id), isPrivate, replay });
    truth(/^UnableToReplayMessages: /.test(reply.payload.response.reason ?? ''), JSON.stringify(reply.payload));
    notBefore(performance.now() - start, 4900, 'the answer');
    socket.close();
  });
}

check('lost replication is silent while websocket broadcasts go on', () =>
  withSwitches(async (own) => {
    const id = user();
    const socket = await Socket.open(own);
    const inbox = await socket.join(...inboxOf(id, own, { self: true, ack: true }));
    await own.faults({ replication_lost: true });
    truth(await own.sendFromDatabase(`user:${id}`, 'lost', {}), 'it was not stored');
    inbox.binary('live', {});
    await inbox.heard('live');
    await inbox.none('system');
    await inbox.deaf('lost', 50);
    await own.faults({ replication_lost: false });
    await own.sendFromDatabase(`user:${id}`, 'again', {});
    await inbox.heard('again');
    const late = await (await Socket.open(own)).join(...inboxOf(id, own, { replay: { since: 0, limit: 25 } }));
    await late.heard('lost');
    socket.close();
    late.socket.close();
  }));

checkBoth('replication_ready is told when replication is there', async (vsn) => {
  const id = user();
  const socket = await Socket.open(hub, { vsn });
  const inbox = await socket.join(`user:${id}`, { token: hub.token(id), isPrivate: true, replicationReady: true });
  const { payload } = await inbox.next('system', 20_000);
  same([payload.extension, payload.status, payload.message], ['system', 'ok', 'Replication connection established'], 'the note');
  socket.close();
});

check('the first messages of a cold project are lost', () =>
  withLimits(
    async (own) => {
      const id = user();
      const socket = await Socket.open(own);
      const inbox = await socket.join(...inboxOf(id, own, { replicationReady: true }));
      await own.sendFromDatabase(`user:${id}`, 'early', {});
      await inbox.next('system', 12_000);
      await own.sendFromDatabase(`user:${id}`, 'late', {});
      await inbox.heard('late');
      await inbox.deaf('early', 50);
      socket.close();
    },
    // The real server needs half a second; a busy machine needs that for what comes before.
    { 'warm-up-ms': 4000 },
  ));

check('changes of tables are announced', async () => {
  const socket = await Socket.open(hub);
  const channel = await socket.join(topic(), { changes: [{ event: '*', schema: 'public', table: 'calls' }] });
  const { payload } = await channel.next('system', 20_000);
  same(payload.extension, 'postgres_changes', 'the extension');
  // A project without such a table says so.
  if (payload.status !== 'ok') skip(`the project says ${payload.message}`);
  same(payload.message, 'Subscribed to PostgreSQL', 'the message');
  socket.close();
});
