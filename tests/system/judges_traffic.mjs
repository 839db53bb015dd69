// SPDX-License-Identifier: Apache-2.0
//
// The published clients judge Sluice under traffic: many messages at once, replies that need more SURBs, messages that
// wait at a gateway, a key rotation in the middle. Every message has to arrive once. Run by judges_traffic.sh.
//
// usage: node judges_traffic.mjs [e] [f] [g] [h]      all four parts without names
//
//   e  a thousand messages of mixed sizes each way at once     g  messages wait at the gateway for who is away
//   f  replies with enough SURBs, too few, and a single one    h  keys rotate while messages are under way

import { join } from 'node:path';
import { QUIET, body, expectNoStrays, folder, judge, localnet, run, sleep, start, withPeers } from './judges_programs.mjs';

const net = await localnet();

// Mostly one packet, some a few, few many; the same mixture for every count.
function mixed(count) {
  const sizes = [1, 100, 900, 1_500, 400, 2_500, 1_200, 6_000, 50, 1_000];
  // Larger than its place, so that no two are alike and a message that comes twice is seen.
  return Array.from({ length: count }, (_, i) => body((i % 100 === 99 ? 60_000 : sizes[i % 10] + 16) + i % 7));
}

// All of `messages` from one to the other; resolves to the receiver's tags.
async function post(from, to, messages, surbs, seconds) {
  for (const message of messages) from.say(`send ${to.address} ${surbs} ${message.file}`);
  return to.takeAll(messages, seconds);
}

const bothWays = (part, one, two, count, what, seconds) =>
  Promise.all([[one, two], [two, one]].map(([from, to]) => judge(part, from, to, `${count} ${what}`, 'mixed', () => post(from, to, mixed(count), '-', seconds))));

// A message with so many SURBs, then `count` replies of this size at once.
async function converse(part, from, to, surbs, count, size) {
  let tag;
  await judge(part, from, to, surbs === 1 ? '1 SURB' : `${surbs} SURBs`, 100, async () => ([tag] = await post(from, to, [body(100)], surbs, 20)));
  if (!tag) return;
  await judge(part, to, from, count === 1 ? '1 reply' : `${count} replies`, size, async () => {
    const messages = Array.from({ length: count }, (_, i) => body(size + i));
    for (const message of messages) to.say(`reply ${tag} ${message.file}`);
    await from.takeAll(messages, 60);
  });
}

// `to` has gone after its address was known; what is sent then is there when it comes back with the same keys.
async function away(part, kind, sender) {
  const keys = ['--keys', join(folder, `keys-${kind}-${sender.kind}`), ...QUIET];
  const before = await start(kind, net, 0, keys);
  await judge(part, sender, before, 'to who is there', 'mixed', () => post(sender, before, mixed(5), '-', 20));
  await before.end();
  const messages = mixed(50);
  for (const message of messages) sender.say(`send ${before.address} - ${message.file}`);
  await sleep(3);
  let after;
  await judge(part, sender, before, 'to who is away', 'mixed', async () => {
    after = await start(kind, net, 0, keys);
    if (after.address !== before.address) throw new Error(`it came back as ${after.address}, and was ${before.address}`);
    await after.takeAll(messages, 30);
    await expectNoStrays([after]);
  });
  await after?.end();
}

// Five messages a second from one to the other; resolves when all have arrived.
function stream(part, from, to, seconds) {
  return judge(part, from, to, 'over rotations', 'mixed', async () => {
    const messages = [];
    for (let i = 0; i < seconds * 5; i += 1) {
      const message = body(20 + (i % 10) * 300);
      from.say(`send ${to.address} - ${message.file}`);
      messages.push(message);
      await sleep(0.2);
    }
    await to.takeAll(messages, 30);
  });
}

// Everybody goes on sending while the keys rotate at least twice.
async function rotate(part) {
  const EPOCH = 4, EPOCHS = 3, seconds = 2 * EPOCH * EPOCHS + 6;
  const rotating = await localnet(['--epoch', `${EPOCH}s`, '--rotation-epochs', `${EPOCHS}`]);
  const options = [...QUIET, '--topology-refresh', '1s'];
  const starts = ['sluice', 'sdk', 'npm'].map((kind, i) => () => start(kind, rotating, i % 2, options));
  await withPeers(starts, async (sluice, sdk, npm) => {
    const first = (await rotating.status()).epoch.rotation;
    await Promise.all([[sluice, sdk], [sdk, sluice], [sluice, npm], [npm, sluice]].map(([from, to]) => stream(part, from, to, seconds)));
    const { epoch, total } = await rotating.status();
    console.log(`     rotations ${first} to ${epoch.rotation}: ${total.packets_received} packets opened, ${total.key_before} of them with the key before, ` +
      `${total.key_retired} under a retired key, ${total.malformed} that did not open`);
    if (epoch.rotation < first + 2) throw new Error(`rotation ${epoch.rotation} after ${first}: too few to judge`);
    if (total.key_before === 0) throw new Error('no packet came under the key before: nothing crossed a seam');
  });
}

const parts = {
  e: async () => {
    // Paced and covered as everybody is by default, then as fast as it goes.
    await withPeers([() => start('sluice', net, 0), () => start('sdk', net, 1)], (sluice, sdk) => bothWays('e', sluice, sdk, 1_000, 'paced', 120));
    await withPeers([() => start('sluice', net, 0, QUIET), () => start('sdk', net, 1, QUIET)], (sluice, sdk) => bothWays('e', sluice, sdk, 1_000, 'at once', 90));
    await withPeers([() => start('sluice', net, 0, QUIET), () => start('npm', net, 1, QUIET)], (sluice, npm) => bothWays('e', sluice, npm, 100, 'at once', 60));
  },
  f: async () => {
    // Enough: 20 packets; too few: 80 packets; and one, which can only ask for more. A fresh pair each: SURBs are kept for later.
    for (const [surbs, count, size] of [[100, 20, 500], [10, 20, 5_000], [1, 1, 50_000]]) {
      await withPeers([() => start('sluice', net, 0, QUIET), () => start('sdk', net, 1, QUIET)], (sluice, sdk) =>
        converse('f', sluice, sdk, surbs, count, size));
      await withPeers([() => start('sluice', net, 0, QUIET), () => start('sdk', net, 1, QUIET)], (sluice, sdk) =>
        converse('f', sdk, sluice, surbs, count, size));
    }
  },
  g: () =>
    withPeers([() => start('sdk', net, 1, QUIET), () => start('npm', net, 1, QUIET), () => start('sluice', net, 1, QUIET)], async (sdk, npm, sluice) => {
      await away('g', 'sluice', sdk);
      await away('g', 'sluice', npm);
      await away('g', 'sdk', sluice);
    }),
  h: () => rotate('h'),
};

await run(parts, 300);
