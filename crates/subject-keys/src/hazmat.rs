//! The only place that calls cryptographic primitives. Everything here is easy to misuse, so it stays private.
//!
//! - AES-256-GCM with a random 96-bit nonce: at most 2^32 messages under one key. Encrypting takes a nonce that
//!   [`messages`](crate::messages) drew and counted, and uses it up, so nothing is encrypted uncounted or under one nonce twice.
//! - AES-GCM does not commit to its key. Boxes add a commitment; wrapped keys need none, because whoever unwraps them
//!   knows by id which one key is meant.
//! - All associated data and HMAC input is [`length_prefixed`], so no two lists of parts give the same bytes.

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::messages::FreshNonce;
use crate::plaintext::Plaintext;

/// Length of an AES-GCM nonce in bytes.
pub(crate) const NONCE_LEN: usize = 12;
/// Length of an AES-GCM tag in bytes.
pub(crate) const TAG_LEN: usize = 16;

/// A nonce for one message.
pub(crate) type Nonce = [u8; NONCE_LEN];

/// An AES-256-GCM key with its schedule computed; wiped when dropped.
pub(crate) struct Cipher(Aes256Gcm);

impl Cipher {
    pub(crate) fn new(key: &[u8; 32]) -> Cipher {
        Cipher(Aes256Gcm::new(key.into()))
    }

    /// Encrypts `message[from..]` in place and appends the tag. Reserve the tag's bytes beforehand: growing the buffer
    /// in here would be harmless, as it holds ciphertext by then, but growing it while it is filled would not.
    #[expect(clippy::expect_used, reason = "AES-GCM refuses only messages above 64 GiB, which no caller can hold")]
    pub(crate) fn encrypt_tail(&self, nonce: FreshNonce, associated: &[u8], message: &mut Vec<u8>, from: usize) {
        let tail = InOutBuf::from(&mut message[from..]);
        let nonce = nonce.bytes().into();
        let tag = self.0.encrypt_inout_detached(nonce, associated, tail).expect("a message below 64 GiB");
        message.extend_from_slice(&tag);
    }

    /// Decrypts ciphertext followed by its tag. `None` when anything about it is not what was encrypted.
    pub(crate) fn decrypt(&self, nonce: &Nonce, associated: &[u8], sealed: &[u8]) -> Option<Plaintext> {
        let (ciphertext, tag) = sealed.split_last_chunk::<TAG_LEN>()?;
        let mut message = Plaintext::decrypted_from(ciphertext);
        let buffer = InOutBuf::from(message.as_mut());
        self.0.decrypt_inout_detached(nonce.into(), associated, buffer, tag.into()).ok()?;
        Some(message)
    }
}

/// Derives 32 bytes from a uniformly random key for the purpose that `label` names (HKDF-SHA256, RFC 5869, no salt).
#[expect(clippy::expect_used, reason = "HKDF-SHA256 refuses only outputs above 8160 bytes")]
pub(crate) fn derive(key: &[u8; 32], label: &str) -> Zeroizing<[u8; 32]> {
    let mut derived = Zeroizing::new([0; 32]);
    let hkdf = Hkdf::<Sha256>::new(None, key);
    hkdf.expand(label.as_bytes(), derived.as_mut_slice()).expect("32 bytes of output");
    derived
}

/// HMAC-SHA256 over the length-prefixed parts.
#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
pub(crate) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(&Zeroizing::new(length_prefixed(parts)));
    mac.finalize().into_bytes().into()
}

/// Compares in a time that does not depend on where the two differ: as two numbers each, which is a good deal quicker than
/// byte by byte.
pub(crate) fn equal(left: &[u8; 32], right: &[u8; 32]) -> bool {
    halves(left).ct_eq(&halves(right)).into()
}

fn halves(bytes: &[u8; 32]) -> [u128; 2] {
    let (halves, _) = bytes.as_chunks();
    [0, 1].map(|half| u128::from_ne_bytes(halves[half]))
}

/// Joins parts so that their boundaries cannot shift: each is preceded by its length as 64 bits, big-endian.
pub(crate) fn length_prefixed(parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| size_of::<u64>() + part.len()).sum();
    let mut joined = Vec::with_capacity(length);
    for part in parts {
        joined.extend_from_slice(&(part.len() as u64).to_be_bytes());
        joined.extend_from_slice(part);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_a_boundary_changes_the_joined_bytes() {
        assert_ne!(length_prefixed(&[b"ab", b"c"]), length_prefixed(&[b"a", b"bc"]));
        assert_ne!(length_prefixed(&[b"", b"a"]), length_prefixed(&[b"a", b""]));
        assert_ne!(length_prefixed(&[b"a"]), length_prefixed(&[b"a", b""]));
        assert_eq!(length_prefixed(&[b"ab"]), b"\0\0\0\0\0\0\0\x02ab");
    }

    #[test]
    fn a_difference_in_any_bit_is_one() {
        let left = std::array::from_fn(|index| index.to_le_bytes()[0]);
        assert!(equal(&left, &left.clone()));
        for bit in 0..256 {
            let mut right = left;
            right[bit / 8] ^= 1 << (bit % 8);
            assert!(!equal(&left, &right), "bit {bit}");
        }
    }

    #[test]
    fn labels_derive_unrelated_keys() {
        assert_ne!(derive(&[1; 32], "one"), derive(&[1; 32], "two"));
        assert_ne!(derive(&[1; 32], "one"), derive(&[2; 32], "one"));
    }
}
