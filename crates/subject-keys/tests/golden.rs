//! Golden vectors: bytes written once must open, or fail, the same way for as long as anybody keeps a log.
//!
//! `tests/vectors/sealed/v1` at the root of the repository holds one box per file, named after what is wrong with it.
//! Every box is opened the same way, by [`reader`]. The first test reads the files as they are; the second makes the
//! same boxes anew and compares byte for byte, so that a change of format cannot pass as a change of vectors.

#![expect(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

use std::path::PathBuf;

use subject_keys::{
    BoxContext, EpochKey, IndexKey, IndexPageId, IndexPageKey, KeyId, OpenError, PageId, PageKey, SubjectKey, open,
    seal,
};
use uuid::Uuid;

const KEY: [u8; 32] = *b"golden subject key, 32 bytes lon";
const OTHER_KEY: [u8; 32] = *b"another subject key, 32 bytes lo";
const KEY_ID: KeyId = KeyId(Uuid::from_u128(0x1111_2222_3333_4444_5555_6666_7777_8888));
const NONCE: [u8; 12] = *b"golden nonce";
const CONTENT: &[u8] = "Bilqis Dar, House 4, Lane 9, Karachi".as_bytes();
const CONTEXT: BoxContext<'static> = BoxContext {
    tenant: "orchid",
    subject: Uuid::from_u128(0xAAAA_0000_0000_4000_8000_0000_0000_0001),
    event: Uuid::from_u128(0xBBBB_0000_0000_5000_8000_0000_0000_0002),
    label: "buyer",
};

/// The content of a box, or why there is none.
type Outcome = Result<Vec<u8>, OpenError>;

/// Opens any vector: always the same key, key id and context.
fn reader(sealed: &[u8]) -> Outcome {
    open(&SubjectKey::from_bytes(KEY), KEY_ID, &CONTEXT, sealed).map(|content| content.to_vec())
}

/// Writes the box that a vector starts from.
fn writer(key: [u8; 32], key_id: KeyId, context: &BoxContext<'_>) -> Vec<u8> {
    seal(&SubjectKey::from_bytes(key), key_id, context, CONTENT, &mut |nonce: &mut [u8]| nonce.copy_from_slice(&NONCE))
        .unwrap()
}

fn ok() -> Vec<u8> {
    writer(KEY, KEY_ID, &CONTEXT)
}

fn misplaced(context: BoxContext<'_>) -> Vec<u8> {
    writer(KEY, KEY_ID, &context)
}

fn changed(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut sealed = ok();
    change(&mut sealed);
    sealed
}

/// Every vector: its file's name, how its bytes are made, and what opening it must give.
fn vectors() -> Vec<(&'static str, Vec<u8>, Outcome)> {
    let other_id = Uuid::from_u128(0xCCCC_0000_0000_4000_8000_0000_0000_0003);
    vec![
        ("ok", ok(), Ok(CONTENT.to_vec())),
        ("wrong_tenant", misplaced(BoxContext { tenant: "tulip", ..CONTEXT }), Err(OpenError::Tampered)),
        ("wrong_subject", misplaced(BoxContext { subject: other_id, ..CONTEXT }), Err(OpenError::Tampered)),
        ("wrong_event", misplaced(BoxContext { event: other_id, ..CONTEXT }), Err(OpenError::Tampered)),
        ("wrong_label", misplaced(BoxContext { label: "recipient", ..CONTEXT }), Err(OpenError::Tampered)),
        ("wrong_key", writer(OTHER_KEY, KEY_ID, &CONTEXT), Err(OpenError::WrongKey)),
        ("wrong_key_id", writer(KEY, KeyId(other_id), &CONTEXT), Err(OpenError::WrongKey)),
        ("truncated_tag", changed(|sealed| sealed.truncate(sealed.len() - 4)), Err(OpenError::Tampered)),
        ("flipped_bit", changed(|sealed| sealed[70] ^= 0b0000_0100), Err(OpenError::Tampered)),
        ("too_short", changed(|sealed| sealed.truncate(77)), Err(OpenError::TooShort)),
        ("unknown_version", changed(|sealed| sealed[0] = 2), Err(OpenError::UnknownVersion(2))),
    ]
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/sealed/v1"))
}

fn stored(name: &str) -> String {
    let path = folder().join(format!("{name}.hex"));
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("vector {name}: {error}"))
}

#[test]
fn every_stored_vector_gives_what_its_name_says() {
    for (name, _, expected) in vectors() {
        let sealed = hex::decode(stored(name).trim()).unwrap();
        assert_eq!(reader(&sealed), expected, "vector {name}");
    }
}

#[test]
fn sealing_still_writes_the_stored_bytes() {
    for (name, sealed, _) in vectors() {
        assert_eq!(format!("{}\n", hex::encode(sealed)), stored(name), "vector {name}");
    }
}

#[test]
fn every_file_in_the_folder_is_a_vector_of_this_test() {
    let mut files: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|file| file != "README.md")
        .collect();
    let mut named: Vec<String> = vectors().iter().map(|(name, ..)| format!("{name}.hex")).collect();
    files.sort();
    named.sort();
    assert_eq!(files, named);
}

#[test]
fn wrapped_keys_and_blind_values_keep_their_stored_form() {
    let mut rng = |nonce: &mut [u8]| nonce.copy_from_slice(&NONCE);
    let wrapped = EpochKey::from_bytes(KEY).wrap_page(PageId(7), &PageKey::from_bytes(OTHER_KEY), &mut rng).unwrap();
    assert_eq!(
        hex::encode(wrapped),
        "01676f6c64656e206e6f6e6365592fb9ba7482dc2dc4c26bf616c9eb0a522c88cedbd399645e04f669ba5200cbaeaae9d1de0e1e2a780f8c6337e42c97"
    );
    let blind = IndexKey::from_bytes(KEY).blind("phone", "+920000000001");
    assert_eq!(hex::encode(blind), "068e5769268673f7da530c6c9a6135a97a7b13cdf07d8eff2c4aafaf516efbaa");
}

#[test]
fn index_pages_and_their_tags_keep_their_stored_form() {
    let mut rng = |nonce: &mut [u8]| nonce.copy_from_slice(&NONCE);
    let key = || IndexPageKey::from_bytes(OTHER_KEY);
    let wrapped = EpochKey::from_bytes(KEY).wrap_index_page(IndexPageId(7), &key(), &mut rng).unwrap();
    assert_eq!(
        hex::encode(wrapped),
        "01676f6c64656e206e6f6e6365592fb9ba7482dc2dc4c26bf616c9eb0a522c88cedbd399645e04f669ba5200cbba95abcf3f34ceda85464b01fa506ef7"
    );
    let mark = key().mark(&KEY);
    assert_eq!(hex::encode(mark), "7c441a64f5b65ead8bf5ad0a6f4f55f18eca795b0633d5f57024442c969dad45");
    assert_eq!(
        hex::encode(key().seal_tag(&mark, &KEY, &mut rng).unwrap()),
        "01676f6c64656e206e6f6e63654b7a71adf17031e7237262759d40d7cf7770d0afb4bdb490fe4071b72eedaf73d0c05a3159436b31c69e53e26c50ec48"
    );
}
