//! Time limits, kept: what is past its time goes, by itself and every hour (see `store::keys::NextPass` for when exactly), and going twice takes nothing more.
//!
//! For each tenant and class, as [`store::keys::RetentionClass`] names them:
//!
//! - **customers**: whoever has nothing but months that are due is erased, as if they had asked; of others the keys of the months
//!   that are due are destroyed;
//! - **quarantine**: each input of a month that is due is erased, and leaves the list as redriven ones do; so is the key of a month
//!   under which an earlier version sealed all of its inputs;
//! - **accesses**: the oldest rows of the access log go, and the rest still verifies;
//! - **closed**: everything personal of an account that was closed so long ago ([`closure`](crate::closure));
//! - **financial**: the detail of cases that are finished, for which totals by month stand from then on
//!   ([`financial`](crate::financial)).
//!
//! Whoever is held ([`store::keys::Hold`]) keeps everything until the hold ends. No amount changes: the ledger knows nobody.

use std::collections::BTreeSet;

use commerce::{SubjectId, TenantId};
use event_log::{AppendError, EventLog};
use events::Event;
use ledger::Timestamp;
use store::books::{self, QuarantineRow, TenantRow};
use store::db::{Db, DbError};
use store::keys::{
    Actor, DueKeys, DueMonths, EraseSubjectError, ErasureReason, KeyStore, KeyStoreError, KeysOf, Limit, Month,
    RetentionClass, RetentionDays, RetentionReport,
};

use crate::book_holds::BookHoldsError;
use crate::inputs::{self, Stores, Wish};
use crate::{EraseError, closure, financial};

/// How many inputs leave the quarantine in one append.
const CHUNK: usize = 500;

/// What is past its time for one tenant, and what goes with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Due {
    /// Keys of customers' data.
    pub keys: DueKeys,
    /// Inputs in quarantine.
    pub quarantined: u64,
    /// Rows of the access log.
    pub accesses: u64,
    /// People of an account that was closed.
    pub closed: u64,
    /// Cases whose detail is replaced by totals.
    pub cases: u64,
}

/// What went for one tenant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expired {
    /// People who were erased.
    pub erased: u64,
    /// Keys that were destroyed of people who live on.
    pub keys: u64,
    /// Inputs that left the quarantine.
    pub quarantined: u64,
    /// Rows of the access log.
    pub accesses: u64,
    /// Webhook secrets of an account that was closed.
    pub secrets: u64,
    /// Rows of its index.
    pub index_rows: u64,
    /// Cases whose detail was replaced by totals.
    pub replaced: u64,
}

/// Why not everything went. What went is gone; the next call goes on.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// The key store.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The read models, where the quarantine is listed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// An erasure.
    #[error(transparent)]
    Erase(#[from] EraseError),
    /// The books were not asked who of a closed account is to be held.
    #[error(transparent)]
    Holds(#[from] BookHoldsError),
    /// The log, which is told what left the quarantine.
    #[error("the log was not told what left the quarantine: {0}")]
    Append(#[from] AppendError),
    /// The log, which is told which totals stand for detail.
    #[error("the log was not told which totals stand for detail: {0}")]
    Totals(#[source] AppendError),
    /// The books, which say which cases are over.
    #[error(transparent)]
    Books(#[from] processor::ProcessError),
}

/// What would go now: a dry run.
pub async fn due(
    keys: &KeyStore,
    log: &EventLog,
    db: &Db,
    row: &TenantRow,
    now: Timestamp,
) -> Result<Due, RetentionError> {
    let mut due = Due::default();
    for limit in keys.retention(&row.tenant).await? {
        let Due { keys, quarantined, accesses, closed, cases } = due_under(keys, log, db, row, limit, now).await?;
        due.keys = DueKeys { keys: due.keys.keys + keys.keys, subjects: due.keys.subjects + keys.subjects };
        due.quarantined += quarantined;
        due.accesses += accesses;
        due.closed += closed;
        due.cases += cases;
    }
    Ok(due)
}

/// What would go now of one class, were this its limit.
pub async fn due_under(
    keys: &KeyStore,
    log: &EventLog,
    db: &Db,
    row: &TenantRow,
    limit: Limit,
    now: Timestamp,
) -> Result<Due, RetentionError> {
    let tenant = &row.tenant;
    Ok(match limit.class {
        RetentionClass::Customers => {
            let months = due_months(keys, row, limit.days, now).await?;
            Due { keys: keys.due_keys(&months, now).await?, ..Due::default() }
        }
        RetentionClass::Quarantine => {
            let stale = stale(db, tenant, &limit.days.first_month_kept(now)).await?;
            Due { quarantined: stale.len() as u64, ..Due::default() }
        }
        RetentionClass::Accesses => {
            Due { accesses: keys.due_accesses(tenant, limit.days.before(now)).await?, ..Due::default() }
        }
        RetentionClass::Closed => Due { closed: closure::due(keys, tenant, limit.days, now).await?, ..Due::default() },
        RetentionClass::Financial => {
            Due { cases: financial::due(keys, log, db, row, limit.days, now).await?.count(), ..Due::default() }
        }
    })
}

/// Does what is due now, for one tenant, and stores the report of it: by whom, and how much of what.
pub async fn expire_and_report(
    keys: &KeyStore,
    log: &EventLog,
    db: &Db,
    row: &TenantRow,
    by: &Actor,
    now: Timestamp,
) -> Result<Expired, RetentionError> {
    let (gone, failure) = go(keys, log, db, row, now).await?;
    let Expired { erased, keys: expired, quarantined, accesses, secrets, index_rows, replaced } = gone;
    let report = RetentionReport {
        at: now,
        by: by.name().to_owned(),
        erased,
        keys: expired,
        quarantined,
        accesses,
        secrets,
        index_rows,
        replaced,
        failed: failure.is_some(),
    };
    keys.report_pass(&row.tenant, report).await?;
    failure.map_or(Ok(gone), Err)
}

/// Does what is due now, for one tenant. One class that fails does not hold up the others; the first failure is told in the end.
pub async fn expire(
    keys: &KeyStore,
    log: &EventLog,
    db: &Db,
    row: &TenantRow,
    now: Timestamp,
) -> Result<Expired, RetentionError> {
    let (gone, failure) = go(keys, log, db, row, now).await?;
    failure.map_or(Ok(gone), Err)
}

/// What went, and what first failed.
async fn go(
    keys: &KeyStore,
    log: &EventLog,
    db: &Db,
    row: &TenantRow,
    now: Timestamp,
) -> Result<(Expired, Option<RetentionError>), RetentionError> {
    let (mut expired, mut failure) = (Expired::default(), None);
    for limit in keys.retention(&row.tenant).await? {
        let gone = match limit.class {
            RetentionClass::Customers => expire_customers(Stores { keys, log, db }, row, limit.days, now).await,
            RetentionClass::Quarantine => empty_quarantine(keys, log, db, row, limit.days, now).await,
            RetentionClass::Accesses => purge_accesses(keys, row, limit.days, now).await,
            RetentionClass::Closed => closure::end(keys, log, db, row, limit.days, now).await,
            RetentionClass::Financial => financial::replace(Stores { keys, log, db }, row, limit.days, now).await,
        };
        match gone {
            Ok(gone) => expired = expired.and(gone),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Ok((expired, failure))
}

/// Erases everybody who has nothing but months that are due, and destroys what is due of the others.
async fn expire_customers(
    stores: Stores<'_>,
    row: &TenantRow,
    days: RetentionDays,
    now: Timestamp,
) -> Result<Expired, RetentionError> {
    let Stores { keys, log, .. } = stores;
    let (mut erased, mut failure) = (0, None);
    let months = due_months(keys, row, days, now).await?;
    loop {
        let before = erased;
        let due = keys.due_subjects(&months, now).await?;
        let first_kept = Some(&months.first_kept);
        let wish = |subject: &SubjectId| Wish {
            subject: *subject,
            reason: ErasureReason::Retention,
            first_kept: first_kept.cloned(),
        };
        inputs::reach(stores, &row.tenant, &due.iter().map(wish).collect::<Vec<_>>(), now).await?;
        let (gone, failed) = expire_subjects(keys, log, &row.tenant, due, days.before(now), now).await;
        erased += gone;
        failure = failure.or(failed);
        // Nobody was left, or nobody of those who were could be erased.
        if erased == before {
            break;
        }
    }
    let keys = keys.expire_keys(&months, now).await?;
    failure.map_or(Ok(Expired { erased, keys, ..Expired::default() }), |error| Err(error.into()))
}

/// Erases those of whom nothing is of a time from `kept_from` on, and whom nobody holds; how many that were, and the first
/// failure.
async fn expire_subjects(
    keys: &KeyStore,
    log: &EventLog,
    tenant: &TenantId,
    due: Vec<SubjectId>,
    kept_from: Timestamp,
    now: Timestamp,
) -> (u64, Option<EraseError>) {
    let (mut erased, mut failure, mut requested) = (0, None, Vec::new());
    for subject in due {
        match keys.request_expiry(tenant, subject, kept_from, now).await {
            Ok(on_record) => requested.extend(on_record.then_some(subject)),
            Err(error) => failure = failure.or(Some(error.into())),
        }
    }
    for outcome in crate::finish(keys, log, tenant, &requested, now).await.into_values() {
        match outcome {
            Ok(_) => erased += 1,
            // They have just ordered, or somebody has just held them.
            Err(EraseError::Keys(
                EraseSubjectError::NotDue | EraseSubjectError::Held { .. } | EraseSubjectError::Restricted,
            )) => {}
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    (erased, failure)
}

/// Months of customers' keys that are due. The keys of what waits in quarantine have a time of their own.
async fn due_months(
    keys: &KeyStore,
    row: &TenantRow,
    days: RetentionDays,
    now: Timestamp,
) -> Result<DueMonths, KeyStoreError> {
    let except = keys.quarantine_of(&row.tenant, &months(row.created_at, days.before(now))).await?;
    Ok(DueMonths { tenant: row.tenant.clone(), first_kept: days.first_month_kept(now), of: KeysOf::People, except })
}

/// Destroys the keys of what is due, and then takes it off the list: what a crash leaves listed goes next time. What is held stays.
async fn empty_quarantine(
    keys: &KeyStore,
    log: &EventLog,
    db: &Db,
    row: &TenantRow,
    days: RetentionDays,
    now: Timestamp,
) -> Result<Expired, RetentionError> {
    let (tenant, kept_from) = (&row.tenant, days.before(now));
    let mut stale = stale(db, tenant, &Month::of(kept_from)).await?;
    let held = expire_inputs(Stores { keys, log, db }, row, &stale, days, now).await?;
    let due = keys.quarantine_of(tenant, &months(row.created_at, kept_from)).await?;
    if let (_, Some(failure)) = expire_subjects(keys, log, tenant, due, kept_from, now).await {
        return Err(failure.into());
    }
    stale.retain(|input| !held.contains(&input.subject));
    let quarantined = leave_quarantine(log, tenant, stale, now).await?;
    Ok(Expired { quarantined, ..Expired::default() })
}

/// Takes inputs off the list, as redriven ones leave it; gives how many.
pub(crate) async fn leave_quarantine(
    log: &EventLog,
    tenant: &TenantId,
    inputs: Vec<QuarantineRow>,
    now: Timestamp,
) -> Result<u64, AppendError> {
    for some in inputs.chunks(CHUNK) {
        let left = |input: &QuarantineRow| Event::redriven(tenant.clone(), input.event, now).encode();
        log.append(some.iter().map(left).collect()).await?;
    }
    Ok(inputs.len() as u64)
}

/// Erases inputs that have a key each: those that are listed and whose time is over, counted from the day they first came, and
/// those that came to no list, because the log did not take them. Gives the ones that are held.
async fn expire_inputs(
    stores: Stores<'_>,
    row: &TenantRow,
    stale: &[QuarantineRow],
    days: RetentionDays,
    now: Timestamp,
) -> Result<BTreeSet<SubjectId>, RetentionError> {
    let (tenant, mut held) = (&row.tenant, BTreeSet::new());
    let first_kept = days.first_month_kept(now);
    let due = DueMonths { tenant: tenant.clone(), first_kept, of: KeysOf::Inputs, except: Vec::new() };
    let mut over = stores.keys.inputs_among(tenant, &stale.iter().map(|input| input.subject).collect()).await?;
    loop {
        let over_now: Vec<SubjectId> = over.iter().copied().collect();
        held.extend(inputs::give_up(stores, tenant, &over_now, ErasureReason::Retention, now).await?);
        // Nobody who is held is due, save who has been held since.
        over = stores.keys.due_subjects(&due, now).await?.into_iter().filter(|one| !held.contains(one)).collect();
        if over.is_empty() {
            return Ok(held);
        }
    }
}

async fn purge_accesses(
    keys: &KeyStore,
    row: &TenantRow,
    days: RetentionDays,
    now: Timestamp,
) -> Result<Expired, RetentionError> {
    let purged = keys.purge_access(&row.tenant, days.before(now)).await?;
    Ok(Expired { accesses: purged.rows, ..Expired::default() })
}

impl Expired {
    fn and(self, more: Expired) -> Expired {
        Expired {
            erased: self.erased + more.erased,
            keys: self.keys + more.keys,
            quarantined: self.quarantined + more.quarantined,
            accesses: self.accesses + more.accesses,
            secrets: self.secrets + more.secrets,
            index_rows: self.index_rows + more.index_rows,
            replaced: self.replaced + more.replaced,
        }
    }
}

/// The inputs that came in months before this one and are still listed.
async fn stale(db: &Db, tenant: &TenantId, first_kept: &Month) -> Result<Vec<QuarantineRow>, DbError> {
    let mut listed = books::quarantined(db, tenant).await?;
    listed.retain(|input| Month::of(input.received_at) < *first_kept);
    Ok(listed)
}

/// The months from one time on that ended before the month of another.
fn months(from: Timestamp, until: Timestamp) -> Vec<Month> {
    const STEP: usize = 27 * 86_400_000_000;
    let last = Month::of(until);
    // Steps shorter than any month miss none.
    let months = (from.0..until.0).step_by(STEP).map(|at| Month::of(Timestamp(at))).filter(|month| *month < last);
    months.collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_month_that_ended_is_there_once() {
        // 2025-12-31T23:00:00Z and 2026-03-02T00:00:00Z.
        let (from, until) = (Timestamp(1_767_222_000_000_000), Timestamp(1_772_409_600_000_000));
        let found: Vec<String> = months(from, until).iter().map(|month| month.as_str().to_owned()).collect();
        assert_eq!(found, ["2025-12", "2026-01", "2026-02"]);
        assert!(months(until, from).is_empty() && months(until, until).is_empty());
    }
}
