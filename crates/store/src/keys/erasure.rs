//! Erasing a subject, in three steps that are each durable before the next: requested, destroyed, announced.
//!
//! Destroying lists the erasure in the keyring, so that a key store restored from before it cannot undo it unseen. Then, in
//! one transaction, the subject becomes a tombstone, every one of its keys loses its bytes, and of its
//! identities only the fence stays. What was sealed is unreadable from then on. Then the bytes of the wrapped keys leave
//! SQLite's write-ahead log too. They survive in backups, and in PostgreSQL's write-ahead log and its archive, until these
//! are gone; the epochs see to those.

use std::collections::BTreeSet;

use commerce::{SubjectId, TenantId};
use ledger::Timestamp;
use subject_keys::EpochId;

use super::epochs::{epoch_id, on_disk};
use super::hold::{HoldReason, held_until, unheld};
use super::identity::{IdentityKind, Month, SubjectState};
use super::keyring::Keyring;
use super::resolve::{subject, subject_state, tenant};
use super::restriction::is_restricted;
use super::subject_key::key_id;
use super::tombstones::Tombstone;
use super::{KeyStore, KeyStoreError, corrupt, index_pages, lock, requests, visits};
use crate::db::{DbError, Dialect, Row, Tx, Value};

/// Why a subject is erased. A fixed list, because a free text would name somebody sooner or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErasureReason {
    /// The person asked for it.
    Person,
    /// The shop asked for it, in its own name or passing on a person's wish.
    Shop,
    /// The time for which the data may be kept is over.
    Retention,
}

/// The text is no reason for an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a reason for an erasure: use person, shop or retention")]
pub struct UnknownErasureReason;

impl ErasureReason {
    /// `person`, `shop` or `retention`; also the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            ErasureReason::Person => "person",
            ErasureReason::Shop => "shop",
            ErasureReason::Retention => "retention",
        }
    }
}

impl std::str::FromStr for ErasureReason {
    type Err = UnknownErasureReason;

    fn from_str(text: &str) -> Result<Self, UnknownErasureReason> {
        let all = [ErasureReason::Person, ErasureReason::Shop, ErasureReason::Retention];
        all.into_iter().find(|reason| reason.as_str() == text).ok_or(UnknownErasureReason)
    }
}

/// How far an erasure has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Recorded; nothing is destroyed yet.
    Requested,
    /// The keys are destroyed; the log does not say so yet.
    Destroyed,
    /// The log says so: nothing is left to do.
    Announced,
}

impl Stage {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Stage::Requested => "requested",
            Stage::Destroyed => "destroyed",
            Stage::Announced => "announced",
        }
    }

    fn parse(text: &str) -> Result<Stage, DbError> {
        let all = [Stage::Requested, Stage::Destroyed, Stage::Announced];
        all.into_iter().find(|stage| stage.as_str() == text).ok_or_else(|| corrupt("an erasure's stage is unknown"))
    }
}

/// An erasure on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Whose customer.
    pub tenant: TenantId,
    /// Who.
    pub subject: SubjectId,
    /// Why.
    pub reason: ErasureReason,
    /// How far it has come.
    pub stage: Stage,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When the keys were destroyed, if they are.
    pub destroyed_at: Option<Timestamp>,
    /// The last epoch by which a copy of the destroyed keys can be opened. Unknown before they are destroyed, and for what
    /// was destroyed before epochs ended.
    pub epoch: Option<EpochId>,
}

/// Whether a request is new. Asking twice is no error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requested {
    /// It is on record from now on.
    Now,
    /// It was on record, with the reason and time of the first request.
    Already,
}

/// Whether anything was left to destroy. Destroying twice is no error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erased {
    /// The keys were destroyed now, at the given time.
    Now(Timestamp),
    /// They had been destroyed before, at this time.
    Already(Timestamp),
}

impl Erased {
    /// When the keys were destroyed.
    pub fn at(self) -> Timestamp {
        match self {
            Erased::Now(at) | Erased::Already(at) => at,
        }
    }
}

/// Why a subject was not erased. Unless it says otherwise, nothing has been destroyed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EraseSubjectError {
    /// The key store did not answer; what its error says decides whether to try again.
    #[error(transparent)]
    Store(#[from] KeyStoreError),
    /// The tenant has no such subject.
    #[error("the tenant has no such data subject")]
    UnknownSubject,
    /// A step was skipped: an erasure is first requested, then destroyed, then announced.
    #[error("the erasure has not come that far: request it, then destroy, then announce")]
    OutOfOrder,
    /// Their time was over when it was recorded, and they have ordered since: it is off the record.
    #[error("they have ordered since: their time is not over")]
    NotDue,
    /// A hold stands. What was requested is carried out when the last one ends.
    #[error("a hold ({}) stands until {until}: what is on record is erased when it ends", .reason.as_str())]
    Held {
        /// Why.
        reason: HoldReason,
        /// When it ends by itself.
        until: Timestamp,
    },
    /// The keys are destroyed, but SQLite's write-ahead log still holds their wrapped bytes: destroy again, which tries
    /// this again.
    #[error("the keys are destroyed, but their wrapped bytes are still in the write-ahead log: {0}")]
    StillInLog(#[source] DbError),
}

impl From<DbError> for EraseSubjectError {
    fn from(error: DbError) -> Self {
        EraseSubjectError::Store(error.into())
    }
}

impl KeyStore {
    /// Records that this subject is to be erased. From here on the erasure happens, whatever crashes.
    pub async fn request_erasure(
        &self,
        tenant: &TenantId,
        subject: SubjectId,
        reason: ErasureReason,
        at: Timestamp,
    ) -> Result<Requested, EraseSubjectError> {
        let (dialect, tenant) = (self.db.dialect(), tenant.clone());
        self.db
            .run_tx("request-erasure", move |tx| {
                let tenant = tenant.clone();
                Box::pin(async move { request_in(tx, dialect, &tenant, subject, reason, at).await })
            })
            .await
    }

    /// Records that this subject is to be erased because nothing of theirs is of a time from `kept_from` on. False, and nothing
    /// is on record, if that is not so, or somebody holds them, or they are restricted. Should they order before they are destroyed, the record is
    /// withdrawn ([`EraseSubjectError::NotDue`]); should they come back afterwards, they are somebody new with whatever is of a
    /// time from `kept_from` on.
    pub async fn request_expiry(
        &self,
        tenant: &TenantId,
        subject: SubjectId,
        kept_from: Timestamp,
        at: Timestamp,
    ) -> Result<bool, EraseSubjectError> {
        let tenant = tenant.clone();
        self.db
            .run_tx("request-expiry", move |tx| {
                let tenant = tenant.clone();
                Box::pin(async move { request_expiry_in(tx, &tenant, subject, kept_from, at).await })
            })
            .await
    }

    /// Destroys all keys of the subject and everything it could be found by, save the fence, and on SQLite sees to it that
    /// no file of the database holds their bytes any more. Must have been requested. One transaction, and in it, unless
    /// they had been destroyed before, an append to the keyring's list.
    pub async fn destroy(
        &self,
        tenant: &TenantId,
        subject: SubjectId,
        at: Timestamp,
    ) -> Result<Erased, EraseSubjectError> {
        let whose = (tenant.clone(), self.epochs.keyring().clone());
        let unit = self.db.run_tx("destroy-keys", move |tx| {
            let (tenant, keyring) = whose.clone();
            Box::pin(async move { destroy_in(tx, &keyring, &tenant, subject, at).await })
        });
        let (erased, destroyed) = unit.await??;
        for row in &destroyed {
            self.caches.subject_keys.invalidate(&key_id(row.text(0)?)?.0);
        }
        // Also when they had been destroyed before: a crash or a reader may have come between the two.
        self.db.forget_wal().await.map_err(EraseSubjectError::StillInLog)?;
        Ok(erased)
    }

    /// Records that the log says it: the erasure is finished. The keys must have been destroyed.
    pub async fn mark_announced(&self, tenant: &TenantId, subject: SubjectId) -> Result<(), EraseSubjectError> {
        let args: Vec<Value> = vec![tenant.as_str().into(), subject.to_string().into()];
        let unit = self.db.run_tx("announce-erasure", move |tx| {
            let args = args.clone();
            let sql =
                "UPDATE erasure SET stage = 'announced' WHERE tenant = $1 AND subject = $2 AND stage <> 'requested'";
            Box::pin(async move { tx.execute(sql, args).await })
        });
        match unit.await? {
            0 => Err(EraseSubjectError::OutOfOrder),
            _ => Ok(()),
        }
    }

    /// True when the subject's erasure is finished: destroyed, and told to the log.
    pub async fn is_announced(&self, tenant: &TenantId, subject: SubjectId) -> Result<bool, EraseSubjectError> {
        let sql = "SELECT 1 FROM erasure WHERE tenant = $1 AND subject = $2 AND stage = 'announced'";
        let rows = self.db.query(sql, vec![tenant.as_str().into(), subject.to_string().into()]).await?;
        Ok(!rows.is_empty())
    }

    /// Erasures that are not announced yet, oldest request first: what to go on with after a restart.
    pub async fn unfinished_erasures(&self) -> Result<Vec<Erasure>, KeyStoreError> {
        let sql = "SELECT tenant, subject, reason, stage, requested_at, destroyed_at, epoch FROM erasure \
                   WHERE stage <> 'announced' ORDER BY requested_at, tenant, subject";
        let rows = self.db.query(sql, vec![]).await?;
        Ok(rows.iter().map(erasure).collect::<Result<_, _>>()?)
    }

    /// Those of them that no hold keeps waiting.
    pub async fn due_erasures(&self, now: Timestamp) -> Result<Vec<Erasure>, KeyStoreError> {
        let sql = format!(
            "SELECT e.tenant, e.subject, e.reason, e.stage, e.requested_at, e.destroyed_at, e.epoch FROM erasure e \
             WHERE e.stage <> 'announced' AND (e.stage = 'destroyed' OR {}) ORDER BY e.requested_at, e.tenant, e.subject",
            unheld("e", 1)
        );
        let rows = self.db.query(&sql, vec![now.0.into()]).await?;
        Ok(rows.iter().map(erasure).collect::<Result<_, _>>()?)
    }

    /// Whether an erasure is on record whose keys are still there, and no hold keeps it waiting: it would be carried out now.
    pub async fn erasure_is_due(
        &self,
        tenant: &TenantId,
        subject: SubjectId,
        now: Timestamp,
    ) -> Result<bool, KeyStoreError> {
        let sql = format!(
            "SELECT 1 FROM erasure e WHERE e.tenant = $1 AND e.subject = $2 AND e.stage = 'requested' AND {}",
            unheld("e", 3)
        );
        let args = vec![tenant.as_str().into(), subject.to_string().into(), now.0.into()];
        Ok(!self.db.query(&sql, args).await?.is_empty())
    }

    /// The subject's erasure, if one is on record.
    pub async fn erasure_of(&self, tenant: &TenantId, subject: SubjectId) -> Result<Option<Erasure>, KeyStoreError> {
        let sql = "SELECT tenant, subject, reason, stage, requested_at, destroyed_at, epoch FROM erasure \
                   WHERE tenant = $1 AND subject = $2";
        let rows = self.db.query(sql, vec![tenant.as_str().into(), subject.to_string().into()]).await?;
        Ok(rows.first().map(erasure).transpose()?)
    }
}

async fn request_in(
    tx: &mut Tx,
    dialect: Dialect,
    tenant: &TenantId,
    subject: SubjectId,
    reason: ErasureReason,
    at: Timestamp,
) -> Result<Requested, EraseSubjectError> {
    lock::tenants(tx, dialect, [tenant]).await?;
    state_of(tx, tenant, subject).await?;
    let insert = "INSERT INTO erasure (tenant, subject, reason, stage, requested_at) \
                  VALUES ($1, $2, $3, 'requested', $4) ON CONFLICT (tenant, subject) DO UPDATE \
                  SET reason = EXCLUDED.reason, fenced_until = NULL \
                  WHERE erasure.fenced_until IS NOT NULL AND erasure.stage = 'requested'";
    let args = vec![tenant.as_str().into(), subject.to_string().into(), reason.as_str().into(), at.0.into()];
    // A wish stands for itself, also where time would have had them erased, if nothing came in between.
    Ok(match tx.execute(insert, args).await? {
        0 => Requested::Already,
        _ => Requested::Now,
    })
}

/// False if somebody is held or restricted, or has a key of a month that is kept, or a wish of theirs is on record already.
async fn request_expiry_in(
    tx: &mut Tx,
    tenant: &TenantId,
    subject: SubjectId,
    kept_from: Timestamp,
    at: Timestamp,
) -> Result<bool, EraseSubjectError> {
    let dialect = tx.dialect();
    lock::tenants(tx, dialect, [tenant]).await?;
    let due = state_of(tx, tenant, subject).await? == SubjectState::Active
        && held_until(tx, tenant, subject, at).await?.is_none()
        && !is_restricted(tx, tenant, subject, at).await?
        && is_over(tx, tenant, subject, &Month::of(kept_from)).await?;
    if !due {
        return Ok(false);
    }
    let insert = "INSERT INTO erasure (tenant, subject, reason, stage, requested_at, fenced_until) \
                  VALUES ($1, $2, 'retention', 'requested', $3, $4) ON CONFLICT (tenant, subject) DO NOTHING";
    let args = vec![tenant.as_str().into(), subject.to_string().into(), at.0.into(), kept_from.0.into()];
    Ok(tx.execute(insert, args).await? > 0)
}

/// Gives also the ids of the keys that were destroyed. A wish that time has overtaken is withdrawn, which is to be committed: hence
/// a result within the result.
async fn destroy_in(
    tx: &mut Tx,
    keyring: &Keyring,
    tenant: &TenantId,
    subject: SubjectId,
    at: Timestamp,
) -> Result<Result<(Erased, Vec<Row>), EraseSubjectError>, EraseSubjectError> {
    let dialect = tx.dialect();
    if dialect == Dialect::Sqlite {
        // The writing connection overwrites with zeros what it deletes, from now on.
        tx.query("PRAGMA secure_delete = ON", vec![]).await?;
    }
    lock::tenants(tx, dialect, [tenant]).await?;
    if let SubjectState::Erased { at } = state_of(tx, tenant, subject).await? {
        return Ok(Ok((Erased::Already(at), Vec::new())));
    }
    if let Some((reason, until)) = held_until(tx, tenant, subject, at).await? {
        return Err(EraseSubjectError::Held { reason, until });
    }
    let whose = || vec![tenant.as_str().into(), subject.to_string().into()];
    let wish = "SELECT reason, fenced_until FROM erasure WHERE tenant = $1 AND subject = $2";
    let wish = tx.query(wish, whose()).await?;
    let wish = wish.first().ok_or(EraseSubjectError::OutOfOrder)?;
    let fenced_until = wish.opt_int(1)?;
    if let Some(until) = fenced_until
        && !is_over(tx, tenant, subject, &Month::of(Timestamp(until))).await?
    {
        tx.execute("DELETE FROM erasure WHERE tenant = $1 AND subject = $2", whose()).await?;
        return Ok(Err(EraseSubjectError::NotDue));
    }
    list(keyring, tenant, subject, wish.text(0)?, at).await?;
    let dated = || whose().into_iter().chain([at.0.into()]).collect::<Vec<Value>>();
    let requested = "UPDATE erasure SET stage = 'destroyed', destroyed_at = $3 WHERE tenant = $1 AND subject = $2";
    tx.execute(requested, dated()).await?;
    let tombstone =
        "UPDATE subject SET state = 'erased', erased_at = $3, fenced_until = $4 WHERE tenant = $1 AND subject = $2";
    tx.execute(tombstone, dated().into_iter().chain([fenced_until.into()]).collect()).await?;
    lock_pages(tx, whose()).await?;
    let destroy = "UPDATE subject_key SET state = 'destroyed', wrapped = NULL, destroyed_at = $3 \
                   WHERE tenant = $1 AND subject = $2 AND state = 'active' RETURNING key_id, page";
    let destroyed = tx.query(destroy, dated()).await?;
    mark_lossy(tx, &destroyed).await?;
    // Read after the locks were taken: whatever wrapped these pages before belongs to this epoch or to an earlier one.
    let copies = "UPDATE erasure SET epoch = (SELECT epoch FROM epoch WHERE state = 'current') \
                  WHERE tenant = $1 AND subject = $2";
    tx.execute(copies, whose()).await?;
    tx.execute(&forget_identities(), whose()).await?;
    index_pages::forget(tx, whose).await?;
    tx.execute("DELETE FROM hold WHERE tenant = $1 AND subject = $2", whose()).await?;
    requests::forget(tx, whose()).await?;
    visits::forget(tx, whose).await?;
    Ok(Ok((Erased::Now(at), destroyed)))
}

/// Whether a subject has no living key of this month or a later one.
async fn is_over(tx: &mut Tx, tenant: &TenantId, subject: SubjectId, first_kept: &Month) -> Result<bool, DbError> {
    let sql =
        "SELECT 1 FROM subject_key WHERE tenant = $1 AND subject = $2 AND month >= $3 AND state = 'active' LIMIT 1";
    let args = vec![tenant.as_str().into(), subject.to_string().into(), first_kept.as_str().into()];
    Ok(tx.query(sql, args).await?.is_empty())
}

/// Lists an erasure, on the disk, before it is committed: a list that says too much does no harm, because what was requested
/// is finished. Under the tenant's lock, so that no hold comes between.
async fn list(
    keyring: &Keyring,
    tenant: &TenantId,
    subject: SubjectId,
    reason: &str,
    at: Timestamp,
) -> Result<(), KeyStoreError> {
    let reason = reason.parse().map_err(|_| corrupt("an erasure's reason is unknown"))?;
    let erased = Tombstone { tenant: tenant.clone(), subject, at, reason };
    Ok(on_disk(keyring, move |ring| ring.list_erased(&[erased])).await?)
}

/// Takes the locks of the pages that the subject's keys are on, in the order that all share, so that a rotation moves them
/// either before or after.
async fn lock_pages(tx: &mut Tx, whose: Vec<Value>) -> Result<(), DbError> {
    if tx.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    let sql = "SELECT page FROM page WHERE page IN \
               (SELECT page FROM subject_key WHERE tenant = $1 AND subject = $2 AND state = 'active') \
               ORDER BY page FOR UPDATE";
    tx.query(sql, whose).await.map(|_| ())
}

/// Marks the pages that these keys were on: their own keys must not be wrapped by a later epoch. A key that moved after the
/// locks were taken is on a page whose lock comes late; the database undoes one of two that wait for each other, and it is
/// run again.
pub(super) async fn mark_lossy(tx: &mut Tx, destroyed: &[Row]) -> Result<(), DbError> {
    let pages = destroyed.iter().map(|row| row.int(1)).collect::<Result<BTreeSet<i64>, DbError>>()?;
    for page in pages {
        tx.execute("UPDATE page SET state = 'lossy' WHERE page = $1 AND state = 'in-use'", vec![page.into()]).await?;
    }
    Ok(())
}

/// Deletes what would lead back to the person.
fn forget_identities() -> String {
    format!("DELETE FROM identity WHERE tenant = $1 AND subject = $2 AND {}", naming())
}

/// Which identities lead back to the person, in SQL: all but the fence.
pub(super) fn naming() -> String {
    let fence: Vec<String> = fence_kinds().into_iter().map(|kind| format!("'{kind}'")).collect();
    format!("kind NOT IN ({})", fence.join(", "))
}

/// The kinds of identities that stay, as they are stored.
pub(super) fn fence_kinds() -> Vec<&'static str> {
    use IdentityKind::{Customer, Email, Input, Order, OrderRecipient, Phone, Quarantine};
    let all = [Order, OrderRecipient, Customer, Phone, Email, Quarantine, Input];
    all.into_iter().filter(|kind| kind.is_fence()).map(IdentityKind::as_str).collect()
}

pub(super) async fn state_of(
    tx: &mut Tx,
    tenant: &TenantId,
    subject: SubjectId,
) -> Result<SubjectState, EraseSubjectError> {
    let sql = "SELECT state, erased_at FROM subject WHERE tenant = $1 AND subject = $2";
    let rows = tx.query(sql, vec![tenant.as_str().into(), subject.to_string().into()]).await?;
    let row = rows.first().ok_or(EraseSubjectError::UnknownSubject)?;
    Ok(subject_state(row.text(0)?, row.opt_int(1)?)?)
}

fn erasure(row: &Row) -> Result<Erasure, DbError> {
    Ok(Erasure {
        tenant: tenant(row.text(0)?)?,
        subject: subject(row.text(1)?)?,
        reason: row.text(2)?.parse().map_err(|_| corrupt("an erasure's reason is unknown"))?,
        stage: Stage::parse(row.text(3)?)?,
        requested_at: Timestamp(row.int(4)?),
        destroyed_at: row.opt_int(5)?.map(Timestamp),
        epoch: row.opt_int(6)?.map(epoch_id).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shops_own_numbers_and_our_own_stay() {
        assert!(forget_identities().ends_with("kind NOT IN ('order', 'order-recipient', 'customer', 'input')"));
    }

    #[test]
    fn reasons_and_stages_survive_storage() {
        for reason in [ErasureReason::Person, ErasureReason::Shop, ErasureReason::Retention] {
            assert_eq!(reason.as_str().parse(), Ok(reason));
        }
        assert_eq!("Bilqis asked".parse::<ErasureReason>(), Err(UnknownErasureReason));
        for stage in [Stage::Requested, Stage::Destroyed, Stage::Announced] {
            assert_eq!(Stage::parse(stage.as_str()), Ok(stage));
        }
    }
}
