// Limits of a project and rights that change: a hub of one's own with the limits and policies that a check asks for.

import { check, checkBoth, same, sleep, truth } from '../lib/checks.js';
import { topic, user, withLimits } from '../lib/hub.js';
import { Socket, attempt } from '../lib/phoenix.js';

checkBoth('the message limit closes who receives and not who sends', (vsn) =>
  withLimits(
    async (own) => {
      const [a, b] = await Promise.all([Socket.open(own, { vsn }), Socket.open(own, { vsn })]);
      const name = topic();
      const [sender, receiver] = await Promise.all([a.join(name, { ack: true }), b.join(name)]);
      const flood = setInterval(() => sender.send('flood', {}), 20);
      const note = await receiver.next('system');
      clearInterval(flood);
      same([note.payload.status, note.payload.message], ['error', 'Too many messages per second'], 'the note');
      await receiver.next('phx_close');
      same((await sender.reply(sender.send('alone', {}))).payload.status, 'ok', 'the answer to the sender');
      await sender.none('phx_close', 300);
      // It may join again at once.
      await b.join(name);
      a.close();
      b.close();
    },
    { 'messages-per-second': 10, 'tick-ms': 500 },
  ));

check('over the message limit REST answers 429', () =>
  withLimits(
    async (own) => {
      const name = topic();
      await (await Socket.open(own)).join(name);
      let answer;
      for (let n = 0; n < 200 && answer?.status !== 429; n += 1) {
        answer = await own.batch([{ topic: name, event: 'flood', payload: {} }]);
        await sleep(10);
      }
      same([answer.status, JSON.parse(answer.text)], [429, { message: 'You have exceeded your rate limit' }], 'the answer');
      same((await own.single(name, 'flood', {})).status, 429, 'a single');
    },
    { 'messages-per-second': 10, 'tick-ms': 500 },
  ));

check('over the limit of connections a socket is refused with 429', () =>
  withLimits(
    async (own) => {
      const first = await Socket.open(own);
      await first.join(topic());
      const answer = await attempt(own);
      same([answer.status, JSON.parse(answer.body)], [429, { error: 'Too many connected users' }], 'the answer');
      first.close();
    },
    { connections: 1 },
  ));

check('over the limit of joins a join is refused and costs its socket', () =>
  withLimits(
    async (own) => {
      const socket = await Socket.open(own);
      let reply;
      for (let n = 0; n < 60 && reply?.payload.status !== 'error'; n += 1) {
        ({ reply } = await socket.tryJoin(topic()));
        await sleep(20);
      }
      truth(/^ClientJoinRateLimitReached: /.test(reply.payload.response.reason ?? ''), JSON.stringify(reply.payload));
      same((await socket.closed).code, 1001, 'the close code');
    },
    { 'joins-per-second': 5, 'tick-ms': 300 },
  ));

check('over the limit of presence messages the channel ends', () =>
  withLimits(
    async (own) => {
      const socket = await Socket.open(own);
      const ended = socket.next((f) => f.event === 'system', 15_000, 'system message');
      for (let n = 0; n < 60; n += 1) {
        const channel = await socket.join(topic(), { presence: { key: 'a', enabled: true } }).catch(() => null);
        channel?.track({ n });
        await sleep(20);
        if (socket.frames.some((f) => f.event === 'system')) break;
      }
      same((await ended).payload.message, 'Too many presence messages per second', 'the message');
      socket.close();
    },
    { 'presence-messages-per-second': 5, 'tick-ms': 300 },
  ));

check('a presence over the limit of size ends the channel', () =>
  withLimits(async (own) => {
    const socket = await Socket.open(own);
    const channel = await socket.join(topic(), { presence: { key: 'a', enabled: true } });
    channel.track({ padding: 'x'.repeat(3_500_000) });
    same((await channel.next('system')).payload.message, 'Track message size exceeded', 'the message');
    await channel.next('phx_close');
    socket.close();
  }));

checkBoth('a write that is denied is not answered although it asks for it', (vsn) =>
  withLimits(async (own) => {
    const socket = await Socket.open(own, { vsn });
    const channel = await socket.join(topic('readonly'), { token: own.token(user()), isPrivate: true, ack: true, self: true });
    const ref = channel.send('denied', {});
    await socket.none((f) => f.ref === ref || f.payload?.event === 'denied', 800, 'answer');
    await socket.heartbeat();
    socket.close();
  }));

checkBoth('a presence that is denied is answered with error', (vsn) =>
  withLimits(async (own) => {
    const socket = await Socket.open(own, { vsn });
    const options = { token: own.token(user()), isPrivate: true, presence: { key: 'a', enabled: true } };
    const channel = await socket.join(topic('readonly'), options);
    same((await channel.reply(channel.track({}))).payload, { status: 'error', response: {} }, 'the reply');
    socket.close();
  }));

check('rights that were judged last until the next token', () =>
  withLimits(async (own) => {
    const id = user();
    const socket = await Socket.open(own);
    const name = topic('open');
    const channel = await socket.join(name, { token: own.token(id), isPrivate: true, ack: true, self: true });
    same((await channel.reply(channel.binary('before', {}))).payload.status, 'ok', 'the status');
    await own.revoke();
    const other = await Socket.open(own);
    same((await other.tryJoin(name, { token: own.token(id), isPrivate: true })).reply.payload.status, 'error', 'a new join');
    same((await channel.reply(channel.binary('after', {}))).payload.status, 'ok', 'the status after the change');
    await channel.heard('after');
    channel.push('access_token', { access_token: own.token(id, 1800) });
    const { message } = (await channel.next('system')).payload;
    truth(/permissions? to read from this Channel topic/.test(message), message);
    await channel.next('phx_close');
    socket.close();
    other.close();
  }));
