// SPDX-License-Identifier: Apache-2.0
//! `sphinx-packet`: packets, hops and SURBs. Two versions of one API are two sets of types, hence the macro.

use crate::{Dice, Setup, Work};
use std::hint::black_box;
use std::time::Duration;

/// Plaintext of an ack, and the first hop's address in front of an ack inside a data packet.
const ACK_BYTES: usize = 21;
const ACK_ADDRESS_BYTES: usize = 19;
/// Zeros and marker around a plaintext.
const OVERHEAD: usize = 17;
const MEAN_DELAY: Duration = Duration::from_millis(50);

macro_rules! version {
    ($module:ident, $krate:ident, $surb_material:expr) => {
        pub mod $module {
            use super::*;
            use $krate::crypto::{PrivateKey, PublicKey};
            use $krate::header::delays::{self, Delay};
            use $krate::packet::builder::SphinxPacketBuilder;
            use $krate::route::{Destination, DestinationAddressBytes, Node, NodeAddressBytes};
            use $krate::version::Version;
            use $krate::{ProcessedPacketData, SURB, SURBMaterial, SphinxPacket};

            const SEEDS: Version = Version(259);

            pub struct Network {
                layers: Vec<Vec<Node>>,
                secret: PrivateKey,
                destination: Destination,
                dice: Dice,
            }

            impl Network {
                /// Layers of `nodes` mixnodes and one gateway; the secret is that of every first hop.
                fn new(setup: &Setup, one_first_hop: bool) -> Network {
                    let secret = PrivateKey::random();
                    let node = |secret: &PrivateKey, i: u32| {
                        Node::new(NodeAddressBytes::from_bytes([i as u8; 32]), PublicKey::from(secret))
                    };
                    let layers = (0..setup.hops)
                        .map(|hop| match hop {
                            0 if one_first_hop => vec![node(&secret, 0)],
                            _ if hop + 1 == setup.hops => vec![node(&PrivateKey::random(), 0)],
                            _ => (0..setup.nodes).map(|i| node(&PrivateKey::random(), i)).collect(),
                        })
                        .collect();
                    let destination = Destination::new(DestinationAddressBytes::from_bytes([7; 32]), [0; 16]);
                    Network { layers, secret, destination, dice: Dice(1) }
                }

                fn route(&mut self) -> (Vec<Node>, Vec<Delay>) {
                    let dice = &mut self.dice;
                    let route = self.layers.iter().map(|layer| layer[dice.below(layer.len())].clone()).collect();
                    (route, delays::generate_from_average_duration(self.layers.len(), MEAN_DELAY))
                }

                fn packet(&mut self, plaintext: &[u8]) -> Option<Vec<u8>> {
                    let (route, delays) = self.route();
                    SphinxPacketBuilder::new()
                        .with_version(SEEDS)
                        .with_payload_size(plaintext.len() + OVERHEAD)
                        .build_packet(plaintext, &route, &self.destination, &delays)
                        .ok()
                        .map(|packet| packet.to_bytes())
                }
            }

            pub struct Packets {
                network: Network,
                ack: [u8; ACK_BYTES],
                plaintext: Vec<u8>,
            }

            impl Work for Packets {
                fn open(setup: &Setup) -> Option<Self> {
                    let network = Network::new(setup, false);
                    Some(Packets { network, ack: [3; ACK_BYTES], plaintext: vec![5; setup.bytes as usize] })
                }
                fn unit(&mut self) -> Option<()> {
                    let ack = self.network.packet(&self.ack)?;
                    self.plaintext[ACK_ADDRESS_BYTES..ACK_ADDRESS_BYTES + ack.len()].copy_from_slice(&ack);
                    black_box(self.network.packet(&self.plaintext)?);
                    Some(())
                }
            }

            pub struct Open {
                network: Network,
                packets: Vec<Vec<u8>>,
                next: usize,
            }

            impl Work for Open {
                fn open(setup: &Setup) -> Option<Self> {
                    let mut network = Network::new(setup, true);
                    let plaintext = vec![5; setup.bytes as usize];
                    let packets = (0..64).map(|_| network.packet(&plaintext)).collect::<Option<_>>()?;
                    Some(Open { network, packets, next: 0 })
                }
                fn unit(&mut self) -> Option<()> {
                    self.next = (self.next + 1) % self.packets.len();
                    let packet = SphinxPacket::from_bytes(&self.packets[self.next]).ok()?;
                    let opened = black_box(packet.process(&self.network.secret).ok()?);
                    matches!(opened.data, ProcessedPacketData::ForwardHop { .. }).then_some(())
                }
            }

            fn surb(network: &mut Network) -> Option<Vec<u8>> {
                let (route, delays) = network.route();
                let material: fn(_, _, _, _) -> SURBMaterial = $surb_material;
                let surb = material(route, delays, network.destination.clone(), SEEDS).construct_SURB().ok()?;
                Some(surb.to_bytes())
            }

            pub struct Surbs(Network);

            impl Work for Surbs {
                fn open(setup: &Setup) -> Option<Self> {
                    Some(Surbs(Network::new(setup, false)))
                }
                fn unit(&mut self) -> Option<()> {
                    black_box(surb(&mut self.0)?);
                    Some(())
                }
            }

            pub struct SurbsUse {
                surbs: Vec<Vec<u8>>,
                plaintext: Vec<u8>,
                next: usize,
            }

            impl Work for SurbsUse {
                fn open(setup: &Setup) -> Option<Self> {
                    let mut network = Network::new(setup, false);
                    let surbs = (0..64).map(|_| surb(&mut network)).collect::<Option<_>>()?;
                    Some(SurbsUse { surbs, plaintext: vec![5; setup.bytes as usize], next: 0 })
                }
                fn unit(&mut self) -> Option<()> {
                    self.next = (self.next + 1) % self.surbs.len();
                    let surb = SURB::from_bytes(&self.surbs[self.next]).ok()?;
                    let (packet, _) = surb.use_surb(&self.plaintext, self.plaintext.len() + OVERHEAD).ok()?;
                    black_box(packet.to_bytes());
                    Some(())
                }
            }
        }
    };
}

version!(v08, sphinx_packet_08, SURBMaterial::new);
version!(v06, sphinx_packet_06, |route, delays, destination, version| {
    SURBMaterial::new(route, delays, destination).with_version(version)
});
