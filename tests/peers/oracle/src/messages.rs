// SPDX-License-Identifier: Apache-2.0
//! Messages, acks and cover by `nym-sphinx`: one client of the crates in a network of the test's.

use crate::wire::{each, Reader, Writer};
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
}

/// A message that is asked for.
struct Letter<'a> {
    kind: u8,
    size: PacketSize,
    data: &'a [u8],
    recipient: Option<Recipient>,
    tag: [u8; 16],
    surbs_wanted: usize,
    surbs: Vec<&'a [u8]>,
}

fn letter<'a>(r: &mut Reader<'a>) -> Letter<'a> {
    let kind = r.u8();
    let size = PacketSize::try_from(r.u8()).unwrap();
    let mut letter =
        Letter { kind, size, data: r.bytes(), recipient: None, tag: [0; 16], surbs_wanted: 0, surbs: vec![] };
    if kind < 2 {
        letter.recipient = Some(Recipient::try_from_bytes(r.array()).unwrap());
    } else {
        letter.surbs = r.list(|r| r.bytes());
    }
    if kind == 1 {
        letter.tag = r.array();
        letter.surbs_wanted = r.u32() as usize;
    }
    letter
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
    Client { recipient, secret, ack_key }
}

fn write_packet(w: &mut Writer, packet: MixPacket) {
    w.raw(&packet.next_hop().as_zero_padded_bytes(19));
    w.bytes(&packet.into_packet().to_bytes().unwrap());
}

fn reply_surb(bytes: &[u8]) -> ReplySurbWithKeyRotation {
    ReplySurb::from_bytes(bytes).unwrap().with_key_rotation(SphinxKeyRotation::EvenRotation)
}

impl Client {
    fn prepare(&self, routes: &NymRouteProvider, letter: &Letter, w: &mut Writer) {
        let mut preparer = MessagePreparer::new(rand::rng(), false, self.recipient, DELAY, DELAY, false);
        let data = letter.data.to_vec();
        let mut keys = vec![];
        let message = match letter.kind {
            0 => NymMessage::new_plain(data),
            1 => {
                let surbs = preparer.generate_reply_surbs(letter.surbs_wanted, routes).unwrap();
                keys = surbs.iter().map(|surb| surb.encryption_key().to_bytes()).collect();
                let tag = AnonymousSenderTag::from_bytes(letter.tag);
                NymMessage::new_repliable(RepliableMessage::new_data(data, tag, surbs))
            }
            _ => NymMessage::new_reply(ReplyMessage::new_data_message(data)),
        };
        let fragments = preparer.pad_and_split_message(message, letter.size);
        let mut surbs = letter.surbs.iter();
        w.u32(fragments.len() as u32);
        for fragment in fragments {
            let key = &self.ack_key;
            let prepared = match &letter.recipient {
                Some(to) => preparer.prepare_chunk_for_sending(fragment, routes, key, to, PacketType::Mix),
                None => {
                    let surb = reply_surb(surbs.next().expect("a SURB for every fragment"));
                    preparer.prepare_reply_chunk_for_sending(fragment, routes, key, surb, PacketType::Mix)
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
            _ => self.client.as_ref().expect("a client").answer(self.routes.as_ref().expect("a network"), op, r, w),
        }
    }
}

impl Client {
    fn answer(&self, routes: &NymRouteProvider, op: u8, r: &mut Reader, w: &mut Writer) {
        match op {
            b'P' => each(&r.list(letter), w, |letter, w| self.prepare(routes, letter, w)),
            b'R' => {
                let items = r.list(|r| (r.list(|r| r.bytes()), r.list(|r| r.array())));
                each(&items, w, |(payloads, keys), w| write_message(w, self.receive(payloads, keys)));
            }
            b'A' => each(&r.list(|r| r.take(21)), w, |content, w| {
                w.raw(&recover_identifier(&self.ack_key, content).unwrap());
            }),
            b'V' => each(&r.list(|r| r.u8()), w, |size, w| {
                write_packet(w, self.cover(routes, PacketSize::try_from(*size).unwrap()));
            }),
            b'K' => each(&r.list(|r| r.bytes()), w, |payload, w| {
                let content = self.decrypt(&SphinxMessageReceiver::new(), payload, &[]);
                w.u8(content.is_some_and(|content| is_cover(&content)).into());
            }),
            other => panic!("no request {other}"),
        }
    }

    fn cover(&self, routes: &NymRouteProvider, size: PacketSize) -> MixPacket {
        let (rng, key, own) = (&mut rand::rng(), &self.ack_key, &self.recipient);
        generate_loop_cover_packet(rng, routes, key, own, DELAY, DELAY, size, PacketType::Mix).unwrap()
    }
}
