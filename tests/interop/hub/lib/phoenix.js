// A client as raw as it gets: frames as they are on the wire, in both serializers, nothing added or repaired.

import WebSocket from 'ws';

/** An open websocket and every frame that came over it. */
export class Socket {
  /** Opens one. `key: null` presents none; `query` and `headers` go on top. */
  static async open(hub, { vsn = '2.0.0', key = hub.key, query = {}, headers = {}, deflate = true } = {}) {
    const answer = await attempt(hub, { vsn, key, query, headers, deflate });
    if (answer.status !== 101) throw new Error(`refused: ${answer.status} ${answer.body}`);
    return new Socket(answer.ws, vsn ?? '1.0.0', answer.early);
  }

  constructor(ws, vsn, early) {
    this.ws = ws;
    this.vsn = vsn;
    this.frames = [];
    this.waiting = [];
    this.refs = 0;
    this.extensions = ws.extensions;
    this.closed = new Promise((resolve) => {
      ws.on('close', (code, reason) => {
        const end = { code, reason: String(reason), at: performance.now() };
        resolve(end);
        for (const { reject } of this.waiting.splice(0)) reject(new Error(`closed with ${code}`));
      });
    });
    ws.on('error', () => {});
    for (const [data, binary] of early.take()) this.#take(data, binary);
    ws.on('message', (data, binary) => this.#take(data, binary));
  }

  get isOpen() {
    return this.ws.readyState === WebSocket.OPEN;
  }

  /** Sends a push and returns its ref. `joinRef` and `ref` may be null. */
  push(topic, event, payload, { joinRef = null, ref = String(++this.refs) } = {}) {
    const frame =
      this.vsn === '2.0.0' ? [joinRef, ref, topic, event, payload] : { topic, event, payload, ref, join_ref: joinRef };
    this.ws.send(JSON.stringify(frame));
    return ref;
  }

  /** Sends text as it is. */
  text(text) {
    this.ws.send(text);
  }

  /** Sends bytes as they are. */
  bytes(bytes) {
    this.ws.send(bytes);
  }

  /** Waits for the first frame that matches and was not taken yet. */
  next(match, ms = 8000, what = 'frame') {
    const at = this.frames.findIndex((frame) => !frame.taken && match(frame));
    if (at >= 0) {
      this.frames[at].taken = true;
      return Promise.resolve(this.frames[at]);
    }
    return new Promise((resolve, reject) => {
      const waiter = { match, resolve, reject };
      const timer = setTimeout(() => {
        this.waiting.splice(this.waiting.indexOf(waiter), 1);
        const last = this.frames.slice(-4).map((frame) => String(frame.raw).slice(0, 120));
        reject(new Error(`no ${what} within ${ms} ms; last came ${last.join(' | ') || 'nothing'}`));
      }, ms);
      waiter.resolve = (frame) => (clearTimeout(timer), resolve(frame));
      waiter.reject = (error) => (clearTimeout(timer), reject(error));
      this.waiting.push(waiter);
    });
  }

  /** The reply to `ref`. */
  reply(topic, ref, ms) {
    return this.next((f) => f.topic === topic && f.event === 'phx_reply' && f.ref === ref, ms, `reply to ${ref}`);
  }

  /** Fails if a frame that matches is there or comes within `ms`. */
  async none(match, ms = 400, what = 'frame') {
    const frame = await this.next(match, ms).catch(() => null);
    if (frame) throw new Error(`an unexpected ${what}: ${String(frame.raw).slice(0, 200)}`);
  }

  /** A heartbeat and its answer; how long it took. */
  async heartbeat(ms) {
    const start = performance.now();
    const ref = this.push('phoenix', 'heartbeat', {});
    const reply = await this.reply('phoenix', ref, ms);
    return { reply, ms: performance.now() - start };
  }

  /** Joins and returns the channel; fails if the join is refused. */
  async join(name, options = {}) {
    const { channel, reply } = await this.tryJoin(name, options);
    if (reply.payload.status !== 'ok') throw new Error(`the join is refused: ${JSON.stringify(reply.payload.response)}`);
    return channel;
  }

  /** Joins; the answer may be anything. `name` is the topic without its prefix. */
  async tryJoin(name, { token, isPrivate = false, ack = false, self = false, ...rest } = {}, ms = 12_000) {
    const { replay, replicationReady, presence = { enabled: false }, changes = [] } = rest;
    const broadcast = { ack, self };
    if (replay) broadcast.replay = replay;
    if (replicationReady) broadcast.replication_ready = true;
    const config = { broadcast, presence, postgres_changes: changes, private: isPrivate };
    const payload = token === undefined ? { config } : { config, access_token: token };
    const topic = `realtime:${name}`;
    const ref = String(++this.refs);
    this.push(topic, 'phx_join', payload, { joinRef: ref, ref });
    const channel = new Channel(this, topic, ref);
    return { channel, reply: await this.reply(topic, ref, ms) };
  }

  close() {
    this.ws.close();
  }

  #take(data, binary) {
    const frame = decode(this.vsn, data, binary);
    this.frames.push(frame);
    const at = this.waiting.findIndex(({ match }) => match(frame));
    if (at < 0) return;
    frame.taken = true;
    this.waiting.splice(at, 1)[0].resolve(frame);
  }
}

/** A join that was answered. */
export class Channel {
  constructor(socket, topic, joinRef) {
    Object.assign(this, { socket, topic, joinRef });
  }

  push(event, payload, options = {}) {
    return this.socket.push(this.topic, event, payload, { joinRef: this.joinRef, ...options });
  }

  /** A text broadcast; `extra` keys stand beside `payload`. */
  broadcast(event, payload, { extra = {}, ...options } = {}) {
    return this.push('broadcast', { type: 'broadcast', event, payload, ...extra }, options);
  }

  /** A kind-3 broadcast. A `Buffer` goes as bytes, a string as JSON text as it is, all else as JSON. */
  binary(event, payload, { joinRef = this.joinRef, ref = String(++this.socket.refs), metadata = '' } = {}) {
    const isBytes = Buffer.isBuffer(payload);
    const body = isBytes ? payload : Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
    const fields = [joinRef ?? '', ref ?? '', this.topic, event, metadata].map((text) => Buffer.from(text));
    const head = Buffer.from([3, ...fields.map((field) => field.length), isBytes ? 0 : 1]);
    this.socket.bytes(Buffer.concat([head, ...fields, body]));
    return ref;
  }

  /** A push in the way that suits the serializer. */
  send(event, payload, options) {
    return this.socket.vsn === '2.0.0' ? this.binary(event, payload, options) : this.broadcast(event, payload, options);
  }

  track(payload) {
    return this.push('presence', { type: 'presence', event: 'track', payload });
  }

  untrack() {
    return this.push('presence', { type: 'presence', event: 'untrack' });
  }

  reply(ref, ms) {
    return this.socket.reply(this.topic, ref, ms);
  }

  /** The next broadcast with this event. */
  heard(event, ms) {
    return this.socket.next((f) => this.#is(f, 'broadcast') && f.payload.event === event, ms, `broadcast ${event}`);
  }

  /** The next frame with this Phoenix event. */
  next(event, ms) {
    return this.socket.next((f) => this.#is(f, event), ms, event);
  }

  /** Fails if such a frame comes. */
  none(event, ms) {
    return this.socket.none((f) => this.#is(f, event), ms, event);
  }

  /** Fails if a broadcast with this event comes. */
  deaf(event, ms) {
    return this.socket.none((f) => this.#is(f, 'broadcast') && f.payload.event === event, ms, `broadcast ${event}`);
  }

  #is(frame, event) {
    return frame.topic === this.topic && frame.event === event;
  }
}

/** Tries to connect; the answer is a status with its body, and the open websocket if it is 101. */
export function attempt(hub, { vsn = '2.0.0', key = hub.key, query = {}, headers = {}, deflate = true } = {}) {
  const asked = { ...(key === null ? {} : { apikey: key }), ...(vsn === null ? {} : { vsn }), ...query };
  const start = performance.now();
  const ws = new WebSocket(hub.socketUrl(asked), { headers, perMessageDeflate: deflate, handshakeTimeout: 15_000 });
  const early = new Early(ws);
  return new Promise((resolve, reject) => {
    const took = () => performance.now() - start;
    ws.on('open', () => resolve({ status: 101, ws, early, ms: took() }));
    ws.on('error', reject);
    ws.on('unexpected-response', (_, response) => {
      let body = '';
      response.on('data', (chunk) => (body += chunk));
      response.on('end', () => {
        ws.removeListener('error', reject);
        ws.on('error', () => {});
        ws.terminate();
        resolve({ status: response.statusCode, body, ms: took() });
      });
    });
  });
}

/** Frames that come in the same packet as the handshake's answer, before anybody listens. */
class Early {
  constructor(ws) {
    this.ws = ws;
    this.frames = [];
    this.keep = (data, binary) => this.frames.push([data, binary]);
    ws.on('message', this.keep);
  }

  take() {
    this.ws.removeListener('message', this.keep);
    return this.frames;
  }
}

function decode(vsn, data, binary) {
  const at = performance.now();
  if (binary) return { at, raw: data, binary: true, ...kindFour(data) };
  const raw = data.toString();
  try {
    const value = JSON.parse(raw);
    if (vsn !== '2.0.0') return { at, raw, binary: false, ...value, joinRef: value.join_ref };
    const [joinRef, ref, topic, event, payload] = value;
    return { at, raw, binary: false, joinRef, ref, topic, event, payload };
  } catch {
    return { at, raw, binary: false, malformed: true };
  }
}

function kindFour(data) {
  if (data[0] !== 4) return { kind: data[0] };
  const [, topicLength, eventLength, metadataLength, encoding] = data;
  let from = 5;
  const text = (length) => data.subarray(from, (from += length)).toString();
  const [topic, userEvent, metadata] = [text(topicLength), text(eventLength), text(metadataLength)];
  const body = data.subarray(from);
  const payload = { type: 'broadcast', event: userEvent, payload: body };
  if (metadata) payload.meta = JSON.parse(metadata);
  const frame = { kind: 4, encoding, body, joinRef: null, ref: null, topic, event: 'broadcast', payload };
  if (encoding !== 1) return frame;
  try {
    payload.payload = JSON.parse(body.toString());
  } catch {
    frame.malformed = true;
  }
  return frame;
}
