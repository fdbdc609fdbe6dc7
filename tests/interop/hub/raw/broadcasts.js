// Broadcasts over the websocket: shapes, acknowledgements, echo, limits, and the forgery that 1.0.0 allows.

import { check, checkBoth, same, truth } from '../lib/checks.js';
import { hub, topic, user } from '../lib/hub.js';
import { Socket } from '../lib/phoenix.js';

/** Two sockets on one topic. */
async function pair(from, to, options = {}) {
  const [a, b] = await Promise.all([Socket.open(hub, { vsn: from }), Socket.open(hub, { vsn: to })]);
  const name = topic();
  const [sender, receiver] = await Promise.all([a.join(name, options), b.join(name)]);
  return { sender, receiver, close: () => (a.close(), b.close()) };
}

check('a text broadcast reaches 1.0.0 with the payload as it was and a null ref', async () => {
  const { sender, receiver, close } = await pair('1.0.0', '1.0.0');
  sender.broadcast('sig', { n: 1 });
  const frame = await receiver.heard('sig');
  const expected = { topic: receiver.topic, event: 'broadcast', payload: { type: 'broadcast', event: 'sig', payload: { n: 1 } }, ref: null };
  same(JSON.parse(frame.raw), expected, 'the frame');
  close();
});

check('a text broadcast reaches 2.0.0 as text with a null join_ref', async () => {
  const { sender, receiver, close } = await pair('2.0.0', '2.0.0');
  sender.broadcast('sig', { n: 1 });
  const frame = await receiver.heard('sig');
  same(JSON.parse(frame.raw), [null, null, receiver.topic, 'broadcast', { type: 'broadcast', event: 'sig', payload: { n: 1 } }], 'the frame');
  close();
});

check('a kind-3 broadcast reaches 2.0.0 as kind 4 byte by byte', async () => {
  const { sender, receiver, close } = await pair('2.0.0', '2.0.0');
  sender.binary('sig', '{"n": 1}');
  const frame = await receiver.heard('sig');
  const head = Buffer.from([4, receiver.topic.length, 3, 0, 1]);
  const expected = Buffer.concat([head, Buffer.from(`${receiver.topic}sig{"n": 1}`)]);
  truth(frame.binary && expected.equals(frame.raw), `the frame is ${frame.raw.toString('latin1')}`);
  close();
});

check('a kind-3 broadcast reaches 1.0.0 as text', async () => {
  const { sender, receiver, close } = await pair('2.0.0', '1.0.0');
  sender.binary('sig', { n: 1 });
  const frame = await receiver.heard('sig');
  same(frame.payload, { type: 'broadcast', event: 'sig', payload: { n: 1 } }, 'the payload');
  same([frame.ref, frame.binary], [null, false], 'ref and form');
  close();
});

check('bytes reach 2.0.0 unchanged and 1.0.0 never', async () => {
  const { sender, receiver, close } = await pair('2.0.0', '2.0.0');
  const old = await Socket.open(hub, { vsn: '1.0.0' });
  const deaf = await old.join(receiver.topic.slice('realtime:'.length));
  const bytes = Buffer.from([0, 255, 1, 254]);
  sender.binary('raw', bytes);
  const frame = await receiver.heard('raw');
  truth(frame.encoding === 0 && bytes.equals(frame.body), 'the bytes changed');
  sender.binary('after', {});
  await deaf.heard('after');
  truth(!old.frames.some((f) => String(f.raw).includes('"raw"')), '1.0.0 got bytes');
  old.close();
  close();
});

check('topics and events of 255 bytes pass', async () => {
  const [a, b] = await Promise.all([Socket.open(hub), Socket.open(hub)]);
  const name = topic('long').padEnd(255 - 'realtime:'.length, 'x');
  const [sender, receiver] = await Promise.all([a.join(name), b.join(name)]);
  const event = 'e'.repeat(255);
  sender.binary(event, { n: 1 });
  same((await receiver.heard(event)).payload.payload, { n: 1 }, 'the payload');
  a.close();
  b.close();
});

checkBoth('an acknowledgement comes with ack and says ok', async (vsn) => {
  const { sender, close } = await pair(vsn, vsn, { ack: true });
  const reply = await sender.reply(sender.send('sig', {}));
  same(reply.payload, { status: 'ok', response: {} }, 'the reply');
  close();
});

checkBoth('an acknowledgement comes though nobody listens', async (vsn) => {
  const socket = await Socket.open(hub, { vsn });
  const channel = await socket.join(topic(), { ack: true });
  same((await channel.reply(channel.send('sig', {}))).payload.status, 'ok', 'the status');
  socket.close();
});

checkBoth('without ack nothing is answered', async (vsn) => {
  const { sender, receiver, close } = await pair(vsn, vsn);
  const ref = sender.send('sig', {});
  await receiver.heard('sig');
  await sender.socket.none((f) => f.ref === ref, 400, 'reply');
  close();
});

checkBoth('the sender hears itself only with self', async (vsn) => {
  const echo = await pair(vsn, vsn, { self: true });
  echo.sender.send('sig', {});
  await echo.sender.heard('sig');
  echo.close();
  const plain = await pair(vsn, vsn);
  plain.sender.send('sig', {});
  await plain.receiver.heard('sig');
  await plain.sender.deaf('sig');
  plain.close();
});

/** Over the limit of every plan, and below the largest frame. */
const LARGE = { padding: 'x'.repeat(3_500_000) };

checkBoth('a broadcast over the limit is refused by a word if acknowledged', async (vsn) => {
  const { sender, receiver, close } = await pair(vsn, vsn, { ack: true });
  const reply = await sender.reply(sender.send('large', LARGE));
  same(reply.payload, { status: 'error', response: 'payload_size_exceeded' }, 'the reply');
  await receiver.deaf('large');
  close();
});

checkBoth('a broadcast over the limit vanishes without ack', async (vsn) => {
  const { sender, receiver, close } = await pair(vsn, vsn);
  const ref = sender.send('large', LARGE);
  sender.send('after', {});
  await receiver.heard('after');
  truth(!receiver.socket.frames.some((f) => f.payload?.event === 'large'), 'it arrived');
  truth(!sender.socket.frames.some((f) => f.ref === ref), 'it was answered');
  close();
});

checkBoth('meta can be forged in a text broadcast', async (vsn) => {
  const { sender, receiver, close } = await pair(vsn, vsn);
  sender.broadcast('sig', {}, { extra: { meta: { id: 'forged' } } });
  same((await receiver.heard('sig')).payload.meta, { id: 'forged' }, 'meta');
  close();
});

checkBoth('broadcasts of one sender arrive in order', async (vsn) => {
  const { sender, receiver, close } = await pair(vsn, vsn);
  for (let n = 0; n < 50; n += 1) sender.send('n', { n });
  for (let n = 0; n < 50; n += 1) same((await receiver.heard('n')).payload.payload, { n }, 'the next');
  close();
});

checkBoth('whoever signed in may write to an inbox over REST and its owner hears it', async (vsn) => {
  const id = user();
  const socket = await Socket.open(hub, { vsn });
  const inbox = await socket.join(`user:${id}`, { token: hub.token(id), isPrivate: true });
  const answer = await hub.single(`user:${id}`, 'sig', { n: 1 }, { isPrivate: true, token: hub.token(user()) });
  same(answer.status, 202, 'the status');
  same((await inbox.heard('sig')).payload.payload, { n: 1 }, 'the payload');
  socket.close();
});

check('a forged body is spliced unparsed into frames of 1.0.0', async () => {
  const { sender, receiver, close } = await pair('2.0.0', '1.0.0');
  const body = '{}},"topic":"realtime:user:victim","event":"broadcast","payload":{"type":"broadcast","event":"forged","payload":{}';
  sender.binary('sig', body);
  const frame = await receiver.socket.next((f) => f.topic === 'realtime:user:victim', 8000, 'forged frame');
  same(frame.payload.event, 'forged', 'what a client reads');
  truth(frame.raw.includes(body), 'the body was changed');
  close();
});

check('a phx_close can be forged to 1.0.0', async () => {
  const { sender, receiver, close } = await pair('2.0.0', '1.0.0');
  sender.binary('sig', `{}},"event":"phx_close","payload":{"x":{}`);
  same((await receiver.next('phx_close')).topic, receiver.topic, 'the topic');
  close();
});

check('a body that is no JSON breaks a frame of 1.0.0 and not its socket', async () => {
  const { sender, receiver, close } = await pair('2.0.0', '1.0.0');
  sender.binary('sig', '{bad');
  await receiver.socket.next((f) => f.malformed, 8000, 'broken frame');
  sender.binary('after', {});
  await receiver.heard('after');
  close();
});

check('a forged body stays inside its payload in 2.0.0', async () => {
  const { sender, receiver, close } = await pair('2.0.0', '2.0.0');
  sender.binary('sig', '{}},"topic":"realtime:user:victim","payload":{');
  const frame = await receiver.heard('sig');
  same([frame.topic, frame.malformed], [receiver.topic, true], 'topic and body');
  sender.binary('bad', '{bad');
  truth((await receiver.heard('bad')).malformed, 'a bad body became good');
  close();
});
