//! Erasing a subject, in three steps that are each durable before the next: requested, destroyed, announced.
//!
//! Here are the first and the last, and what is on record of them; the second is in [`destroy`](super::destroy).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use commerce::{SubjectId, TenantId};
use ledger::Timestamp;
use subject_keys::EpochId;

use super::epochs::epoch_id;
use super::hold::{HoldReason, held_until, unheld};
use super::identity::{IdentityKind, Month, SubjectState};
use super::resolve::{subject, subject_state, tenant};
use super::restriction::{is_restricted, unrestricted};
use super::{KeyStore, KeyStoreError, corrupt, lock};
use crate::db::{DbError, Dialect, Row, Tx, Value};

/// Why a subject is erased. A fixed list, because a free text would name somebody sooner or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// Their time is over, and they are restricted: what is on record waits until they are not.
    #[error("they are restricted: time does not take them")]
    Restricted,
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
        let requested = self.request_erasures(tenant, &[subject], reason, at).await?;
        requested.get(&subject).copied().ok_or(EraseSubjectError::UnknownSubject)
    }

    /// The same for many subjects of a tenant, in one transaction; those that it does not know are left out of the answer.
    pub async fn request_erasures(
        &self,
        tenant: &TenantId,
        subjects: &[SubjectId],
        reason: ErasureReason,
        at: Timestamp,
    ) -> Result<BTreeMap<SubjectId, Requested>, KeyStoreError> {
        let whose: (TenantId, Arc<[SubjectId]>) = (tenant.clone(), subjects.into());
        self.db
            .run_tx("request-erasure", move |tx| {
                let (tenant, subjects) = whose.clone();
                Box::pin(async move { request_in(tx, &tenant, &subjects, reason, at).await })
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

    /// Records that the log says it: the erasure is finished. The keys must have been destroyed.
    pub async fn mark_announced(&self, tenant: &TenantId, subject: SubjectId) -> Result<(), EraseSubjectError> {
        match self.mark_all_announced(tenant, &[subject]).await?.contains(&subject) {
            true => Ok(()),
            false => Err(EraseSubjectError::OutOfOrder),
        }
    }

    /// The same for many subjects of a tenant, in one transaction; gives those whose keys had been destroyed.
    pub async fn mark_all_announced(
        &self,
        tenant: &TenantId,
        subjects: &[SubjectId],
    ) -> Result<BTreeSet<SubjectId>, KeyStoreError> {
        let dialect = self.db.dialect();
        let sql = format!(
            "UPDATE erasure SET stage = 'announced' WHERE tenant = $1 AND {} AND stage <> 'requested' RETURNING subject",
            one_of(dialect, "subject")
        );
        let of: (String, Vec<Value>) = (sql, whose(dialect, tenant, subjects));
        let unit = self.db.run_tx("announce-erasure", move |tx| {
            let (sql, args) = of.clone();
            Box::pin(async move { tx.query(&sql, args).await })
        });
        let marked = unit.await.map_err(|error: DbError| error)?;
        Ok(marked.iter().map(|row| row.text(0).and_then(subject)).collect::<Result<_, DbError>>()?)
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

    /// Those of them that no hold keeps waiting, and, of people whose time is over, no restriction.
    pub async fn due_erasures(&self, now: Timestamp) -> Result<Vec<Erasure>, KeyStoreError> {
        let (unheld, unrestricted) = (unheld("e", 1), unrestricted("e", 1));
        let sql = format!(
            "SELECT e.tenant, e.subject, e.reason, e.stage, e.requested_at, e.destroyed_at, e.epoch FROM erasure e \
             WHERE e.stage <> 'announced' AND (e.stage = 'destroyed' OR ({unheld} AND (e.fenced_until IS NULL OR {unrestricted}))) \
             ORDER BY e.requested_at, e.tenant, e.subject"
        );
        let rows = self.db.query(&sql, vec![now.0.into()]).await?;
        Ok(rows.iter().map(erasure).collect::<Result<_, _>>()?)
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
    tenant: &TenantId,
    subjects: &[SubjectId],
    reason: ErasureReason,
    at: Timestamp,
) -> Result<BTreeMap<SubjectId, Requested>, KeyStoreError> {
    let dialect = tx.dialect();
    lock::tenants(tx, dialect, [tenant]).await?;
    let known = states_of(tx, tenant, subjects).await?;
    let insert = format!(
        "INSERT INTO erasure (tenant, subject, reason, stage, requested_at) \
         SELECT tenant, subject, $3, 'requested', $4 FROM subject WHERE tenant = $1 AND {} \
         ON CONFLICT (tenant, subject) DO UPDATE SET reason = EXCLUDED.reason, fenced_until = NULL \
         WHERE erasure.fenced_until IS NOT NULL AND erasure.stage = 'requested' RETURNING subject",
        one_of(dialect, "subject")
    );
    let mut args = whose(dialect, tenant, subjects);
    args.extend([reason.as_str().into(), at.0.into()]);
    // A wish stands for itself, also where time would have had them erased, if nothing came in between.
    let mut requested: BTreeMap<SubjectId, Requested> =
        known.into_keys().map(|one| (one, Requested::Already)).collect();
    for row in &tx.query(&insert, args).await? {
        requested.insert(subject(row.text(0)?)?, Requested::Now);
    }
    Ok(requested)
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

/// Whether a subject has no living key of this month or a later one.
async fn is_over(tx: &mut Tx, tenant: &TenantId, subject: SubjectId, first_kept: &Month) -> Result<bool, DbError> {
    let sql =
        "SELECT 1 FROM subject_key WHERE tenant = $1 AND subject = $2 AND month >= $3 AND state = 'active' LIMIT 1";
    let args = vec![tenant.as_str().into(), subject.to_string().into(), first_kept.as_str().into()];
    Ok(tx.query(sql, args).await?.is_empty())
}

/// Marks the pages that these keys were on: their own keys must not be wrapped by a later epoch. A key that moved after the
/// locks were taken is on a page whose lock comes late; the database undoes one of two that wait for each other, and it is
/// run again.
pub(super) async fn mark_lossy(tx: &mut Tx, destroyed: &[Row]) -> Result<(), DbError> {
    let pages = destroyed.iter().map(|row| row.int(1)).collect::<Result<BTreeSet<i64>, DbError>>()?;
    let list = pages.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
    let (among, list) = match tx.dialect() {
        Dialect::Postgres => ("page = ANY (string_to_array($1, ',')::int8[])", list),
        Dialect::Sqlite => ("page IN (SELECT value FROM json_each($1))", format!("[{list}]")),
    };
    let sql = format!("UPDATE page SET state = 'lossy' WHERE {among} AND state = 'in-use'");
    tx.execute(&sql, vec![list.into()]).await.map(|_| ())
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
    states_of(tx, tenant, &[subject]).await?.remove(&subject).ok_or(EraseSubjectError::UnknownSubject)
}

/// Whether these subjects live; those that the tenant does not know are left out.
pub(super) async fn states_of(
    tx: &mut Tx,
    tenant: &TenantId,
    subjects: &[SubjectId],
) -> Result<BTreeMap<SubjectId, SubjectState>, DbError> {
    let dialect = tx.dialect();
    let sql =
        format!("SELECT subject, state, erased_at FROM subject WHERE tenant = $1 AND {}", one_of(dialect, "subject"));
    let state = |row: &Row| Ok((subject(row.text(0)?)?, subject_state(row.text(1)?, row.opt_int(2)?)?));
    tx.query(&sql, whose(dialect, tenant, subjects)).await?.iter().map(state).collect()
}

/// In SQL: the column with a subject's id names one of those that [`whose`] lists.
pub(super) fn one_of(dialect: Dialect, column: &str) -> String {
    match dialect {
        Dialect::Postgres => format!("{column} = ANY (string_to_array($2, ','))"),
        Dialect::Sqlite => format!("{column} IN (SELECT value FROM json_each($2))"),
    }
}

/// The first two arguments of a statement about these subjects, which has one text whatever their number.
pub(super) fn whose(dialect: Dialect, tenant: &TenantId, subjects: &[SubjectId]) -> Vec<Value> {
    let list: Vec<String> = subjects.iter().map(SubjectId::to_string).collect();
    let list = match dialect {
        Dialect::Postgres => list.join(","),
        Dialect::Sqlite if list.is_empty() => "[]".to_owned(),
        Dialect::Sqlite => format!("[\"{}\"]", list.join("\",\"")),
    };
    vec![tenant.as_str().into(), list.into()]
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
        assert_eq!(naming(), "kind NOT IN ('order', 'order-recipient', 'customer', 'input')");
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
