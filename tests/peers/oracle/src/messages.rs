// SPDX-License-Identifier: Apache-2.0
//! Messages, acks and cover by `nym-sphinx`: one client of the crates in a network of the test's.

use crate::wire::{Reader, Writer};
use nym_crypto::asymmetric::{ed25519, x25519};
use nym_sphinx::acknowledgements::{identifier::recover_identifier, AckKey};
use nym_sphinx::addressing::clients::Recipient;
use nym_sphinx::anonymous_replies::requests::{RepliableMessage, RepliableMessageContent, ReplyMessage};
use nym_sphinx::anonymous_replies::requests::{AnonymousSenderTag, ReplyMessageContent};
use nym_sphinx::anonymous_replies::{ReplySurb, ReplySurbWithKeyRotation, SurbEncryptionKey};
use nym_sphinx::cover::{generate_loop_cover_packet, is_cover};
use nym_sphinx::forwarding::packet::MixPacket;
use nym_sphinx::message::NymMessage;
use nym_sphinx::params::{PacketSize, PacketType, SphinxKeyRotation};
use nym_sphinx::preparer::MessagePreparer;
use nym_sphinx::receiver::{MessageReceiver, SphinxMessageReceiver};
use nym_topology::{CachedEpochRewardedSet, NymRouteProvider, NymTopology, NymTopologyMetadata};
use nym_topology::{RoutingNode, SupportedRoles};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const DELAY: Duration = Duration::from_millis(15);

struct Client {
    recipient: Recipient,
    secret: x25519::PrivateKey,
    ack_key: AckKey,
    preparer: MessagePreparer<rand::rngs::ThreadRng>,
}

#[derive(Default)]
pub struct State {
    routes: Option<NymRouteProvider>,
    client: Option<Client>,
}

fn identity(r: &mut Reader) -> ed25519::PublicKey {
    ed25519::PublicKey::from_bytes(r.take(32)).unwrap()
}

fn network(r: &mut Reader) -> NymRouteProvider {
    let rotation = r.u32();
    let mut set = CachedEpochRewardedSet::default();
    let nodes = r.list(|r| {
        let node_id = r.u32();
        let layer = r.u8();
        match layer {
            0 => &mut set.entry_gateways,
            1 => &mut set.layer1,
            2 => &mut set.layer2,
            _ => &mut set.layer3,
        }
        .insert(node_id);
        let ip = Ipv4Addr::from(r.array::<4>());
        RoutingNode {
            node_id,
            mix_host: SocketAddr::from((ip, r.u16())),
            entry: None,
            identity_key: identity(r),
            sphinx_key: x25519::PublicKey::from_bytes(r.take(32)).unwrap(),
            supported_roles: SupportedRoles { mixnode: layer > 0, mixnet_entry: layer == 0, mixnet_exit: layer == 0 },
        }
    });
    let metadata = NymTopologyMetadata::new(rotation, 0, SystemTime::now());
    NymRouteProvider::new(Arc::new(NymTopology::new(metadata, set, nodes)), false)
}

fn client(r: &mut Reader) -> Client {
    let own = identity(r);
    let secret = x25519::PrivateKey::from_bytes(r.take(32)).unwrap();
    let ack_key = AckKey::try_from_bytes(r.take(16)).unwrap();
    let recipient = Recipient::new(own, secret.public_key(), identity(r));
    let preparer = MessagePreparer::new(rand::rng(), false, recipient, DELAY, DELAY, false);
    Client { recipient, secret, ack_key, preparer }
}

fn write_packet(w: &mut Writer, packet: MixPacket) {
    w.raw(&packet.next_hop().as_zero_padded_bytes(19));
    w.bytes(&packet.into_packet().to_bytes().unwrap());
}

fn reply_surb(bytes: &[u8]) -> ReplySurbWithKeyRotation {
    ReplySurb::from_bytes(bytes).unwrap().with_key_rotation(SphinxKeyRotation::EvenRotation)
}

impl Client {
    fn prepare(&mut self, routes: &NymRouteProvider, r: &mut Reader, w: &mut Writer) {
        let kind = r.u8();
        let size = PacketSize::try_from(r.u8()).unwrap();
        let data = r.bytes().to_vec();
        let mut keys = vec![];
        let (message, recipient, mut surbs) = match kind {
            0 => (NymMessage::new_plain(data), Some(Recipient::try_from_bytes(r.array()).unwrap()), vec![]),
            1 => {
                let recipient = Recipient::try_from_bytes(r.array()).unwrap();
                let tag = AnonymousSenderTag::from_bytes(r.array());
                let surbs = self.preparer.generate_reply_surbs(r.u32() as usize, routes).unwrap();
                keys = surbs.iter().map(|surb| surb.encryption_key().to_bytes()).collect();
                (NymMessage::new_repliable(RepliableMessage::new_data(data, tag, surbs)), Some(recipient), vec![])
            }
            _ => {
                let surbs = r.list(|r| reply_surb(r.bytes()));
                (NymMessage::new_reply(ReplyMessage::new_data_message(data)), None, surbs)
            }
        };
        let fragments = self.preparer.pad_and_split_message(message, size);
        w.u32(fragments.len() as u32);
        for fragment in fragments {
            let prepared = match &recipient {
                Some(to) => {
                    self.preparer.prepare_chunk_for_sending(fragment, routes, &self.ack_key, to, PacketType::Mix)
                }
                None => {
                    let surb = surbs.pop().expect("a SURB for every fragment");
                    self.preparer.prepare_reply_chunk_for_sending(
                        fragment,
                        routes,
                        &self.ack_key,
                        surb,
                        PacketType::Mix,
                    )
                }
            }
            .unwrap();
            write_packet(w, prepared.mix_packet);
            w.raw(&prepared.fragment_identifier.to_bytes());
        }
        w.u32(keys.len() as u32);
        keys.iter().for_each(|key| w.raw(key));
    }

    /// A payload as a gateway pushes it, decrypted with our key or a SURB's.
    fn decrypt(&self, receiver: &SphinxMessageReceiver, payload: &[u8], keys: &[[u8; 16]]) -> Option<Vec<u8>> {
        for key in keys {
            let key = SurbEncryptionKey::try_from_bytes(key).unwrap();
            if key.compute_digest()[..] == payload[..32] {
                let mut content = payload[32..].to_vec();
                receiver.recover_plaintext_from_reply(&mut content, key).ok()?;
                return Some(content);
            }
        }
        let mut content = payload.to_vec();
        receiver.recover_plaintext_from_regular_packet(&self.secret, &mut content).ok().map(|content| content.to_vec())
    }

    fn receive(&self, payloads: &[&[u8]], keys: &[[u8; 16]]) -> Option<NymMessage> {
        let mut receiver = SphinxMessageReceiver::new();
        let mut whole = None;
        for payload in payloads {
            let content = self.decrypt(&receiver, payload, keys)?;
            let fragment = receiver.recover_fragment(&content).ok()?;
            if let Some((message, _)) = receiver.insert_new_fragment(fragment).ok()? {
                whole = Some(message);
            }
        }
        whole
    }
}

fn write_message(w: &mut Writer, message: Option<NymMessage>) {
    let (kind, tag, surbs, data) = match message {
        Some(NymMessage::Plain(data)) => (0, [0; 16], vec![], data),
        Some(NymMessage::Repliable(RepliableMessage {
            sender_tag,
            content: RepliableMessageContent::DataV2(content),
        })) => (1, sender_tag.to_bytes(), content.reply_surbs, content.message),
        Some(NymMessage::Reply(ReplyMessage { content: ReplyMessageContent::Data { message } })) => {
            (2, [0; 16], vec![], message)
        }
        _ => (255, [0; 16], vec![], vec![]),
    };
    w.u8(kind);
    w.raw(&tag);
    w.u32(surbs.len() as u32);
    surbs.iter().for_each(|surb| w.bytes(&surb.inner_reply_surb().to_bytes()));
    w.bytes(&data);
}

impl State {
    pub fn answer(&mut self, op: u8, r: &mut Reader, w: &mut Writer) {
        match op {
            b'N' => self.routes = Some(network(r)),
            b'C' => {
                let client = self.client.insert(client(r));
                w.raw(&client.recipient.to_bytes());
            }
            _ => {
                let client = self.client.as_mut().expect("a client");
                let routes = self.routes.as_ref().expect("a network");
                let count = r.u32();
                w.u32(count);
                for _ in 0..count {
                    match op {
                        b'P' => client.prepare(routes, r, w),
                        b'R' => {
                            let payloads = r.list(|r| r.bytes());
                            let keys = r.list(|r| r.array());
                            write_message(w, client.receive(&payloads, &keys));
                        }
                        b'A' => w.raw(&recover_identifier(&client.ack_key, r.take(21)).unwrap()),
                        b'V' => write_packet(w, client.cover(routes, PacketSize::try_from(r.u8()).unwrap())),
                        b'K' => {
                            let receiver = SphinxMessageReceiver::new();
                            let content = client.decrypt(&receiver, r.bytes(), &[]);
                            w.u8(content.is_some_and(|content| is_cover(&content)).into());
                        }
                        other => panic!("no request {other}"),
                    }
                }
            }
        }
    }
}

impl Client {
    fn cover(&self, routes: &NymRouteProvider, size: PacketSize) -> MixPacket {
        let (rng, key, own) = (&mut rand::rng(), &self.ack_key, &self.recipient);
        generate_loop_cover_packet(rng, routes, key, own, DELAY, DELAY, size, PacketType::Mix).unwrap()
    }
}
