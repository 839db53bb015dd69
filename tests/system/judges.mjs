// SPDX-License-Identifier: Apache-2.0
//
// The published clients judge Sluice: they and `sluice client` send one another messages through `sluice localnet`, and
// every message has to arrive once, whole, at the right one. Run by judges.sh, which says where the programs are.
//
// usage: node judges.mjs [a] [b] [c] [d]      all four parts without names
//
//   a  two Rust SDK clients, with a reply by SURB          c  Sluice with each of them, 0 B to 1 MB, and replies
//   b  the npm client with itself and with Rust            d  all of them at once, on two gateways, with cover

import { QUIET, exchange, localnet, run, send, start, withPeers } from './judges_programs.mjs';

const SIZES = [0, 100, 2_000, 100_000, 1_000_000];
const net = await localnet();

const parts = {
  a: () =>
    withPeers([() => start('sdk', net, 0), () => start('sdk', net, 1)], async (one, two) => {
      await exchange('a', one, two, 100);
      await exchange('a', two, one, 2_000);
      await send('a', one, two, 100_000, '-');
    }),
  b: () =>
    withPeers([() => start('npm', net, 0), () => start('sdk', net, 1)], async (npm, sdk) => {
      await send('b', npm, npm, 100, '-');
      await exchange('b', npm, npm, 2_000);
      await send('b', npm, sdk, 2_000, '-');
      await exchange('b', npm, sdk, 100);
      await send('b', sdk, npm, 2_000, '-');
    }),
  c: async () => {
    for (const other of ['sdk', 'npm']) {
      await withPeers([() => start('sluice', net, 0, QUIET), () => start(other, net, 1, QUIET)], async (sluice, peer) => {
        for (const size of SIZES) {
          await send('c', sluice, peer, size, '-');
          await send('c', peer, sluice, size, '-');
          await exchange('c', sluice, peer, size);
          await exchange('c', peer, sluice, size);
        }
      });
    }
    await withPeers([() => start('sluice', net, 0), () => start('sluice', net, 1)], async (one, two) => {
      await exchange('c', one, two, 2_000);
      await send('c', two, one, 100_000, '-');
    });
  },
  d: () => {
    const kinds = ['sluice', 'sdk', 'npm', 'sluice', 'sdk', 'npm'];
    return withPeers(kinds.map((kind, i) => () => start(kind, net, i % 2)), async (...peers) => {
      await Promise.all(peers.flatMap((from) => peers.map((to) => exchange('d', from, to, 2_000))));
    });
  },
};

await run(parts, 420);
