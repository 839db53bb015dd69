// SPDX-License-Identifier: Apache-2.0
//! Packets and SURBs, by either release of `sphinx-packet`: one text, two crates, whose types have nothing in common.

use crate::wire::{each, Reader, Writer};

macro_rules! sphinx {
    ($name:ident, $packet:ident, $make_surb:expr) => {
        pub mod $name {
            use super::*;
            use $packet::crypto::{PrivateKey, PublicKey};
            use $packet::header::delays::Delay;
            use $packet::route::{Destination, DestinationAddressBytes, Node, NodeAddressBytes};
            use $packet::version::Version;
            use $packet::{ProcessedPacketData, Result, SphinxPacket, SphinxPacketBuilder, SURB};

            #[derive(Clone)]
            pub struct Route {
                pub version: Version,
                pub nodes: Vec<Node>,
                pub delays: Vec<Delay>,
                pub destination: Destination,
            }

            fn route(r: &mut Reader) -> Route {
                let version = Version::new(r.u16());
                let (mut nodes, mut delays) = (vec![], vec![]);
                for _ in 0..r.u8() {
                    let address = NodeAddressBytes::from_bytes(r.array());
                    nodes.push(Node::new(address, PublicKey::from(r.array::<32>())));
                    delays.push(Delay::new_from_nanos(r.u64()));
                }
                let destination = Destination::new(DestinationAddressBytes::from_bytes(r.array()), r.array());
                Route { version, nodes, delays, destination }
            }

            /// Passes the packet through all hops; what each saw.
            fn open(secrets: &[[u8; 32]], packet: &[u8]) -> Result<Vec<u8>> {
                let mut w = Writer::default();
                w.u8(secrets.len() as u8);
                let mut packet = SphinxPacket::from_bytes(packet)?;
                for secret in secrets {
                    let processed = packet.process(&PrivateKey::from(*secret))?;
                    match processed.data {
                        ProcessedPacketData::ForwardHop { next_hop_packet, next_hop_address, delay } => {
                            w.raw(next_hop_address.as_bytes());
                            w.u64(delay.to_nanos());
                            // As on a wire between two nodes.
                            packet = SphinxPacket::from_bytes(&next_hop_packet.to_bytes())?;
                        }
                        ProcessedPacketData::FinalHop { destination, identifier, payload } => {
                            w.u16(processed.version.value());
                            w.raw(&destination.as_bytes());
                            w.raw(&identifier);
                            // A single-seed reply is read by the SURB's maker alone.
                            let payload_bytes = payload.as_bytes().to_vec();
                            w.bytes(&payload.recover_plaintext().unwrap_or(payload_bytes));
                            return Ok(w.bytes);
                        }
                    }
                }
                w.bytes[0] = 0xff; // no last hop among them
                Ok(w.bytes)
            }

            /// One hop: what it does with the packet.
            fn hop(secret: &[u8; 32], packet: &[u8], w: &mut Writer) -> Result<()> {
                match SphinxPacket::from_bytes(packet)?.process(&PrivateKey::from(*secret))?.data {
                    ProcessedPacketData::ForwardHop { next_hop_packet, next_hop_address, .. } => {
                        w.u8(1);
                        w.raw(next_hop_address.as_bytes());
                        w.bytes(&next_hop_packet.to_bytes());
                    }
                    ProcessedPacketData::FinalHop { destination, payload, .. } => {
                        let plaintext = payload.recover_plaintext()?;
                        w.u8(2);
                        w.raw(&destination.as_bytes());
                        w.bytes(&plaintext);
                    }
                }
                Ok(())
            }

            fn make_surb(route: Route) -> Result<(Vec<u8>, Vec<u8>)> {
                $make_surb(route)
            }

            fn use_surb(surb: &[u8], plaintext: &[u8], payload_len: usize) -> Result<(Vec<u8>, [u8; 32])> {
                let (packet, first_hop) = SURB::from_bytes(surb)?.use_surb(plaintext, payload_len)?;
                Ok((packet.to_bytes(), first_hop.to_bytes()))
            }

            pub fn answer(op: u8, r: &mut Reader, w: &mut Writer) {
                match op {
                    b'o' => {
                        let items = r.list(|r| {
                            let hops = r.u8();
                            let secrets: Vec<[u8; 32]> = (0..hops).map(|_| r.array()).collect();
                            (secrets, r.bytes())
                        });
                        each(&items, w, |(secrets, packet), w| match open(secrets, packet) {
                            Ok(seen) => w.raw(&seen),
                            Err(_) => w.u8(0),
                        });
                    }
                    b'h' => {
                        let items = r.list(|r| (r.array(), r.bytes()));
                        each(&items, w, |(secret, packet), w| {
                            if hop(secret, packet, w).is_err() {
                                w.u8(0);
                            }
                        });
                    }
                    b'b' => {
                        let items = r.list(|r| (route(r), r.u32() as usize, r.bytes()));
                        each(&items, w, |(route, payload_len, plaintext), w| {
                            let packet = SphinxPacketBuilder::new()
                                .with_version(route.version)
                                .with_payload_size(*payload_len)
                                .build_packet(plaintext, &route.nodes, &route.destination, &route.delays);
                            w.bytes(&packet.map(|packet| packet.to_bytes()).unwrap_or_default());
                        });
                    }
                    b's' => {
                        let items = r.list(route);
                        each(&items, w, |route, w| {
                            let (surb, recovery) = make_surb(route.clone()).unwrap_or_default();
                            w.bytes(&surb);
                            w.bytes(&recovery);
                        });
                    }
                    _ => {
                        let items = r.list(|r| (r.bytes(), r.u32() as usize, r.bytes()));
                        each(&items, w, |(surb, payload_len, plaintext), w| {
                            let (packet, first_hop) = use_surb(surb, plaintext, *payload_len).unwrap_or_default();
                            w.raw(&first_hop);
                            w.bytes(&packet);
                        });
                    }
                }
            }
        }
    };
}

sphinx!(v06, sphinx_packet_06, |route: Route| {
    let material = sphinx_packet_06::SURBMaterial::new(route.nodes, route.delays, route.destination);
    let surb = material.with_version(route.version).construct_SURB()?;
    Ok((surb.to_bytes(), vec![]))
});

sphinx!(v08, sphinx_packet_08, |route: Route| {
    let single_seed = route.version.uses_single_seed_surb();
    let material = sphinx_packet_08::SURBMaterial::new(route.nodes, route.delays, route.destination, route.version);
    Ok(if single_seed {
        let (surb, recovery) = material.construct_recoverable_SURB()?;
        (surb.to_bytes(), recovery.to_bytes())
    } else {
        (material.construct_SURB()?.to_bytes(), vec![])
    })
});

/// What the maker of a single-seed SURB does with a reply.
pub fn recover(r: &mut Reader, w: &mut Writer) {
    use sphinx_packet_08::{payload::Payload, SurbReplyRecovery};
    let items = r.list(|r| (r.bytes(), r.bytes()));
    each(&items, w, |(recovery, payload), w| {
        let plaintext = SurbReplyRecovery::from_bytes(recovery)
            .and_then(|recovery| recovery.recover_plaintext(Payload::from_bytes(payload)?));
        w.bytes(&plaintext.unwrap_or_default());
    });
}
