//! What an attacker who can write to the key store may try with wrapped keys: change them, put them under another id, another
//! wrapping key or where another kind belongs, join parts of two. None of it opens. One table of all kinds, and every kind
//! goes through everything.

#![expect(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

mod changes;

use changes::{every_change, every_likeness, every_neighbour, every_splice};
use subject_keys::{
    EpochId, EpochKey, Exhausted, IndexKey, IndexPageId, IndexPageKey, KeyId, PageId, PageKey, RootKey, SubjectKey,
    UnwrapError,
};
use uuid::Uuid;

/// Wraps [`CONTENT`] under a wrapping key and for an id, with a nonce that is all one byte.
type Wrap = fn([u8; 32], &[u8], u8) -> Result<Vec<u8>, Exhausted>;

/// Unwraps with a wrapping key and for an id.
type Unwrap = fn([u8; 32], &[u8], &[u8]) -> Result<(), UnwrapError>;

/// A kind of wrapped thing, seen from its bytes: the wrapping key, the id, and the blob.
struct Kind {
    name: &'static str,
    /// The length of its ids in bytes; texts have any.
    id_len: Option<usize>,
    wrap: Wrap,
    unwrap: Unwrap,
}

const CONTENT: [u8; 32] = [0x77; 32];

const KINDS: [Kind; 7] = [
    Kind {
        name: "epoch",
        id_len: Some(4),
        wrap: |under, id, nonce| {
            let key = EpochKey::from_bytes(CONTENT);
            RootKey::from_bytes(under).wrap_epoch(epoch_id(id), &key, &mut filled(nonce))
        },
        unwrap: |under, id, wrapped| RootKey::from_bytes(under).unwrap_epoch(epoch_id(id), wrapped).map(drop),
    },
    Kind {
        name: "secret",
        id_len: None,
        wrap: |under, id, nonce| RootKey::from_bytes(under).wrap_secret(text(id), &CONTENT, &mut filled(nonce)),
        unwrap: |under, id, wrapped| RootKey::from_bytes(under).unwrap_secret(text(id), wrapped).map(drop),
    },
    Kind {
        name: "page",
        id_len: Some(8),
        wrap: |under, id, nonce| {
            let key = PageKey::from_bytes(CONTENT);
            EpochKey::from_bytes(under).wrap_page(page_id(id), &key, &mut filled(nonce))
        },
        unwrap: |under, id, wrapped| EpochKey::from_bytes(under).unwrap_page(page_id(id), wrapped).map(drop),
    },
    Kind {
        name: "index key",
        id_len: None,
        wrap: |under, id, nonce| {
            let key = IndexKey::from_bytes(CONTENT);
            EpochKey::from_bytes(under).wrap_index(text(id), &key, &mut filled(nonce))
        },
        unwrap: |under, id, wrapped| EpochKey::from_bytes(under).unwrap_index(text(id), wrapped).map(drop),
    },
    Kind {
        name: "subject key",
        id_len: Some(16),
        wrap: |under, id, nonce| {
            let key = SubjectKey::from_bytes(CONTENT);
            PageKey::from_bytes(under).wrap_key(key_id(id), &key, &mut filled(nonce))
        },
        unwrap: |under, id, wrapped| PageKey::from_bytes(under).unwrap_key(key_id(id), wrapped).map(drop),
    },
    Kind {
        name: "index page",
        id_len: Some(8),
        wrap: |under, id, nonce| {
            let key = IndexPageKey::from_bytes(CONTENT);
            EpochKey::from_bytes(under).wrap_index_page(index_page_id(id), &key, &mut filled(nonce))
        },
        unwrap: |under, id, wrapped| {
            EpochKey::from_bytes(under).unwrap_index_page(index_page_id(id), wrapped).map(drop)
        },
    },
    Kind {
        name: "tag on an index page",
        id_len: Some(32),
        wrap: |under, id, nonce| IndexPageKey::from_bytes(under).seal_tag(mark(id), &CONTENT, &mut filled(nonce)),
        unwrap: |under, id, wrapped| IndexPageKey::from_bytes(under).open_tag(mark(id), wrapped).map(drop),
    },
];

const UNDER: [u8; 32] = [0x22; 32];

fn filled(nonce: u8) -> impl FnMut(&mut [u8]) {
    move |bytes: &mut [u8]| bytes.fill(nonce)
}

fn epoch_id(bytes: &[u8]) -> EpochId {
    EpochId(u32::from_be_bytes(bytes.try_into().unwrap()))
}

fn page_id(bytes: &[u8]) -> PageId {
    PageId(u64::from_be_bytes(bytes.try_into().unwrap()))
}

fn index_page_id(bytes: &[u8]) -> IndexPageId {
    IndexPageId(u64::from_be_bytes(bytes.try_into().unwrap()))
}

fn mark(bytes: &[u8]) -> &[u8; 32] {
    bytes.try_into().unwrap()
}

fn key_id(bytes: &[u8]) -> KeyId {
    KeyId(Uuid::from_bytes(bytes.try_into().unwrap()))
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

impl Kind {
    /// An id of this kind. Those of one length are the same bytes for all kinds.
    fn id(&self) -> Vec<u8> {
        b"orchid orchid orchid orchid orch"[..self.id_len.unwrap_or(6)].to_vec()
    }

    fn wrapped(&self) -> Vec<u8> {
        let wrapped = (self.wrap)(UNDER, &self.id(), 1).unwrap();
        assert_eq!((self.unwrap)(UNDER, &self.id(), &wrapped), Ok(()), "{}", self.name);
        wrapped
    }

    /// Ids that differ from [`Kind::id`] by a bit or, for texts, by a letter or so.
    fn other_ids(&self) -> Vec<Vec<u8>> {
        let id = self.id();
        if self.id_len.is_none() {
            return every_likeness(text(&id)).into_iter().map(String::into_bytes).collect();
        }
        let parts = id.chunks(16).enumerate();
        parts
            .flat_map(|(part, bytes)| neighbours(bytes).map(move |other| (part * 16, other)))
            .map(|(at, other)| [&id[..at], &other, &id[at + other.len()..]].concat())
            .collect()
    }
}

/// Numbers of at most sixteen bytes that differ from this one in a bit.
fn neighbours(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let number = bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte));
    let len = bytes.len();
    every_neighbour(number, u32::try_from(len * 8).unwrap())
        .map(move |number| number.to_be_bytes()[16 - len..].to_vec())
}

#[test]
fn no_change_of_a_wrapped_key_is_left_unnoticed() {
    for kind in KINDS {
        for (what, changed) in every_change(&kind.wrapped()) {
            assert!((kind.unwrap)(UNDER, &kind.id(), &changed).is_err(), "{}: {what}", kind.name);
        }
    }
}

#[test]
fn a_wrapped_key_opens_under_no_other_id() {
    for kind in KINDS {
        let wrapped = kind.wrapped();
        for other in kind.other_ids() {
            let opened = (kind.unwrap)(UNDER, &other, &wrapped);
            assert_eq!(opened, Err(UnwrapError::Rejected), "{}: {other:?}", kind.name);
        }
    }
}

#[test]
fn a_wrapped_key_opens_under_no_wrapping_key_that_differs_in_a_bit() {
    for kind in KINDS {
        let wrapped = kind.wrapped();
        for bit in 0..256 {
            let mut other = UNDER;
            other[bit / 8] ^= 1 << (bit % 8);
            let opened = (kind.unwrap)(other, &kind.id(), &wrapped);
            assert_eq!(opened, Err(UnwrapError::Rejected), "{}: bit {bit}", kind.name);
        }
    }
}

/// The wrapping keys are the same bytes, and so are the ids where both kinds can have them: only the kind tells them apart.
#[test]
fn a_wrapped_key_of_one_kind_opens_as_no_other() {
    let mut same_id = 0;
    for (index, kind) in KINDS.iter().enumerate() {
        for (_, other) in KINDS.iter().enumerate().filter(|(other, _)| *other != index) {
            let (id, other_id) = match (kind.id_len, other.id_len) {
                (_, None) => (kind.id(), kind.id()),
                (None, Some(_)) => (other.id(), other.id()),
                (Some(_), Some(_)) => (kind.id(), other.id()),
            };
            same_id += usize::from(id == other_id);
            let wrapped = (kind.wrap)(UNDER, &id, 1).unwrap();
            let opened = (other.unwrap)(UNDER, &other_id, &wrapped);
            assert_eq!(opened, Err(UnwrapError::Rejected), "{} as {}", kind.name, other.name);
        }
    }
    assert_eq!(same_id, 24, "of the forty-two pairs all but those of two numbers of different lengths");
}

#[test]
fn pieces_of_two_wrapped_keys_make_no_third() {
    for kind in KINDS {
        let mine = kind.wrapped();
        let of_same_id = (kind.wrap)(UNDER, &kind.id(), 2).unwrap();
        let of_same_nonce = (kind.wrap)(UNDER, &kind.other_ids()[1], 1).unwrap();
        for (other, opens) in [(of_same_id, true), (of_same_nonce, false)] {
            for (from_other, spliced) in every_splice(&pieces(&mine), &pieces(&other)) {
                let whole = spliced == mine || (opens && spliced == other);
                let opened = (kind.unwrap)(UNDER, &kind.id(), &spliced);
                assert_eq!(opened.is_ok(), whole, "{}: {from_other:?}", kind.name);
            }
        }
    }
}

/// Version, nonce, ciphertext, tag.
fn pieces(wrapped: &[u8]) -> Vec<&[u8]> {
    let tag = wrapped.len() - 16;
    vec![&wrapped[..1], &wrapped[1..13], &wrapped[13..tag], &wrapped[tag..]]
}
