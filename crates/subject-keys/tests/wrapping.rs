//! Wrapped keys and blind indexes from the outside: each opens where it belongs and is rejected everywhere else.

use subject_keys::{
    BoxContext, EpochId, EpochKey, IndexKey, IndexPageId, IndexPageKey, KeyId, PageId, PageKey, RootKey, SubjectKey,
    UnwrapError, open, rewrap_index, rewrap_key, rewrap_page, seal,
};
use uuid::Uuid;

const KEY_ID: KeyId = KeyId(Uuid::from_u128(0xA1));
const OTHER_KEY_ID: KeyId = KeyId(Uuid::from_u128(0xA2));
const CONTEXT: BoxContext<'static> =
    BoxContext { tenant: "orchid", subject: Uuid::from_u128(0xB1), event: Uuid::from_u128(0xC1), label: "buyer" };

/// A predictable generator whose every draw differs from the ones before.
fn counting() -> impl FnMut(&mut [u8]) {
    let mut draws = 0u8;
    move |bytes: &mut [u8]| {
        draws += 1;
        bytes.fill(draws);
    }
}

fn root(fill: u8) -> RootKey {
    RootKey::from_bytes([fill; 32])
}

fn epoch(fill: u8) -> EpochKey {
    EpochKey::from_bytes([fill; 32])
}

fn page(fill: u8) -> PageKey {
    PageKey::from_bytes([fill; 32])
}

#[test]
fn a_box_opens_through_the_whole_chain_of_wrapped_keys() {
    let mut rng = counting();
    let subject = SubjectKey::generate(&mut rng);
    let sealed = seal(&subject, KEY_ID, &CONTEXT, b"content", &mut rng).unwrap();
    let wrapped_key = page(3).wrap_key(KEY_ID, &subject, &mut rng).unwrap();
    let wrapped_page = epoch(2).wrap_page(PageId(5), &page(3), &mut rng).unwrap();
    let wrapped_epoch = root(1).wrap_epoch(EpochId(9), &epoch(2), &mut rng).unwrap();

    let epoch = root(1).unwrap_epoch(EpochId(9), &wrapped_epoch).unwrap();
    let page = epoch.unwrap_page(PageId(5), &wrapped_page).unwrap();
    let subject = page.unwrap_key(KEY_ID, &wrapped_key).unwrap();
    assert_eq!(open(&subject, KEY_ID, &CONTEXT, &sealed).unwrap().as_slice(), b"content");
}

#[test]
fn a_wrapped_blob_moved_to_another_id_is_rejected() {
    let mut rng = counting();
    let rejected = Some(UnwrapError::Rejected);

    let wrapped = root(1).wrap_epoch(EpochId(9), &epoch(2), &mut rng).unwrap();
    assert!(root(1).unwrap_epoch(EpochId(9), &wrapped).is_ok());
    assert_eq!(root(1).unwrap_epoch(EpochId(10), &wrapped).err(), rejected);

    let wrapped = epoch(2).wrap_page(PageId(5), &page(3), &mut rng).unwrap();
    assert!(epoch(2).unwrap_page(PageId(5), &wrapped).is_ok());
    assert_eq!(epoch(2).unwrap_page(PageId(6), &wrapped).err(), rejected);

    let wrapped = page(3).wrap_key(KEY_ID, &SubjectKey::from_bytes([4; 32]), &mut rng).unwrap();
    assert!(page(3).unwrap_key(KEY_ID, &wrapped).is_ok());
    assert_eq!(page(3).unwrap_key(OTHER_KEY_ID, &wrapped).err(), rejected);

    let wrapped = epoch(2).wrap_index("orchid", &IndexKey::from_bytes([5; 32]), &mut rng).unwrap();
    assert!(epoch(2).unwrap_index("orchid", &wrapped).is_ok());
    assert_eq!(epoch(2).unwrap_index("orchids", &wrapped).err(), rejected);

    let wrapped = root(1).wrap_secret("tenant/orchid/webhook", b"invented", &mut rng).unwrap();
    assert_eq!(root(1).unwrap_secret("tenant/orchid/webhook", &wrapped).unwrap().as_slice(), b"invented");
    assert_eq!(root(1).unwrap_secret("tenant/tulip/webhook", &wrapped).err(), rejected);
}

#[test]
fn a_wrapped_blob_of_one_kind_is_rejected_as_another() {
    // The ids and the wrapping keys are made of the same bytes, so only the domain labels tell the kinds apart.
    let text = "eight by";
    let id = PageId(u64::from_be_bytes(*b"eight by"));
    let as_page = epoch(2).wrap_page(id, &page(3), &mut counting()).unwrap();
    let as_index = epoch(2).wrap_index(text, &IndexKey::from_bytes([3; 32]), &mut counting()).unwrap();
    assert_eq!(epoch(2).unwrap_index(text, &as_page).err(), Some(UnwrapError::Rejected));
    assert_eq!(epoch(2).unwrap_page(id, &as_index).err(), Some(UnwrapError::Rejected));

    let as_epoch = root(1).wrap_epoch(EpochId(u32::from_be_bytes(*b"four")), &epoch(2), &mut counting()).unwrap();
    assert_eq!(root(1).unwrap_secret("four", &as_epoch).err(), Some(UnwrapError::Rejected));
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_wrapped_key_is_noticed() {
    let wrapped = page(3).wrap_key(KEY_ID, &SubjectKey::from_bytes([4; 32]), &mut counting()).unwrap();
    assert_eq!(wrapped.len(), 61);
    for bit in 0..wrapped.len() * 8 {
        let mut flipped = wrapped.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let expected = if bit < 8 { UnwrapError::UnknownVersion(flipped[0]) } else { UnwrapError::Rejected };
        assert_eq!(page(3).unwrap_key(KEY_ID, &flipped).err(), Some(expected), "bit {bit}");
    }
    for len in 0..wrapped.len() {
        let expected = if len < 29 { UnwrapError::TooShort } else { UnwrapError::Rejected };
        assert_eq!(page(3).unwrap_key(KEY_ID, &wrapped[..len]).err(), Some(expected), "length {len}");
    }
}

#[test]
fn rewrapping_leaves_the_old_wrapping_key_useless() {
    let mut rng = counting();
    let wrapped = epoch(2).wrap_page(PageId(5), &page(3), &mut rng).unwrap();
    let moved = rewrap_page(&epoch(2), &epoch(7), PageId(5), &wrapped, &mut rng).unwrap();
    assert!(epoch(7).unwrap_page(PageId(5), &moved).is_ok());
    assert_eq!(epoch(2).unwrap_page(PageId(5), &moved).err(), Some(UnwrapError::Rejected));
    assert!(rewrap_page(&epoch(7), &epoch(2), PageId(5), &wrapped, &mut rng).is_err());

    let index = IndexKey::from_bytes([5; 32]);
    let wrapped = epoch(2).wrap_index("orchid", &index, &mut rng).unwrap();
    let moved = rewrap_index(&epoch(2), &epoch(7), "orchid", &wrapped, &mut rng).unwrap();
    let unwrapped = epoch(7).unwrap_index("orchid", &moved).unwrap();
    assert_eq!(unwrapped.blind("phone", "+920000000001"), index.blind("phone", "+920000000001"));
}

#[test]
fn the_survivors_of_a_page_stay_readable_and_the_lost_key_does_not() {
    let mut rng = counting();
    let (survivor, lost) = (SubjectKey::generate(&mut rng), SubjectKey::generate(&mut rng));
    let sealed = seal(&survivor, KEY_ID, &CONTEXT, b"content", &mut rng).unwrap();
    let wrapped_survivor = page(3).wrap_key(KEY_ID, &survivor, &mut rng).unwrap();
    let wrapped_lost = page(3).wrap_key(OTHER_KEY_ID, &lost, &mut rng).unwrap();

    let moved = rewrap_key(&page(3), &page(8), KEY_ID, &wrapped_survivor, &mut rng).unwrap();
    let survivor = page(8).unwrap_key(KEY_ID, &moved).unwrap();
    assert!(open(&survivor, KEY_ID, &CONTEXT, &sealed).is_ok());
    assert_eq!(page(8).unwrap_key(OTHER_KEY_ID, &wrapped_lost).err(), Some(UnwrapError::Rejected));
}

#[test]
fn blind_values_meet_only_for_the_same_tenant_key_kind_and_value() {
    let index = IndexKey::from_bytes([5; 32]);
    let blind = index.blind("phone", "+920000000001");
    assert_eq!(blind, IndexKey::from_bytes([5; 32]).blind("phone", "+920000000001"));
    assert_ne!(blind, IndexKey::from_bytes([6; 32]).blind("phone", "+920000000001"), "another tenant's key");
    assert_ne!(blind, index.blind("email", "+920000000001"), "another kind");
    assert_ne!(blind, index.blind("phone", "+920000000002"), "another value");
    assert_ne!(index.blind("ab", "c"), index.blind("a", "bc"), "another boundary");
    assert_ne!(index.blind("a", ""), index.blind("", "a"), "another boundary");
}

#[test]
fn a_tag_is_found_by_its_mark_and_read_back_under_its_own_pages_key_alone() {
    let mut rng = counting();
    let (page, other) = (IndexPageKey::from_bytes([1; 32]), IndexPageKey::from_bytes([2; 32]));
    let tag = IndexKey::from_bytes([5; 32]).blind("phone", "+920000000001");
    let mark = page.mark(&tag);
    assert_eq!(mark, IndexPageKey::from_bytes([1; 32]).mark(&tag));
    assert_ne!(mark, other.mark(&tag), "another page");
    assert_ne!(mark, page.mark(&[9; 32]), "another tag");
    assert_ne!(mark, IndexKey::from_bytes([1; 32]).blind("phone", "+920000000001"), "another kind of key");

    let sealed = page.seal_tag(&mark, &tag, &mut rng).unwrap();
    assert_eq!(page.open_tag(&mark, &sealed), Ok(tag));
    assert_eq!(page.open_tag(&page.mark(&[9; 32]), &sealed), Err(UnwrapError::Rejected));
    assert_eq!(other.open_tag(&mark, &sealed), Err(UnwrapError::Rejected));
    assert!(!sealed.windows(8).any(|part| tag.windows(8).any(|there| there == part)), "the tag does not show");
}

#[test]
fn an_index_page_that_is_wrapped_anew_keeps_its_key_and_opens_by_the_old_epoch_no_more() {
    let mut rng = counting();
    let (id, key) = (IndexPageId(5), IndexPageKey::generate(&mut rng));
    let wrapped = epoch(2).wrap_index_page(id, &key, &mut rng).unwrap();
    let moved = epoch(7).wrap_index_page(id, &epoch(2).unwrap_index_page(id, &wrapped).unwrap(), &mut rng).unwrap();
    assert_eq!(epoch(7).unwrap_index_page(id, &moved).unwrap().mark(&[4; 32]), key.mark(&[4; 32]));
    assert_eq!(epoch(2).unwrap_index_page(id, &moved).err(), Some(UnwrapError::Rejected));
    assert_eq!(epoch(7).unwrap_page(PageId(5), &moved).err(), Some(UnwrapError::Rejected), "it is no page of keys");
    assert_eq!(epoch(7).unwrap_index_page(IndexPageId(6), &moved).err(), Some(UnwrapError::Rejected), "another page");
}
