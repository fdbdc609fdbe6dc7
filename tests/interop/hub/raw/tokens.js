// Tokens on a channel: refreshed, expired, bad, of somebody else.

import { check, checkBoth, notBefore, same, sleep, truth } from '../lib/checks.js';
import { hub, now, topic, user } from '../lib/hub.js';
import { Socket } from '../lib/phoenix.js';

/** Seconds: short, and long enough for a join on a busy machine. */
const LIFE = 8;

const renew = (channel, token) => channel.push('access_token', { access_token: token });

checkBoth('an expired token ends its channel with a system message and phx_close', async (vsn) => {
  const id = user();
  const socket = await Socket.open(hub, { vsn });
  const exp = now() + LIFE;
  const token = hub.sign({ sub: id, role: 'authenticated', aud: 'authenticated', exp });
  const inbox = await socket.join(`user:${id}`, { token, isPrivate: true });
  const note = await inbox.next('system', 16_000);
  notBefore(Date.now() - exp * 1000, -200, 'the note after expiry');
  const expected = { extension: 'system', status: 'error', message: 'Token has expired 0 seconds ago', channel: `user:${id}` };
  same(note.payload, expected, 'the note');
  const closed = await inbox.next('phx_close');
  same([closed.ref, closed.payload], [inbox.joinRef, {}], 'phx_close');
  truth(socket.isOpen, 'the socket is closed');
  socket.close();
});

checkBoth('a refreshed token keeps its channel beyond the first expiry', async (vsn) => {
  const id = user();
  const socket = await Socket.open(hub, { vsn });
  const inbox = await socket.join(`user:${id}`, { token: hub.token(id, LIFE), isPrivate: true, ack: true });
  const ref = renew(inbox, hub.token(id, 3600));
  await sleep((LIFE + 2) * 1000);
  truth(!socket.frames.some((f) => f.ref === ref), 'it was answered');
  truth(!socket.frames.some((f) => f.event === 'phx_close'), 'it was closed');
  same((await inbox.reply(inbox.send('still', {}))).payload.status, 'ok', 'the status');
  socket.close();
});

check('a shorter token on refresh ends the channel earlier', async () => {
  const id = user();
  const socket = await Socket.open(hub);
  const inbox = await socket.join(`user:${id}`, { token: hub.token(id), isPrivate: true });
  renew(inbox, hub.token(id, LIFE));
  await inbox.next('phx_close', 16_000);
  socket.close();
});

check('keys, null and the same token are ignored as a refresh', async () => {
  const id = user();
  const token = hub.token(id);
  const socket = await Socket.open(hub);
  const inbox = await socket.join(`user:${id}`, { token, isPrivate: true, ack: true });
  for (const other of ['sb_publishable_x', null, token]) renew(inbox, other);
  await inbox.none('phx_close');
  same((await inbox.reply(inbox.binary('still', {}))).payload.status, 'ok', 'the status');
  socket.close();
});

checkBoth('a badly signed token ends its channel', async (vsn) => {
  const id = user();
  const socket = await Socket.open(hub, { vsn });
  const inbox = await socket.join(`user:${id}`, { token: hub.token(id), isPrivate: true });
  renew(inbox, hub.sign({ sub: id, role: 'authenticated', exp: now() + 60 }, 'x'.repeat(40)));
  same((await inbox.next('system')).payload.message, ':signature_error', 'the message');
  await inbox.next('phx_close');
  socket.close();
});

checkBoth('a token of somebody who may not read ends the channel', async (vsn) => {
  const id = user();
  const socket = await Socket.open(hub, { vsn });
  const inbox = await socket.join(`user:${id}`, { token: hub.token(id), isPrivate: true });
  renew(inbox, hub.token(user()));
  const { message } = (await inbox.next('system')).payload;
  // A right that is gone and a right that never was are worded differently.
  truth(/permissions? to read from this Channel topic/.test(message), `the message is ${message}`);
  await inbox.next('phx_close');
  socket.close();
});

check('an expired key ends the public channels that use it', async () => {
  const socket = await Socket.open(hub, { key: hub.anon(LIFE) });
  const channel = await socket.join(topic());
  const { message } = (await channel.next('system', 16_000)).payload;
  truth(/^Token has expired/.test(message), `the message is ${message}`);
  await channel.next('phx_close');
  socket.close();
});

check('one channel that expires leaves the others alone', async () => {
  const id = user();
  const socket = await Socket.open(hub);
  const room = await socket.join(topic(), { ack: true });
  const inbox = await socket.join(`user:${id}`, { token: hub.token(id, LIFE), isPrivate: true });
  await inbox.next('phx_close', 16_000);
  same((await room.reply(room.binary('still', {}))).payload.status, 'ok', 'the status');
  socket.close();
});

check('a closed channel can be joined again with a fresh token at once', async () => {
  const id = user();
  const socket = await Socket.open(hub);
  const inbox = await socket.join(`user:${id}`, { token: hub.token(id, LIFE), isPrivate: true });
  await inbox.next('phx_close', 16_000);
  await socket.join(`user:${id}`, { token: hub.token(id), isPrivate: true });
  socket.close();
});
