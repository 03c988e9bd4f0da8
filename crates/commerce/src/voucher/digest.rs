//! What an approval binds: a digest of the voucher's content, so that approving an id is approving what stood under it.
//!
//! The digest is SHA-256 over the voucher's message on the log without boxes, the very bytes that its event id is
//! computed from (`proto/daybook/voucher/v1`). Whoever holds the record can compute it without this crate, and this
//! crate cannot name prost; so the few rules of the encoding that the message needs are written out here, and a
//! property in `events` holds the two together.

use std::fmt;
use std::str::FromStr;

use ledger::{Entry, Layer, Money, Side};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{VoucherEntered, VoucherKind};
use crate::IdError;

/// SHA-256 of a voucher's content; as text 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VoucherDigest([u8; 32]);

impl VoucherDigest {
    /// These 32 bytes.
    pub fn new(bytes: [u8; 32]) -> VoucherDigest {
        VoucherDigest(bytes)
    }
}

impl fmt::Display for VoucherDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for VoucherDigest {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| IdError("VoucherDigest"))?;
        let digest = VoucherDigest(bytes);
        // One text for one digest: an event's id is computed from it.
        if digest.to_string() == text { Ok(digest) } else { Err(IdError("VoucherDigest")) }
    }
}

impl TryFrom<String> for VoucherDigest {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl VoucherEntered {
    /// The digest of its content.
    pub fn digest(&self) -> VoucherDigest {
        VoucherDigest(Sha256::digest(self.canonical_bytes()).into())
    }

    /// Its message on the log, without boxes. A field that is not written here is bound by no approval, so none is left
    /// out.
    fn canonical_bytes(&self) -> Vec<u8> {
        let VoucherEntered {
            entered_at,
            voucher,
            kind,
            day,
            entries,
            reverses,
            by,
            reason,
            attachments,
            needs_approval,
        } = self;
        let mut message = Message::default();
        message.number(1, entered_at.0);
        message.bytes(2, voucher.as_str().as_bytes());
        message.number(3, number_of(*kind));
        message.number(4, day.0.into());
        entries.iter().for_each(|entry| message.bytes(5, &entry_bytes(entry)));
        reverses.iter().for_each(|reversed| message.bytes(6, reversed.as_str().as_bytes()));
        message.bytes(7, by.as_str().as_bytes());
        message.bytes(8, reason.as_str().as_bytes());
        attachments.iter().for_each(|document| message.bytes(9, document.as_str().as_bytes()));
        message.number(10, (*needs_approval).into());
        message.0
    }
}

fn number_of(kind: VoucherKind) -> i64 {
    match kind {
        VoucherKind::Expense => 1,
        VoucherKind::Journal => 2,
        VoucherKind::Opening => 3,
        VoucherKind::Exchange => 4,
        VoucherKind::Claim => 5,
        VoucherKind::Imported => 6,
    }
}

fn entry_bytes(entry: &Entry) -> Vec<u8> {
    let Entry { layer, account, side, amount: Money { minor, currency } } = entry;
    let mut amount = Message::default();
    amount.number(1, *minor);
    amount.bytes(2, currency.code().as_bytes());
    let mut message = Message::default();
    message.bytes(1, account.as_str().as_bytes());
    message.number(2, if *side == Side::Debit { 1 } else { 2 });
    message.bytes(3, &amount.0);
    message.number(4, (*layer == Layer::Pending).into());
    message.0
}

/// A protobuf message under way. Field numbers are below 16, so that a tag is one byte.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    /// A number, left out when it is zero; a negative one takes ten bytes.
    fn number(&mut self, field: u8, value: i64) {
        if value != 0 {
            self.0.push(field << 3);
            self.varint(value.cast_unsigned());
        }
    }

    /// Bytes with their length.
    fn bytes(&mut self, field: u8, bytes: &[u8]) {
        self.0.push((field << 3) | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// Seven bits a byte, the lowest first; all but the last byte have the highest bit set.
    fn varint(&mut self, mut value: u64) {
        loop {
            let [low, ..] = value.to_le_bytes();
            value >>= 7;
            if value == 0 {
                return self.0.push(low);
            }
            self.0.push(low | 0x80);
        }
    }
}
