// SPDX-License-Identifier: Apache-2.0
//
// What the judges share: programs whose lines are events, a local mixnet, messages, and the table of judgements.

import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const { SLUICE, SLUICE_SDK_PEER, SLUICE_NPM_MODULES } = process.env;
const npmPeer = join(dirname(fileURLToPath(import.meta.url)), '../peers/js/peer.cjs');
export const KINDS = {
  sdk: { title: 'Rust SDK', version: '1.21.6', replies: true, command: [SLUICE_SDK_PEER] },
  npm: { title: 'npm', version: '1.4.1', replies: false, command: [process.execPath, npmPeer], env: { NODE_PATH: SLUICE_NPM_MODULES } },
  echo: { title: 'sluice echo', version: '' },
  sluice: { title: 'Sluice', version: 'this tree', replies: true, command: [SLUICE, 'client'] },
};
export const QUIET = ['--no-cover', '--pacing', 'none'];
const READY_SECONDS = 60; // the npm client alone computes for seconds when others compete
const SETTLE_SECONDS = 2;

export const folder = mkdtempSync(join(tmpdir(), 'sluice-judges-'));
const children = new Set();
const rows = [];

// Generous: a loaded machine is slow, a lost message never comes.
export const secondsFor = (size) => (size > 10_000 ? 20 + size / 12_500 : 20);
export const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
const sizeText = (n) => (n < 1_000 ? `${n} B` : n < 1_000_000 ? `${n / 1_000} KB` : `${n / 1_000_000} MB`);

// A program whose lines are events.
export class Program {
  constructor(name, [command, ...args], env = {}) {
    this.name = name;
    this.seen = [];
    this.waiting = new Set();
    this.child = spawn(command, args, { env: { ...process.env, RUST_BACKTRACE: '0', ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
    children.add(this.child);
    this.errors = '';
    this.child.stderr.on('data', (data) => (this.errors = (this.errors + data).slice(-2_000)));
    this.child.stdin.on('error', () => {}); // the end is told below
    createInterface({ input: this.child.stdout }).on('line', (line) => this.#see(line));
    this.ended = new Promise((resolve) => {
      const end = (how) => {
        children.delete(this.child);
        this.#see(`ended ${how}`);
        resolve(how);
      };
      this.child.on('error', (error) => end(error.message));
      this.child.on('close', (code, signal) => end(signal ?? code));
    });
  }

  #see(line) {
    this.seen.push(line);
    for (const check of [...this.waiting]) check();
  }

  say(line) {
    this.child.stdin.write(line + '\n');
  }

  // What `act` makes of the lines not taken yet, as soon as that is not undefined. Fails at once when the program fails or ends instead.
  #when(act, what, seconds) {
    return new Promise((resolve, reject) => {
      const done = (finish, value) => {
        clearTimeout(timer);
        this.waiting.delete(check);
        finish(value);
      };
      const check = () => {
        const result = act();
        if (result !== undefined) return done(resolve, result);
        const bad = this.seen.find((line) => /^(failed|ended) /.test(line));
        if (bad) done(reject, new Error(`${this.name}: ${bad} ${this.errors.trim().split('\n').pop()}`));
      };
      const timer = setTimeout(() => done(reject, new Error(`${this.name}: no ${what()} within ${Math.round(seconds)} s; saw: ${this.seen.slice(0, 20).join(' | ') || 'nothing'}`)), seconds * 1_000);
      this.waiting.add(check);
      check();
    });
  }

  // The first line not taken yet that matches; it is taken.
  take(pattern, seconds) {
    const find = () => {
      const at = this.seen.findIndex((line) => pattern.test(line));
      return at < 0 ? undefined : pattern.exec(this.seen.splice(at, 1)[0]);
    };
    return this.#when(find, () => pattern.source, seconds);
  }

  // All of these messages, in any order, each line taken; resolves to their tags. One that comes twice is left over as a stray.
  takeAll(messages, seconds) {
    const missing = new Map(messages.map((message) => [`${message.size} ${message.hash}`, message]));
    const tags = [];
    const find = () => {
      this.seen = this.seen.filter((line) => {
        const [, key, tag] = /^received (\d+ \S+) (\S+)/.exec(line) ?? [];
        if (!missing.delete(key)) return true;
        tags.push(tag);
        return false;
      });
      return missing.size === 0 ? tags : undefined;
    };
    return this.#when(find, () => `${missing.size} of ${messages.length} messages (${[...missing.values()].slice(0, 5).map((m) => sizeText(m.size)).join(', ')})`, seconds);
  }

  async end(seconds = 10) {
    this.say('quit');
    this.child.stdin.end();
    const late = setTimeout(() => this.child.kill('SIGKILL'), seconds * 1_000);
    await this.ended;
    clearTimeout(late);
  }
}

export async function start(kind, network, gateway, options = []) {
  const { title, command, env } = KINDS[kind];
  const peer = new Program(title, [...command, '--nym-api', network.api, '--gateway', network.gateways[gateway].identity, ...options], env);
  peer.kind = kind;
  [, peer.address] = await peer.take(/^ready (\S+)/, READY_SECONDS);
  return peer;
}

const nets = [];
// Ends with the run.
export async function localnet(options = []) {
  const net = new Program('localnet', [SLUICE, 'localnet', '--gateways', '2', '--json', '--dir', join(folder, `net-${nets.length}`), ...options]);
  const [line] = await net.take(/^\{.*"ready".*\}$/, READY_SECONDS);
  Object.assign(net, JSON.parse(line));
  net.status = async () => (await fetch(new URL('/status.json', net.api))).json();
  nets.push(net);
  return net;
}

async function stop(net) {
  net.child.kill('SIGTERM');
  const how = await net.ended;
  if (how !== 0) throw new Error(`localnet ended with ${how}: ${net.errors}`);
}

let bodies = 0;
export function body(size) {
  const bytes = randomBytes(size);
  const file = join(folder, `body-${(bodies += 1)}`);
  writeFileSync(file, bytes);
  return { size, file, hash: createHash('sha256').update(bytes).digest('hex') };
}

// Runs one judgement and keeps its row; a failed one does not stop the others.
export async function judge(part, from, to, what, size, act) {
  const begin = performance.now();
  const row = { part, from: from.kind, to: to.kind, what, size: typeof size === 'number' ? sizeText(size) : size, result: 'good' };
  try {
    await act();
  } catch (error) {
    row.result = 'FAILED';
    row.why = error.message;
  }
  row.ms = Math.round(performance.now() - begin);
  rows.push(row);
  console.log(rowText(row));
  if (row.why) console.log(`    ${row.why}`);
  return row.result === 'good';
}

// Received messages in the words of each program: `received LEN SHA256 TAG ...`.
export const arrival = (message) => new RegExp(`^received ${message.size} ${message.hash} (\\S+)`);

// `surbs`: '-' for the kind without tag. Resolves to the receiver's tag.
export function send(part, from, to, size, surbs) {
  const message = body(size);
  let tag;
  const what = surbs === '-' ? 'plain' : `${surbs} SURBs`;
  return judge(part, from, to, what, size, async () => {
    from.say(`send ${to.address} ${surbs} ${message.file}`);
    [, tag] = await to.take(arrival(message), secondsFor(size));
    if ((surbs === '-') !== (tag === '-')) throw new Error(`sender tag ${tag} for a message with ${what}`);
  }).then((good) => (good ? tag : undefined));
}

export function reply(part, from, to, tag, size) {
  const message = body(size);
  return judge(part, from, to, 'reply', size, async () => {
    from.say(`reply ${tag} ${message.file}`);
    await to.take(arrival(message), secondsFor(size));
  });
}

// One message with SURBs, and a reply to it where the receiver can.
export async function exchange(part, from, to, size, surbs = 10) {
  const tag = await send(part, from, to, size, surbs);
  // An empty reply cannot be told from padding (docs/protocol/2-messages.md): the smallest has a byte.
  if (tag && KINDS[to.kind].replies) await reply(part, to, from, tag, Math.max(size, 1));
}

function setupFailed(error) {
  rows.push({ part: '-', from: '-', to: '-', what: 'setup', size: '', result: 'FAILED', why: error.message, ms: 0 });
  console.log(`    ${error.message}`);
}

// Nothing may arrive twice, or at another's; what was sent again in vain is here by then.
export async function expectNoStrays(peers) {
  await sleep(SETTLE_SECONDS);
  for (const peer of peers) {
    const stray = peer.seen.find((line) => line.startsWith('received '));
    if (stray) throw new Error(`${peer.name}: nobody waited for: ${stray}`);
  }
}

export async function withPeers(started, act) {
  const peers = [];
  try {
    for (const peer of started) peers.push(await peer());
    await act(...peers);
    await expectNoStrays(peers);
  } catch (error) {
    setupFailed(error);
  } finally {
    await Promise.all(peers.map((peer) => peer.end()));
  }
}

function rowText({ part, from, to, what, size, result, ms }) {
  const name = (kind) => (KINDS[kind] ? `${KINDS[kind].title} ${KINDS[kind].version}` : kind).padEnd(18);
  return `(${part})  ${name(from)}  ->  ${name(to)}  ${what.padEnd(18)}  ${size.padStart(7)}  ${result.padEnd(7)} ${(ms / 1_000).toFixed(2).padStart(6)} s`;
}

function finish() {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

// Runs the wanted parts, all without names, one after the other, within so many seconds; the exit code says whether all is good.
export async function run(parts, seconds) {
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => (finish(), process.exit(1)));
  setTimeout(() => {
    console.log(`judges: not done within ${seconds} s`);
    finish();
    process.exit(1);
  }, seconds * 1_000).unref();
  const wanted = process.argv.slice(2);
  try {
    for (const part of wanted) if (!parts[part]) throw new Error(`no part ${part}`);
    for (const [name, part] of Object.entries(parts)) if (!wanted.length || wanted.includes(name)) await part();
    for (const net of nets) await stop(net);
  } catch (error) {
    console.log(`judges: ${error.message}`);
    process.exitCode = 1;
  }
  finish();
  const bad = rows.filter((row) => row.result !== 'good');
  if (bad.length) process.exitCode = 1;
  console.log(`judges: ${rows.length - bad.length} of ${rows.length} good`);
}
