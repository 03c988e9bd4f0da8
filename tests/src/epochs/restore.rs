//! The restore drill: a key store from before erasures is put back. It does not open until they are applied again, and
//! then it is as if it had never been away: nobody who was erased opens, everybody else does.

use std::path::Path;
use std::time::Duration;

use event_log::{EventLog, ReadFrom};
use events::{Event, Topic};
use store::db::{Db, DbError, Dialect, Durability};
use store::keys::{ErasureReason, Hold, HoldReason, Reapplied, Stage};
use store::schema::books_migrations;

use super::*;
use crate::keys::active;

/// Takes a copy of the database as a nightly backup does, without the keyring.
pub(super) async fn back_up(place: &Place, db: &Db) {
    match db.dialect() {
        Dialect::Postgres => {
            let tables = tables(db).await;
            run(db, tables.iter().map(|name| format!("CREATE TABLE old_{name} AS SELECT * FROM {name}")).collect())
                .await;
        }
        Dialect::Sqlite => copy_files(place.folder.path(), &place.folder.path().join("backup")),
    }
}

/// Puts the copy in the place of the database, and closes it.
pub(super) async fn put_back(place: &Place, db: Db) {
    if db.dialect() == Dialect::Postgres {
        let replace =
            |name: &String| [format!("DELETE FROM {name}"), format!("INSERT INTO {name} SELECT * FROM old_{name}")];
        run(&db, tables(&db).await.iter().flat_map(replace).collect()).await;
    }
    db.close().await;
    if db.dialect() == Dialect::Sqlite {
        copy_files(&place.folder.path().join("backup"), place.folder.path());
    }
}

/// Copies the database's files, its write-ahead log among them, over what is there.
fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in ["keys.db", "keys.db-wal"] {
        drop(std::fs::remove_file(to.join(name)));
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

async fn tables(db: &Db) -> Vec<String> {
    let sql = "SELECT CAST(tablename AS TEXT) FROM pg_tables \
               WHERE schemaname = current_schema() AND tablename NOT LIKE 'old%' ORDER BY tablename";
    db.query(sql, vec![]).await.unwrap().iter().map(|row| row.text(0).unwrap().to_owned()).collect()
}

async fn run(db: &Db, statements: Vec<String>) {
    let unit = db.run_tx("restore", move |tx| {
        let statements = statements.clone();
        Box::pin(async move {
            for sql in &statements {
                tx.execute(sql, vec![]).await?;
            }
            Ok::<_, DbError>(())
        })
    });
    unit.await.unwrap();
}

pub(super) async fn refused(place: &Place) -> Option<OpenKeysError> {
    KeyStore::open(place.database().await, place.keyring(7), SCHEDULE, after(2)).await.err()
}

pub(super) async fn open_for_repair(place: &Place) -> (KeyStore, Db) {
    let db = place.database().await;
    (KeyStore::open_for_repair(db.clone(), place.keyring(7), SCHEDULE, after(2)).await.unwrap(), db)
}

#[tokio::test]
async fn a_restored_key_store_brings_nobody_back_and_opens_once_that_is_sure() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let people = People::new(&keys, 7_000, 40).await;
        back_up(&place, &db).await;
        for (subject, _) in &people.boxes[..20] {
            erase(&keys, *subject, after(1)).await;
            keys.mark_announced(&shop(), *subject).await.unwrap();
        }
        put_back(&place, db).await;
        assert_eq!(refused(&place).await, Some(OpenKeysError::ForgottenErasures(20)));

        let (keys, db) = open_for_repair(&place).await;
        assert_eq!(keys.forgotten_erasures().await.unwrap().len(), 20);
        assert_eq!(people.opened(&keys).await, (40, 0), "this is what would happen");
        let done = keys.reapply_erasures(after(2)).await.unwrap();
        assert_eq!(done, Reapplied { erasures: 20, keys: 20, begun: Some(EpochId(2)), decisions: 0, restored: true });
        assert_eq!(people.clear(&keys).await, [[false; 20], [true; 20]].concat());
        assert_eq!(keys.reapply_erasures(after(3)).await.unwrap(), Reapplied::default(), "nothing is left to do");

        let (late, order) = (people.boxes[3].0, [(IdentityKind::Order, "7003")]);
        let sealing = resolve(&keys, person(after(0), &order)).await;
        assert_eq!((active(&sealing), sealing.subject()), (None, late), "a late copy of their order");
        assert_eq!(count(&db, "subject_key WHERE state = 'active'").await, 20);
        assert_eq!(count(&db, "subject_key WHERE wrapped IS NOT NULL").await, 20);
        let unfinished = keys.unfinished_erasures().await.unwrap();
        let as_before = |one: &store::keys::Erasure| {
            one.stage == Stage::Destroyed && one.destroyed_at == Some(after(1)) && one.reason == ErasureReason::Person
        };
        assert!(unfinished.len() == 20 && unfinished.iter().all(as_before), "to be announced again, as of then");
        drop(keys);
        let (keys, _) = place.open().await;
        assert_eq!(people.opened(&keys).await, (20, 20));
        assert_eq!(keys.rewrap(|_| {}).await.unwrap().keys, 20, "what lives has moved");
        assert_eq!(people.opened(&keys).await, (20, 20));
    }
}

/// The backup is of while somebody's wish waited for a hold, which ended afterwards: the wish is on record in it, and the hold
/// would keep it waiting. They were erased all the same, and stay so.
#[tokio::test]
async fn a_wish_that_waited_when_the_backup_was_taken_and_was_carried_out_since_is_not_forgotten() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let people = People::new(&keys, 7_000, 2).await;
        let (gone, waits) = (people.boxes[0].0, people.boxes[1].0);
        for subject in [gone, waits] {
            let staff = "support-2".parse().unwrap();
            let hold = Hold { subject, reason: HoldReason::Cod, staff, since: NOVEMBER, until: after(30) };
            keys.hold(&shop(), hold).await.unwrap();
            keys.request_erasure(&shop(), subject, ErasureReason::Person, after(1)).await.unwrap();
            assert!(keys.destroy(&shop(), subject, after(1)).await.is_err(), "it waits");
        }
        back_up(&place, &db).await;
        keys.release(&shop(), gone, HoldReason::Cod, after(2)).await.unwrap();
        keys.destroy(&shop(), gone, after(2)).await.unwrap();
        put_back(&place, db).await;

        assert_eq!(
            refused(&place).await,
            Some(OpenKeysError::ForgottenErasures(1)),
            "one of them, not who still waits"
        );
        let (keys, _) = open_for_repair(&place).await;
        keys.reapply_erasures(after(3)).await.unwrap();
        assert_eq!(people.opened(&keys).await, (1, 1), "as it was before the restore");
        let erasure = keys.erasure_of(&shop(), gone).await.unwrap().unwrap();
        assert_eq!((erasure.stage, erasure.destroyed_at), (Stage::Destroyed, Some(after(2))), "with the time of then");
        keys.mark_announced(&shop(), gone).await.unwrap();
        assert_eq!(keys.unfinished_erasures().await.unwrap().len(), 1, "whose hold still stands");
    }
}

/// Somebody who came and was erased after the state that was restored: nothing in it names them. A copy of their key from
/// that time hangs on a page that it does know, and on which it knows of nobody who was erased.
#[tokio::test]
async fn who_was_erased_without_the_restored_store_having_known_them_is_gone_as_well() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let ring = place.folder.path().join("epochs");
        let people = People::new(&keys, 7_000, 10).await;
        back_up(&place, &db).await;
        let since = People::new(&keys, 8_000, 1).await;
        let mut attacker = Attacker::default();
        attacker.copy(&db).await;
        erase(&keys, since.boxes[0].0, after(1)).await;
        put_back(&place, db).await;

        let (keys, db) = open_for_repair(&place).await;
        let done = keys.reapply_erasures(after(2)).await.unwrap();
        assert_eq!(done, Reapplied { erasures: 1, keys: 0, begun: Some(EpochId(2)), decisions: 0, restored: true });
        assert_eq!(count(&db, "subject WHERE state = 'erased'").await, 1, "a tombstone of somebody unknown");
        assert_eq!(keys.rewrap(|_| {}).await.unwrap().left, 1);
        attacker.copy(&db).await;
        assert_eq!(attacker.open(&root(), &ring, &since.stolen(|_| true)), 1, "until the window is over");
        assert_eq!(keys.destroy_epochs(after(33)).await.unwrap(), [EpochId(1)]);
        attacker.copy(&db).await;
        assert_eq!(attacker.open(&root(), &ring, &since.stolen(|_| true)), 0);
        assert_eq!(attacker.open(&root(), &ring, &people.stolen(|_| true)), 10, "the attack works");
        assert_eq!(people.opened(&keys).await, (10, 0));
    }
}

/// The log is told again, in case it was restored too; whoever had heard of it hears the same event.
#[tokio::test]
async fn what_is_applied_again_is_announced_again_as_the_same_event() {
    for place in places().await {
        let log = EventLog::open_sqlite(&place.folder.path().join("log.db"), 1).await.unwrap();
        let schema = books_migrations(Dialect::Sqlite);
        let books = Db::open_sqlite(&place.folder.path().join("books.db"), Durability::Normal, &schema).await.unwrap();
        let (keys, db) = place.open().await;
        let people = People::new(&keys, 7_000, 3).await;
        back_up(&place, &db).await;
        for (subject, _) in &people.boxes[..2] {
            privacy::erase(&keys, &log, &books, &shop(), *subject, ErasureReason::Person, after(1)).await.unwrap();
        }
        let before = announced(&log).await;
        put_back(&place, db).await;
        let (keys, _) = open_for_repair(&place).await;
        keys.reapply_erasures(after(2)).await.unwrap();
        assert_eq!(privacy::resume(&keys, &log, &books, after(3)).await.unwrap(), 2);
        let mut again = announced(&log).await.split_off(2);
        again.sort_unstable_by_key(|id| before.iter().position(|one| one == id));
        assert_eq!((again, before.len()), (before, 2));
        assert_eq!(keys.unfinished_erasures().await.unwrap(), []);
    }
}

/// The ids of the events on the topic of erasures, as often as they are there.
async fn announced(log: &EventLog) -> Vec<uuid::Uuid> {
    let end = log.end_offsets(Topic::Privacy).await.unwrap()[0];
    let mut reader = log.reader(&[ReadFrom { topic: Topic::Privacy, partition: 0, offset: 0 }]).unwrap();
    let mut ids = Vec::new();
    while (ids.len() as u64) < end {
        let batch = reader.next_batch(100, Duration::from_secs(10)).await.unwrap();
        ids.extend(batch.records.iter().map(|stored| Event::decode(&stored.record).unwrap().id));
    }
    ids
}

/// From after the request and before its keys were destroyed: the request is on record, so it happens by itself.
#[tokio::test]
async fn an_erasure_that_was_only_requested_is_unfinished_and_not_forgotten() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let people = People::new(&keys, 7_000, 2).await;
        let subject = people.boxes[0].0;
        keys.request_erasure(&shop(), subject, ErasureReason::Shop, after(1)).await.unwrap();
        back_up(&place, &db).await;
        keys.destroy(&shop(), subject, after(1)).await.unwrap();
        put_back(&place, db).await;

        let (keys, _) = place.open().await;
        assert_eq!(keys.unfinished_erasures().await.unwrap()[0].stage, Stage::Requested);
        keys.destroy(&shop(), subject, after(2)).await.unwrap();
        assert_eq!(people.clear(&keys).await, [false, true]);
    }
}

/// Steps that cannot be taken leave no line, or a store would be refused for an erasure that never was.
#[tokio::test]
async fn what_was_not_requested_is_not_listed_and_what_is_done_is_listed_once() {
    let place = Place::folder();
    let (keys, _) = place.open().await;
    let people = People::new(&keys, 7_000, 1).await;
    let (subject, list) = (people.boxes[0].0, place.folder.path().join("epochs/erased"));
    assert!(keys.destroy(&shop(), subject, after(1)).await.is_err());
    assert!(keys.destroy(&shop(), SubjectId(uuid::Uuid::from_u128(9)), after(1)).await.is_err());
    assert!(!list.exists());
    erase(&keys, subject, after(1)).await;
    keys.destroy(&shop(), subject, after(2)).await.unwrap();
    assert_eq!(std::fs::read_to_string(list).unwrap().lines().count(), 1);
}

/// Who was erased before there was a list is listed when the key store is next opened, once; so is everybody when the list
/// was lost.
#[tokio::test]
async fn erasures_from_before_the_list_protect_as_well() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let people = People::new(&keys, 7_000, 4).await;
        back_up(&place, &db).await;
        for (subject, _) in &people.boxes[..3] {
            erase(&keys, *subject, after(1)).await;
        }
        let list = place.folder.path().join("epochs/erased");
        std::fs::remove_file(&list).unwrap();
        for _ in 0..3 {
            drop(place.open().await);
            assert_eq!(std::fs::read_to_string(&list).unwrap().lines().count(), 3);
        }
        put_back(&place, db).await;
        assert_eq!(refused(&place).await, Some(OpenKeysError::ForgottenErasures(3)));
        open_for_repair(&place).await.0.reapply_erasures(after(2)).await.unwrap();
        assert_eq!(people.opened(&place.open().await.0).await, (1, 3));
    }
}

/// A restored store that knows of no epoch which has begun since: whatever is on its pages moves to new ones.
#[tokio::test]
async fn a_store_from_before_an_epoch_leaves_all_its_pages() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let people = People::new(&keys, 7_000, 10).await;
        back_up(&place, &db).await;
        keys.begin_epoch(after(1), None).await.unwrap();
        put_back(&place, db).await;
        let (keys, db) = place.open().await;
        assert_eq!(keys.reconcile_epochs(after(2)).await.unwrap(), 1);
        assert_eq!(count(&db, "page WHERE state = 'in-use'").await, 0);
        let moved = keys.rewrap(|_| {}).await.unwrap();
        assert_eq!((moved.left, moved.keys), (1, 10));
        assert_eq!(people.opened(&keys).await, (10, 0));
    }
}

/// Cut off anywhere, the rest is still refused, and is done by the next call; thousands take a few transactions.
#[tokio::test]
async fn thousands_are_applied_again_in_pieces_that_may_be_interrupted() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let people = People::new(&keys, 10_000, 1_200).await;
        back_up(&place, &db).await;
        for (subject, _) in &people.boxes {
            erase(&keys, *subject, after(1)).await;
        }
        put_back(&place, db).await;
        let (keys, db) = open_for_repair(&place).await;
        let again = keys.clone();
        let interrupted = tokio::spawn(async move { again.reapply_erasures(after(2)).await });
        let some = async || count(&db, "subject WHERE state = 'erased'").await > 0;
        testkit::wait_until(Duration::from_secs(60), some).await.unwrap();
        interrupted.abort();
        drop(interrupted.await);
        keys.reapply_erasures(after(2)).await.unwrap();
        assert_eq!(people.opened(&place.open().await.0).await, (0, 1_200));
        assert_eq!(count(&db, "erasure WHERE stage = 'destroyed'").await, 1_200);
        assert_eq!(count(&db, "subject_key WHERE wrapped IS NOT NULL").await, 0);
    }
}
