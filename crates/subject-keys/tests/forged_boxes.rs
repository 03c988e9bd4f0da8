//! What an attacker who can write to the log may try with boxes: change them, put them elsewhere, join parts of two. None of
//! it opens. The tables are complete for one box of some 200 bytes; the properties draw others.

#![expect(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

mod changes;

use changes::{every_change, every_likeness, every_neighbour, every_splice};
use proptest::prelude::*;
use subject_keys::{BoxContext, KeyId, OpenError, PreparedKey, SubjectKey};
use uuid::Uuid;

const KEY_ID: KeyId = KeyId(Uuid::from_u128(0xA1));
const CONTEXT: BoxContext<'static> =
    BoxContext { tenant: "orchid", subject: Uuid::from_u128(0xB1), event: Uuid::from_u128(0xC1), label: "buyer" };

/// Where the layout's pieces end: version, key id, commitment, nonce. The ciphertext follows, and a tag of 16 bytes.
const BORDERS: [usize; 4] = [1, 17, 49, 61];

fn key(fill: u8) -> PreparedKey {
    SubjectKey::from_bytes([fill; 32]).prepare()
}

/// Seals under a nonce that is all this byte.
fn sealed(key: &PreparedKey, key_id: KeyId, context: &BoxContext<'_>, content: &[u8], nonce: u8) -> Vec<u8> {
    key.seal(key_id, context, content, &mut |bytes: &mut [u8]| bytes.fill(nonce)).unwrap()
}

/// Version, key id, commitment, nonce, ciphertext, tag.
fn pieces(sealed: &[u8]) -> Vec<&[u8]> {
    let tag = sealed.len() - 16;
    let ends = BORDERS.into_iter().chain([tag, sealed.len()]);
    let begins = [0].into_iter().chain(BORDERS).chain([tag]);
    begins.zip(ends).map(|(begin, end)| &sealed[begin..end]).collect()
}

#[test]
fn no_change_of_a_box_of_200_bytes_is_left_unnoticed() {
    let key = key(1);
    let original = sealed(&key, KEY_ID, &CONTEXT, &[b'x'; 100], 1);
    assert_eq!(original.len(), 205);
    assert!(key.open(KEY_ID, &CONTEXT, &original).is_ok());
    let mut tried = 0;
    for (what, changed) in every_change(&original) {
        assert!(key.open(KEY_ID, &CONTEXT, &changed).is_err(), "{what}");
        tried += 1;
    }
    assert_eq!(tried, 205 * 8 + 205 * 2 + 205 + 206 * 256);
}

#[test]
fn a_box_opens_at_its_own_place_and_at_none_that_differs_in_a_bit_or_a_letter() {
    let key = key(1);
    let original = sealed(&key, KEY_ID, &CONTEXT, b"content", 1);
    let refused = |context: BoxContext<'_>| {
        assert_eq!(key.open(KEY_ID, &context, &original).err(), Some(OpenError::Tampered), "{context:?}");
    };
    for neighbour in every_neighbour(CONTEXT.subject.as_u128(), 128) {
        refused(BoxContext { subject: Uuid::from_u128(neighbour), ..CONTEXT });
    }
    for neighbour in every_neighbour(CONTEXT.event.as_u128(), 128) {
        refused(BoxContext { event: Uuid::from_u128(neighbour), ..CONTEXT });
    }
    for likeness in every_likeness(CONTEXT.tenant) {
        refused(BoxContext { tenant: &likeness, ..CONTEXT });
    }
    for likeness in every_likeness(CONTEXT.label) {
        refused(BoxContext { label: &likeness, ..CONTEXT });
    }
    for neighbour in every_neighbour(KEY_ID.0.as_u128(), 128) {
        let other = KeyId(Uuid::from_u128(neighbour));
        assert_eq!(key.open(other, &CONTEXT, &original).err(), Some(OpenError::WrongKey), "{neighbour:x}");
    }
}

/// Shops, people, events and labels, three of each: eighty-one places. One key for all of them, so that nothing but the place
/// tells the boxes apart.
#[test]
fn boxes_exchanged_among_shops_people_events_and_labels_open_only_at_home() {
    let key = key(1);
    let ids = [0xB1, 0xB2, 0xC1].map(Uuid::from_u128);
    let mut places = Vec::new();
    for tenant in ["orchid", "tulip", "buyer"] {
        for subject in ids {
            for event in ids {
                places.extend(["buyer", "recipient", "orchid"].map(|label| BoxContext {
                    tenant,
                    subject,
                    event,
                    label,
                }));
            }
        }
    }
    let boxes: Vec<Vec<u8>> = places.iter().map(|place| sealed(&key, KEY_ID, place, b"content", 1)).collect();
    for (home, sealed) in places.iter().zip(&boxes) {
        for place in &places {
            let opened = key.open(KEY_ID, place, sealed).map(|content| content.to_vec());
            let expected = if place == home { Ok(b"content".to_vec()) } else { Err(OpenError::Tampered) };
            assert_eq!(opened, expected, "a box of {home:?} at {place:?}");
        }
    }
    assert_eq!(boxes.len(), 81);
}

/// Eight people with a key each, as in production: what one key sealed, no other opens, not even at the same place.
#[test]
fn boxes_exchanged_among_people_are_known_by_their_keys() {
    let people: Vec<(PreparedKey, KeyId)> = (1..=8).map(|id| (key(id), KeyId(Uuid::from_u128(id.into())))).collect();
    for (owner, owners_id) in &people {
        let original = sealed(owner, *owners_id, &CONTEXT, b"content", 1);
        for (reader, readers_id) in people.iter().filter(|(_, id)| id != owners_id) {
            assert_eq!(reader.open(*readers_id, &CONTEXT, &original).err(), Some(OpenError::WrongKey));
            assert_eq!(reader.open(*owners_id, &CONTEXT, &original).err(), Some(OpenError::WrongKey));
        }
    }
}

/// Two boxes of one key and place, as an attacker finds them who waits for the next version of an order.
#[test]
fn pieces_of_two_boxes_of_one_key_make_no_third() {
    let key = key(1);
    let (first, second) =
        (sealed(&key, KEY_ID, &CONTEXT, &[b'x'; 100], 1), sealed(&key, KEY_ID, &CONTEXT, &[b'y'; 100], 2));
    let mut opened = 0;
    for (from_second, spliced) in every_splice(&pieces(&first), &pieces(&second)) {
        // Version, key id and commitment are the same in both; the others belong together or not at all.
        let whole = from_second[3..].iter().all(|piece| *piece == from_second[3]);
        assert_eq!(key.open(KEY_ID, &CONTEXT, &spliced).is_ok(), whole, "{from_second:?}");
        opened += usize::from(whole);
    }
    assert_eq!(opened, 16);
}

#[test]
fn pieces_of_boxes_of_two_keys_or_two_places_make_none_that_opens() {
    let (mine, other) = (key(1), key(2));
    let other_id = KeyId(Uuid::from_u128(0xA2));
    let elsewhere = BoxContext { event: Uuid::from_u128(0xC2), ..CONTEXT };
    let original = sealed(&mine, KEY_ID, &CONTEXT, &[b'x'; 100], 1);
    // The other box has another content each time, and in the last two cases even the same nonce.
    let others = [
        sealed(&other, other_id, &CONTEXT, &[b'y'; 100], 2),
        sealed(&other, KEY_ID, &CONTEXT, &[b'y'; 100], 1),
        sealed(&mine, KEY_ID, &elsewhere, &[b'y'; 100], 1),
    ];
    for second in &others {
        for (from_second, spliced) in every_splice(&pieces(&original), &pieces(second)) {
            let opened = mine.open(KEY_ID, &CONTEXT, &spliced);
            assert_eq!(opened.is_ok(), spliced == original, "{from_second:?}");
        }
    }
}

#[test]
fn blocks_of_the_ciphertext_can_be_neither_exchanged_nor_repeated_nor_dropped() {
    let key = key(1);
    let original = sealed(&key, KEY_ID, &CONTEXT, &[b'x'; 100], 1);
    let (head, rest) = original.split_at(61);
    let blocks: Vec<&[u8]> = rest.chunks(16).collect();
    let refused = |blocks: Vec<&[u8]>| {
        let joined = [head, &blocks.concat()].concat();
        assert!(key.open(KEY_ID, &CONTEXT, &joined).is_err());
    };
    for one in 0..blocks.len() {
        for another in (0..blocks.len()).filter(|another| *another != one) {
            let (mut exchanged, mut repeated) = (blocks.clone(), blocks.clone());
            exchanged.swap(one, another);
            repeated.insert(another, blocks[one]);
            refused(exchanged);
            refused(repeated);
        }
        let mut dropped = blocks.clone();
        dropped.remove(one);
        refused(dropped);
    }
}

proptest! {
    /// Whatever else is put over a part of a box: it opens if that was no change, and only then.
    #[test]
    fn a_box_that_was_written_over_does_not_open(
        content in prop::collection::vec(any::<u8>(), 0..300),
        over in prop::collection::vec(any::<u8>(), 1..64),
        at: prop::sample::Index,
    ) {
        let key = key(1);
        let original = sealed(&key, KEY_ID, &CONTEXT, &content, 1);
        let (mut changed, at) = (original.clone(), at.index(original.len()));
        changed.splice(at..(at + over.len()).min(original.len()), over);
        prop_assert_eq!(key.open(KEY_ID, &CONTEXT, &changed).is_ok(), changed == original);
    }

    /// Two arbitrary places have each other's boxes only if they are one place, wherever the letters of their names part.
    #[test]
    fn a_box_opens_at_another_place_only_if_it_is_the_same(
        (left, right) in ("[ab]{0,3}", "[ab]{0,3}"),
        (other_left, other_right) in ("[ab]{0,3}", "[ab]{0,3}"),
        ids in prop::array::uniform4(0_u128..2),
    ) {
        let key = key(1);
        let place = |tenant, label, subject, event| {
            BoxContext { tenant, subject: Uuid::from_u128(subject), event: Uuid::from_u128(event), label }
        };
        let home = place(left.as_str(), right.as_str(), ids[0], ids[1]);
        let other = place(other_left.as_str(), other_right.as_str(), ids[2], ids[3]);
        let sealed = sealed(&key, KEY_ID, &home, b"content", 1);
        prop_assert_eq!(key.open(KEY_ID, &other, &sealed).is_ok(), home == other);
    }
}
