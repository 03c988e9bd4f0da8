//! Whatever lies on which page: the store answers as the pure [`Register`] does, through splits, erasures, rotations and
//! restarts.

use std::path::Path;
use std::time::Duration;

use ledger::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sha2::{Digest, Sha256};
use subject_keys::{Pii, RootKey};
use uuid::Uuid;

use super::super::identity::{Claimant, Register, Standing, Verdict};
use super::super::reapply::mark_all_lossy;
use super::super::{
    ErasureReason, IdentityHint, IdentityKind, Keyring, Month, PersonRef, Schedule, Sealing, SubjectState,
};
use super::*;
use crate::db::{Db, Durability};
use crate::schema::keys_migrations;
use IdentityKind::{Customer, Email, Order, Phone, Quarantine};

/// Who was known by what, without a database: the answers that are expected.
#[derive(Default)]
struct Model {
    standings: HashMap<Place, Standing>,
    /// The subject of the store for each of the model.
    same: HashMap<SubjectId, SubjectId>,
}

impl Model {
    /// Settles people, and compares each with what the store made of them.
    fn compare(&mut self, people: &[PersonRef], sealings: &[Sealing]) {
        let mut register = Register::new(self.standings.clone());
        for (person, sealing) in people.iter().zip(sealings) {
            let verdict = register.settle(&claimant(person), || SubjectId(Uuid::new_v4()));
            let (subject, erased) = match verdict {
                Verdict::Active(subject) => (subject, false),
                Verdict::Erased(fence) => (fence.subject, true),
            };
            assert_eq!(*self.same.entry(subject).or_insert(sealing.subject()), sealing.subject());
            assert_eq!(matches!(sealing, Sealing::Erased { .. }), erased);
        }
        let changed: Vec<(Place, Standing)> = register.changed().map(|(place, one)| (place.clone(), *one)).collect();
        self.standings.extend(changed);
        let apart: std::collections::BTreeSet<_> = self.same.values().collect();
        assert_eq!(apart.len(), self.same.len(), "two people are two");
    }

    /// Somebody who lives, if the draw falls on one.
    fn somebody(&self, random: &mut StdRng) -> Option<SubjectId> {
        let subjects: Vec<SubjectId> = self.same.keys().copied().collect();
        let drawn = *subjects.get(random.random_range(0..subjects.len().max(1)))?;
        let lives = |one: &Standing| one.subject == drawn && one.state == SubjectState::Active;
        self.standings.values().any(lives).then_some(drawn)
    }

    fn erase(&mut self, subject: SubjectId, at: Timestamp) {
        self.standings.retain(|_, one| one.subject != subject || one.kind.is_fence());
        for one in self.standings.values_mut().filter(|one| one.subject == subject) {
            one.state = SubjectState::Erased { at };
        }
    }
}

fn shop() -> TenantId {
    "kohsar-shawls".parse().unwrap()
}

fn claimant(person: &PersonRef) -> Claimant {
    let tag = |hint: &IdentityHint| {
        let tag = Sha256::digest(format!("{} {}", hint.kind.as_str(), hint.value.expose())).into();
        (hint.kind, tag)
    };
    let identities = person.identities.iter().map(tag).collect();
    Claimant { tenant: person.tenant.clone(), identities, month: person.month.clone(), at: person.at }
}

/// Somebody who is known by some of many things.
fn person(random: &mut StdRng, at: Timestamp) -> PersonRef {
    let mut identities = Vec::new();
    for (kind, of, often) in
        [(Order, 900, 0.8), (Customer, 200, 0.3), (Phone, 900, 0.8), (Email, 500, 0.5), (Quarantine, 2, 0.02)]
    {
        if random.random_bool(often) {
            let value = Pii::new(random.random_range(0..of).to_string());
            identities.push(IdentityHint { kind, value });
        }
    }
    PersonRef { tenant: shop(), identities, month: Month::of(at), at }
}

/// When the keys of all retired epochs are due, in any of these tests.
const DAY_LATER: Timestamp = Timestamp(86_400_000_000);

async fn open(folder: &Path) -> KeyStore {
    let migrations = keys_migrations(Dialect::Sqlite);
    let db = Db::open_sqlite(&folder.join("keys.db"), Durability::Full, &migrations).await.unwrap();
    let ring = Keyring::in_folder(RootKey::from_bytes([7; 32]), &folder.join("epochs"));
    let schedule = Schedule { epoch: Duration::from_secs(3_600), backups: Duration::from_secs(3_600) };
    KeyStore::open(db, ring, schedule, Timestamp(0)).await.unwrap()
}

async fn count(keys: &KeyStore, sql: &str) -> Vec<i64> {
    keys.db.query(sql, vec![]).await.unwrap().iter().map(|row| row.int(0).unwrap()).collect()
}

/// The pages of the tenant share the whole space of tags, and no page is too full.
async fn assert_sound(keys: &KeyStore) {
    let rows = keys.db.query("SELECT begins, bits FROM index_page ORDER BY begins", vec![]).await.unwrap();
    let mut next = 0_i128;
    for row in &rows {
        assert_eq!(i128::from(row.int(0).unwrap()), next);
        next += 1 << (63 - row.int(1).unwrap());
    }
    assert_eq!(next, 1 << 63);
    let on_each = count(keys, "SELECT COUNT(*) FROM paged_identity GROUP BY page").await;
    assert!(on_each.iter().all(|rows| *rows <= 128), "{on_each:?}");
    let astray = "SELECT COUNT(*) FROM paged_identity WHERE page NOT IN (SELECT page FROM index_page)";
    assert_eq!(count(keys, astray).await, [0]);
    assert_eq!(count(keys, "SELECT COUNT(*) FROM identity WHERE kind NOT IN ('order', 'customer')").await, [0]);
}

#[tokio::test]
async fn the_store_answers_as_the_register_does_wherever_identities_lie() {
    let seed = std::env::var("DAYBOOK_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(rand::random);
    println!("DAYBOOK_SEED={seed}");
    let (mut random, folder) = (StdRng::seed_from_u64(seed), tempfile::tempdir().unwrap());
    let (mut keys, mut model) = (open(folder.path()).await, Model::default());
    for round in 1..=80 {
        let now = Timestamp(round * 86_400_000_000);
        let size = if random.random_bool(0.1) { 400 } else { random.random_range(1..30) };
        let people: Vec<PersonRef> = (0..size).map(|_| person(&mut random, now)).collect();
        let sealings = keys.resolve(people.clone()).await.unwrap();
        model.compare(&people, &sealings);
        for _ in 0..random.random_range(0..6) {
            let Some(subject) = model.somebody(&mut random) else { continue };
            let there = model.same[&subject];
            keys.request_erasure(&shop(), there, ErasureReason::Person, now).await.unwrap();
            keys.destroy(&shop(), there, now).await.unwrap();
            model.erase(subject, now);
        }
        if random.random_bool(0.3) {
            keys.begin_epoch(now, None).await.unwrap();
            keys.rewrap(|_| {}).await.unwrap();
            assert_eq!(count(&keys, "SELECT COUNT(*) FROM index_page WHERE state <> 'in-use'").await, [0]);
        }
        if random.random_bool(0.1) {
            keys.db.close().await;
            keys = open(folder.path()).await;
        }
    }
    assert_sound(&keys).await;
    assert!(count(&keys, "SELECT page FROM index_page").await.len() > 4, "pages were split");
    for (place, standing) in model.standings.iter().take(300) {
        let (kind, value) = text_of(place);
        let hint = IdentityHint { kind, value: Pii::new(value) };
        let found = keys.find_subject(&shop(), &[hint]).await.unwrap();
        assert_eq!(found, Some((model.same[&standing.subject], standing.state)));
    }
}

/// What a tag of the model stands for.
fn text_of((_, tag): &Place) -> (IdentityKind, String) {
    let kinds = [Order, Customer, Phone, Email, Quarantine];
    let all = kinds.into_iter().flat_map(|kind| (0..900).map(move |number| (kind, number.to_string())));
    let is = |(kind, value): &(IdentityKind, String)| {
        let digest: Blind = Sha256::digest(format!("{} {value}", kind.as_str())).into();
        digest == *tag
    };
    all.into_iter().find(is).unwrap()
}

/// However people come: one by one, and in batches that fill several pages at once.
#[tokio::test]
async fn a_full_page_is_cut_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let keys = open(folder.path()).await;
    let mut from = 0;
    for (batch, times) in [(1, 140), (25, 12), (700, 1)] {
        for _ in 0..times {
            let people = (from..from + batch).map(|number| by_phone(&number.to_string()));
            keys.resolve(people.collect()).await.unwrap();
            from += batch;
        }
        assert_sound(&keys).await;
        assert_eq!(count(&keys, "SELECT COUNT(*) FROM paged_identity").await, [i64::from(from)]);
        let wrong = "SELECT COUNT(*) FROM index_page p \
                     WHERE used <> (SELECT COUNT(*) FROM paged_identity i WHERE i.page = p.page)";
        assert_eq!(count(&keys, wrong).await, [0], "a page counts what is on it");
    }
}

#[tokio::test]
async fn no_page_keeps_its_key_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let keys = open(folder.path()).await;
    let mut random = StdRng::seed_from_u64(1);
    let people: Vec<PersonRef> = (0..1_000).map(|_| person(&mut random, Timestamp(1))).collect();
    keys.resolve(people.clone()).await.unwrap();
    let pages = async || count(&keys, "SELECT page FROM index_page ORDER BY page").await;
    let (first, identities) = (pages().await, count(&keys, "SELECT COUNT(*) FROM paged_identity").await);
    let mut left = Vec::new();
    for epoch in 1..=31 {
        keys.begin_epoch(Timestamp(epoch), None).await.unwrap();
        left.push(keys.rewrap(|_| {}).await.unwrap().left_index_pages);
        keys.destroy_epochs(DAY_LATER).await.unwrap();
    }
    assert!(first.len() >= 8 && left[0] == 0, "a page may always be wrapped once more: {left:?}");
    assert!(pages().await.iter().all(|page| !first.contains(page)), "each was put in another's place: {left:?}");
    assert_eq!(count(&keys, "SELECT COUNT(*) FROM paged_identity").await, identities);
    let again = keys.resolve(people.clone()).await.unwrap();
    assert_eq!(count(&keys, "SELECT COUNT(*) FROM paged_identity").await, identities);
    assert_eq!(again.len(), people.len());
}

#[tokio::test]
async fn a_damaged_index_page_is_an_answer_of_its_own_and_holds_up_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let keys = open(folder.path()).await;
    let mut random = StdRng::seed_from_u64(2);
    let people: Vec<PersonRef> = (0..400).map(|_| person(&mut random, Timestamp(1))).collect();
    keys.resolve(people.clone()).await.unwrap();
    let unit = keys.db.run_tx("behind", |tx| {
        let sql = "UPDATE index_page SET wrapped = (SELECT wrapped FROM index_key LIMIT 1) WHERE begins = 0";
        Box::pin(async move { tx.execute(sql, vec![]).await })
    });
    assert_eq!(unit.await, Ok::<u64, DbError>(1));

    let keys = open(folder.path()).await;
    let pages = count(&keys, "SELECT COUNT(*) FROM index_page").await[0].unsigned_abs();
    keys.begin_epoch(Timestamp(2), None).await.unwrap();
    let moved = keys.rewrap(|_| {}).await.unwrap();
    assert_eq!((moved.damaged, moved.index_pages), (1, pages - 1));
    assert!(
        matches!(keys.resolve(people).await, Err(KeyStoreError::Damaged { .. })),
        "nobody is taken for somebody new"
    );
}

/// A restored key store marks all pages without the tenants' locks: here between the reading of a page and its writing.
#[tokio::test]
async fn a_page_that_is_marked_while_somebody_writes_it_stays_marked() {
    for (wrapped_anew, expected) in [(false, (1, 2)), (true, (2, 1))] {
        let folder = tempfile::tempdir().unwrap();
        let keys = open(folder.path()).await;
        keys.resolve(vec![by_phone("known")]).await.unwrap();
        keys.begin_epoch(Timestamp(1), None).await.unwrap();
        let store = keys.clone();
        let unit = keys.db.run_tx("marked", move |tx| {
            let store = store.clone();
            Box::pin(async move {
                let place = (shop(), [9; 32]);
                let mut pages = store.index_pages(tx, &[&place]).await?;
                mark_all_lossy(tx).await?;
                if !wrapped_anew {
                    return store.put_on_pages(tx, pages, [(&place, SubjectId(Uuid::new_v4()))].into_iter()).await;
                }
                let (mut written, current) = (Written::new(), store.epochs.current(tx).await?);
                let (_, page) = pages.0.pop_first().unwrap();
                written.wrapped.push(page.wrapped_by(&current)?.row());
                Ok::<_, KeyStoreError>(written.store(tx).await?)
            })
        });
        unit.await.unwrap();
        keys.resolve(vec![by_phone("new")]).await.unwrap();
        let rows = keys.db.query("SELECT epoch, used FROM index_page WHERE state = 'lossy'", vec![]).await.unwrap();
        let found: Vec<(i64, i64)> = rows.iter().map(|row| (row.int(0).unwrap(), row.int(1).unwrap())).collect();
        let (epoch, used) = expected;
        assert_eq!(found, [(epoch, used + 1)], "wrapped anew: {wrapped_anew}");
        keys.begin_epoch(Timestamp(2), None).await.unwrap();
        assert_eq!(keys.rewrap(|_| {}).await.unwrap().left_index_pages, 1);
    }
}

/// Everything that was ever written, and by which keys it can be read.
#[derive(Default)]
struct Log {
    pages: Vec<(i64, i64, Vec<u8>)>,
    marks: Vec<(i64, Blind)>,
}

impl Log {
    fn take(&mut self, pages: &[Row], identities: &[Row]) {
        let page = |row: &Row| (row.int(0).unwrap(), row.int(1).unwrap(), row.blob(2).unwrap().to_vec());
        self.pages.extend(pages.iter().map(page));
        let mark = |row: &Row| (row.int(0).unwrap(), blind(row.blob(1).unwrap()).unwrap());
        self.marks.extend(identities.iter().map(mark));
    }

    /// What stands in the database now.
    async fn follow(&mut self, keys: &KeyStore) {
        let pages = keys.db.query(PAGES, vec![]).await.unwrap();
        self.take(&pages, &keys.db.query(MARKS, vec![]).await.unwrap());
    }

    /// Whether anybody who has the tenant's index key, and the epochs that are left, finds this phone number.
    async fn tells(&self, keys: &KeyStore, phone: &str) -> bool {
        let index = keys.existing_index_key(&shop()).await.unwrap().unwrap();
        let tag = index.blind("phone", phone);
        for (page, epoch, wrapped) in &self.pages {
            let Ok(epoch) = keys.epochs.of(*epoch).await else { continue };
            let key = epoch.unwrap_index_page(page_id(*page).unwrap(), wrapped).unwrap();
            if self.marks.contains(&(*page, key.mark(&tag))) {
                return true;
            }
        }
        false
    }
}

const PAGES: &str = "SELECT page, epoch, wrapped FROM index_page";
const MARKS: &str = "SELECT page, mark FROM paged_identity";

/// Resolves these people in a transaction that is rolled back, of which the log has all.
async fn in_vain(keys: &KeyStore, people: &[PersonRef], log: &mut Log) {
    let people = Arc::new(keys.blind(people.to_vec()).await.unwrap());
    let (store, written) = (keys.clone(), Arc::new(std::sync::Mutex::new(None)));
    let out = Arc::clone(&written);
    let unit = keys.db.run_tx("in-vain", move |tx| {
        let (store, people, out) = (store.clone(), Arc::clone(&people), Arc::clone(&out));
        Box::pin(async move {
            store.resolve_in(tx, &people).await?;
            let rows = (tx.query(PAGES, vec![]).await?, tx.query(MARKS, vec![]).await?);
            *out.lock().unwrap() = Some(rows);
            Err::<(), KeyStoreError>(corrupt("rolled back").into())
        })
    });
    assert!(unit.await.is_err());
    let (pages, marks) = written.lock().unwrap().take().unwrap();
    log.take(&pages, &marks);
}

fn by_phone(number: &str) -> PersonRef {
    let identities = vec![IdentityHint { kind: Phone, value: Pii::new(number.to_owned()) }];
    PersonRef { tenant: shop(), identities, month: Month::of(Timestamp(0)), at: Timestamp(0) }
}

async fn rotate(keys: &KeyStore, at: i64, log: &mut Log) {
    keys.begin_epoch(Timestamp(at), None).await.unwrap();
    keys.rewrap(|_| {}).await.unwrap();
    log.follow(keys).await;
}

/// However full the pages were: written in vain on a page that lived on, on one that was then split, and on one that was
/// itself rolled back.
#[tokio::test]
async fn whoever_was_written_in_vain_and_then_for_good_is_forgotten_with_the_epoch_of_the_erasure() {
    for others in [0, 40, 128] {
        let folder = tempfile::tempdir().unwrap();
        let (keys, mut log) = (open(folder.path()).await, Log::default());
        let crowd = |from: i32| (from..from + others).map(|number| by_phone(&number.to_string())).collect::<Vec<_>>();
        keys.resolve(crowd(0)).await.unwrap();
        in_vain(&keys, &[by_phone("erased")], &mut log).await;
        rotate(&keys, 1, &mut log).await;
        in_vain(&keys, &[crowd(1_000), vec![by_phone("erased")]].concat(), &mut log).await;
        rotate(&keys, 2, &mut log).await;
        let subject = keys.resolve(vec![by_phone("erased"), by_phone("kept")]).await.unwrap()[0].subject();
        log.follow(&keys).await;
        keys.request_erasure(&shop(), subject, ErasureReason::Person, Timestamp(2)).await.unwrap();
        keys.destroy(&shop(), subject, Timestamp(2)).await.unwrap();
        log.follow(&keys).await;
        rotate(&keys, 3, &mut log).await;
        assert!(log.tells(&keys, "erased").await && log.tells(&keys, "kept").await);

        let last = keys.erasure_of(&shop(), subject).await.unwrap().unwrap().epoch;
        assert_eq!(keys.destroy_epochs(DAY_LATER).await.unwrap().last().copied(), last);
        let keys = open(folder.path()).await;
        assert!(!log.tells(&keys, "erased").await, "beside {others} others");
        assert!(log.tells(&keys, "kept").await);
    }
}

#[tokio::test]
async fn whoever_was_only_ever_written_in_vain_is_forgotten_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (mut keys, mut log) = (open(folder.path()).await, Log::default());
    keys.resolve(vec![by_phone("kept")]).await.unwrap();
    in_vain(&keys, &[by_phone("never heard of again")], &mut log).await;
    for epoch in 1..=31 {
        rotate(&keys, epoch, &mut log).await;
        assert!(epoch > 1 || log.tells(&keys, "never heard of again").await);
    }
    keys.destroy_epochs(DAY_LATER).await.unwrap();
    keys = open(folder.path()).await;
    assert!(!log.tells(&keys, "never heard of again").await);
    assert!(log.tells(&keys, "kept").await);
}
