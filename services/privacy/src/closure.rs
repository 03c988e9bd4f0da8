//! The end of an account: `daybook tenant close`, or the shop's own `shop/redact`, and after the merchant's time limit (30 days unless
//! set otherwise) everything personal of it goes. The books stay, and know nobody.
//!
//! Closed, it takes no webhook any more but what a shop says about people, and nobody enters anything. It can be opened again until
//! the first step below. Each step begins from what the stores say, so an interrupted one is taken again:
//!
//! 1. it is recorded that the end has begun: from here on there is no way back;
//! 2. everybody is erased, as if they had asked, the keepers of the quarantine included; who is held waits for the end of the hold, who
//!    is restricted for the end of that;
//! 3. the quarantine's list is emptied, its keys being destroyed;
//! 4. the webhook secrets are deleted: whoever sends is unknown from then on;
//! 5. once nobody is left, the index is: by nothing could anybody be found;
//! 6. once the access log is purged too, its key goes, and the end is recorded.

use commerce::TenantId;
use event_log::EventLog;
use ledger::Timestamp;
use store::books::{self, TenantRow};
use store::db::{Db, DbError};
use store::keys::{ClosedBy, Closure, EraseSubjectError, ErasureReason, KeyStore, KeyStoreError, RetentionDays};

use crate::retention::{Expired, RetentionError, leave_quarantine};
use crate::{EraseError, book_holds, finish};

/// Why accounts are not closed or opened as they should be. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum ClosureError {
    /// The key store.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The books, which nobody may write in any more.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Closes an account: from now on in the key store, and then in the books. Closing it again changes nothing.
pub async fn close(
    keys: &KeyStore,
    db: &Db,
    tenant: &TenantId,
    by: ClosedBy,
    at: Timestamp,
) -> Result<Closure, ClosureError> {
    let closure = keys.close(tenant, by, at).await?;
    books::close_tenant(db, tenant, closure.closed_at).await?;
    Ok(closure)
}

/// Closes the accounts whose shops asked for it and that were not closed since, and makes the books say what the key store says of each
/// account. Gives how many were closed.
pub async fn answer_shops(keys: &KeyStore, db: &Db, now: Timestamp) -> Result<usize, ClosureError> {
    let mut closed = 0;
    keys.list_decided().await?;
    for (tenant, requested_at) in books::shop_redactions(db).await? {
        if keys.closure(&tenant).await?.is_none_or(|closure| !closure.answers(requested_at)) {
            close(keys, db, &tenant, ClosedBy::Shop, now).await?;
            closed += 1;
        }
    }
    for closure in keys.closures().await? {
        match closure.reopened_at {
            None => books::close_tenant(db, &closure.tenant, closure.closed_at).await?,
            Some(reopened_at) => books::reopen_tenant(db, &closure.tenant, reopened_at).await?,
        }
    }
    Ok(closed)
}

/// How many people go with the account now: nobody unless its time is over.
pub async fn due(
    keys: &KeyStore,
    tenant: &TenantId,
    days: RetentionDays,
    now: Timestamp,
) -> Result<u64, KeyStoreError> {
    match keys.closure(tenant).await? {
        Some(closure) if is_due(&closure, days, now) => keys.count_people(tenant).await,
        _ => Ok(0),
    }
}

fn is_due(closure: &Closure, days: RetentionDays, now: Timestamp) -> bool {
    closure.stands() && (closure.begun_at.is_some() || closure.closed_at < days.before(now))
}

/// Takes every step that can be taken now, if the account's time is over.
pub(crate) async fn end(
    keys: &KeyStore,
    log: &EventLog,
    db: &Db,
    row: &TenantRow,
    days: RetentionDays,
    now: Timestamp,
) -> Result<Expired, RetentionError> {
    let tenant = &row.tenant;
    let Some(closure) = keys.closure(tenant).await?.filter(|closure| is_due(closure, days, now)) else {
        return Ok(Expired::default());
    };
    // Ended, unless something was imported into it since.
    if closure.done_at.is_some() && keys.count_people(tenant).await? == 0 {
        return Ok(Expired::default());
    }
    // Somebody may just have opened it again.
    if !keys.begin_ending(tenant, days.before(now), now).await? {
        return Ok(Expired::default());
    }
    let (erased, failure) = erase_everybody(keys, log, db, tenant, now).await?;
    let quarantined = leave_quarantine(log, tenant, books::quarantined(db, tenant).await?, now).await?;
    let secrets = keys.delete_secrets(tenant).await?;
    let index_rows = keys.delete_index(tenant).await?;
    if let Some(failure) = failure {
        return Err(failure.into());
    }
    if keys.count_people(tenant).await? == 0 && keys.due_accesses(tenant, Timestamp(i64::MAX)).await? == 0 {
        keys.mark_ended(tenant, now).await?;
    }
    Ok(Expired { erased, quarantined, secrets, index_rows, ..Expired::default() })
}

/// How many were erased, and why one was not. One that fails does not hold up the others.
async fn erase_everybody(
    keys: &KeyStore,
    log: &EventLog,
    db: &Db,
    tenant: &TenantId,
    now: Timestamp,
) -> Result<(u64, Option<EraseError>), RetentionError> {
    let (mut erased, mut failure) = (0, None);
    loop {
        let left = keys.people_left(tenant, now).await?;
        if left.is_empty() || failure.is_some() {
            return Ok((erased, failure));
        }
        if keys.book_holds(tenant).await? {
            for subject in &left {
                book_holds::look(keys, db, tenant, *subject, now).await?;
            }
        }
        // What waits in quarantine is not looked through for their names: all of it goes.
        keys.request_erasures(tenant, &left, ErasureReason::Shop, now).await?;
        for outcome in finish(keys, log, tenant, &left, now).await.into_values() {
            match outcome {
                Ok(_) => erased += 1,
                // On record; done when the hold ends.
                Err(EraseError::Keys(EraseSubjectError::Held { .. })) => {}
                Err(error) => failure = failure.or(Some(error)),
            }
        }
    }
}
