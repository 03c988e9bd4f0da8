//! The second step of an erasure: the keys of a subject are destroyed, or of as many subjects of a tenant as wait for it.
//!
//! The keyring lists the erasures, so that a key store restored from before them cannot undo them unseen. Then, in
//! the same transaction, each subject becomes a tombstone, every one of its keys loses its bytes, and of its
//! identities only the fence stays. What was sealed is unreadable from then on. Then the bytes of the wrapped keys leave
//! SQLite's write-ahead log too. They survive in backups, and in PostgreSQL's write-ahead log and its archive, until these
//! are gone; the epochs see to those.
//!
//! A transaction takes [`AT_ONCE`] subjects and at most twenty-one statements whatever their number, one append to the list,
//! and one cut of the write-ahead log. What it costs follows the keys, a month each, and not what was sealed under them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use commerce::{SubjectId, TenantId};
use ledger::Timestamp;
use subject_keys::KeyId;

use super::epochs::on_disk;
use super::erasure::{EraseSubjectError, Erased, ErasureReason, mark_lossy, naming, one_of, states_of, whose};
use super::hold::{HoldReason, held};
use super::identity::{Month, SubjectState};
use super::keyring::Keyring;
use super::resolve::subject;
use super::restriction::restricted_among;
use super::subject_key::key_id;
use super::tombstones::Tombstone;
use super::{KeyStore, corrupt, index_pages, lock, requests, visits};
use crate::db::{DbError, Dialect, Row, Tx, Value};

/// Subjects whose keys one transaction destroys at most: the tenant waits while it does.
const AT_ONCE: usize = 500;

/// What became of each.
type Outcomes = BTreeMap<SubjectId, Result<Erased, EraseSubjectError>>;

/// A wish on record. Where time would have somebody erased: from when on they are somebody new.
struct Wish {
    reason: ErasureReason,
    fenced_until: Option<Timestamp>,
}

/// What the database says of some subjects, under the tenant's lock.
struct Found {
    states: BTreeMap<SubjectId, SubjectState>,
    holds: BTreeMap<SubjectId, (HoldReason, Timestamp)>,
    wishes: BTreeMap<SubjectId, Wish>,
    /// The last month that somebody has a living key of; of those whose time is said to be over.
    last_months: BTreeMap<SubjectId, Month>,
    /// Who of them is restricted: time does not take them.
    restricted: BTreeSet<SubjectId>,
}

impl KeyStore {
    /// Destroys all keys of the subject and everything it could be found by, save the fence, and on SQLite sees to it that
    /// no file of the database holds their bytes any more. Must have been requested. One transaction, and in it, unless
    /// they had been destroyed before, an append to the keyring's list.
    pub async fn destroy(
        &self,
        tenant: &TenantId,
        subject: SubjectId,
        at: Timestamp,
    ) -> Result<Erased, EraseSubjectError> {
        let mut outcomes = self.destroy_all(tenant, &[subject], at).await?;
        outcomes.remove(&subject).unwrap_or(Err(EraseSubjectError::UnknownSubject))
    }

    /// The same for many subjects of a tenant; what became of each. An error that is not of one of them alone means that keys
    /// of some may be destroyed: doing it again goes on.
    pub async fn destroy_all(
        &self,
        tenant: &TenantId,
        subjects: &[SubjectId],
        at: Timestamp,
    ) -> Result<BTreeMap<SubjectId, Result<Erased, EraseSubjectError>>, EraseSubjectError> {
        let mut outcomes = Outcomes::new();
        for some in subjects.chunks(AT_ONCE) {
            let whose: (TenantId, Keyring, Arc<[SubjectId]>) =
                (tenant.clone(), self.epochs.keyring().clone(), some.into());
            let unit = self.db.run_tx("destroy-keys", move |tx| {
                let (tenant, keyring, subjects) = whose.clone();
                Box::pin(async move { destroy_in(tx, &keyring, &tenant, &subjects, at).await })
            });
            let (done, destroyed) = unit.await?;
            destroyed.iter().for_each(|key| self.caches.subject_keys.invalidate(&key.0));
            outcomes.extend(done);
        }
        // Also when they had been destroyed before: a crash or a reader may have come between the two.
        self.db.forget_wal().await.map_err(EraseSubjectError::StillInLog)?;
        Ok(outcomes)
    }
}

/// Gives also the ids of the keys that were destroyed. A wish that time has overtaken is withdrawn.
async fn destroy_in(
    tx: &mut Tx,
    keyring: &Keyring,
    tenant: &TenantId,
    subjects: &[SubjectId],
    at: Timestamp,
) -> Result<(Outcomes, Vec<KeyId>), EraseSubjectError> {
    let dialect = tx.dialect();
    if dialect == Dialect::Sqlite {
        // The writing connection overwrites with zeros what it deletes, from now on.
        tx.query("PRAGMA secure_delete = ON", vec![]).await?;
    }
    lock::tenants(tx, dialect, [tenant]).await?;
    let found = Found::read(tx, tenant, subjects, at).await?;
    let (mut outcomes, mut listed, mut overtaken) = (Outcomes::new(), Vec::new(), Vec::new());
    for subject in subjects.iter().copied().collect::<BTreeSet<_>>() {
        match found.reason_to_destroy(subject) {
            Ok(reason) => listed.push(Tombstone { tenant: tenant.clone(), subject, at, reason }),
            Err(outcome) => {
                overtaken.extend((outcome == Err(EraseSubjectError::NotDue)).then_some(subject));
                outcomes.insert(subject, outcome);
            }
        }
    }
    withdraw(tx, tenant, &overtaken).await?;
    let going: Vec<SubjectId> = listed.iter().map(|one| one.subject).collect();
    if going.is_empty() {
        return Ok((outcomes, Vec::new()));
    }
    // On the disk before it is committed: a list that says too much does no harm, because what was requested is finished.
    // Under the tenant's lock, so that no hold comes between.
    on_disk(keyring, move |ring| ring.list_erased(&listed)).await.map_err(super::KeyStoreError::from)?;
    let destroyed = destroy_listed(tx, tenant, &going, at).await?;
    outcomes.extend(going.into_iter().map(|subject| (subject, Ok(Erased::Now(at)))));
    Ok((outcomes, destroyed))
}

impl Found {
    async fn read(
        tx: &mut Tx,
        tenant: &TenantId,
        subjects: &[SubjectId],
        at: Timestamp,
    ) -> Result<Found, EraseSubjectError> {
        let states = states_of(tx, tenant, subjects).await?;
        let holds = held(tx, tenant, subjects, at).await?;
        let dialect = tx.dialect();
        let theirs = one_of(dialect, "subject");
        let sql = format!("SELECT subject, reason, fenced_until FROM erasure WHERE tenant = $1 AND {theirs}");
        let rows = tx.query(&sql, whose(dialect, tenant, subjects)).await?;
        let wishes: BTreeMap<SubjectId, Wish> = rows.iter().map(wish).collect::<Result<_, DbError>>()?;
        let (mut last_months, mut restricted) = (BTreeMap::new(), BTreeSet::new());
        if wishes.values().any(|wish| wish.fenced_until.is_some()) {
            let sql = format!(
                "SELECT subject, MAX(month) FROM subject_key WHERE tenant = $1 AND {theirs} AND state = 'active' \
                 GROUP BY subject"
            );
            for row in &tx.query(&sql, whose(dialect, tenant, subjects)).await? {
                last_months.insert(subject(row.text(0)?)?, Month::stored(row.text(1)?));
            }
            restricted = restricted_among(tx, tenant, subjects, at).await?;
        }
        Ok(Found { states, holds, wishes, last_months, restricted })
    }

    /// Why this subject's keys are to be destroyed now; or else how it stands.
    fn reason_to_destroy(&self, subject: SubjectId) -> Result<ErasureReason, Result<Erased, EraseSubjectError>> {
        match self.states.get(&subject) {
            None => return Err(Err(EraseSubjectError::UnknownSubject)),
            Some(SubjectState::Erased { at }) => return Err(Ok(Erased::Already(*at))),
            Some(SubjectState::Active) => {}
        }
        if let Some((reason, until)) = self.holds.get(&subject) {
            return Err(Err(EraseSubjectError::Held { reason: *reason, until: *until }));
        }
        let wish = self.wishes.get(&subject).ok_or(Err(EraseSubjectError::OutOfOrder))?;
        if wish.fenced_until.is_some() && self.restricted.contains(&subject) {
            return Err(Err(EraseSubjectError::Restricted));
        }
        let first_kept = wish.fenced_until.map(Month::of);
        let is_over = first_kept.is_none_or(|first| self.last_months.get(&subject).is_none_or(|last| *last < first));
        if is_over { Ok(wish.reason) } else { Err(Err(EraseSubjectError::NotDue)) }
    }
}

fn wish(row: &Row) -> Result<(SubjectId, Wish), DbError> {
    let reason = row.text(1)?.parse().map_err(|_| corrupt("an erasure's reason is unknown"))?;
    Ok((subject(row.text(0)?)?, Wish { reason, fenced_until: row.opt_int(2)?.map(Timestamp) }))
}

/// Takes wishes off the record.
async fn withdraw(tx: &mut Tx, tenant: &TenantId, subjects: &[SubjectId]) -> Result<(), DbError> {
    if subjects.is_empty() {
        return Ok(());
    }
    let dialect = tx.dialect();
    let sql = format!("DELETE FROM erasure WHERE tenant = $1 AND {}", one_of(dialect, "subject"));
    tx.execute(&sql, whose(dialect, tenant, subjects)).await.map(|_| ())
}

/// Destroys the keys of those who are on the list; gives their ids.
async fn destroy_listed(
    tx: &mut Tx,
    tenant: &TenantId,
    subjects: &[SubjectId],
    at: Timestamp,
) -> Result<Vec<KeyId>, DbError> {
    let (dialect, theirs) = (tx.dialect(), one_of(tx.dialect(), "subject"));
    let whose = || whose(dialect, tenant, subjects);
    let dated = || whose().into_iter().chain([at.0.into()]).collect::<Vec<Value>>();
    let requested = format!("UPDATE erasure SET stage = 'destroyed', destroyed_at = $3 WHERE tenant = $1 AND {theirs}");
    tx.execute(&requested, dated()).await?;
    let tombstones = format!(
        "UPDATE subject SET state = 'erased', erased_at = $3, fenced_until = (SELECT e.fenced_until FROM erasure e \
         WHERE e.tenant = subject.tenant AND e.subject = subject.subject) WHERE tenant = $1 AND {theirs}"
    );
    tx.execute(&tombstones, dated()).await?;
    lock_pages(tx, whose()).await?;
    let destroy = format!(
        "UPDATE subject_key SET state = 'destroyed', wrapped = NULL, destroyed_at = $3 \
         WHERE tenant = $1 AND {theirs} AND state = 'active' RETURNING key_id, page"
    );
    let destroyed = tx.query(&destroy, dated()).await?;
    mark_lossy(tx, &destroyed).await?;
    // Read after the locks were taken: whatever wrapped these pages before belongs to this epoch or to an earlier one.
    let copies = format!(
        "UPDATE erasure SET epoch = (SELECT epoch FROM epoch WHERE state = 'current') WHERE tenant = $1 AND {theirs}"
    );
    tx.execute(&copies, whose()).await?;
    forget_identities(tx, tenant, subjects).await?;
    index_pages::forget(tx, tenant, subjects).await?;
    tx.execute(&format!("DELETE FROM hold WHERE tenant = $1 AND {theirs}"), whose()).await?;
    // Nothing is left to restrict, and nobody to be told.
    let lift = "UPDATE restriction SET lifted_by = 'daybook', lifted_at = $3 WHERE tenant = $1 AND lifted_at IS NULL";
    tx.execute(&format!("{lift} AND {theirs}"), dated()).await?;
    requests::forget(tx, tenant, subjects).await?;
    visits::forget(tx, tenant, subjects).await?;
    destroyed.iter().map(|row| key_id(row.text(0)?)).collect()
}

/// Takes the locks of the pages that these subjects' keys are on, in the order that all share, so that a rotation moves them
/// either before or after.
async fn lock_pages(tx: &mut Tx, whose: Vec<Value>) -> Result<(), DbError> {
    if tx.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    let sql = format!(
        "SELECT page FROM page WHERE page IN \
         (SELECT page FROM subject_key WHERE tenant = $1 AND {} AND state = 'active') ORDER BY page FOR UPDATE",
        one_of(Dialect::Postgres, "subject")
    );
    tx.query(&sql, whose).await.map(|_| ())
}

/// Deletes what would lead back to these people and does not lie on index pages: what an earlier version has written. Asked
/// for first, by an index that is empty else: the orders of somebody with many would all be read in vain.
async fn forget_identities(tx: &mut Tx, tenant: &TenantId, subjects: &[SubjectId]) -> Result<(), DbError> {
    let older = "SELECT 1 FROM identity WHERE tenant = $1 AND kind IN ('phone', 'email', 'quarantine') LIMIT 1";
    if tx.query(older, vec![tenant.as_str().into()]).await?.is_empty() {
        return Ok(());
    }
    let dialect = tx.dialect();
    let sql = format!("DELETE FROM identity WHERE tenant = $1 AND {} AND {}", one_of(dialect, "subject"), naming());
    tx.execute(&sql, whose(dialect, tenant, subjects)).await.map(|_| ())
}
