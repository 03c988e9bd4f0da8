//! Time limits, kept: what is past its time goes, by itself and every hour, and going twice takes nothing more.
//!
//! For each tenant and class, as [`store::keys::RetentionClass`] names them:
//!
//! - **customers**: whoever has nothing but months that are due is erased, as if they had asked; of others the keys of the months
//!   that are due are destroyed;
//! - **quarantine**: the key of each month that is due is destroyed, and its inputs leave the list as redriven ones do;
//! - **accesses**: the oldest rows of the access log go, and the rest still verifies.
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
    DueKeys, DueMonths, EraseSubjectError, KeyStore, KeyStoreError, Limit, Month, RetentionClass, RetentionDays,
};

use crate::EraseError;

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
    /// The log, which is told what left the quarantine.
    #[error("the log was not told what left the quarantine: {0}")]
    Append(#[from] AppendError),
}

/// What would go now: a dry run.
pub async fn due(keys: &KeyStore, db: &Db, row: &TenantRow, now: Timestamp) -> Result<Due, RetentionError> {
    let mut due = Due::default();
    for limit in keys.retention(&row.tenant).await? {
        let Due { keys, quarantined, accesses } = due_under(keys, db, row, limit, now).await?;
        due.keys = DueKeys { keys: due.keys.keys + keys.keys, subjects: due.keys.subjects + keys.subjects };
        due.quarantined += quarantined;
        due.accesses += accesses;
    }
    Ok(due)
}

/// What would go now of one class, were this its limit.
pub async fn due_under(
    keys: &KeyStore,
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
    })
}

/// Does what is due now, for one tenant. One class that fails does not hold up the others; the first failure is told in the end.
pub async fn expire(
    keys: &KeyStore,
    log: &EventLog,
    db: &Db,
    row: &TenantRow,
    now: Timestamp,
) -> Result<Expired, RetentionError> {
    let (mut expired, mut failure) = (Expired::default(), None);
    for limit in keys.retention(&row.tenant).await? {
        let gone = match limit.class {
            RetentionClass::Customers => expire_customers(keys, log, row, limit.days, now).await,
            RetentionClass::Quarantine => empty_quarantine(keys, log, db, row, limit.days, now).await,
            RetentionClass::Accesses => purge_accesses(keys, row, limit.days, now).await,
        };
        match gone {
            Ok(gone) => expired = expired.and(gone),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(expired), Err)
}

/// Erases everybody who has nothing but months that are due, and destroys what is due of the others.
async fn expire_customers(
    keys: &KeyStore,
    log: &EventLog,
    row: &TenantRow,
    days: RetentionDays,
    now: Timestamp,
) -> Result<Expired, RetentionError> {
    let (mut erased, mut failure) = (0, None);
    let months = due_months(keys, row, days, now).await?;
    loop {
        let before = erased;
        let due = keys.due_subjects(&months, now).await?;
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
            Err(EraseError::Keys(EraseSubjectError::NotDue | EraseSubjectError::Held { .. })) => {}
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
    let mut except = Vec::new();
    for month in months(row.created_at, days.before(now)) {
        except.extend(keys.quarantine_of(&row.tenant, &month).await?);
    }
    Ok(DueMonths { tenant: row.tenant.clone(), first_kept: days.first_month_kept(now), except })
}

/// Destroys the keys of months that are due, and then takes their inputs off the list: what a crash leaves listed goes next time.
async fn empty_quarantine(
    keys: &KeyStore,
    log: &EventLog,
    db: &Db,
    row: &TenantRow,
    days: RetentionDays,
    now: Timestamp,
) -> Result<Expired, RetentionError> {
    let (tenant, kept_from) = (&row.tenant, days.before(now));
    let stale = stale(db, tenant, &Month::of(kept_from)).await?;
    let mut due = Vec::new();
    for month in months(row.created_at, kept_from) {
        due.extend(keys.quarantine_of(tenant, &month).await?);
    }
    if let (_, Some(failure)) = expire_subjects(keys, log, tenant, due, kept_from, now).await {
        return Err(failure.into());
    }
    for inputs in stale.chunks(CHUNK) {
        let left = |input: &QuarantineRow| Event::redriven(tenant.clone(), input.event, now).encode();
        log.append(inputs.iter().map(left).collect()).await?;
    }
    Ok(Expired { quarantined: stale.len() as u64, ..Expired::default() })
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
fn months(from: Timestamp, until: Timestamp) -> BTreeSet<Month> {
    const STEP: usize = 27 * 86_400_000_000;
    let last = Month::of(until);
    // Steps shorter than any month miss none.
    (from.0..until.0).step_by(STEP).map(|at| Month::of(Timestamp(at))).filter(|month| *month < last).collect()
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
