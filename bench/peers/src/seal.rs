// SPDX-License-Identifier: Apache-2.0
//! `aes-gcm-siv` as the client uses it: a cipher made from the session's key for each frame.

use crate::{Setup, Work};
use std::hint::black_box;

macro_rules! version {
    ($module:ident, $krate:ident) => {
        #[allow(deprecated)] // the newer version calls this trait AeadInOut, and keeps the old name
        pub mod $module {
            use super::*;
            use $krate::aead::{AeadInPlace, KeyInit};
            use $krate::{Aes256GcmSiv, Tag};

            pub struct Seal {
                key: [u8; 32],
                nonce: [u8; 12],
                frame: Vec<u8>,
            }

            impl Seal {
                fn seal(&mut self) -> Option<Tag> {
                    let cipher = Aes256GcmSiv::new((&self.key).into());
                    cipher.encrypt_in_place_detached((&self.nonce).into(), b"", &mut self.frame).ok()
                }
            }

            impl Work for Seal {
                fn open(setup: &Setup) -> Option<Self> {
                    Some(Seal { key: [1; 32], nonce: [2; 12], frame: vec![3; setup.bytes as usize] })
                }
                fn unit(&mut self) -> Option<()> {
                    self.nonce[0] = self.nonce[0].wrapping_add(1);
                    black_box(self.seal()?);
                    Some(())
                }
            }

            pub struct Unseal {
                seal: Seal,
                sealed: Vec<u8>,
                tag: Tag,
            }

            impl Work for Unseal {
                fn open(setup: &Setup) -> Option<Self> {
                    let mut seal = Seal::open(setup)?;
                    let tag = seal.seal()?;
                    let sealed = seal.frame.clone();
                    Some(Unseal { seal, sealed, tag })
                }
                fn unit(&mut self) -> Option<()> {
                    let Seal { key, nonce, frame } = &mut self.seal;
                    frame.copy_from_slice(&self.sealed);
                    let cipher = Aes256GcmSiv::new((&*key).into());
                    cipher.decrypt_in_place_detached((&*nonce).into(), b"", frame, &self.tag).ok()
                }
            }
        }
    };
}

version!(v012, aes_gcm_siv_012);
version!(v011, aes_gcm_siv_011);
