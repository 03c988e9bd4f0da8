//! Epochs on both databases: what lives moves on and stays readable, and what was erased is gone for good with its epoch,
//! for whoever has every copy of the key store.

pub(crate) mod attacker;
mod backups;
mod decided;
mod lost;
mod phones;
mod promise;
mod races;
mod restore;

use commerce::SubjectId;
use ledger::Timestamp;
use store::db::{Db, Durability};
use store::keys::{BoxRef, Copies, DestroyEpochError, IdentityKind, KeyStore, Moved, OpenKeysError, Sealing};
use store::schema::keys_migrations;
use subject_keys::{EpochId, EpochKey, Opened, RootKey};

use crate::keys::{
    DAY, EVENT, NOVEMBER, Place, SCHEDULE, after, count, erase, keyring, looking, open, person, places, resolve, seal,
    shop,
};
use attacker::{Attacker, StolenBox};

/// Whose box, and the box.
type Sealed = (SubjectId, Vec<u8>);

/// People with a box each.
struct People {
    boxes: Vec<Sealed>,
}

impl People {
    /// So many people, each with an order of their own.
    async fn new(keys: &KeyStore, first_order: usize, number: usize) -> People {
        let orders: Vec<String> = (first_order..first_order + number).map(|order| order.to_string()).collect();
        let people = orders.iter().map(|order| person(NOVEMBER, &[(IdentityKind::Order, order)]));
        let sealings = keys.resolve(people.collect()).await.unwrap();
        People { boxes: sealings.iter().map(|one| (one.subject(), seal(one, "Zarmina"))).collect() }
    }

    /// Which of the boxes open; the others say that their person was erased.
    async fn clear(&self, keys: &KeyStore) -> Vec<bool> {
        let tenant = shop();
        let refs: Vec<BoxRef<'_>> = self
            .boxes
            .iter()
            .map(|(subject, sealed)| BoxRef {
                tenant: &tenant,
                subject: *subject,
                event: EVENT,
                label: "buyer",
                sealed,
            })
            .collect();
        let opened = keys.open_many(&refs, &looking()).await.unwrap();
        opened.into_iter().map(|one| matches!(one.unwrap(), Opened::Clear(_))).collect()
    }

    /// Which of the boxes open; of the others the person was erased, or the key is not known here.
    async fn clear_if_known(&self, keys: &KeyStore) -> Vec<bool> {
        let tenant = shop();
        let refs = self.boxes.iter().map(|(subject, sealed)| BoxRef {
            tenant: &tenant,
            subject: *subject,
            event: EVENT,
            label: "buyer",
            sealed,
        });
        let opened = keys.open_many(&refs.collect::<Vec<_>>(), &looking()).await.unwrap();
        opened.into_iter().map(|one| matches!(one, Ok(Opened::Clear(_)))).collect()
    }

    /// How many of the boxes open, and how many say that their person was erased.
    async fn opened(&self, keys: &KeyStore) -> (usize, usize) {
        let clear = self.clear(keys).await;
        let open = clear.iter().filter(|clear| **clear).count();
        (open, clear.len() - open)
    }

    fn stolen(&self, whose: impl Fn(usize) -> bool) -> Vec<StolenBox> {
        let boxes = self.boxes.iter().enumerate().filter(|(place, _)| whose(*place));
        let stolen = |(subject, sealed): &Sealed| StolenBox {
            tenant: shop().to_string(),
            subject: subject.0,
            event: EVENT,
            label: "buyer",
            sealed: sealed.clone(),
        };
        boxes.map(|(_, one)| stolen(one)).collect()
    }
}

fn root() -> RootKey {
    RootKey::from_bytes([7; 32])
}

/// Changes the database behind the key store's back.
async fn write(db: &Db, sql: &'static str) {
    let unit = db.run_tx("behind", move |tx| Box::pin(async move { tx.execute(sql, vec![]).await }));
    let changed = unit.await.map_err(|error: store::db::DbError| error).unwrap();
    assert!(changed > 0, "{sql}");
}

fn hours_after(days: i64, hours: i64) -> Timestamp {
    Timestamp(after(days).0 + hours * DAY / 24)
}

async fn rotate(keys: &KeyStore, at: Timestamp) -> Moved {
    keys.begin_epoch(at, None).await.unwrap().unwrap();
    keys.rewrap(|_| {}).await.unwrap()
}

#[tokio::test]
async fn with_every_copy_ever_made_nobody_who_was_erased_is_found_once_the_window_is_over() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let ring = place.folder.path().join("epochs");
        let people = People::new(&keys, 7_000, 1_500).await;
        let (gone, kept) = (people.stolen(|place| place % 2 == 0), people.stolen(|place| place % 2 == 1));
        let mut attacker = Attacker::default();
        attacker.copy(&db).await;
        for (subject, _) in people.boxes.iter().step_by(2) {
            erase(&keys, *subject, after(1)).await;
        }
        attacker.copy(&db).await;
        assert_eq!(people.opened(&keys).await, (750, 750));
        assert_eq!(attacker.open(&root(), &ring, &gone), 750, "a copy from before the erasure still opens");

        let moved = rotate(&keys, after(2)).await;
        assert_eq!(moved, Moved { left: 2, keys: 750, tenants: 1, ..Moved::default() }, "both pages had lost keys");
        attacker.copy(&db).await;
        rotate(&keys, after(3)).await;
        attacker.copy(&db).await;
        assert_eq!(attacker.open(&root(), &ring, &gone), 750, "until the window is over");

        let copies = privacy::copies(&keys, &shop(), people.boxes[0].0, after(31)).await.unwrap();
        assert_eq!(copies, Copies::OpenUntil(hours_after(31, 2)), "a day, a month and two hours after it began");
        let due = hours_after(31, 1);
        assert_eq!(keys.destroy_epochs(Timestamp(due.0 - 1)).await, Ok(vec![]));
        assert_eq!(attacker.open(&root(), &ring, &gone), 750, "until the window is over");
        assert_eq!(keys.destroy_epochs(due).await, Ok(vec![EpochId(1)]));

        attacker.copy(&db).await;
        assert_eq!(attacker.open(&root(), &ring, &gone), 0);
        assert_eq!(
            attacker.open(&root(), &ring, &kept),
            750,
            "the attack works: whoever lives is in today's key store"
        );
        let copies = privacy::copies(&keys, &shop(), people.boxes[0].0, after(32)).await.unwrap();
        assert_eq!(copies, Copies::GoneSince(due));
        for keys in [keys, place.open().await.0] {
            assert_eq!(people.opened(&keys).await, (750, 750), "nobody else lost anything");
        }
    }
}

/// A dump from before the window gives nothing at all, not even of people who live.
#[tokio::test]
async fn an_old_copy_by_itself_opens_nobody_after_the_window() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let ring = place.folder.path().join("epochs");
        let people = People::new(&keys, 7_000, 100).await;
        let (all, mut attacker) = (people.stolen(|_| true), Attacker::default());
        attacker.copy(&db).await;
        assert_eq!(attacker.open(&root(), &ring, &all), 100);
        assert_eq!(rotate(&keys, after(1)).await, Moved { pages: 1, tenants: 1, ..Moved::default() });
        keys.destroy_epochs(after(40)).await.unwrap();
        assert_eq!(attacker.open(&root(), &ring, &all), 0);
        assert_eq!(people.opened(&keys).await, (100, 0));
    }
}

#[tokio::test]
async fn an_epoch_that_somebody_hangs_on_is_not_destroyed() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let people = People::new(&keys, 7_000, 10).await;
        keys.begin_epoch(after(1), None).await.unwrap();
        let refused = keys.destroy_epochs(after(40)).await;
        assert_eq!(refused, Err(DestroyEpochError::InUse { epoch: EpochId(1), pages: 1, tenants: 1 }));
        keys.rewrap(|_| {}).await.unwrap();
        assert_eq!(keys.destroy_epochs(after(40)).await, Ok(vec![EpochId(1)]));
        assert_eq!(keys.destroy_epochs(after(400)).await, Ok(vec![]), "the current epoch never is");
        assert_eq!(people.opened(&keys).await, (10, 0));
    }
}

#[tokio::test]
async fn a_rotation_that_was_interrupted_goes_on_where_it_was() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let people = People::new(&keys, 7_000, 3_300).await;
        for (subject, _) in people.boxes.iter().step_by(800) {
            erase(&keys, *subject, after(1)).await;
        }
        keys.begin_epoch(after(2), None).await.unwrap();
        let (half, (told, hears)) = (keys.clone(), tokio::sync::oneshot::channel());
        let mut told = Some(told);
        // Told of the first step, it is cut off before the next one ends.
        let rotation = tokio::spawn(async move {
            half.rewrap(|moved| {
                if let Some(told) = told.take() {
                    told.send(*moved).unwrap();
                }
            })
            .await
        });
        let first = hears.await.unwrap();
        rotation.abort();
        drop(rotation.await);
        assert_eq!(first.left, 1);

        let rest = keys.rewrap(|_| {}).await.unwrap();
        assert!(rest.left < 4 && rest.tenants == 0, "{rest:?}");
        assert_eq!(count(&db, "page WHERE state <> 'left' AND epoch = 1").await, 0);
        assert_eq!(keys.rewrap(|_| {}).await.unwrap(), Moved::default());
        assert_eq!(people.opened(&keys).await, (3_295, 5));
        keys.destroy_epochs(after(40)).await.unwrap();
        assert_eq!(people.opened(&place.open().await.0).await, (3_295, 5));
    }
}

#[tokio::test]
async fn other_processes_go_on_through_a_rotation() {
    for place in places().await {
        let ((keys, db), (elsewhere, _)) = (place.open().await, place.open().await);
        let before = People::new(&elsewhere, 7_000, 10).await;
        rotate(&keys, after(1)).await;
        let during = People::new(&elsewhere, 8_000, 1_200).await;
        assert_eq!(count(&db, "page WHERE epoch = 1").await, 0, "new pages hang on the new epoch");
        keys.destroy_epochs(after(40)).await.unwrap();
        for store in [&keys, &elsewhere] {
            assert_eq!((before.opened(store).await, during.opened(store).await), ((10, 0), (1_200, 0)));
        }
    }
}

#[tokio::test]
async fn of_several_processes_one_begins_the_epoch_that_is_due() {
    for place in places().await {
        let stores = [place.open().await.0, place.open().await.0, place.open().await.0];
        for day in 1..=3 {
            let now = after(day);
            let kept: Vec<_> = stores
                .iter()
                .map(|keys| {
                    let keys = keys.clone();
                    tokio::spawn(async move { privacy::keep_epochs(&keys, now).await.unwrap().begun })
                })
                .collect();
            let mut begun = Vec::new();
            for one in kept {
                begun.extend(one.await.unwrap());
            }
            assert_eq!(begun, [EpochId(u32::try_from(day + 1).unwrap())], "day {day}");
        }
        let now = after(40);
        let kept = privacy::keep_epochs(&stores[0], now).await.unwrap();
        assert_eq!((kept.begun, kept.destroyed), (Some(EpochId(5)), vec![EpochId(1), EpochId(2), EpochId(3)]));
        let states: Vec<_> = stores[1].epochs().await.unwrap().iter().map(|epoch| epoch.held).collect();
        assert_eq!(states, [false, false, false, true, true]);
    }
}

/// A key store that was restored from before an epoch began must not begin it a second time: the other one's keys hang on
/// it.
#[tokio::test]
async fn a_restored_key_store_begins_no_epoch_again() {
    for place in places().await {
        let (keys, db) = place.open().await;
        rotate(&keys, after(1)).await;
        write(&db, "DELETE FROM epoch WHERE epoch = 2").await;
        write(&db, "UPDATE epoch SET state = 'current', retired_at = NULL WHERE epoch = 1").await;
        assert_eq!(keys.begin_epoch(after(2), None).await.unwrap(), Some(EpochId(3)));
    }
}

/// Begins the first epoch as it was begun when its key lay in the database; gives what lies there.
async fn begun_in_the_database(db: &Db) -> Vec<u8> {
    let mut random = |bytes: &mut [u8]| rand::fill(bytes);
    let wrapped = root().wrap_epoch(EpochId(1), &EpochKey::generate(&mut random), &mut random).unwrap();
    let stored = wrapped.clone();
    let insert = db.run_tx("old", move |tx| {
        let stored = stored.clone();
        let sql = "INSERT INTO epoch (epoch, wrapped, created_at) VALUES (1, $1, 5)";
        Box::pin(async move { tx.execute(sql, vec![stored.into()]).await })
    });
    insert.await.map_err(|error: store::db::DbError| error).unwrap();
    wrapped
}

/// Until now the first epoch's key lay in the database.
#[tokio::test]
async fn an_older_key_store_moves_its_epoch_to_the_keyring() {
    let folder = testkit::scratch();
    let path = folder.path().join("keys.db");
    let db = Db::open_sqlite(&path, Durability::Full, &keys_migrations(store::db::Dialect::Sqlite)[..1]).await.unwrap();
    begun_in_the_database(&db).await;
    db.close().await;

    let reopened = async || {
        let db = Db::open_sqlite(&path, Durability::Full, &keys_migrations(store::db::Dialect::Sqlite)).await.unwrap();
        (KeyStore::open(db.clone(), keyring(folder.path(), 7), SCHEDULE, NOVEMBER).await.unwrap(), db)
    };
    let (keys, db) = reopened().await;
    let people = People::new(&keys, 7_000, 3).await;
    assert_eq!(keys.epochs().await.unwrap()[0].begun_at, Timestamp(5));
    assert_eq!(db.query("SELECT wrapped FROM epoch", vec![]).await.unwrap()[0].blob(0), Ok(&[][..]));
    let line = std::fs::read_to_string(folder.path().join("epochs/1.key")).unwrap();
    assert!(root().unwrap_epoch(EpochId(1), &hex::decode(line.trim()).unwrap()).is_ok());
    assert_eq!(people.opened(&reopened().await.0).await, (3, 0));
}

/// Losing the key store loses people's details and nothing else; a keyring that was lost is named, not replaced.
#[tokio::test]
async fn without_its_keyring_nothing_opens_and_nothing_new_is_begun() {
    let place = Place::folder();
    let (keys, _) = place.open().await;
    resolve(&keys, person(NOVEMBER, &[(IdentityKind::Order, "7001")])).await;
    std::fs::remove_file(place.folder.path().join("epochs/1.key")).unwrap();
    let refused = KeyStore::open(place.database().await, place.keyring(7), SCHEDULE, NOVEMBER).await.err().unwrap();
    assert!(refused.to_string().contains("epochs/1.key back from the keyring's copy"), "{refused}");
    assert!(!place.folder.path().join("epochs/1.key").exists());
}

/// A key store of before, and the keyring of another one: nothing is lost by the mistake.
#[tokio::test]
async fn an_older_key_store_keeps_its_key_beside_a_keyring_that_is_not_its_own() {
    let folder = testkit::scratch();
    keyring_of_another_store(folder.path()).await;
    let migrations = keys_migrations(store::db::Dialect::Sqlite);
    let db = Db::open_sqlite(&folder.path().join("old.db"), Durability::Full, &migrations).await.unwrap();
    let wrapped = begun_in_the_database(&db).await;
    let refused = KeyStore::open(db.clone(), keyring(folder.path(), 7), SCHEDULE, NOVEMBER).await.err();
    assert_eq!(refused, Some(OpenKeysError::OtherKeyring(folder.path().join("epochs"))));
    assert_eq!(db.query("SELECT wrapped FROM epoch", vec![]).await.unwrap()[0].blob(0), Ok(wrapped.as_slice()));
}

/// A new database beside the keyring of another: had it been taken, that one's epochs would have ended as unknown ones.
#[tokio::test]
async fn a_key_store_takes_no_keyring_of_another() {
    let folder = testkit::scratch();
    keyring_of_another_store(folder.path()).await;
    let migrations = keys_migrations(store::db::Dialect::Sqlite);
    let db = Db::open_sqlite(&folder.path().join("new.db"), Durability::Full, &migrations).await.unwrap();
    let refused = KeyStore::open(db.clone(), keyring(folder.path(), 7), SCHEDULE, NOVEMBER).await.err();
    assert_eq!(refused, Some(OpenKeysError::OtherKeyring(folder.path().join("epochs"))));
    assert_eq!(count(&db, "epoch").await, 0);

    // A crash after the keyring was bound and before the database knew: it is this store's own.
    let (empty, id) = (folder.path().join("empty"), uuid::Uuid::from_u128(7).to_string());
    std::fs::create_dir_all(empty.join("epochs")).unwrap();
    std::fs::write(empty.join("epochs/store"), format!("{id}\n")).unwrap();
    KeyStore::open(db.clone(), keyring(&empty, 7), SCHEDULE, NOVEMBER).await.unwrap();
    assert_eq!(db.query("SELECT id FROM keyring", vec![]).await.unwrap()[0].text(0), Ok(id.as_str()));
    let other = KeyStore::open(db, keyring(folder.path(), 7), SCHEDULE, NOVEMBER).await.err();
    assert!(matches!(other, Some(OpenKeysError::OtherKeyring(_))));
}

async fn keyring_of_another_store(folder: &std::path::Path) {
    let migrations = keys_migrations(store::db::Dialect::Sqlite);
    let db = Db::open_sqlite(&folder.join("other.db"), Durability::Full, &migrations).await.unwrap();
    KeyStore::open(db, keyring(folder, 7), SCHEDULE, NOVEMBER).await.unwrap();
}

/// If a move were rolled back, the write-ahead log would still hold the key as wrapped by the page it was to go to. So that
/// is never a page that lives on by itself.
#[tokio::test]
async fn keys_that_leave_a_page_go_to_new_pages_alone() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let people = People::new(&keys, 7_000, 1_100).await;
        let pages = async || {
            let rows = db.query("SELECT DISTINCT page FROM subject_key WHERE state = 'active'", vec![]).await.unwrap();
            rows.iter().map(|row| row.int(0).unwrap()).collect::<std::collections::BTreeSet<i64>>()
        };
        let before = pages().await;
        let full = "page WHERE used = 1024 AND state = 'lossy'";
        for (subject, _) in &people.boxes {
            if count(&db, full).await > 0 {
                break;
            }
            erase(&keys, *subject, after(1)).await;
        }
        write(&db, "UPDATE page SET state = 'in-use' WHERE used < 1024").await;
        rotate(&keys, after(2)).await;
        let after = pages().await;
        assert_eq!((before.len(), after.len(), before.intersection(&after).count()), (2, 2, 1));
    }
}

#[tokio::test]
async fn a_keyring_and_a_database_that_were_restored_from_other_days_agree_again() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let ring = place.folder.path().join("epochs");
        let old = std::fs::read(ring.join("1.key")).unwrap();
        for day in 1..=3 {
            rotate(&keys, after(day)).await;
        }
        assert_eq!(keys.destroy_epochs(hours_after(31, 1)).await.unwrap(), [EpochId(1)]);
        assert_eq!(keys.reconcile_epochs(hours_after(31, 1)).await.unwrap(), 0);

        // The database is from before the last two epochs began, and an old copy of the keyring brought the first one back.
        write(&db, "DELETE FROM epoch WHERE epoch > 2").await;
        write(&db, "UPDATE epoch SET state = 'current', retired_at = NULL WHERE epoch = 2").await;
        std::fs::write(ring.join("1.key"), old).unwrap();
        assert_eq!(keys.reconcile_epochs(after(32)).await.unwrap(), 3);
        assert!(!ring.join("1.key").exists());
        let epochs = keys.epochs().await.unwrap();
        let retired: Vec<_> = epochs.iter().map(|epoch| (epoch.epoch.0, epoch.retired_at)).collect();
        let now = Some(after(32));
        assert_eq!(retired[1..], [(2, now), (3, now), (4, now), (5, None)]);
        keys.rewrap(|_| {}).await.unwrap();
        let gone = keys.destroy_epochs(after(62)).await.unwrap();
        assert_eq!(gone, [EpochId(2), EpochId(3), EpochId(4)]);
    }
}

#[tokio::test]
async fn a_damaged_page_holds_up_nobody_else() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let people = People::new(&keys, 7_000, 1_100).await;
        write(&db, "UPDATE page SET wrapped = (SELECT wrapped FROM index_key LIMIT 1) WHERE used = 1024").await;
        let moved = rotate(&keys, after(1)).await;
        assert_eq!(moved, Moved { pages: 1, tenants: 1, damaged: 1, ..Moved::default() });
        assert_eq!(keys.rewrap(|_| {}).await.unwrap(), Moved::default());
        assert_eq!(keys.destroy_epochs(after(40)).await.unwrap(), [EpochId(1)]);
        let on_the_other = "SELECT subject FROM subject_key k JOIN page p ON p.page = k.page WHERE p.state = 'in-use'";
        let rows = db.query(on_the_other, vec![]).await.unwrap();
        assert_eq!(rows.len(), 76);
        let subject: SubjectId = SubjectId(rows[0].text(0).unwrap().parse().unwrap());
        let (_, sealed) = people.boxes.iter().find(|(whose, _)| *whose == subject).unwrap();
        assert!(matches!(open(&keys, subject, sealed).await, Ok(Opened::Clear(_))));
    }
}
