// SPDX-License-Identifier: Apache-2.0
//! `nym-sphinx`: the client's message layer, from a fragment to the finished packets, and back.

use crate::{Setup, Work};
use nym_crypto::asymmetric::{ed25519, x25519};
use nym_sphinx::acknowledgements::AckKey;
use nym_sphinx::addressing::clients::Recipient;
use nym_sphinx::chunking::fragment::Fragment;
use nym_sphinx::message::NymMessage;
use nym_sphinx::params::{PacketSize, PacketType};
use nym_sphinx::preparer::MessagePreparer;
use nym_sphinx::receiver::{MessageReceiver, SphinxMessageReceiver};
use nym_topology::{CachedEpochRewardedSet, NymRouteProvider, NymTopology, NymTopologyMetadata, RoutingNode, SupportedRoles};
use rand::rngs::ThreadRng;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

const MEAN_DELAY: Duration = Duration::from_millis(50);
/// Of the ephemeral key in front of a sealed fragment; of a fragment in a regular packet.
const KEY_BYTES: usize = 32;
const FRAGMENT_BYTES: usize = 1611;

fn node(id: u32) -> RoutingNode {
    let mut rng = rand::rng();
    RoutingNode {
        node_id: id,
        mix_host: SocketAddr::from((Ipv4Addr::new(10, 0, (id >> 8) as u8, id as u8), 1789)),
        entry: None,
        identity_key: *ed25519::KeyPair::new(&mut rng).public_key(),
        sphinx_key: *x25519::KeyPair::new(&mut rng).public_key(),
        supported_roles: SupportedRoles { mixnode: true, mixnet_entry: true, mixnet_exit: true },
    }
}

fn network(nodes: u32) -> (NymRouteProvider, ed25519::PublicKey) {
    let gateway = node(0);
    let identity = gateway.identity_key;
    let layer = |number: u32| 1 + number * nodes..1 + (number + 1) * nodes;
    let set = CachedEpochRewardedSet {
        epoch_id: 1,
        entry_gateways: [0].into(),
        layer1: layer(0).collect(),
        layer2: layer(1).collect(),
        layer3: layer(2).collect(),
        ..Default::default()
    };
    let all = std::iter::once(gateway).chain((1..1 + 3 * nodes).map(node)).collect();
    (NymTopology::new(NymTopologyMetadata::default(), set, all).into(), identity)
}

pub struct Messages {
    topology: NymRouteProvider,
    preparer: MessagePreparer<ThreadRng>,
    ack_key: AckKey,
    recipient: Recipient,
    fragment: Fragment,
}

impl Work for Messages {
    fn open(setup: &Setup) -> Option<Self> {
        if setup.hops != 4 || setup.bytes != 2048 {
            return None;
        }
        let mut rng = rand::rng();
        let (topology, gateway) = network(setup.nodes);
        let identity = ed25519::KeyPair::new(&mut rng);
        let encryption = x25519::KeyPair::new(&mut rng);
        let recipient = Recipient::new(*identity.public_key(), *encryption.public_key(), gateway);
        let ack_key = AckKey::new(&mut rng);
        let mut preparer = MessagePreparer::new(rng, false, recipient, MEAN_DELAY, MEAN_DELAY, false);
        let message = NymMessage::new_plain(vec![5; FRAGMENT_BYTES - 100]);
        let fragment = preparer.pad_and_split_message(message, PacketSize::RegularPacket).pop()?;
        Some(Messages { topology, preparer, ack_key, recipient, fragment })
    }
    fn unit(&mut self) -> Option<()> {
        let fragment = self.fragment.clone();
        let prepared = self
            .preparer
            .prepare_chunk_for_sending(fragment, &self.topology, &self.ack_key, &self.recipient, PacketType::Mix)
            .ok()?;
        black_box(prepared.mix_packet.into_v2_bytes().ok()?);
        Some(())
    }
}

pub struct Receive {
    receiver: SphinxMessageReceiver,
    key: x25519::PrivateKey,
    sealed: Vec<u8>,
    work: Vec<u8>,
}

impl Work for Receive {
    fn open(setup: &Setup) -> Option<Self> {
        let mut rng = rand::rng();
        let mut sealed = vec![5; setup.bytes as usize];
        sealed[..KEY_BYTES].copy_from_slice(&x25519::KeyPair::new(&mut rng).public_key().to_bytes());
        let work = sealed.clone();
        Some(Receive { receiver: SphinxMessageReceiver::new(), key: x25519::PrivateKey::new(&mut rng), sealed, work })
    }
    fn unit(&mut self) -> Option<()> {
        self.work.copy_from_slice(&self.sealed);
        black_box(self.receiver.recover_plaintext_from_regular_packet(&self.key, &mut self.work).ok()?);
        Some(())
    }
}
