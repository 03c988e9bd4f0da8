//! The key of an epoch goes away while processes have the key store open.

use std::time::Duration;

use store::keys::{ErasureReason, KeyStoreError, KeyringError, MissingKey};

use super::*;

const SOON: Duration = Duration::from_secs(30);

/// Why a new person and one who is known are not sealed for now; nothing if both are.
async fn refusal(keys: &KeyStore, new: &mut i64) -> Option<KeyStoreError> {
    *new += 1;
    let (unknown, known) = ((8_000 + *new).to_string(), "7000".to_owned());
    let mut refused = Vec::new();
    for order in [&unknown, &known] {
        refused.push(keys.resolve(vec![person(NOVEMBER, &[(IdentityKind::Order, order)])]).await.err());
    }
    let known = refused.pop().unwrap();
    refused.pop().unwrap().filter(|_| known.is_some())
}

#[tokio::test]
async fn nothing_is_sealed_while_the_current_epochs_key_is_away() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let (people, mut new) = (People::new(&keys, 7_000, 3).await, 0);
        let (ring, aside) = (place.folder.path().join("epochs"), place.folder.path().join("aside"));
        for lost in [ring.join("1.key"), ring.clone()] {
            assert_eq!((refusal(&keys, &mut new).await, keys.missing_epoch_keys().await.unwrap()), (None, vec![]));
            std::fs::rename(&lost, &aside).unwrap();
            testkit::wait_until(SOON, async || refusal(&keys, &mut new).await.is_some()).await.unwrap();
            let why = refusal(&keys, &mut new).await;
            let missing = KeyringError::Missing { epoch: EpochId(1), path: ring.join("1.key") };
            assert_eq!(why, Some(KeyStoreError::Keyring(missing)));
            let missing = MissingKey { epoch: EpochId(1), is_current: true };
            assert_eq!(keys.missing_epoch_keys().await.unwrap(), [missing]);
            assert!(keys.require_current_key().await.is_err());

            std::fs::rename(&aside, &lost).unwrap();
            testkit::wait_until(SOON, async || refusal(&keys, &mut new).await.is_none()).await.unwrap();
            assert_eq!(people.opened(&keys).await, (3, 0));
        }
    }
}

/// What lies in its place is not its key: another epoch's, what another root key wrapped, half of it. And the folder that
/// does not say whose it is any more.
#[tokio::test]
async fn nothing_is_sealed_while_another_key_lies_in_its_place() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let (people, mut new) = (People::new(&keys, 7_000, 3).await, 0);
        let ring = place.folder.path().join("epochs");
        let others = [ring.join("1.key"), ring.join("1.key"), ring.join("store")];
        let right = others.clone().map(|path| std::fs::read(path).unwrap());
        for (nth, (path, right)) in others.iter().zip(&right).enumerate() {
            assert_eq!((refusal(&keys, &mut new).await, keys.missing_epoch_keys().await.unwrap()), (None, vec![]));
            match nth {
                0 => std::fs::write(path, b"00ff").unwrap(),
                // As long as the right one, and wrapped by nobody who is known here.
                1 => std::fs::write(
                    path,
                    right.iter().map(|byte| if *byte == b'0' { b'1' } else { *byte }).collect::<Vec<u8>>(),
                )
                .unwrap(),
                _ => std::fs::remove_file(path).unwrap(),
            }
            testkit::wait_until(SOON, async || refusal(&keys, &mut new).await.is_some()).await.unwrap();
            let missing = MissingKey { epoch: EpochId(1), is_current: true };
            assert_eq!(keys.missing_epoch_keys().await.unwrap(), [missing], "{nth}");
            assert!(matches!(keys.require_current_key().await, Err(KeyStoreError::Keyring(_))));
            std::fs::write(path, right).unwrap();
            testkit::wait_until(SOON, async || refusal(&keys, &mut new).await.is_none()).await.unwrap();
            assert_eq!(people.opened(&keys).await, (3, 0));
        }
    }
}

/// A new folder in its place would be in the way of the one that is restored.
#[tokio::test]
async fn no_epoch_begins_in_a_folder_that_has_gone() {
    let place = Place::folder();
    let (keys, _) = place.open().await;
    let (ring, aside) = (place.folder.path().join("epochs"), place.folder.path().join("aside"));
    std::fs::rename(&ring, &aside).unwrap();
    let refused = keys.begin_epoch(after(1), None).await;
    assert!(matches!(refused, Err(KeyStoreError::Keyring(KeyringError::Io { .. }))), "{refused:?}");
    assert!(!ring.exists());
    std::fs::rename(&aside, &ring).unwrap();
    assert_eq!(keys.begin_epoch(after(1), None).await.unwrap(), Some(EpochId(2)));
}

/// Nor is an erasure listed there: the list that is restored would lack it.
#[tokio::test]
async fn nobody_is_erased_while_the_folder_is_away() {
    let place = Place::folder();
    let (keys, _) = place.open().await;
    let people = People::new(&keys, 7_000, 2).await;
    let (ring, aside, subject) =
        (place.folder.path().join("epochs"), place.folder.path().join("aside"), people.boxes[0].0);
    keys.request_erasure(&shop(), subject, ErasureReason::Person, after(1)).await.unwrap();
    std::fs::rename(&ring, &aside).unwrap();
    assert!(keys.destroy(&shop(), subject, after(1)).await.is_err());
    assert!(keys.forgotten_erasures().await.is_err(), "there is no list to compare with");
    assert!(!ring.exists());
    std::fs::rename(&aside, &ring).unwrap();
    keys.destroy(&shop(), subject, after(1)).await.unwrap();
    assert_eq!(people.clear(&keys).await, [false, true]);
}

/// A page of the index is the last thing that hangs on an epoch when the others have moved before it.
#[tokio::test]
async fn an_epochs_key_is_missed_as_long_as_an_index_page_hangs_on_it() {
    for place in places().await {
        let (keys, db) = place.open().await;
        keys.resolve(vec![person(NOVEMBER, &[(IdentityKind::Phone, "+923001234567")])]).await.unwrap();
        rotate(&keys, after(1)).await;
        std::fs::rename(place.folder.path().join("epochs/1.key"), place.folder.path().join("aside")).unwrap();
        assert_eq!(keys.missing_epoch_keys().await.unwrap(), []);
        write(&db, "UPDATE index_page SET epoch = 1").await;
        let missing = async || keys.missing_epoch_keys().await.unwrap();
        testkit::wait_until(SOON, async || !missing().await.is_empty()).await.unwrap();
        assert_eq!(missing().await, [MissingKey { epoch: EpochId(1), is_current: false }]);
    }
}

/// What has not yet moved off a retired epoch needs its key; one that nothing hangs on has to be destroyed in the end.
#[tokio::test]
async fn an_epochs_key_is_missed_as_long_as_somebody_hangs_on_it() {
    for place in places().await {
        let (keys, _) = place.open().await;
        People::new(&keys, 7_000, 3).await;
        keys.begin_epoch(after(1), None).await.unwrap();
        let (file, aside) = (place.folder.path().join("epochs/1.key"), place.folder.path().join("aside"));
        std::fs::rename(&file, &aside).unwrap();
        let missing = async || keys.missing_epoch_keys().await.unwrap();
        testkit::wait_until(SOON, async || !missing().await.is_empty()).await.unwrap();
        assert_eq!(missing().await, [MissingKey { epoch: EpochId(1), is_current: false }]);
        assert!(keys.require_current_key().await.is_ok());

        std::fs::rename(&aside, &file).unwrap();
        testkit::wait_until(SOON, async || missing().await.is_empty()).await.unwrap();
        keys.rewrap(|_| {}).await.unwrap();
        assert_eq!(keys.destroy_epochs(after(40)).await.unwrap(), [EpochId(1)]);
        let (elsewhere, _) = place.open().await;
        assert_eq!(elsewhere.missing_epoch_keys().await.unwrap(), []);
    }
}
