// SPDX-License-Identifier: Apache-2.0
//
// The published clients judge Sluice under traffic: many messages at once, replies that need more SURBs, messages that
// wait at a gateway, a key rotation in the middle. Every message has to arrive once. Run by judges_traffic.sh.
//
// usage: node judges_traffic.mjs [e] [f] [g] [h] [i]      all five parts without names
//
//   e  a thousand messages of mixed sizes each way at once     g  messages wait at the gateway for who is away
//   f  replies with enough SURBs, too few, and a single one    h  keys rotate while messages and replies are under way
//   i  everybody asks `sluice echo` at once

import { join } from 'node:path';
import { Program, QUIET, body, expectNoStrays, folder, judge, localnet, run, sleep, start, withPeers } from './judges_programs.mjs';

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
  const keys = [kind === 'sluice' ? '--home' : '--keys', join(folder, `keys-${kind}-${sender.kind}`), ...QUIET];
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

// What both sides of a conversation need is kept: a reply that waited finds its key, and a tag from the life before can still be answered.
async function lives(part, sdk) {
  const options = ['--home', join(folder, 'home-lives'), ...QUIET];
  const before = await start('sluice', net, 0, options);
  const [ours] = await post(before, sdk, [body(103)], 40, 20);
  const [theirs] = await post(sdk, before, [body(104)], 40, 20);
  await before.end();
  const waiting = [600, 3_000, 20].map(body);
  for (const message of waiting) sdk.say(`reply ${ours} ${message.file}`);
  await sleep(2);
  const after = await start('sluice', net, 0, options);
  await judge(part, sdk, after, 'reply that waited', 'mixed', () => after.takeAll(waiting, 30));
  await judge(part, after, sdk, 'reply a life later', 'mixed', async () => {
    const later = [700, 2_500, 30].map(body);
    for (const message of later) after.say(`reply ${theirs} ${message.file}`);
    await sdk.takeAll(later, 30);
  });
  await expectNoStrays([after]);
  await after.end();
}

// Five messages a second from one to the other; resolves when all have arrived.
function stream(part, from, to, seconds) {
  return judge(part, from, to, 'messages, rotating', 'mixed', async () => {
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

// One message with SURBs, then two replies a second: Sluice renews its SURBs while the keys before are still good, so the conversation goes on.
function conversation(part, from, sluice, seconds) {
  return judge(part, sluice, from, 'replies, rotating', 'mixed', async () => {
    const [tag] = await post(from, sluice, [body(101)], 50, 20);
    const messages = [];
    for (let i = 0; i < seconds * 2; i += 1) {
      const message = body(11 + (i % 4) * 700);
      sluice.say(`reply ${tag} ${message.file}`);
      messages.push(message);
      await sleep(0.5);
    }
    await from.takeAll(messages, 30);
  });
}

// The reference drops what SURBs it has when its clock says that the keys rotate, and the reply that waits for them: so each question brings new
// ones, and one that falls on a seam may be asked again.
function questions(part, sluice, sdk, seconds, rotations) {
  return judge(part, sdk, sluice, 'answers, rotating', 'mixed', async () => {
    let again = 0;
    const end = performance.now() + seconds * 1_000;
    while (performance.now() < end) {
      const [tag] = await post(sluice, sdk, [body(102)], 30, 20);
      const answer = body(600);
      sdk.say(`reply ${tag} ${answer.file}`);
      await sluice.takeAll([answer], 8).catch((error) => {
        if ((again += 1) > rotations) throw error;
      });
      await sleep(0.2);
    }
  });
}

// Everybody goes on sending while the keys rotate at least twice.
async function rotate(part) {
  const EPOCH = 6, EPOCHS = 2, seconds = 2 * EPOCH * EPOCHS + 2;
  const rotating = await localnet(['--epoch', `${EPOCH}s`, '--rotation-epochs', `${EPOCHS}`]);
  const options = [...QUIET, '--topology-refresh', '1s'];
  const starts = ['sluice', 'sdk', 'npm'].map((kind, i) => () => start(kind, rotating, i % 2, options));
  await withPeers(starts, async (sluice, sdk, npm) => {
    const first = (await rotating.status()).epoch.rotation;
    await Promise.all([
      ...[[sluice, sdk], [sdk, sluice], [sluice, npm], [npm, sluice]].map(([from, to]) => stream(part, from, to, seconds)),
      ...[sdk, npm].map((from) => conversation(part, from, sluice, seconds)),
      questions(part, sluice, sdk, seconds, 2),
    ]);
    const { epoch, total } = await rotating.status();
    console.log(`     rotations ${first} to ${epoch.rotation}: ${total.packets_received} packets opened, ${total.key_before} of them with the key before, ` +
      `${total.key_retired} under a retired key, ${total.malformed} that did not open`);
    if (epoch.rotation < first + 2) throw new Error(`rotation ${epoch.rotation} after ${first}: too few to judge`);
    if (total.key_before === 0) throw new Error('no packet came under the key before: nothing crossed a seam');
  });
}

// Each message comes back to who sent it, once and byte for byte.
async function askEcho(part, kinds, count) {
  const echo = new Program('sluice echo', [process.env.SLUICE, 'echo', '--nym-api', net.api, '--json', '--status', '0']);
  echo.kind = 'echo';
  [, echo.address] = await echo.take(/"ready".*"addresses":\["([^"]+)"/, 20);
  await withPeers(kinds.map((kind, i) => () => start(kind, net, i % 2, QUIET)), (...peers) =>
    Promise.all(peers.map((peer) => judge(part, peer, echo, `${count} and back`, 'mixed', async () => {
      const messages = mixed(count);
      for (const message of messages) peer.say(`send ${echo.address} 10 ${message.file}`);
      await peer.takeAll(messages, 90);
    }))));
  echo.child.kill('SIGTERM');
  await judge(part, echo, echo, 'books balance', '', async () => {
    const how = await echo.ended;
    if (how !== 0) throw new Error(`it ended with ${how}: ${echo.errors}`);
    console.log(`     ${echo.seen.find((line) => line.includes('summary'))}`);
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
      await lives('g', sdk);
    }),
  h: () => rotate('h'),
  i: () => askEcho('i', ['sdk', 'npm', 'sluice'], 200),
};

await run(parts, 600);
