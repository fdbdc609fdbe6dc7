// Presence: state, diffs, keys, limits.

import { check, checkBoth, same, sleep, truth } from '../lib/checks.js';
import { hub, topic } from '../lib/hub.js';
import { Socket } from '../lib/phoenix.js';

const as = (key) => ({ presence: { key, enabled: true } });

checkBoth('presence_state follows the join and knows who is there', async (vsn) => {
  const [a, b] = await Promise.all([Socket.open(hub, { vsn }), Socket.open(hub, { vsn })]);
  const name = topic();
  const first = await a.join(name, as('alice'));
  same((await first.next('presence_state')).payload, {}, 'the first state');
  await first.reply(first.track({ device: 'phone' }));
  await first.next('presence_diff');
  const second = await b.join(name, as('bob'));
  const state = (await second.next('presence_state')).payload;
  same(Object.keys(state), ['alice'], 'who is there');
  const [meta] = state.alice.metas;
  same(meta.device, 'phone', 'the device');
  truth(typeof meta.phx_ref === 'string', 'there is no phx_ref');
  a.close();
  b.close();
});

checkBoth('track and untrack are answered and told to everybody', async (vsn) => {
  const [a, b] = await Promise.all([Socket.open(hub, { vsn }), Socket.open(hub, { vsn })]);
  const name = topic();
  const [mine, theirs] = await Promise.all([a.join(name, as('alice')), b.join(name, as('bob'))]);
  same((await mine.reply(mine.track({ n: 1 }))).payload.status, 'ok', 'the reply to track');
  for (const channel of [mine, theirs]) {
    const { joins, leaves } = (await channel.next('presence_diff')).payload;
    same([joins.alice.metas[0].n, leaves], [1, {}], 'joins and leaves');
  }
  same((await mine.reply(mine.untrack())).payload.status, 'ok', 'the reply to untrack');
  for (const channel of [mine, theirs]) {
    const { joins, leaves } = (await channel.next('presence_diff')).payload;
    same([joins, leaves.alice.metas[0].n], [{}, 1], 'joins and leaves');
  }
  a.close();
  b.close();
});

checkBoth('an update has its key in joins and in leaves with two phx_refs', async (vsn) => {
  const socket = await Socket.open(hub, { vsn });
  const channel = await socket.join(topic(), as('alice'));
  channel.track({ n: 1 });
  const first = (await channel.next('presence_diff')).payload.joins.alice.metas[0];
  channel.track({ n: 2 });
  const { joins, leaves } = (await channel.next('presence_diff')).payload;
  same([joins.alice.metas[0].n, leaves.alice.metas[0].n], [2, 1], 'new and old');
  same(leaves.alice.metas[0].phx_ref, first.phx_ref, 'the ref that leaves');
  truth(joins.alice.metas[0].phx_ref !== first.phx_ref, 'the ref did not change');
  socket.close();
});

check('two sockets with one key are two metas', async () => {
  const [a, b] = await Promise.all([Socket.open(hub), Socket.open(hub)]);
  const name = topic();
  const first = await a.join(name, as('same'));
  await first.reply(first.track({ n: 1 }));
  const second = await b.join(name, as('same'));
  await second.reply(second.track({ n: 2 }));
  const third = await (await Socket.open(hub)).join(name, as('other'));
  const metas = (await third.next('presence_state')).payload.same.metas;
  same(metas.map(({ n }) => n).sort(), [1, 2], 'the metas');
  for (const socket of [a, b, third.socket]) socket.close();
});

for (const [how, part] of [
  ['leaves', async (channel) => channel.push('phx_leave', {})],
  ['is gone', async (channel) => channel.socket.ws.terminate()],
]) {
  checkBoth(`whoever ${how} is told to the others`, async (vsn) => {
    const [a, b] = await Promise.all([Socket.open(hub, { vsn }), Socket.open(hub, { vsn })]);
    const name = topic();
    const [mine, theirs] = await Promise.all([a.join(name, as('alice')), b.join(name, as('bob'))]);
    await mine.reply(mine.track({}));
    await theirs.next('presence_diff');
    await part(mine);
    same(Object.keys((await theirs.next('presence_diff')).payload.leaves), ['alice'], 'who left');
    a.close();
    b.close();
  });
}

check('without presence there is no presence_state', async () => {
  const socket = await Socket.open(hub);
  const channel = await socket.join(topic());
  await channel.none('presence_state');
  socket.close();
});

check('an empty key is replaced by one of the server, another for each join', async () => {
  const [a, b] = await Promise.all([Socket.open(hub), Socket.open(hub)]);
  const keys = [];
  for (const socket of [a, b]) {
    const channel = await socket.join(topic(), as(''));
    channel.track({});
    keys.push(Object.keys((await channel.next('presence_diff')).payload.joins)[0]);
  }
  truth(keys[0] && keys[1] && keys[0] !== keys[1], `the keys are ${keys}`);
  a.close();
  b.close();
});

checkBoth('the sixth presence call within 30 s ends the channel', async (vsn) => {
  const socket = await Socket.open(hub, { vsn });
  const channel = await socket.join(topic(), as('alice'));
  for (let n = 0; n < 5; n += 1) same((await channel.reply(channel.track({ n }))).payload.status, 'ok', 'the reply');
  channel.track({ n: 6 });
  const note = await channel.next('system');
  same([note.payload.status, note.payload.message], ['error', 'Client presence rate limit exceeded'], 'the note');
  await channel.next('phx_close');
  socket.close();
});

check(
  'presence calls 30 s apart are not counted together',
  async () => {
    const socket = await Socket.open(hub);
    const channel = await socket.join(topic(), as('alice'));
    for (let n = 0; n < 5; n += 1) await channel.reply(channel.track({ n }));
    await sleep(25_000);
    await socket.heartbeat();
    await sleep(6_000);
    same((await channel.reply(channel.track({ n: 6 }))).payload.status, 'ok', 'the reply');
    socket.close();
  },
  { limit: 45_000 },
);
