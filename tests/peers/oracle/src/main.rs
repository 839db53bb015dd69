// SPDX-License-Identifier: Apache-2.0
//! The published packet and message crates behind a pipe.
//!
//! Requests on standard input, answers on standard output, each a frame: its length (u32), then its bytes. Integers are
//! big-endian; `bytes` is a length (u32) and so many bytes; `list` is a count (u32) and so many items. The first byte of
//! a request says what is asked. An answer comes when the whole request was read. A request that cannot be understood
//! ends the program; an item that the crates refuse is answered by its empty form, and the next goes on.
//!
//! ```text
//! route      version u16, hops u8, per hop: address 32, public key 32, delay ns u64; destination 32, identifier 16
//!
//! Packets (sphinx.rs); the second byte of the request is the crate: 6 for 0.6.0, 8 for 0.8.0
//! 'o' open   list of: hops u8, secrets 32 each, packet bytes
//!            -> list of: hops opened u8; per forward hop: address 32, delay u64; at the last: version u16,
//!               destination 32, identifier 16, plaintext bytes. Refused: 0
//! 'h' hop    list of: secret 32, packet bytes -> list of: kind u8 (1 forward, 2 last; refused: 0, and no more),
//!            next hop or destination 32, next packet or plaintext bytes
//! 'b' build  list of: route, payload length u32, plaintext bytes -> list of: packet bytes (or empty)
//! 's' SURB   list of: route -> list of: SURB bytes, recovery bytes (260 only)
//! 'u' use    list of: SURB bytes, payload length u32, plaintext bytes -> list of: first hop 32, packet bytes
//! 'r' recover (0.8.0, version 260)  list of: recovery bytes, payload bytes -> list of: plaintext bytes (or empty)
//!
//! Messages (messages.rs); nym-sphinx 1.22.2
//! 'N' network  rotation u32, list of: id u32, layer u8 (0: gateway), IPv4 4, port u16, identity 32, Sphinx key 32
//! 'C' client   identity 32, encryption secret 32, ack key 16, gateway identity 32 -> recipient 96
//! 'P' prepare  list of: kind u8, size u8, data bytes; then for 0 plain: recipient 96; 1 repliable: recipient 96,
//!              tag 16, SURBs u32; 2 reply: list of reply SURBs bytes
//!              -> list of: list of packets: first hop 19, packet bytes, fragment id 5; list of SURB keys 16
//! 'R' receive  list of: list of payloads bytes, list of SURB keys 16
//!              -> list of: kind u8 (as above; 255: none), tag 16, list of reply SURBs bytes, data bytes
//! 'A' acks     list of: content 21 -> list of: fragment id 5
//! 'V' cover    list of: size u8 -> list of: first hop 19, packet bytes
//! 'K' is cover list of: payload bytes -> list of: u8
//! ```

mod messages;
mod sphinx;
mod wire;

use std::io::{self, BufReader, BufWriter, Read, Write};

fn answer(state: &mut messages::State, request: &[u8]) -> Vec<u8> {
    let mut r = wire::Reader::new(request);
    let mut w = wire::Writer::default();
    match r.u8() {
        op @ (b'o' | b'h' | b'b' | b's' | b'u') => match r.u8() {
            6 => sphinx::v06::answer(op, &mut r, &mut w),
            8 => sphinx::v08::answer(op, &mut r, &mut w),
            other => panic!("no crate {other}"),
        },
        b'r' => sphinx::recover(&mut r, &mut w),
        op => state.answer(op, &mut r, &mut w),
    }
    assert!(r.at_end(), "a request longer than it should be");
    w.bytes
}

fn main() -> io::Result<()> {
    let mut input = BufReader::new(io::stdin().lock());
    let mut output = BufWriter::new(io::stdout().lock());
    let mut state = messages::State::default();
    loop {
        let mut length = [0; 4];
        match input.read_exact(&mut length) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other?,
        }
        let mut request = vec![0; u32::from_be_bytes(length) as usize];
        input.read_exact(&mut request)?;
        let bytes = answer(&mut state, &request);
        output.write_all(&(bytes.len() as u32).to_be_bytes())?;
        output.write_all(&bytes)?;
        output.flush()?;
    }
}
