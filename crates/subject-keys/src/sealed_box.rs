//! The sealed box: personal data of one subject in one event, readable only while that subject's key exists.
//!
//! Layout v1, integers and ids as bytes in order:
//!
//! ```text
//! version(1) | key id(16) | commitment(32) | nonce(12) | ciphertext(32·n) | tag(16)
//! ```
//!
//! - The encryption key and the commitment are both derived from the subject key (HKDF-SHA256, one label each). AES-GCM
//!   alone lets someone craft one box that opens to different content under two keys; the commitment, compared in
//!   constant time before anything is decrypted, pins a box to one key.
//! - The associated data is the length-prefixed list *tenant, subject, event, label, key id, version*: a box moved to
//!   another order, person, shop or field does not open there.
//! - The content is padded to the next multiple of 32 bytes in the manner of ISO/IEC 7816-4: one byte `80`, then zeros,
//!   always at least one byte. A box therefore tells the length of a name or an address only to within 32 bytes. It does
//!   not hide that a long address is longer than a short one.
//! - A subject key seals the boxes of one person and month; AES-GCM with random nonces allows 2^32 of them, and each
//!   process refuses long before ([`Exhausted`]).

use uuid::Uuid;

use crate::hazmat::{Cipher, NONCE_LEN, Nonce, TAG_LEN, derive, equal, length_prefixed};
use crate::keys::{KeyId, SubjectKey};
use crate::messages::{Exhausted, Messages};
use crate::plaintext::Plaintext;

const VERSION_1: u8 = 1;
const KEY_ID_LEN: usize = 16;
const COMMITMENT_LEN: usize = 32;
const HEADER_LEN: usize = 1 + KEY_ID_LEN + COMMITMENT_LEN + NONCE_LEN;
const PADDED_TO: usize = 32;
const PADDING_MARK: u8 = 0x80;

const ENCRYPTION: &str = "daybook box v1: encryption key";
const COMMITMENT: &str = "daybook box v1: key commitment";

/// What a box belongs to. Sealing and opening must name the same four things; all are stored in clear beside the box
/// and never change, so that an old box still opens after the event around it is read by newer code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoxContext<'a> {
    /// Tenant whose data subject this is.
    pub tenant: &'a str,
    /// Random id of the data subject within the tenant.
    pub subject: Uuid,
    /// Id of the event that carries the box.
    pub event: Uuid,
    /// Which box of the event this is, for example `buyer` or `recipient`.
    pub label: &'a str,
}

impl BoxContext<'_> {
    fn associated(&self, key_id: KeyId) -> Vec<u8> {
        length_prefixed(&[
            self.tenant.as_bytes(),
            self.subject.as_bytes(),
            self.event.as_bytes(),
            self.label.as_bytes(),
            key_id.0.as_bytes(),
            &[VERSION_1],
        ])
    }
}

/// Why a box did not open. Each means that bytes were damaged, forged, or put where they do not belong; an erased person
/// is no error but [`Opened::Erased`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Fewer bytes than the smallest box has.
    #[error("the sealed box is too short to be one")]
    TooShort,
    /// Written by a later version of this software.
    #[error("the sealed box has format version {0}, which this version does not know")]
    UnknownVersion(u8),
    /// The box names another key id, or its commitment is to another key.
    #[error("the sealed box was sealed under another key")]
    WrongKey,
    /// The key is right, but the content or the context is not what was sealed.
    #[error("the sealed box was changed, or it belongs to another tenant, subject, event or label")]
    Tampered,
}

/// What a caller that looked the key up gets: the content, or the fact that the key was destroyed or may not be used now.
pub enum Opened {
    /// The content as it was sealed, without its padding.
    Clear(Plaintext),
    /// The subject's key was destroyed: the content is gone for good, as its owner was promised.
    Erased,
    /// The content is there and is not shown: its owner has had it restricted, or objects to this use of it, or has not consented
    /// to it.
    Restricted,
}

impl Opened {
    /// The content, if it still exists and may be seen.
    pub fn clear(self) -> Option<Plaintext> {
        match self {
            Opened::Clear(content) => Some(content),
            Opened::Erased | Opened::Restricted => None,
        }
    }
}

/// Shows which case it is and never the content.
impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Opened::Clear(_) => "Clear(<pii>)",
            Opened::Erased => "Erased",
            Opened::Restricted => "Restricted",
        })
    }
}

/// A subject key made ready for sealing and opening, so that many boxes cost one derivation. It can do all that the
/// subject key can: cache it briefly and evict it when the key is destroyed. Wiped when dropped.
///
/// ```compile_fail,E0277
/// fn leak(key: &subject_keys::PreparedKey) {
///     println!("{key:?}");
/// }
/// ```
pub struct PreparedKey {
    cipher: Cipher,
    commitment: [u8; COMMITMENT_LEN],
    messages: Messages,
}

impl SubjectKey {
    /// Derives what sealing and opening need.
    pub fn prepare(&self) -> PreparedKey {
        let commitment = *derive(self.expose(), COMMITMENT);
        PreparedKey {
            cipher: Cipher::new(&derive(self.expose(), ENCRYPTION)),
            commitment,
            messages: Messages::of(&commitment),
        }
    }
}

impl PreparedKey {
    /// Seals `plaintext` into a box of 77 bytes plus the padded content. `rng` supplies the nonce and must be
    /// cryptographically secure: two boxes of one key under one nonce give their content away.
    pub fn seal(
        &self,
        key_id: KeyId,
        context: &BoxContext<'_>,
        plaintext: &[u8],
        rng: &mut impl FnMut(&mut [u8]),
    ) -> Result<Vec<u8>, Exhausted> {
        let nonce = self.messages.nonce(rng)?;
        // The exact size is reserved up front, because a buffer that grows leaves plaintext behind in freed memory.
        let mut sealed = Vec::with_capacity(HEADER_LEN + padded_len(plaintext.len()) + TAG_LEN);
        sealed.push(VERSION_1);
        sealed.extend_from_slice(key_id.0.as_bytes());
        sealed.extend_from_slice(&self.commitment);
        sealed.extend_from_slice(nonce.bytes());
        sealed.extend_from_slice(plaintext);
        sealed.push(PADDING_MARK);
        sealed.resize(HEADER_LEN + padded_len(plaintext.len()), 0);
        self.cipher.encrypt_tail(nonce, &context.associated(key_id), &mut sealed, HEADER_LEN);
        Ok(sealed)
    }

    /// Opens a box that was sealed under this key, key id and context.
    pub fn open(&self, key_id: KeyId, context: &BoxContext<'_>, sealed: &[u8]) -> Result<Plaintext, OpenError> {
        let parts = Parts::split(sealed)?;
        if parts.key_id != key_id || !equal(parts.commitment, &self.commitment) {
            return Err(OpenError::WrongKey);
        }
        let padded = self.cipher.decrypt(parts.nonce, &context.associated(key_id), parts.ciphertext_and_tag);
        padded.and_then(without_padding).ok_or(OpenError::Tampered)
    }
}

/// Seals one box; see [`PreparedKey::seal`], which is cheaper for several.
pub fn seal(
    key: &SubjectKey,
    key_id: KeyId,
    context: &BoxContext<'_>,
    plaintext: &[u8],
    rng: &mut impl FnMut(&mut [u8]),
) -> Result<Vec<u8>, Exhausted> {
    key.prepare().seal(key_id, context, plaintext, rng)
}

/// Opens one box; see [`PreparedKey::open`], which is cheaper for several.
pub fn open(key: &SubjectKey, key_id: KeyId, context: &BoxContext<'_>, sealed: &[u8]) -> Result<Plaintext, OpenError> {
    key.prepare().open(key_id, context, sealed)
}

/// Reads which key a box needs. The answer is a claim until the box has been opened under that key.
pub fn sealed_key_id(sealed: &[u8]) -> Result<KeyId, OpenError> {
    Ok(Parts::split(sealed)?.key_id)
}

/// A box cut at its layout's borders; nothing in it is believed yet.
struct Parts<'a> {
    key_id: KeyId,
    commitment: &'a [u8; COMMITMENT_LEN],
    nonce: &'a Nonce,
    ciphertext_and_tag: &'a [u8],
}

impl<'a> Parts<'a> {
    fn split(sealed: &'a [u8]) -> Result<Parts<'a>, OpenError> {
        let (version, rest) = sealed.split_first().ok_or(OpenError::TooShort)?;
        // The version decides before the length does, because another version may be shorter.
        if *version != VERSION_1 {
            return Err(OpenError::UnknownVersion(*version));
        }
        let (key_id, rest) = rest.split_first_chunk::<KEY_ID_LEN>().ok_or(OpenError::TooShort)?;
        let (commitment, rest) = rest.split_first_chunk().ok_or(OpenError::TooShort)?;
        let (nonce, ciphertext_and_tag) = rest.split_first_chunk().ok_or(OpenError::TooShort)?;
        if ciphertext_and_tag.len() < PADDED_TO + TAG_LEN {
            return Err(OpenError::TooShort);
        }
        Ok(Parts { key_id: KeyId(Uuid::from_bytes(*key_id)), commitment, nonce, ciphertext_and_tag })
    }
}

/// Length after padding: the next multiple of 32 that leaves room for the mark.
fn padded_len(len: usize) -> usize {
    (len / PADDED_TO + 1) * PADDED_TO
}

/// Removes the padding, which is no secret. `None` if there is none, which an authentic box never shows.
fn without_padding(mut padded: Plaintext) -> Option<Plaintext> {
    let mark = padded.iter().rposition(|byte| *byte != 0)?;
    if padded[mark] != PADDING_MARK || padded_len(mark) != padded.len() {
        return None;
    }
    padded.truncate(mark);
    Some(padded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::MOST_MESSAGES;

    #[test]
    fn padding_reaches_the_next_multiple_of_32() {
        for (len, padded) in [(0, 32), (1, 32), (31, 32), (32, 64), (33, 64), (63, 64), (64, 96)] {
            assert_eq!(padded_len(len), padded, "length {len}");
        }
    }

    #[test]
    fn only_well_formed_padding_is_removed() {
        let unpad = |tail: &[u8]| {
            let mut block = vec![0; 32 - tail.len()];
            block.extend_from_slice(tail);
            without_padding(Plaintext::decrypted_from(&block)).map(|content| content.len())
        };
        assert_eq!(unpad(&[0x80]), Some(31));
        assert_eq!(unpad(&[0x80, 0x80, 0]), Some(30), "content may end in the mark's own byte");
        assert_eq!(unpad(&[]), None, "no mark at all");
        assert_eq!(unpad(&[0x81]), None, "another byte where the mark belongs");
        let too_much = [[0x80; 1].as_slice(), &[0; 63]].concat();
        assert!(without_padding(Plaintext::decrypted_from(&too_much)).is_none(), "more zeros than padding ever adds");
    }

    #[test]
    fn a_key_that_sealed_its_fill_seals_no_more_however_often_it_is_loaded_and_still_opens() {
        let (id, context) =
            (KeyId(Uuid::nil()), BoxContext { tenant: "t", subject: Uuid::nil(), event: Uuid::nil(), label: "l" });
        let load = |fill| SubjectKey::from_bytes([fill; 32]);
        let seal = |fill| seal(&load(fill), id, &context, b"content", &mut |nonce: &mut [u8]| nonce.fill(1));
        load(0xE1).prepare().messages.skip_to(MOST_MESSAGES - 1);
        let last = seal(0xE1).unwrap();
        assert_eq!(seal(0xE1), Err(Exhausted));
        assert_eq!(load(0xE1).prepare().seal(id, &context, b"content", &mut |_: &mut [u8]| ()), Err(Exhausted));
        assert_eq!(open(&load(0xE1), id, &context, &last).unwrap().as_slice(), b"content");
        assert!(seal(0xE2).is_ok(), "another person's key");
    }

    #[test]
    fn an_opened_box_never_prints_its_content() {
        assert_eq!(format!("{:?}", Opened::Clear(Plaintext::decrypted_from(b"Bilqis"))), "Clear(<pii>)");
        assert_eq!(format!("{:?}", Opened::Erased), "Erased");
        assert_eq!(format!("{:?}", Opened::Restricted), "Restricted");
    }
}
