//! Sealed boxes from the outside: what was sealed opens, and nothing else does.

use proptest::prelude::*;
use subject_keys::{BoxContext, KeyId, OpenError, Opened, SubjectKey, open, seal, sealed_key_id};
use uuid::Uuid;

const KEY_ID: KeyId = KeyId(Uuid::from_u128(0xA1));
const CONTEXT: BoxContext<'static> =
    BoxContext { tenant: "orchid", subject: Uuid::from_u128(0xB1), event: Uuid::from_u128(0xC1), label: "buyer" };

fn key(fill: u8) -> SubjectKey {
    SubjectKey::from_bytes([fill; 32])
}

/// A predictable generator whose every draw differs from the ones before.
fn counting() -> impl FnMut(&mut [u8]) {
    let mut draws = 0u8;
    move |bytes: &mut [u8]| {
        draws += 1;
        bytes.fill(draws);
    }
}

proptest! {
    #[test]
    fn what_was_sealed_opens(
        content in prop::collection::vec(any::<u8>(), 0..200),
        secret: [u8; 32],
        tenant in ".{0,12}",
        label in ".{0,12}",
        ids: [u128; 3],
    ) {
        let key_id = KeyId(Uuid::from_u128(ids[0]));
        let context = BoxContext {
            tenant: &tenant, subject: Uuid::from_u128(ids[1]), event: Uuid::from_u128(ids[2]), label: &label,
        };
        let key = SubjectKey::from_bytes(secret);
        let sealed = seal(&key, key_id, &context, &content, &mut counting()).unwrap();
        prop_assert_eq!(sealed.len(), 77 + (content.len() / 32 + 1) * 32);
        prop_assert_eq!(sealed_key_id(&sealed), Ok(key_id));
        let opened = open(&key, key_id, &context, &sealed).map(|content| content.to_vec());
        prop_assert_eq!(opened, Ok(content));
    }

    #[test]
    fn arbitrary_bytes_never_open(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(open(&key(1), KEY_ID, &CONTEXT, &bytes).is_err());
    }

    #[test]
    fn arbitrary_bytes_behind_a_true_header_never_open(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut sealed = seal(&key(1), KEY_ID, &CONTEXT, b"", &mut counting()).unwrap();
        sealed.truncate(61);
        sealed.extend_from_slice(&bytes);
        prop_assert!(open(&key(1), KEY_ID, &CONTEXT, &sealed).is_err());
    }
}

#[test]
fn a_prepared_key_does_what_its_key_does() {
    let prepared = key(1).prepare();
    let sealed = prepared.seal(KEY_ID, &CONTEXT, b"Bilqis, Lane 4", &mut counting()).unwrap();
    assert_eq!(sealed, seal(&key(1), KEY_ID, &CONTEXT, b"Bilqis, Lane 4", &mut counting()).unwrap());
    let opened = Opened::Clear(prepared.open(KEY_ID, &CONTEXT, &sealed).unwrap());
    assert_eq!(opened.clear().unwrap().as_slice(), b"Bilqis, Lane 4");
    assert!(Opened::Erased.clear().is_none());
}

#[test]
fn sealing_twice_shows_no_repetition() {
    let mut rng = counting();
    let prepared = key(1).prepare();
    let first = prepared.seal(KEY_ID, &CONTEXT, b"same", &mut rng).unwrap();
    let second = prepared.seal(KEY_ID, &CONTEXT, b"same", &mut rng).unwrap();
    assert_ne!(first[61..], second[61..]);
}

#[test]
fn lengths_show_only_to_within_32_bytes() {
    let length = |content: &[u8]| seal(&key(1), KEY_ID, &CONTEXT, content, &mut counting()).unwrap().len();
    assert_eq!(length(b""), length(&[b'x'; 31]));
    assert_eq!(length(&[b'x'; 32]), length(&[b'x'; 63]));
    assert_eq!(length(&[b'x'; 32]) - length(b""), 32);
}

#[test]
fn every_flipped_bit_of_a_box_is_noticed() {
    let prepared = key(1).prepare();
    let sealed = prepared.seal(KEY_ID, &CONTEXT, &[b'x'; 100], &mut counting()).unwrap();
    assert!(sealed.len() >= 200);
    for bit in 0..sealed.len() * 8 {
        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let expected = match bit / 8 {
            0 => OpenError::UnknownVersion(flipped[0]),
            1..49 => OpenError::WrongKey,
            _ => OpenError::Tampered,
        };
        assert_eq!(prepared.open(KEY_ID, &CONTEXT, &flipped).err(), Some(expected), "bit {bit}");
    }
}

#[test]
fn every_shortened_box_is_noticed() {
    let prepared = key(1).prepare();
    let sealed = prepared.seal(KEY_ID, &CONTEXT, &[b'x'; 40], &mut counting()).unwrap();
    for len in 0..sealed.len() {
        let expected = if len < 77 + 32 { OpenError::TooShort } else { OpenError::Tampered };
        assert_eq!(prepared.open(KEY_ID, &CONTEXT, &sealed[..len]).err(), Some(expected), "length {len}");
    }
    assert_eq!(sealed_key_id(&sealed[..77]), Err(OpenError::TooShort));
    assert_eq!(sealed_key_id(&[]), Err(OpenError::TooShort));
}

#[test]
fn a_box_opens_nowhere_but_in_its_own_context() {
    let sealed = seal(&key(1), KEY_ID, &CONTEXT, b"content", &mut counting()).unwrap();
    let elsewhere = [
        BoxContext { tenant: "orchids", ..CONTEXT },
        BoxContext { subject: CONTEXT.event, ..CONTEXT },
        BoxContext { event: CONTEXT.subject, ..CONTEXT },
        BoxContext { subject: CONTEXT.event, event: CONTEXT.subject, ..CONTEXT },
        BoxContext { label: "recipient", ..CONTEXT },
        BoxContext { tenant: CONTEXT.label, label: CONTEXT.tenant, ..CONTEXT },
        BoxContext { tenant: "", label: "", ..CONTEXT },
    ];
    for context in elsewhere {
        assert_eq!(open(&key(1), KEY_ID, &context, &sealed).err(), Some(OpenError::Tampered), "{context:?}");
    }
}

#[test]
fn a_box_opens_under_no_key_but_its_own() {
    let other_id = KeyId(Uuid::from_u128(0xA2));
    let sealed = seal(&key(1), KEY_ID, &CONTEXT, b"content", &mut counting()).unwrap();
    assert_eq!(open(&key(2), KEY_ID, &CONTEXT, &sealed).err(), Some(OpenError::WrongKey));
    assert_eq!(open(&key(1), other_id, &CONTEXT, &sealed).err(), Some(OpenError::WrongKey));

    // Writing the other id into the box satisfies the comparison, but not the associated data.
    let mut renamed = sealed;
    renamed[1..17].copy_from_slice(other_id.0.as_bytes());
    assert_eq!(open(&key(1), other_id, &CONTEXT, &renamed).err(), Some(OpenError::Tampered));
}

#[test]
fn a_forged_commitment_does_not_make_another_key_open() {
    let mut sealed = seal(&key(1), KEY_ID, &CONTEXT, b"content", &mut counting()).unwrap();
    let other = seal(&key(2), KEY_ID, &CONTEXT, b"content", &mut counting()).unwrap();
    sealed[17..49].copy_from_slice(&other[17..49]);
    assert_eq!(open(&key(2), KEY_ID, &CONTEXT, &sealed).err(), Some(OpenError::Tampered));
    assert_eq!(open(&key(1), KEY_ID, &CONTEXT, &sealed).err(), Some(OpenError::WrongKey));
}
