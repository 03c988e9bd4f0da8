//! A key store that was restored from before an erasure has that person's keys again. The keyring's list, which is never
//! restored with it, tells whom: until their erasures are applied again the key store does not open for anybody to work with.
//!
//! Comparing costs a read of what was added to the list since it was last compared, and two bulk statements for each
//! [`COMPARED`] lines of that. Applying again takes a transaction for each [`PEOPLE`], of at most twelve statements (on SQLite
//! each bulk statement is one per 500 rows). Both go on where they were interrupted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use commerce::{SubjectId, TenantId};
use ledger::Timestamp;
use subject_keys::{EpochId, KeyId};

use super::epochs::{epoch_id, on_disk};
use super::erasure::{Stage, fence_kinds};
use super::keyring::Keyring;
use super::list::Mark;
use super::resolve::{subject, tenant};
use super::restored::{count_tombstones, note_lost_list};
use super::subject_key::key_id;
use super::tables::{
    DESTROYED_KEY, ERASURE, ERASURE_AGAIN, HOLD, IDENTITY_OWNER, PAGED_IDENTITY, SUBJECT, SUBJECT_TOMBSTONE,
};
use super::tombstones::{ERASED, Tombstone};
use super::{KeyStore, KeyStoreError, corrupt, lock, requests, visits};
use crate::db::{Db, DbError, Dialect, Keys, Rows, Tx, Value};

/// Lines of the list that are looked up at once.
const COMPARED: usize = 5_000;

/// People whose erasures are applied again in one transaction.
const PEOPLE: usize = 500;

/// What was done about erasures that a key store had forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reapplied {
    /// Erasures that were applied again.
    pub erasures: u64,
    /// Keys that were destroyed again. Fewer than people, where the key store is from before it knew them.
    pub keys: u64,
    /// The epoch that began then, so that the one which wraps the copies of those keys ends in time.
    pub begun: Option<EpochId>,
    /// Decisions of people and merchants that were entered again, each row of them once.
    pub decisions: u64,
    /// Whether the key store was restored from a backup, even if it has forgotten nothing that is listed: whatever else was entered after
    /// that backup is lost.
    pub restored: bool,
}

impl KeyStore {
    /// Erasures that the keyring lists and that this key store knows nothing of: it was restored from before them. In the
    /// order of tenant and subject. One whose request is on record here is not among them: it is only unfinished.
    pub async fn forgotten_erasures(&self) -> Result<Vec<Tombstone>, KeyStoreError> {
        compare(&self.db, self.epochs.keyring()).await
    }

    /// Those of these erasures that this key store knows nothing of. For who has another list of them: the log.
    pub async fn forgotten_among(&self, erased: &[Tombstone]) -> Result<Vec<Tombstone>, KeyStoreError> {
        let mut forgotten = Vec::new();
        for some in erased.chunks(COMPARED) {
            forgotten.extend(forgotten_of(&self.db, some.into()).await?);
        }
        Ok(forgotten)
    }

    /// Adds erasures to the keyring's list that are missing from it, or were counted as known here and are not: they are found
    /// and applied again by [`KeyStore::reapply_erasures`].
    pub async fn list_again(&self, erased: Vec<Tombstone>) -> Result<(), KeyStoreError> {
        if erased.is_empty() {
            return Ok(());
        }
        Ok(on_disk(self.epochs.keyring(), move |ring| ring.list_erased(&erased)).await?)
    }

    /// Applies again what was forgotten, with the time and the reason of then, also to people whom this key store never
    /// knew; begins an epoch at this time. The erasures are left to be announced again, in case the log was restored too.
    ///
    /// Then enters again what people decided, also of that which the restored state never knew.
    ///
    /// Everything that lives moves to new pages with the next rotation: keys that were made after the state which was
    /// restored, and destroyed since, were on pages that nothing here says they were on.
    pub async fn reapply_erasures(&self, at: Timestamp) -> Result<Reapplied, KeyStoreError> {
        let forgotten = self.forgotten_erasures().await?;
        let decided = self.forgotten_decisions().await?;
        let restored = self.is_restored().await? || !forgotten.is_empty() || !decided.is_empty();
        let mut done = Reapplied { erasures: forgotten.len() as u64, restored, ..Reapplied::default() };
        if restored {
            self.reconcile_epochs(at).await?;
            // First, so that a crash leaves neither undone.
            self.hold_back(at).await?;
            self.end_visits().await?;
        }
        for people in forgotten.chunks(PEOPLE) {
            let destroyed = self.reapply_some(people.into()).await?;
            done.keys += destroyed.len() as u64;
            destroyed.iter().for_each(|key| self.caches.subject_keys.invalidate(&key.0));
        }
        if !forgotten.is_empty() {
            done.begun = self.begin_epoch(at, None).await?;
            // Finds nothing any more, and remembers how far that is so.
            self.forgotten_erasures().await?;
        }
        // Looked for again: of those who are erased now nothing is decided any more.
        let decided = self.forgotten_decisions().await?;
        if !decided.is_empty() {
            done.decisions = decided.len() as u64;
            self.decide_again(&decided).await?;
            self.forgotten_decisions().await?;
        }
        if restored {
            // Last: whoever is interrupted before it does all of this again.
            self.is_restored_no_more().await?;
        }
        // Also when nothing was left to do: a crash or a reader may have come between the two.
        self.db.forget_wal().await?;
        Ok(done)
    }

    /// Ends all visits: nobody knows which of them had ended when the key store was restored.
    async fn end_visits(&self) -> Result<(), KeyStoreError> {
        let unit = self.db.run_tx("end-visits", |tx| Box::pin(visits::forget_all(tx)));
        Ok(unit.await.map_err(|error: DbError| error)?)
    }

    async fn reapply_some(&self, people: Arc<[Tombstone]>) -> Result<Vec<KeyId>, KeyStoreError> {
        self.db
            .run_tx("reapply-erasures", move |tx| {
                let people = Arc::clone(&people);
                Box::pin(async move { reapply_in(tx, &people).await })
            })
            .await
    }
}

/// Marks all pages, of keys and of the index, because what was made in the lost time may hang on them, and this state of the
/// database knows nothing of it: their own keys must not be wrapped by a later epoch. Locks are taken in the order that all share.
pub(super) async fn mark_all_lossy(tx: &mut Tx) -> Result<(), DbError> {
    if tx.dialect() == Dialect::Postgres {
        tx.query("SELECT page FROM page WHERE state = 'in-use' ORDER BY page FOR UPDATE", vec![]).await?;
    }
    tx.execute("UPDATE page SET state = 'lossy' WHERE state = 'in-use'", vec![]).await?;
    tx.execute("UPDATE index_page SET state = 'lossy' WHERE state = 'in-use'", vec![]).await.map(|_| ())
}

/// Compares the list with the database, and remembers how far they agree.
async fn compare(db: &Db, keyring: &Keyring) -> Result<Vec<Tombstone>, KeyStoreError> {
    let known = known_mark(db).await?;
    let mark = known.clone();
    let listed = on_disk(keyring, move |ring| ring.erased_since(mark.as_ref())).await?;
    let erased = latest(listed.entries);
    if listed.anew {
        if known.as_ref().is_some_and(|known| known.position > 0) {
            // Before it is written anew, after which nothing tells.
            note_lost_list(db).await?;
        }
        list_what_is_not(db, keyring, &erased).await?;
    }
    let erased: Vec<Tombstone> = erased.into_values().collect();
    let mut forgotten = Vec::new();
    for some in erased.chunks(COMPARED) {
        forgotten.extend(forgotten_of(db, some.into()).await?);
    }
    if forgotten.is_empty() && known.as_ref() != Some(&listed.mark) {
        remember(db, listed.mark).await?;
    }
    Ok(forgotten)
}

/// One of each: an erasure that a crash interrupted is listed again when it goes on. The latest time counts, up to which
/// the fence keeps late copies out.
fn latest(listed: Vec<Tombstone>) -> BTreeMap<(TenantId, SubjectId), Tombstone> {
    let mut erased: BTreeMap<_, Tombstone> = BTreeMap::new();
    for one in listed {
        let there = erased.entry((one.tenant.clone(), one.subject)).or_insert_with(|| one.clone());
        if there.at < one.at {
            *there = one;
        }
    }
    erased
}

/// Adds to the list who was erased before there was one, or before it was lost.
async fn list_what_is_not(
    db: &Db,
    keyring: &Keyring,
    listed: &BTreeMap<(TenantId, SubjectId), Tombstone>,
) -> Result<(), KeyStoreError> {
    let sql = "SELECT s.tenant, s.subject, s.erased_at, e.reason FROM erasure e CROSS JOIN subject s \
               WHERE s.tenant = e.tenant AND s.subject = e.subject AND s.state = 'erased' \
               ORDER BY s.erased_at, s.tenant, s.subject";
    let mut missing = Vec::new();
    for row in &db.query(sql, vec![]).await? {
        let reason = row.text(3)?.parse().map_err(|_| corrupt("an erasure's reason is unknown"))?;
        let (tenant, subject) = (tenant(row.text(0)?)?, subject(row.text(1)?)?);
        missing.push(Tombstone { tenant, subject, at: Timestamp(row.int(2)?), reason });
    }
    missing.retain(|one| !listed.contains_key(&(one.tenant.clone(), one.subject)));
    if !missing.is_empty() {
        on_disk(keyring, move |ring| ring.list_erased(&missing)).await?;
    }
    Ok(())
}

async fn forgotten_of(db: &Db, erased: Arc<[Tombstone]>) -> Result<Vec<Tombstone>, DbError> {
    db.run_read("forgotten-erasures", move |tx| {
        let erased = Arc::clone(&erased);
        Box::pin(async move { forgotten_in(tx, &erased).await })
    })
    .await
}

async fn forgotten_in(tx: &mut Tx, erased: &[Tombstone]) -> Result<Vec<Tombstone>, DbError> {
    let subjects = tx.select_by_keys(&whose(Keys::new(&SUBJECT), erased)).await?;
    let requests = tx.select_by_keys(&whose(Keys::new(&ERASURE), erased)).await?;
    let holds = tx.select_by_keys(&whose(Keys::by(&HOLD, &["tenant", "subject"]), erased)).await?;
    let mut held: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for row in &holds {
        let until = held.entry((row.text(0)?, row.text(1)?)).or_insert(i64::MIN);
        *until = row.int(3)?.max(*until);
    }
    let mut known = BTreeSet::new();
    for row in &subjects {
        if row.text(2)? == "erased" {
            known.insert((row.text(0)?, row.text(1)?));
        }
    }
    let mut requested = BTreeSet::new();
    for row in &requests {
        requested.insert((row.text(0)?, row.text(1)?));
    }
    // Nobody is listed while a hold stands. A request that waits for one is of a state before the hold ended.
    let waits = |who: (&str, &str), at: i64| held.get(&who).is_some_and(|until| *until > at);
    let is_known = |one: &&Tombstone| {
        let subject = one.subject.to_string();
        let who = (one.tenant.as_str(), subject.as_str());
        known.contains(&who) || (requested.contains(&who) && !waits(who, one.at.0))
    };
    Ok(erased.iter().filter(|one| !is_known(one)).cloned().collect())
}

async fn known_mark(db: &Db) -> Result<Option<Mark>, DbError> {
    let sql = "SELECT position, line FROM erased_list WHERE list = $1";
    let rows = db.query(sql, vec![ERASED.name.into()]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let position = u64::try_from(row.int(0)?).map_err(|_| corrupt("a place in the list of erasures is negative"))?;
    Ok(Some(Mark { position, line: row.text(1)?.to_owned() }))
}

async fn remember(db: &Db, mark: Mark) -> Result<(), DbError> {
    let position = i64::try_from(mark.position).map_err(|_| corrupt("the list of erasures is too long"))?;
    let args: Vec<Value> = vec![ERASED.name.into(), position.into(), mark.line.into()];
    let unit = db.run_tx("compare-erasures", move |tx| {
        let args = args.clone();
        let sql = "INSERT INTO erased_list (list, position, line) VALUES ($1, $2, $3) \
                   ON CONFLICT (list) DO UPDATE SET position = EXCLUDED.position, line = EXCLUDED.line";
        Box::pin(async move {
            tx.execute(sql, args).await?;
            count_tombstones(tx).await
        })
    });
    unit.await
}

/// Gives the ids of the keys that were destroyed.
async fn reapply_in(tx: &mut Tx, people: &[Tombstone]) -> Result<Vec<KeyId>, KeyStoreError> {
    let dialect = tx.dialect();
    if dialect == Dialect::Sqlite {
        // The writing connection overwrites with zeros what it deletes, from now on.
        tx.query("PRAGMA secure_delete = ON", vec![]).await?;
    }
    lock::tenants(tx, dialect, people.iter().map(|one| &one.tenant)).await?;
    let epoch = hold_epoch(tx).await?;
    mark_all_lossy(tx).await?;
    tx.upsert(&tombstone_rows(people)).await?;
    tx.upsert(&erasure_rows(people, epoch)).await?;
    let destroyed = destroy_keys(tx, people).await?;
    forget_identities(tx, people).await?;
    // Nobody was listed while a hold stood: those that are left are of a state before they ended.
    tx.delete_by_keys(&whose(Keys::by(&HOLD, &["tenant", "subject"]), people)).await?;
    requests::forget_of_erased(tx).await?;
    visits::forget_all(tx).await?;
    Ok(destroyed)
}

/// The current epoch, to which nothing is moved meanwhile: who moves keys shares its row.
async fn hold_epoch(tx: &mut Tx) -> Result<EpochId, DbError> {
    let sql = match tx.dialect() {
        Dialect::Postgres => "SELECT epoch FROM epoch WHERE state = 'current' FOR UPDATE",
        Dialect::Sqlite => "SELECT epoch FROM epoch WHERE state = 'current'",
    };
    // Whoever waited for the beginning of an epoch finds the one before retired; the new one shows at the next look.
    for _ in 0..8 {
        if let Some(row) = tx.query(sql, vec![]).await?.first() {
            return epoch_id(row.int(0)?);
        }
    }
    Err(corrupt("no epoch is current"))
}

fn tombstone_rows(people: &[Tombstone]) -> Rows {
    let mut rows = Rows::new(&SUBJECT_TOMBSTONE);
    for one in people {
        let [tenant, subject] = names(one);
        rows.push([tenant, subject, "erased".into(), one.at.0.into(), one.at.0.into()]);
    }
    rows
}

fn erasure_rows(people: &[Tombstone], epoch: EpochId) -> Rows {
    let (mut rows, stage) = (Rows::new(&ERASURE_AGAIN), Stage::Destroyed.as_str());
    for one in people {
        let ([tenant, subject], at) = (names(one), Value::from(one.at.0));
        rows.push([tenant, subject, one.reason.as_str().into(), stage.into(), at.clone(), at, epoch.0.into()]);
    }
    rows
}

async fn destroy_keys(tx: &mut Tx, people: &[Tombstone]) -> Result<Vec<KeyId>, DbError> {
    let times: BTreeMap<(&str, String), i64> =
        people.iter().map(|one| ((one.tenant.as_str(), one.subject.to_string()), one.at.0)).collect();
    let by_subject = Keys::by(&DESTROYED_KEY, &["tenant", "subject"]);
    let (mut rows, mut destroyed) = (Rows::new(&DESTROYED_KEY), Vec::new());
    for row in &tx.select_by_keys(&whose(by_subject, people)).await? {
        if row.text(6)? != "active" {
            continue;
        }
        let at = times.get(&(row.text(0)?, row.text(1)?.to_owned())).copied();
        let texts = [row.text(0)?, row.text(1)?, row.text(2)?, row.text(3)?].map(Value::from);
        let rest = [row.int(4)?.into(), Value::Null, "destroyed".into(), at.into()];
        rows.push(texts.into_iter().chain(rest));
        destroyed.push(key_id(row.text(3)?)?);
    }
    tx.upsert(&rows).await?;
    Ok(destroyed)
}

/// Deletes what would lead back to these people, and leaves the fence.
async fn forget_identities(tx: &mut Tx, people: &[Tombstone]) -> Result<(), DbError> {
    let by_subject = Keys::by(&IDENTITY_OWNER, &["tenant", "subject"]);
    let (rows, fence) = (tx.select_by_keys(&whose(by_subject, people)).await?, fence_kinds());
    let mut gone = Keys::new(&IDENTITY_OWNER);
    for row in &rows {
        if !fence.contains(&row.text(2)?) {
            gone.push([row.text(0)?.into(), row.blob(1)?.into()]);
        }
    }
    tx.delete_by_keys(&gone).await?;
    let mut gone = Keys::new(&PAGED_IDENTITY);
    for row in &tx.select_by_keys(&whose(Keys::by(&PAGED_IDENTITY, &["tenant", "subject"]), people)).await? {
        gone.push([row.int(0)?.into(), row.blob(1)?.into()]);
    }
    tx.delete_by_keys(&gone).await.map(|_| ())
}

fn whose(mut keys: Keys, people: &[Tombstone]) -> Keys {
    people.iter().for_each(|one| keys.push(names(one)));
    keys
}

fn names(one: &Tombstone) -> [Value; 2] {
    [one.tenant.as_str().into(), one.subject.to_string().into()]
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use subject_keys::RootKey;

    use super::super::restored::mark_restored;
    use super::super::{NextPass, OpenKeysError, Schedule};
    use super::*;
    use crate::db::Durability;
    use crate::schema::keys_migrations;

    const HOUR: i64 = 3_600_000_000;

    async fn open(folder: &Path) -> (Db, Keyring, Schedule) {
        let path = folder.join("keys.db");
        let db = Db::open_sqlite(&path, Durability::Full, &keys_migrations(Dialect::Sqlite)).await.unwrap();
        let ring = Keyring::in_folder(RootKey::from_bytes([7; 32]), &folder.join("epochs"));
        (db, ring, Schedule { epoch: Duration::from_secs(3_600), backups: Duration::from_secs(3_600) })
    }

    #[tokio::test]
    async fn a_restored_key_store_that_forgot_no_erasure_waits_too_and_all_visits_end() {
        let (folder, tenant) = (tempfile::tempdir().unwrap(), "shop".parse().unwrap());
        let (db, ring, schedule) = open(folder.path()).await;
        let keys = KeyStore::open(db.clone(), ring, schedule, Timestamp(0)).await.unwrap();
        keys.begin_pass(Timestamp(0)).await.unwrap();
        keys.begin_visit(&tenant, None, Timestamp(HOUR)).await.unwrap();
        db.run_tx("restored", |tx| Box::pin(mark_restored(tx))).await.unwrap();

        let (db, ring, schedule) = open(folder.path()).await;
        assert_eq!(keys.next_pass(Timestamp(HOUR)).await.unwrap(), NextPass::Due);
        let done = keys.reapply_erasures(Timestamp(HOUR)).await.unwrap();
        assert_eq!(done, Reapplied { restored: true, ..Reapplied::default() });
        assert_eq!(keys.next_pass(Timestamp(HOUR)).await.unwrap(), NextPass::At(Timestamp(2 * HOUR)));
        assert_eq!(first(&db, "SELECT COUNT(*) FROM visit_code").await, 0);
        let again = KeyStore::open(db, ring, schedule, Timestamp(HOUR)).await;
        assert!(!matches!(again, Err(OpenKeysError::Restored)), "it serves again");
        assert_eq!(keys.reapply_erasures(Timestamp(HOUR)).await.unwrap(), Reapplied::default());
    }

    async fn first(db: &Db, sql: &str) -> i64 {
        db.query(sql, vec![]).await.unwrap().first().unwrap().int(0).unwrap()
    }
}
