// Broadcasts over REST, one by one and in batches.

import { check, same, truth } from '../lib/checks.js';
import { hub, topic, user } from '../lib/hub.js';
import { Socket } from '../lib/phoenix.js';

async function listener(name, vsn = '2.0.0', options) {
  return (await Socket.open(hub, { vsn })).join(name, options);
}

check('a batch reaches both serializers as text', async () => {
  const name = topic();
  const channels = await Promise.all(['1.0.0', '2.0.0'].map((vsn) => listener(name, vsn)));
  const answer = await hub.batch([{ topic: name, event: 'sig', payload: { n: 1 } }]);
  same([answer.status, answer.text], [202, ''], 'the answer');
  for (const channel of channels) {
    const frame = await channel.heard('sig');
    same([frame.binary, frame.payload.payload], [false, { n: 1 }], 'form and payload');
    if (channel.socket.vsn === '2.0.0') same(JSON.parse(frame.raw)[0], null, 'join_ref');
    channel.socket.close();
  }
});

check('one message reaches 2.0.0 as kind 4 and 1.0.0 as text', async () => {
  const name = topic();
  const channels = await Promise.all(['1.0.0', '2.0.0'].map((vsn) => listener(name, vsn)));
  same((await hub.single(name, 'sig', { n: 1 })).status, 202, 'the status');
  for (const channel of channels) {
    const frame = await channel.heard('sig');
    same([frame.binary, frame.payload.payload], [channel.socket.vsn === '2.0.0', { n: 1 }], 'form and payload');
    channel.socket.close();
  }
});

check('one message of bytes reaches 2.0.0', async () => {
  const name = topic();
  const channel = await listener(name);
  const bytes = Buffer.from([0, 200, 7]);
  same((await hub.single(name, 'raw', bytes)).status, 202, 'the status');
  const frame = await channel.heard('raw');
  truth(frame.encoding === 0 && bytes.equals(frame.body), 'the bytes changed');
  channel.socket.close();
});

check('one private message without the right is refused with 403', async () => {
  const answer = await hub.single(`user:${user()}`, 'sig', {}, { isPrivate: true, token: hub.anon() });
  same(answer.status, 403, 'the status');
});

check('a private message without the right in a batch is dropped and still accepted', async () => {
  const id = user();
  const inbox = await listener(`user:${id}`, '2.0.0', { token: hub.token(id), isPrivate: true });
  const messages = [{ topic: `user:${id}`, event: 'sig', payload: {}, private: true }];
  same((await hub.batch(messages, { token: hub.anon() })).status, 202, 'the status');
  await inbox.deaf('sig');
  same((await hub.batch(messages, { token: hub.token(user()) })).status, 202, 'the status with a right');
  await inbox.heard('sig');
  inbox.socket.close();
});

check('the service role passes without a policy', async () => {
  const id = user();
  const inbox = await listener(`user:${id}`, '2.0.0', { token: hub.token(id), isPrivate: true });
  const token = hub.service();
  same((await hub.single(`user:${id}`, 'one', {}, { isPrivate: true, token })).status, 202, 'one');
  await inbox.heard('one');
  same((await hub.batch([{ topic: `user:${id}`, event: 'two', payload: {}, private: true }], { token })).status, 202, 'batch');
  await inbox.heard('two');
  same((await hub.single('nobody:knows', 'three', {}, { isPrivate: true, token })).status, 202, 'a topic without a policy');
  inbox.socket.close();
});

check('a topic with the prefix realtime is accepted and reaches nobody', async () => {
  const name = topic();
  const channel = await listener(name);
  same((await hub.batch([{ topic: `realtime:${name}`, event: 'lost', payload: {} }])).status, 202, 'the batch');
  same((await hub.single(`realtime:${name}`, 'lost', {})).status, 202, 'the single');
  await hub.single(name, 'after', {});
  await channel.heard('after');
  await channel.deaf('lost');
  channel.socket.close();
});

check('bad JSON is refused with 400', async () => {
  same((await hub.post('', '{bad')).status, 400, 'a batch');
  same((await hub.post(`/${topic()}/events/sig`, '{bad')).status, 400, 'a single');
});

check('a batch of the wrong shape is refused with 422', async () => {
  for (const body of [{}, { messages: 'x' }, { messages: [{ event: 'sig', payload: {} }] }, { messages: [{ topic: 'a', payload: {} }] }]) {
    same((await hub.post('', JSON.stringify(body))).status, 422, JSON.stringify(body));
  }
});

check('a message over the limit is refused with 422', async () => {
  const payload = { padding: 'x'.repeat(3_500_000) };
  same((await hub.single(topic(), 'large', payload)).status, 422, 'a single');
  same((await hub.batch([{ topic: topic(), event: 'large', payload }])).status, 422, 'a batch');
});

check('an unknown content type is refused with 415', async () => {
  same((await hub.post(`/${topic()}/events/sig`, 'hello', { type: 'text/plain' })).status, 415, 'the status');
});

check('no key is refused with 401', async () => {
  same((await hub.post('', '{"messages":[]}', { token: null })).status, 401, 'a batch');
  same((await hub.post(`/${topic()}/events/sig`, '{}', { token: null })).status, 401, 'a single');
});

check('a bad token is refused with 401', async () => {
  same((await hub.batch([], { token: 'nonsense' })).status, 401, 'the status');
});
