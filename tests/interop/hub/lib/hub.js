// The hub under test: where it is, whose tokens it accepts, and hubs of one's own with fault switches.
//
// | variable | meaning |
// |---|---|
// | `HUB_URL` | `http://..`, without the path of the API |
// | `HUB_KEY` | the key that clients present |
// | `HUB_SECRET` | the secret that signs tokens (HS256) |
// | `HUB_PROGRAM` | `ringback-server`; not there when the target is a real project, which has no switches |
// | `HUB_STAND` | `hub_stand`, a hub with the limits and the policies that a check asks for; there with the former |

import { spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';

import { skip } from './checks.js';

export class Hub {
  constructor({ url, key, secret }) {
    this.url = url.replace(/\/+$/, '');
    this.key = key;
    this.secret = secret;
  }

  /** The websocket's address with these query parameters. */
  socketUrl(query) {
    return `${this.url.replace(/^http/, 'ws')}/realtime/v1/websocket?${new URLSearchParams(query)}`;
  }

  /** A token of a user, for `life` seconds. */
  token(user, life = 3600) {
    return this.sign({ sub: user, role: 'authenticated', aud: 'authenticated', exp: now() + life });
  }

  /** A token that no policy applies to. */
  service() {
    return this.sign({ role: 'service_role', exp: now() + 3600 });
  }

  /** A key of nobody in particular, for `life` seconds. */
  anon(life = 3600) {
    return this.sign({ role: 'anon', exp: now() + life });
  }

  sign(claims, secret = this.secret) {
    const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const body = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ iat: now(), ...claims })}`;
    return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
  }

  /** `POST` under the API of broadcasts. `token: null` sends no key either. */
  async post(path, body, { token = this.key, type = 'application/json' } = {}) {
    const headers = { 'content-type': type };
    if (token !== null) Object.assign(headers, { apikey: this.key, authorization: `Bearer ${token}` });
    const response = await fetch(`${this.url}/realtime/v1/api/broadcast${path}`, { method: 'POST', headers, body });
    return { status: response.status, text: await response.text() };
  }

  /** Throws fault switches, which only our own hub has: any of its switches, and `act`, what is to happen once. */
  async faults(order) {
    await this.#local('faults', order);
  }

  /** Closes every socket with this code. */
  kick(code) {
    return this.faults({ act: [{ kick: code }] });
  }

  /** Ends every channel as if it had crashed. */
  crashChannels() {
    return this.faults({ act: [{ crash: null }] });
  }

  /** What `realtime.send` does in SQL. Resolves to the id of the message, or null. */
  async sendFromDatabase(topic, event, payload, { isPrivate = true } = {}) {
    return (await this.#local('send', { topic, event, payload, private: isPrivate })).id;
  }

  async #local(what, body) {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${this.url}/local/${what}`, { method: 'POST', headers, body: JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`/local/${what} answers ${response.status} ${text}`);
    return JSON.parse(text);
  }

  /** A batch of messages over REST. */
  batch(messages, options) {
    return this.post('', JSON.stringify({ messages }), options);
  }

  /** One message over REST; a `Buffer` goes as bytes, all else as JSON. */
  single(topic, event, payload, { isPrivate = false, ...options } = {}) {
    const bytes = Buffer.isBuffer(payload);
    const path = `/${encodeURIComponent(topic)}/events/${encodeURIComponent(event)}${isPrivate ? '?private=true' : ''}`;
    const type = bytes ? 'application/octet-stream' : 'application/json';
    return this.post(path, bytes ? payload : JSON.stringify(payload), { type, ...options });
  }
}

/** The hub that the environment names. */
export const hub = new Hub({
  url: required('HUB_URL'),
  key: required('HUB_KEY'),
  secret: required('HUB_SECRET'),
});

/** Whether the target is our own hub. */
export const isOurs = Boolean(process.env.HUB_PROGRAM);

/** A user nobody else has. */
export const user = () => randomUUID();

/** A topic nobody else has. */
export const topic = (name = 'room') => `${name}:${randomUUID().slice(0, 8)}`;

export const now = () => Math.floor(Date.now() / 1000);

/** Runs `body` with a hub of its own, which ends with it. Skips where there are no switches. */
export function withSwitches(body) {
  return withProgram(body, process.env.HUB_PROGRAM, ['--listen', '127.0.0.1:0', '--demo']);
}

/**
 * The same with limits of a project and with policies: a signed-in user reads `readonly:..` and does not write it, and
 * reads and writes `open:..` until `revoke` is told to the hub.
 */
export function withLimits(body, limits = {}) {
  const options = Object.entries(limits).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return withProgram(body, process.env.HUB_STAND, options);
}

async function withProgram(body, program, options) {
  if (!isOurs) skip('a real project has no fault switches');
  const child = spawn(program, options, {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...clean(process.env), RINGBACK_API_KEY: hub.key, RINGBACK_JWT_SECRET: hub.secret },
  });
  children.add(child);
  try {
    const said = output(child);
    const [url] = await said(/http:\/\/127\.0\.0\.1:\d+/);
    const own = new Hub({ url, key: hub.key, secret: hub.secret });
    own.revoke = () => {
      child.stdin.write('revoke\n');
      return said(/^revoked$/);
    };
    return await body(own);
  } finally {
    children.delete(child);
    child.kill('SIGKILL');
  }
}

const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** The environment without the settings of somebody's own server. */
const clean = (env) => Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('RINGBACK_')));

/** A function that resolves to the match of the next line that `child` prints like that. */
function output(child) {
  const lines = createInterface({ input: child.stdout });
  return (wanted) =>
    new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', () => reject(new Error(`the hub ended before it said ${wanted}`)));
      lines.on('line', (line) => {
        const found = line.match(wanted);
        if (found) resolve(found);
      });
    });
}

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}
