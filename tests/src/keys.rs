//! The key store on both databases: who is who, keys that live and die, and what two processes do to each other.

mod access;
mod hold;
mod retention;
mod visits;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use commerce::{SubjectId, TenantId};
use ledger::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use store::db::{Db, Dialect, Durability};
use store::keys::{
    AccessBy, Actor, BoxRef, EraseSubjectError, Erased, ErasureReason, IdentityHint, IdentityKind, KeyStore, Keyring,
    KeyringError, Month, OpenBoxError, OpenKeysError, PersonRef, Purpose, Requested, Schedule, Sealing, Shown, Stage,
    SubjectState,
};
use store::schema::keys_migrations;
use subject_keys::{BoxContext, EpochId, OpenError, Opened, RootKey};
use testkit::TestDatabase;
use uuid::Uuid;

use IdentityKind::{Customer, Email, Order, OrderRecipient, Phone};

pub(crate) const NOVEMBER: Timestamp = Timestamp(1_794_000_000_000_000);
pub(crate) const DAY: i64 = 86_400_000_000;
pub(crate) const SCHEDULE: Schedule = days(1, 30);

/// Epochs of so many days, and backups that are kept for so many.
pub(crate) const fn days(epoch: u64, backups: u64) -> Schedule {
    Schedule { epoch: Duration::from_secs(epoch * 86_400), backups: Duration::from_secs(backups * 86_400) }
}

/// Where a key store lives: its database, and the folder of its keyring. It goes with this value.
pub(crate) struct Place {
    server: Option<TestDatabase>,
    pub(crate) folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn folder() -> Place {
        Place { server: None, folder: testkit::scratch() }
    }

    pub(crate) async fn server() -> Place {
        Place { server: Some(testkit::postgres().await.database().await), folder: testkit::scratch() }
    }

    /// Opens it with its root key, as a process of its own would.
    pub(crate) async fn open(&self) -> (KeyStore, Db) {
        self.open_with(SCHEDULE).await
    }

    pub(crate) async fn open_with(&self, schedule: Schedule) -> (KeyStore, Db) {
        let db = self.database().await;
        (KeyStore::open(db.clone(), self.keyring(7), schedule, NOVEMBER).await.unwrap(), db)
    }

    pub(crate) fn keyring(&self, root: u8) -> Keyring {
        keyring(self.folder.path(), root)
    }

    pub(crate) async fn database(&self) -> Db {
        match &self.server {
            Some(database) => {
                Db::open_postgres(&database.url, "keys", 8, &keys_migrations(Dialect::Postgres)).await.unwrap()
            }
            None => open_file(&self.folder.path().join("keys.db")).await,
        }
    }
}

pub(crate) fn keyring(folder: &Path, root: u8) -> Keyring {
    Keyring::in_folder(RootKey::from_bytes([root; 32]), &folder.join("epochs"))
}

async fn open_file(path: &Path) -> Db {
    Db::open_sqlite(path, Durability::Full, &keys_migrations(Dialect::Sqlite)).await.unwrap()
}

pub(crate) async fn places() -> [Place; 2] {
    [Place::folder(), Place::server().await]
}

pub(crate) fn shop() -> TenantId {
    "kohsar-shawls".parse().unwrap()
}

pub(crate) fn after(days: i64) -> Timestamp {
    Timestamp(NOVEMBER.0 + days * DAY)
}

fn hints(identities: &[(IdentityKind, &str)]) -> Vec<IdentityHint> {
    identities.iter().map(|(kind, value)| IdentityHint { kind: *kind, value: (*value).to_owned().into() }).collect()
}

pub(crate) fn person(at: Timestamp, identities: &[(IdentityKind, &str)]) -> PersonRef {
    PersonRef { tenant: shop(), identities: hints(identities), month: Month::of(at), at }
}

pub(crate) async fn resolve(keys: &KeyStore, person: PersonRef) -> Sealing {
    keys.resolve(vec![person]).await.unwrap().remove(0)
}

/// Who this is, if their data may be sealed.
pub(crate) fn active(sealing: &Sealing) -> Option<SubjectId> {
    match sealing {
        Sealing::Seal { subject, .. } => Some(*subject),
        Sealing::Erased { .. } => None,
    }
}

pub(crate) async fn erase(keys: &KeyStore, subject: SubjectId, at: Timestamp) {
    keys.request_erasure(&shop(), subject, ErasureReason::Person, at).await.unwrap();
    assert_eq!(keys.destroy(&shop(), subject, at).await.unwrap(), Erased::Now(at));
}

pub(crate) async fn count(db: &Db, from: &str) -> i64 {
    db.query(&format!("SELECT COUNT(*) FROM {from}"), vec![]).await.unwrap()[0].int(0).unwrap()
}

fn random(bytes: &mut [u8]) {
    rand::fill(bytes);
}

pub(crate) const EVENT: Uuid = Uuid::from_u128(0x11);

/// Seals a text for the person, as the label `buyer` of one event.
pub(crate) fn seal(sealing: &Sealing, text: &str) -> Vec<u8> {
    let Sealing::Seal { subject, key_id, key } = sealing else { panic!("nothing to seal with") };
    let tenant = shop();
    let context = BoxContext { tenant: tenant.as_str(), subject: subject.0, event: EVENT, label: "buyer" };
    key.seal(*key_id, &context, text.as_bytes(), &mut random).unwrap()
}

pub(crate) async fn open(keys: &KeyStore, subject: SubjectId, sealed: &[u8]) -> Result<Opened, OpenBoxError> {
    keys.open_box(BoxRef { tenant: &shop(), subject, event: EVENT, label: "buyer", sealed }, &looking()).await
}

/// Somebody who looks at masked details.
pub(crate) fn looking() -> AccessBy {
    AccessBy {
        actor: Actor::Operator,
        purpose: Purpose::look_up(),
        request: Uuid::from_u128(0x22),
        at: NOVEMBER,
        shown: Shown::Masked,
        fields: &[],
    }
}

#[tokio::test]
async fn one_person_is_found_by_each_of_their_identities() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let all = [(Order, "7001"), (Customer, "31"), (Phone, "+923000000001"), (Email, "a@example.com")];
        let first = active(&resolve(&keys, person(NOVEMBER, &all)).await);
        assert!(first.is_some());
        for one in all {
            assert_eq!(active(&resolve(&keys, person(NOVEMBER, &[one])).await), first, "{:?}", one.0);
        }
        assert_ne!(active(&resolve(&keys, person(NOVEMBER, &[(OrderRecipient, "7001")])).await), first);
        let other_shop = PersonRef { tenant: "other".parse().unwrap(), ..person(NOVEMBER, &all) };
        assert_ne!(active(&resolve(&keys, other_shop).await), first);
        assert_eq!(count(&db, "subject").await, 3);

        let found = keys.find_subject(&shop(), &hints(&[(Order, "none"), (Phone, "+923000000001")])).await.unwrap();
        assert_eq!(found, first.map(|subject| (subject, SubjectState::Active)));
        assert_eq!(keys.find_subject(&shop(), &hints(&[(Order, "none")])).await.unwrap(), None);
        assert_eq!(keys.find_subject(&"new".parse().unwrap(), &hints(&all)).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_batch_of_any_size_is_settled_at_once() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let order = |n: i64| n.to_string();
        let people = (0..2_500).map(|n| person(after(n % 3 * 40), &[(Order, &order(n)), (Customer, &order(n / 2))]));
        let first = keys.resolve(people.clone().collect()).await.unwrap();
        assert_eq!(count(&db, "subject").await, 1_250);
        assert_eq!(count(&db, "page WHERE used > 1024").await, 0);
        assert_eq!(count(&db, "page").await, 3, "2,500 keys fill two pages and begin a third");
        let again = keys.resolve(people.collect()).await.unwrap();
        assert_eq!(count(&db, "subject_key").await, 2_500);
        let same = first.iter().zip(&again).all(|(one, other)| active(one) == active(other));
        assert!(same);
        assert_eq!(keys.resolve(vec![]).await.unwrap().len(), 0);
    }
}

#[tokio::test]
async fn two_first_writers_meet_in_one_subject() {
    for place in places().await {
        let stores = [place.open().await.0, place.open().await.0];
        for round in 0..20 {
            let order = format!("8{round}");
            let tasks: Vec<_> = (0..8)
                .map(|n| {
                    let (keys, order) = (stores[n % 2].clone(), order.clone());
                    tokio::spawn(async move { resolve(&keys, person(NOVEMBER, &[(Order, &order)])).await })
                })
                .collect();
            let mut subjects = BTreeSet::new();
            let mut key_ids = BTreeSet::new();
            for task in tasks {
                let Sealing::Seal { subject, key_id, .. } = task.await.unwrap() else { panic!("nobody was erased") };
                subjects.insert(subject);
                key_ids.insert(key_id);
            }
            assert_eq!((subjects.len(), key_ids.len()), (1, 1));
        }
    }
}

/// Sealing by order in ever new months, against the erasure of its buyer, in other processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_sealed_while_being_erased_is_erased() {
    for place in places().await {
        let ((sealing, db), (erasing, _)) = (place.open().await, place.open().await);
        for round in 0..200_i64 {
            let order = format!("9{round}");
            let subject = active(&resolve(&sealing, person(NOVEMBER, &[(Order, &order)])).await).unwrap();
            let racer = tokio::spawn(seal_by_order(sealing.clone(), order.clone()));
            for _ in 0..rand::random_range(0..40) {
                tokio::task::yield_now().await;
            }
            erase(&erasing, subject, after(round)).await;
            for keys in [&sealing, &erasing] {
                let late = resolve(keys, person(after(500), &[(Order, &order)])).await;
                assert_eq!((active(&late), late.subject()), (None, subject), "round {round}");
            }
            racer.await.unwrap();
            let rest = count(&db, &format!("subject_key WHERE subject = '{subject}' AND state = 'active'")).await;
            let bytes = count(&db, &format!("subject_key WHERE subject = '{subject}' AND wrapped IS NOT NULL")).await;
            assert_eq!((rest, bytes), (0, 0), "round {round}");
        }
    }
}

/// Asks for keys of six months in turn; each answer is a key or the news of the erasure.
async fn seal_by_order(keys: KeyStore, order: String) {
    for month in 0..6 {
        resolve(&keys, person(after(31 * month), &[(Order, &order)])).await;
    }
}

#[tokio::test]
async fn an_erased_person_stays_erased_and_a_returning_customer_is_new() {
    for place in places().await {
        let (keys, db) = place.open().await;
        let all = [(Order, "7001"), (Customer, "31"), (Phone, "+923000000001"), (Email, "a@example.com")];
        let old = active(&resolve(&keys, person(NOVEMBER, &all)).await).unwrap();
        erase(&keys, old, after(10)).await;
        assert_eq!(count(&db, "identity").await, 2, "the order and the customer id stay as a fence");
        assert_eq!(count(&db, "paged_identity").await, 0, "the phone and the e-mail address do not");
        drop(keys);

        let (keys, _) = place.open().await;
        for (at, identities) in [
            (after(0), vec![(Order, "7001")]),
            (after(90), vec![(Order, "7001"), (Customer, "31")]),
            (after(10), vec![(Customer, "31")]),
            (after(9), vec![(Order, "6999"), (Customer, "31"), (Phone, "+923000000001")]),
            (after(90), vec![(Order, "6999"), (Customer, "31")]),
        ] {
            let sealing = resolve(&keys, person(at, &identities)).await;
            assert_eq!((active(&sealing), sealing.subject()), (None, old), "{identities:?}");
        }
        let state = keys.find_subject(&shop(), &hints(&[(Order, "6999")])).await.unwrap();
        assert_eq!(state, Some((old, SubjectState::Erased { at: after(10) })));

        let new = active(&resolve(&keys, person(after(11), &[(Order, "7050"), (Customer, "31")])).await).unwrap();
        assert_ne!(new, old);
        assert_eq!(active(&resolve(&keys, person(after(12), &[(Customer, "31")])).await), Some(new));
        let late = resolve(&keys, person(after(8), &[(Order, "6998"), (Customer, "31")])).await;
        assert_eq!((active(&late), late.subject()), (None, old));
        let by_phone = active(&resolve(&keys, person(after(11), &[(Phone, "+923000000001")])).await);
        assert!(by_phone.is_some_and(|subject| subject != old && subject != new));
    }
}

#[tokio::test]
async fn steps_of_an_erasure_keep_their_order_and_may_be_repeated() {
    for place in places().await {
        let (keys, _) = place.open().await;
        let subject = active(&resolve(&keys, person(NOVEMBER, &[(Order, "7001")])).await).unwrap();
        let nobody = SubjectId(Uuid::from_u128(9));
        let refused = keys.request_erasure(&shop(), nobody, ErasureReason::Shop, NOVEMBER).await;
        assert_eq!(refused, Err(EraseSubjectError::UnknownSubject));
        assert_eq!(keys.destroy(&shop(), subject, NOVEMBER).await, Err(EraseSubjectError::OutOfOrder));
        assert!(active(&resolve(&keys, person(NOVEMBER, &[(Order, "7001")])).await).is_some(), "nothing was destroyed");

        for expected in [Requested::Now, Requested::Already] {
            let requested = keys.request_erasure(&shop(), subject, ErasureReason::Shop, after(1)).await;
            assert_eq!(requested, Ok(expected));
        }
        assert_eq!(keys.mark_announced(&shop(), subject).await, Err(EraseSubjectError::OutOfOrder));
        assert_eq!(keys.destroy(&shop(), subject, after(2)).await, Ok(Erased::Now(after(2))));
        assert_eq!(keys.destroy(&shop(), subject, after(3)).await, Ok(Erased::Already(after(2))));
        let unfinished = keys.unfinished_erasures().await.unwrap().remove(0);
        assert_eq!((unfinished.stage, unfinished.reason), (Stage::Destroyed, ErasureReason::Shop));
        assert_eq!((unfinished.requested_at, unfinished.destroyed_at), (after(1), Some(after(2))));
        for _ in 0..2 {
            keys.mark_announced(&shop(), subject).await.unwrap();
        }
        assert_eq!(keys.unfinished_erasures().await.unwrap(), []);
    }
}

#[tokio::test]
async fn boxes_open_until_their_person_is_erased_in_any_process() {
    for place in places().await {
        let ((keys, _), (elsewhere, _)) = (place.open().await, place.open().await);
        let kept = resolve(&keys, person(NOVEMBER, &[(Order, "7001")])).await;
        let gone = resolve(&keys, person(NOVEMBER, &[(Order, "7002")])).await;
        let (kept_box, gone_box) = (seal(&kept, "Zarmina"), seal(&gone, "Gulalai"));
        for store in [&keys, &elsewhere] {
            let opened = open(store, gone.subject(), &gone_box).await.unwrap().clear().unwrap();
            assert_eq!(opened.as_slice(), b"Gulalai");
        }
        erase(&elsewhere, gone.subject(), after(1)).await;

        let boxes = [(kept.subject(), &kept_box), (gone.subject(), &gone_box), (kept.subject(), &gone_box)];
        let tenant = shop();
        let refs =
            boxes.map(|(subject, sealed)| BoxRef { tenant: &tenant, subject, event: EVENT, label: "buyer", sealed });
        let opened = keys.open_many(&refs, &looking()).await.unwrap();
        assert!(matches!(opened[0], Ok(Opened::Clear(_))));
        assert!(matches!(opened[1], Ok(Opened::Erased)));
        assert!(matches!(opened[2], Err(OpenBoxError::NotTheirs)));
        assert!(keys.open_many(&[], &looking()).await.unwrap().is_empty());

        let other_label = BoxRef { label: "recipient", ..refs[0] };
        assert!(matches!(keys.open_box(other_label, &looking()).await, Err(OpenBoxError::Box(OpenError::Tampered))));
        assert!(matches!(
            open(&keys, kept.subject(), &kept_box[..9]).await,
            Err(OpenBoxError::Box(OpenError::TooShort))
        ));
    }
}

#[tokio::test]
async fn a_box_of_another_store_is_not_taken_for_an_erased_one() {
    for place in places().await {
        let stranger = Place::folder();
        let foreign = resolve(&stranger.open().await.0, person(NOVEMBER, &[(Order, "7001")])).await;
        let (keys, _) = place.open().await;
        let opened = open(&keys, foreign.subject(), &seal(&foreign, "Zarmina")).await;
        assert!(matches!(opened, Err(OpenBoxError::NoSuchKey)));
    }
}

#[tokio::test]
async fn another_root_key_is_refused() {
    for place in places().await {
        drop(place.open().await);
        let open =
            async |root| KeyStore::open(place.database().await, place.keyring(root), SCHEDULE, NOVEMBER).await.err();
        assert_eq!(open(8).await, Some(OpenKeysError::Keyring(KeyringError::WrongRoot(EpochId(1)))));
        assert_eq!(open(7).await, None);
        std::fs::remove_dir_all(place.folder.path().join("epochs")).unwrap();
        assert!(matches!(open(7).await, Some(OpenKeysError::NoKeyring(_))));
    }
}

#[tokio::test]
async fn stores_that_open_a_new_database_at_once_share_its_epoch() {
    for place in places().await {
        let databases = [place.database().await, place.database().await, place.database().await];
        let opening = databases.map(|db| tokio::spawn(KeyStore::open(db, place.keyring(7), SCHEDULE, NOVEMBER)));
        for task in opening {
            resolve(&task.await.unwrap().unwrap(), person(NOVEMBER, &[(Order, "7001")])).await;
        }
        assert_eq!(count(&place.database().await, "epoch").await, 1);
        assert_eq!(count(&place.database().await, "subject").await, 1);
    }
}

async fn live_secrets(keys: &KeyStore, sender: &str) -> Vec<String> {
    let secrets = keys.secrets(&shop(), sender).await.unwrap();
    secrets.iter().map(|secret| secret.expose_secret().to_owned()).collect()
}

#[tokio::test]
async fn two_secrets_are_live_while_one_is_replaced() {
    for place in places().await {
        let (keys, db) = place.open().await;
        assert_eq!(live_secrets(&keys, "shopify").await, [""; 0]);
        for (put, live) in [
            ("one", vec!["one"]),
            ("two", vec!["two", "one"]),
            ("two", vec!["two", "one"]),
            ("six", vec!["six", "two"]),
        ] {
            keys.put_secret(&shop(), "shopify", &SecretString::from(put)).await.unwrap();
            assert_eq!(live_secrets(&keys, "shopify").await, live);
        }
        assert_eq!(live_secrets(&keys, "postex").await, [""; 0]);
        assert_eq!(live_secrets(&place.open().await.0, "shopify").await, ["six", "two"]);
        assert_eq!(count(&db, "webhook_secret").await, 2);
    }
}

#[tokio::test]
async fn another_process_learns_of_a_new_secret_within_seconds() {
    for place in places().await {
        let ((keys, _), (elsewhere, _)) = (place.open().await, place.open().await);
        keys.put_secret(&shop(), "shopify", &SecretString::from("one")).await.unwrap();
        assert_eq!(live_secrets(&elsewhere, "shopify").await, ["one"]);
        keys.put_secret(&shop(), "shopify", &SecretString::from("two")).await.unwrap();
        let soon = std::time::Duration::from_secs(20);
        testkit::wait_until(soon, async || live_secrets(&elsewhere, "shopify").await == ["two", "one"]).await.unwrap();
    }
}

/// Whether any part of these bytes is in the file: what takes a freed place may cover only some of it.
fn holds_part(path: &Path, bytes: &[u8]) -> bool {
    let file = std::fs::read(path).unwrap();
    bytes.windows(16).any(|part| file.windows(part.len()).any(|there| there == part))
}

/// SQLite writes zeros over what is destroyed, so neither the wrapped key nor the mark of the phone is left behind in the file.
#[tokio::test]
async fn what_is_destroyed_leaves_no_bytes_in_the_file() {
    let folder = testkit::scratch();
    let path = folder.path().join("keys.db");
    let db = open_file(&path).await;
    let keys = KeyStore::open(db.clone(), keyring(folder.path(), 7), SCHEDULE, NOVEMBER).await.unwrap();
    let subject = resolve(&keys, person(NOVEMBER, &[(Order, "7001"), (Phone, "+923000000001")])).await.subject();
    let sql = "SELECT wrapped FROM subject_key UNION ALL SELECT mark FROM paged_identity";
    let rows = db.query(sql, vec![]).await.unwrap();
    let secret: Vec<&[u8]> = rows.iter().map(|row| row.blob(0).unwrap()).collect();
    db.close().await;
    assert!(secret.len() == 2 && secret.iter().all(|bytes| holds_part(&path, bytes)), "the search finds what is there");

    let db = open_file(&path).await;
    let keys = KeyStore::open(db.clone(), keyring(folder.path(), 7), SCHEDULE, NOVEMBER).await.unwrap();
    erase(&keys, subject, after(1)).await;
    db.close().await;
    assert!(!secret.iter().any(|bytes| holds_part(&path, bytes)));
    assert!(!path.with_extension("db-wal").exists(), "the write-ahead log goes when the file is closed");
}

/// The same while the store stays open, as it does in a process that serves: not even the write-ahead log keeps them.
#[tokio::test]
async fn what_is_destroyed_leaves_no_bytes_in_any_file_of_an_open_store() {
    let folder = testkit::scratch();
    let db = open_file(&folder.path().join("keys.db")).await;
    let keys = KeyStore::open(db.clone(), keyring(folder.path(), 7), SCHEDULE, NOVEMBER).await.unwrap();
    let subject = resolve(&keys, person(NOVEMBER, &[(Order, "7001")])).await.subject();
    let rows = db.query("SELECT wrapped FROM subject_key", vec![]).await.unwrap();
    let wrapped = rows[0].blob(0).unwrap();
    let holders = || {
        let files = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.is_file() && holds_part(path, wrapped)).collect::<Vec<_>>()
    };
    assert_eq!(wrapped.len(), 61);
    assert_eq!(holders(), [folder.path().join("keys.db-wal")], "where it would stay until the log is copied");

    erase(&keys, subject, after(1)).await;
    assert_eq!(holders(), Vec::<std::path::PathBuf>::new());
    assert_eq!(keys.destroy(&shop(), subject, after(2)).await, Ok(Erased::Already(after(1))));
    resolve(&keys, person(NOVEMBER, &[(Order, "7002")])).await;
    assert_eq!(holders(), Vec::<std::path::PathBuf>::new());
}

/// How often the middle of each of these wrapped keys is in a file of the folder.
fn copies(folder: &Path, wrapped: &[Vec<u8>]) -> Vec<usize> {
    let places: std::collections::HashMap<&[u8], usize> =
        wrapped.iter().enumerate().map(|(place, bytes)| (&bytes[20..36], place)).collect();
    let mut counts = vec![0; wrapped.len()];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = if path.is_file() { std::fs::read(path).unwrap() } else { Vec::new() };
        bytes.windows(16).filter_map(|part| places.get(part)).for_each(|place| counts[*place] += 1);
    }
    counts
}

/// Keys move between pages while a file grows, and an erasure overwrites them only where they are then: no second copy may
/// stay in the unused part of a page they have left.
#[tokio::test]
async fn keys_leave_no_copies_in_unused_parts_of_the_pages_of_a_large_file() {
    let folder = testkit::scratch();
    let db = open_file(&folder.path().join("keys.db")).await;
    let keys = KeyStore::open(db.clone(), keyring(folder.path(), 7), SCHEDULE, NOVEMBER).await.unwrap();
    for batch in 0..40 {
        let order = |n: usize| format!("{batch}-{n}");
        let people = (0..50).map(|n| person(NOVEMBER, &[(Order, &order(n)), (Phone, &order(n))]));
        keys.resolve(people.collect()).await.unwrap();
    }
    let rows = db.query("SELECT subject, wrapped FROM subject_key ORDER BY page, key_id", vec![]).await.unwrap();
    let wrapped: Vec<Vec<u8>> = rows.iter().map(|row| row.blob(1).unwrap().to_vec()).collect();
    db.forget_wal().await.unwrap();
    assert_eq!(copies(folder.path(), &wrapped), [1; 2_000], "each live key is in one place");

    for row in rows.iter().step_by(50) {
        erase(&keys, SubjectId(row.text(0).unwrap().parse().unwrap()), after(1)).await;
    }
    let left = (0..2_000).map(|place| usize::from(place % 50 != 0)).collect::<Vec<_>>();
    assert_eq!(copies(folder.path(), &wrapped), left, "an erased key is in none");
}

/// Nothing in any table holds what identifies a person, or a secret, in clear.
#[tokio::test]
async fn the_database_holds_nobody_in_clear() {
    let folder = testkit::scratch();
    let path = folder.path().join("keys.db");
    let db = open_file(&path).await;
    let keys = KeyStore::open(db.clone(), keyring(folder.path(), 7), SCHEDULE, NOVEMBER).await.unwrap();
    let person = person(NOVEMBER, &[(Order, "7001"), (Phone, "+923000000001"), (Email, "zarmina@example.com")]);
    assert_eq!(format!("{:?}", person.identities[1].value), "<pii>");
    resolve(&keys, person).await;
    keys.put_secret(&shop(), "shopify", &SecretString::from("an invented secret")).await.unwrap();
    db.close().await;
    let stored = std::fs::read(&path).unwrap();
    for text in ["3000000001", "zarmina", "invented"] {
        assert!(!stored.windows(text.len()).any(|bytes| bytes.eq_ignore_ascii_case(text.as_bytes())), "{text}");
    }
}
