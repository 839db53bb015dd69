// SPDX-License-Identifier: Apache-2.0
// The published npm client behind the lines of text of ../README.md. Its packages are found by NODE_PATH.
'use strict';

// The client drops a closure with its first socket, and says so once.
process.on('uncaughtException', (error) => {
  if (!/closure invoked/.test(error.message)) fail('-', error);
});
// Standard output is for events.
console.log = console.info = console.debug = console.error;

// What a browser would have.
require('fake-indexeddb/auto');
globalThis.WebSocket = require('ws').WebSocket;
globalThis.self = globalThis;

const { createHash } = require('node:crypto');
const { readFileSync, writeSync } = require('node:fs');
const readline = require('node:readline');
const { parseArgs } = require('node:util');
const { NymClient } = require('@nymproject/nym-client-wasm-node');

// Synchronous, so that a driver sees a line before the next thing happens.
function say(...words) {
  writeSync(1, words.join(' ') + '\n');
}

function fail(number, error) {
  say('failed', number, String((error && error.message) || error).replace(/\s+/g, ' '));
  if (number === '-') process.exit(1);
}

function received(message, tag) {
  say('received', message.length, createHash('sha256').update(message).digest('hex'), tag ? '?' : '-');
}

function body(source) {
  return source.startsWith('-') ? Buffer.from(source.slice(1)) : readFileSync(source);
}

async function obey(client, line) {
  const send = /^send (\S+) (-|\d+) (.*)$/.exec(line);
  if (!send) throw new Error(`cannot do: ${line}`);
  const [, to, surbs, source] = send;
  if (surbs === '-') await client.send_regular_message(body(source), to);
  else await client.send_anonymous_message(body(source), to, Number(surbs));
}

async function main() {
  const { values } = parseArgs({
    options: {
      'nym-api': { type: 'string' },
      gateway: { type: 'string' },
      'no-cover': { type: 'boolean', default: false },
      pacing: { type: 'string', default: 'default' },
      'topology-refresh': { type: 'string', default: '300s' },
    },
  });
  const client = await new NymClient(received, {
    clientId: `sluice-${process.pid}`,
    nymApiUrl: values['nym-api'],
    preferredGateway: values.gateway,
    forceTls: false,
    clientOverride: {
      traffic: { disableMainPoissonPacketDistribution: values.pacing === 'none' },
      coverTraffic: { disableLoopCoverTrafficStream: values['no-cover'] },
      topology: { topologyRefreshRateMs: 1000 * parseFloat(values['topology-refresh']) },
    },
  });
  say('ready', client.selfAddress());
  let number = 0;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (line === 'quit') break;
    if (line === '') continue;
    number += 1;
    await obey(client, line).then(() => say('sent', number), (error) => fail(number, error));
  }
  process.exit(0); // it would not end by itself
}

main().catch((error) => fail('-', error));
