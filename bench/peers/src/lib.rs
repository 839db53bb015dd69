// SPDX-License-Identifier: Apache-2.0
//! The published crates behind the C interface of tools/bench/peers_abi.h.

use std::ffi::{c_char, c_void};

#[cfg(feature = "messages")]
mod messages;
mod seal;
mod sphinx;

const ABI: u32 = 1;

#[repr(C)]
pub struct Setup {
    nodes: u32,
    hops: u32,
    bytes: u32,
}

#[repr(C)]
pub struct Peer {
    work: *const c_char,
    name: *const c_char,
    version: *const c_char,
    open: extern "C" fn(*const Setup) -> *mut c_void,
    run: extern "C" fn(*mut c_void, usize) -> u8,
    close: extern "C" fn(*mut c_void),
}
// Pointers to literals and functions only.
unsafe impl Sync for Peer {}

/// One kind of work, done as the crate's users do it.
trait Work: Sized {
    fn open(setup: &Setup) -> Option<Self>;
    /// One unit of work; `None` when it failed.
    fn unit(&mut self) -> Option<()>;
}

extern "C" fn open<W: Work>(setup: *const Setup) -> *mut c_void {
    // The caller passes a valid pointer, by contract.
    match W::open(unsafe { &*setup }) {
        Some(work) => Box::into_raw(Box::new(work)).cast(),
        None => std::ptr::null_mut(),
    }
}

extern "C" fn run<W: Work>(state: *mut c_void, units: usize) -> u8 {
    let work = unsafe { &mut *state.cast::<W>() };
    (0..units).all(|_| work.unit().is_some()).into()
}

extern "C" fn close<W>(state: *mut c_void) {
    drop(unsafe { Box::from_raw(state.cast::<W>()) });
}

const fn peer<W: Work>(work: &'static std::ffi::CStr, name: &'static std::ffi::CStr, version: &'static std::ffi::CStr) -> Peer {
    Peer { work: work.as_ptr(), name: name.as_ptr(), version: version.as_ptr(), open: open::<W>, run: run::<W>, close: close::<W> }
}

static PEERS: &[Peer] = &[
    peer::<sphinx::v08::Packets>(c"packets", c"sphinx-packet", c"0.8.0"),
    peer::<sphinx::v06::Packets>(c"packets", c"sphinx-packet", c"0.6.0"),
    peer::<sphinx::v08::Open>(c"open", c"sphinx-packet", c"0.8.0"),
    peer::<sphinx::v06::Open>(c"open", c"sphinx-packet", c"0.6.0"),
    peer::<sphinx::v08::Surbs>(c"surbs", c"sphinx-packet", c"0.8.0"),
    peer::<sphinx::v06::Surbs>(c"surbs", c"sphinx-packet", c"0.6.0"),
    peer::<sphinx::v08::SurbsUse>(c"surbs-use", c"sphinx-packet", c"0.8.0"),
    peer::<sphinx::v06::SurbsUse>(c"surbs-use", c"sphinx-packet", c"0.6.0"),
    peer::<seal::v012::Seal>(c"seal", c"aes-gcm-siv", c"0.12.1"),
    peer::<seal::v011::Seal>(c"seal", c"aes-gcm-siv", c"0.11.1"),
    peer::<seal::v012::Unseal>(c"unseal", c"aes-gcm-siv", c"0.12.1"),
    peer::<seal::v011::Unseal>(c"unseal", c"aes-gcm-siv", c"0.11.1"),
    #[cfg(feature = "messages")]
    peer::<messages::Messages>(c"messages", c"nym-sphinx", c"1.22.2"),
    #[cfg(feature = "messages")]
    peer::<messages::Receive>(c"receive", c"nym-sphinx", c"1.22.2"),
];

#[unsafe(no_mangle)]
pub extern "C" fn slc_bench_peers(abi: u32, count: *mut usize) -> *const Peer {
    if abi != ABI {
        return std::ptr::null();
    }
    unsafe { *count = PEERS.len() };
    PEERS.as_ptr()
}

/// Chooses routes: SplitMix64, so that the choice costs the crates nothing.
pub struct Dice(u64);

impl Dice {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(z ^ (z >> 31)) * bound as u128) >> 64) as usize
    }
}
