// SPDX-License-Identifier: Apache-2.0
//
// The published clients judge Sluice: they and `sluice client` send one another messages through `sluice localnet`, and
// every message has to arrive once, whole, at the right one. Run by judges.sh, which says where the programs are.
//
// usage: node judges.mjs [a] [b] [c] [d]      all four parts without names
//
//   a  two Rust SDK clients, with a reply by SURB          c  Sluice with each of them, 0 B to 1 MB, and replies
//   b  the npm client with itself and with Rust            d  all of them at once, on two gateways, with cover

import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const { SLUICE, SLUICE_SDK_PEER, SLUICE_NPM_MODULES } = process.env;
const npmPeer = join(dirname(fileURLToPath(import.meta.url)), '../peers/js/peer.cjs');
const KINDS = {
  sdk: { title: 'Rust SDK', version: '1.21.6', replies: true, command: [SLUICE_SDK_PEER] },
  npm: { title: 'npm', version: '1.4.1', replies: false, command: [process.execPath, npmPeer], env: { NODE_PATH: SLUICE_NPM_MODULES } },
  sluice: { title: 'Sluice', version: 'this tree', replies: true, command: [SLUICE, 'client'] },
};
const SIZES = [0, 100, 2_000, 100_000, 1_000_000];
const READY_SECONDS = 20;
const SETTLE_SECONDS = 2;
const ALL_SECONDS = 420;
const QUIET = ['--no-cover', '--pacing', 'none'];

const folder = mkdtempSync(join(tmpdir(), 'sluice-judges-'));
const children = new Set();
const rows = [];

// Generous: a loaded machine is slow, a lost message never comes.
const secondsFor = (size) => (size > 10_000 ? 20 + size / 12_500 : 20);
const sizeText = (n) => (n < 1_000 ? `${n} B` : n < 1_000_000 ? `${n / 1_000} KB` : `${n / 1_000_000} MB`);

// A program whose lines are events.
class Program {
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

  // The first line not taken yet that matches; it is taken. Fails at once when the program fails or ends instead.
  take(pattern, seconds) {
    return new Promise((resolve, reject) => {
      const done = (finish, value) => {
        clearTimeout(timer);
        this.waiting.delete(check);
        finish(value);
      };
      const check = () => {
        const at = this.seen.findIndex((line) => pattern.test(line));
        if (at >= 0) return done(resolve, pattern.exec(this.seen.splice(at, 1)[0]));
        const bad = this.seen.find((line) => /^(failed|ended) /.test(line));
        if (bad) done(reject, new Error(`${this.name}: ${bad} ${this.errors.trim().split('\n').pop()}`));
      };
      const timer = setTimeout(() => done(reject, new Error(`${this.name}: no ${pattern.source} within ${seconds} s; saw: ${this.seen.join(' | ') || 'nothing'}`)), seconds * 1_000);
      this.waiting.add(check);
      check();
    });
  }

  async end(seconds = 10) {
    this.say('quit');
    this.child.stdin.end();
    const late = setTimeout(() => this.child.kill('SIGKILL'), seconds * 1_000);
    await this.ended;
    clearTimeout(late);
  }
}

async function start(kind, network, gateway, options = []) {
  const { title, command, env } = KINDS[kind];
  const peer = new Program(title, [...command, '--nym-api', network.api, '--gateway', network.gateways[gateway].identity, ...options], env);
  peer.kind = kind;
  [, peer.address] = await peer.take(/^ready (\S+)/, READY_SECONDS);
  return peer;
}

async function localnet() {
  const net = new Program('localnet', [SLUICE, 'localnet', '--gateways', '2', '--json', '--dir', join(folder, 'net')]);
  const [line] = await net.take(/^\{.*"ready".*\}$/, READY_SECONDS);
  return Object.assign(net, JSON.parse(line));
}

let bodies = 0;
function body(size) {
  const bytes = randomBytes(size);
  const file = join(folder, `body-${(bodies += 1)}`);
  writeFileSync(file, bytes);
  return { size, file, hash: createHash('sha256').update(bytes).digest('hex') };
}

// Runs one judgement and keeps its row; a failed one does not stop the others.
async function judge(part, from, to, what, size, act) {
  const begin = performance.now();
  const row = { part, from: from.kind, to: to.kind, what, size, result: 'good' };
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
const arrival = (message) => new RegExp(`^received ${message.size} ${message.hash} (\\S+)`);

// `surbs`: '-' for the kind without tag. Resolves to the receiver's tag.
function send(part, from, to, size, surbs) {
  const message = body(size);
  let tag;
  const what = surbs === '-' ? 'plain' : `${surbs} SURBs`;
  return judge(part, from, to, what, size, async () => {
    from.say(`send ${to.address} ${surbs} ${message.file}`);
    [, tag] = await to.take(arrival(message), secondsFor(size));
    if ((surbs === '-') !== (tag === '-')) throw new Error(`sender tag ${tag} for a message with ${what}`);
  }).then((good) => (good ? tag : undefined));
}

function reply(part, from, to, tag, size) {
  const message = body(size);
  return judge(part, from, to, 'reply', size, async () => {
    from.say(`reply ${tag} ${message.file}`);
    await to.take(arrival(message), secondsFor(size));
  });
}

// One message with SURBs, and a reply to it where the receiver can.
async function exchange(part, from, to, size, surbs = 10) {
  const tag = await send(part, from, to, size, surbs);
  // An empty reply cannot be told from padding (docs/protocol/2-messages.md): the smallest has a byte.
  if (tag && KINDS[to.kind].replies) await reply(part, to, from, tag, Math.max(size, 1));
}

async function with_peers(started, act) {
  const peers = [];
  try {
    for (const peer of started) peers.push(await peer());
    await act(...peers);
    // Nothing may arrive twice, or at another's; what was sent again in vain is here by then.
    await new Promise((resolve) => setTimeout(resolve, SETTLE_SECONDS * 1_000));
    for (const peer of peers) {
      const stray = peer.seen.find((line) => line.startsWith('received '));
      if (stray) throw new Error(`${peer.name}: nobody waited for: ${stray}`);
    }
  } catch (error) {
    rows.push({ part: '-', from: '-', to: '-', what: 'setup', size: 0, result: 'FAILED', why: error.message, ms: 0 });
    console.log(`    ${error.message}`);
  } finally {
    await Promise.all(peers.map((peer) => peer.end()));
  }
}

const parts = {
  a: (net) =>
    with_peers([() => start('sdk', net, 0), () => start('sdk', net, 1)], async (one, two) => {
      await exchange('a', one, two, 100);
      await exchange('a', two, one, 2_000);
      await send('a', one, two, 100_000, '-');
    }),
  b: (net) =>
    with_peers([() => start('npm', net, 0), () => start('sdk', net, 1)], async (npm, sdk) => {
      await send('b', npm, npm, 100, '-');
      await exchange('b', npm, npm, 2_000);
      await send('b', npm, sdk, 2_000, '-');
      await exchange('b', npm, sdk, 100);
      await send('b', sdk, npm, 2_000, '-');
    }),
  c: async (net) => {
    for (const other of ['sdk', 'npm']) {
      await with_peers([() => start('sluice', net, 0, QUIET), () => start(other, net, 1, QUIET)], async (sluice, peer) => {
        for (const size of SIZES) {
          await send('c', sluice, peer, size, '-');
          await send('c', peer, sluice, size, '-');
          await exchange('c', sluice, peer, size);
          await exchange('c', peer, sluice, size);
        }
      });
    }
    await with_peers([() => start('sluice', net, 0), () => start('sluice', net, 1)], async (one, two) => {
      await exchange('c', one, two, 2_000);
      await send('c', two, one, 100_000, '-');
    });
  },
  d: (net) => {
    const kinds = ['sluice', 'sdk', 'npm', 'sluice', 'sdk', 'npm'];
    return with_peers(kinds.map((kind, i) => () => start(kind, net, i % 2)), async (...peers) => {
      await Promise.all(peers.flatMap((from) => peers.map((to) => exchange('d', from, to, 2_000))));
    });
  },
};

function rowText({ part, from, to, what, size, result, ms }) {
  const name = (kind) => (KINDS[kind] ? `${KINDS[kind].title} ${KINDS[kind].version}` : kind).padEnd(18);
  return `(${part})  ${name(from)}  ->  ${name(to)}  ${what.padEnd(9)}  ${sizeText(size).padStart(7)}  ${result.padEnd(7)} ${(ms / 1_000).toFixed(2).padStart(6)} s`;
}

function finish() {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

async function main() {
  const wanted = process.argv.slice(2);
  for (const part of wanted) if (!parts[part]) throw new Error(`no part ${part}`);
  const net = await localnet();
  for (const [name, part] of Object.entries(parts)) if (!wanted.length || wanted.includes(name)) await part(net);
  net.child.kill('SIGTERM');
  const how = await net.ended;
  if (how !== 0) throw new Error(`localnet ended with ${how}: ${net.errors}`);
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => (finish(), process.exit(1)));
setTimeout(() => {
  console.log(`judges: not done within ${ALL_SECONDS} s`);
  finish();
  process.exit(1);
}, ALL_SECONDS * 1_000).unref();

try {
  await main();
} catch (error) {
  console.log(`judges: ${error.message}`);
  process.exitCode = 1;
}
finish();
const bad = rows.filter((row) => row.result !== 'good');
if (bad.length) process.exitCode = 1;
console.log(`judges: ${rows.length - bad.length} of ${rows.length} good`);
