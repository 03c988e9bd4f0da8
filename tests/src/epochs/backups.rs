//! The attacker again, who now has the real backup files and who may open them, beside every copy of the database and all key
//! material of the day: a file from before an erasure gives those people away until the window is over, and nobody afterwards.

use std::path::{Path, PathBuf};

use ::backup::{FileKind, Identities, Manifest, Recipients, back_up_keys, back_up_log, restore_keys, restore_log};
use event_log::{EventLog, LogCopy, ReadFrom};
use events::{Record, Topic};
use sqlx::ConnectOptions;
use store::copy::key_store_id;
use store::db::Dialect;
use store::schema::books_migrations;

use super::*;

/// Who may open the files, and the folder in which they are.
struct Vault {
    folder: tempfile::TempDir,
    recipients: Recipients,
    identities: Identities,
}

impl Vault {
    fn new() -> Vault {
        let folder = testkit::scratch();
        let path = folder.path().join("identity");
        let recipients = Recipients::new(&[::backup::create_identity(&path).unwrap()], &[]).unwrap();
        Vault { recipients, identities: Identities::read(&[path]).unwrap(), folder }
    }

    fn manifest(&self, kind: FileKind, at: Timestamp, store: (uuid::Uuid, u32)) -> Manifest {
        let last = |migrations: Vec<store::db::Migration>| migrations.last().unwrap().version;
        let schemas = (last(keys_migrations(Dialect::Sqlite)), last(books_migrations(Dialect::Sqlite)));
        Manifest::new(kind, at, store, schemas, 1)
    }

    async fn keys(&self, db: &Db, at: Timestamp) -> PathBuf {
        let manifest = self.manifest(FileKind::Keys, at, key_store_id(db).await.unwrap().unwrap());
        let check = Some(&self.identities);
        back_up_keys(db, self.folder.path(), manifest, &self.recipients, check).await.unwrap().path
    }

    /// What the attacker finds in a file of the keys: they put it into a database of their own.
    async fn rob_keys(&self, file: &Path, attacker: &mut Attacker) {
        let scratch = testkit::scratch();
        let path = scratch.path().join("keys.db");
        let db = Db::open_sqlite(&path, Durability::Full, &keys_migrations(Dialect::Sqlite)).await.unwrap();
        restore_keys(file, &self.identities, &db).await.unwrap();
        attacker.copy(&db).await;
    }

    /// Backs up a log with these boxes on it, and gives what is on a log that is made of that file.
    async fn through_log(&self, boxes: &[StolenBox], store: (uuid::Uuid, u32)) -> Vec<StolenBox> {
        let [from, to] = [Books::new().await, Books::new().await];
        let record = |one: &StolenBox| Record::sealed(Topic::Order, shop(), Vec::new(), one.sealed.clone());
        from.log.append(boxes.iter().map(record).collect()).await.unwrap();
        let manifest = self.manifest(FileKind::Log, NOVEMBER, store);
        let copy = LogCopy::begin(&from.log).await.unwrap();
        let made = back_up_log(copy, &from.db, self.folder.path(), manifest, &self.recipients, None).await.unwrap();
        assert_eq!(made.counts.records, boxes.len() as u64);
        let counts = restore_log(&made.path, &self.identities, &to.log, &to.db).await.unwrap();
        assert_eq!(counts, made.counts);
        let refused = restore_log(&made.path, &self.identities, &to.log, &to.db).await.unwrap_err();
        assert!(refused.to_string().contains("is not empty"), "{refused}");
        let mut reader = to.log.reader(&[ReadFrom { topic: Topic::Order, partition: 0, offset: 0 }]).unwrap();
        let mut sealed = Vec::new();
        while sealed.len() < boxes.len() {
            let batch = reader.next_batch(1_000, std::time::Duration::from_secs(10)).await.unwrap();
            sealed.extend(batch.records.into_iter().map(|stored| stored.record.body));
        }
        let again = |(one, sealed): (&StolenBox, Vec<u8>)| StolenBox {
            tenant: one.tenant.clone(),
            subject: one.subject,
            event: one.event,
            label: one.label,
            sealed,
        };
        boxes.iter().zip(sealed).map(again).collect()
    }
}

/// A log and the books' database, empty.
struct Books {
    log: EventLog,
    db: Db,
    _folder: tempfile::TempDir,
}

impl Books {
    async fn new() -> Books {
        let folder = testkit::scratch();
        let log = EventLog::open_sqlite(&folder.path().join("log.db"), 1).await.unwrap();
        let migrations = books_migrations(Dialect::Sqlite);
        let db = Db::open_sqlite(&folder.path().join("books.db"), Durability::Normal, &migrations).await.unwrap();
        Books { log, db, _folder: folder }
    }
}

#[tokio::test]
async fn backup_files_give_nobody_away_once_the_window_is_over() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let (ring, vault) = (place.folder.path().join("epochs"), Vault::new());
        let people = People::new(&keys, 7_000, 60).await;
        let store = key_store_id(&db).await.unwrap().unwrap();
        let gone = vault.through_log(&people.stolen(|place| place % 2 == 0), store).await;
        let kept = vault.through_log_later(&people.stolen(|place| place % 2 == 1), store).await;
        let before = vault.keys(&db, NOVEMBER).await;
        let mut live = Attacker::default();
        live.copy(&db).await;
        for (subject, _) in people.boxes.iter().step_by(2) {
            erase(&keys, *subject, after(1)).await;
        }
        live.copy(&db).await;
        let after_erasure = vault.keys(&db, after(1)).await;

        let mut with_old = Attacker::default();
        vault.rob_keys(&before, &mut with_old).await;
        assert_eq!(with_old.open(&root(), &ring, &gone), 30, "the old file still opens: this test can fail");
        let mut with_new = Attacker::default();
        vault.rob_keys(&after_erasure, &mut with_new).await;
        assert_eq!(with_new.open(&root(), &ring, &gone), 0, "a file from after it has none of them");
        assert_eq!(with_new.open(&root(), &ring, &kept), 30);

        rotate(&keys, after(2)).await;
        live.copy(&db).await;
        assert_eq!(keys.destroy_epochs(after(33)).await.unwrap(), [EpochId(1)]);
        let last = vault.keys(&db, after(33)).await;
        for file in [&before, &after_erasure, &last] {
            vault.rob_keys(file, &mut live).await;
        }
        live.copy(&db).await;
        assert_eq!(live.open(&root(), &ring, &gone), 0, "all files, all copies, all keys there are");
        assert_eq!(live.open(&root(), &ring, &kept), 30, "the attack works");
        assert_eq!(place.keyring(7).belongs_to(1).unwrap(), Some((store.0, false)), "what a restore is refused by");
    }
}

impl Vault {
    /// The same into a folder of its own: both files would have one name.
    async fn through_log_later(&self, boxes: &[StolenBox], store: (uuid::Uuid, u32)) -> Vec<StolenBox> {
        let other = Vault::new();
        other.through_log(boxes, store).await
    }
}

/// What cannot be read keeps its place, so that all others keep theirs.
#[tokio::test]
async fn a_record_that_cannot_be_read_keeps_its_place_on_a_restored_log() {
    let (vault, [from, to]) = (Vault::new(), [Books::new().await, Books::new().await]);
    let record = |body: &str| Record::sealed(Topic::Cod, shop(), Vec::new(), body.as_bytes().to_vec());
    from.log.append(["first", "second", "third"].map(record).into()).await.unwrap();
    let path = from._folder.path().join("log.db");
    let mut damaging = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let sql = "UPDATE record SET headers = x'ff' WHERE \"offset\" = 1";
    assert_eq!(sqlx::query(sql).execute(&mut damaging).await.unwrap().rows_affected(), 1);
    let manifest = vault.manifest(FileKind::Log, NOVEMBER, (uuid::Uuid::from_u128(1), 1));
    let copy = LogCopy::begin(&from.log).await.unwrap();
    let made = back_up_log(copy, &from.db, vault.folder.path(), manifest, &vault.recipients, None).await.unwrap();
    assert_eq!((made.counts.records, made.counts.unreadable), (3, 1));
    restore_log(&made.path, &vault.identities, &to.log, &to.db).await.unwrap();
    assert_eq!(to.log.end_offsets(Topic::Cod).await.unwrap(), [3]);
    let mut reader = to.log.reader(&[ReadFrom { topic: Topic::Cod, partition: 0, offset: 0 }]).unwrap();
    let read = reader.next_batch(10, std::time::Duration::from_secs(10)).await.unwrap().records;
    let seen: Vec<_> = read.iter().map(|one| (one.position.offset, one.record.is_intact())).collect();
    assert_eq!(seen, [(0, true), (1, false), (2, true)]);
}

/// A mark from after an erasure beside rows from before it: what a stale write-ahead log makes of a restored file.
#[tokio::test]
async fn a_database_put_together_of_two_states_is_noticed_when_it_is_opened() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let people = People::new(&keys, 7_000, 4).await;
        for (subject, _) in &people.boxes[..3] {
            erase(&keys, *subject, after(1)).await;
        }
        assert_eq!(keys.forgotten_erasures().await.unwrap(), [], "the mark is at the end of the list");
        drop(place.open().await);
        write(&db, "UPDATE subject SET state = 'active', erased_at = NULL WHERE state = 'erased'").await;
        write(&db, "DELETE FROM erasure").await;
        db.close().await;
        let opened = KeyStore::open(place.database().await, place.keyring(7), SCHEDULE, after(2)).await;
        assert_eq!(opened.err(), Some(OpenKeysError::ForgottenErasures(3)));
    }
}
