//! Holds that the books ask for: whoever wishes to be erased is held while a courier has their cash or their parcel, or while a dispute
//! of an order of theirs is open, and is erased by itself when that has ended.
//!
//! A merchant turns it on ([`KeyStore::set_book_holds`]). Such a hold is renewed while its reason stands, and released when it does not; if
//! nothing runs to look, it ends by itself within [`STANDS`]. What somebody has entered for the same reason is left as it is.

use std::collections::BTreeSet;

use commerce::{ChargebackOutcome, Order, StaffId, SubjectId, TenantId};
use ledger::Timestamp;
use store::books;
use store::db::{Db, DbError};
use store::keys::{ErasureReason, Hold, HoldError, HoldReason, KeyStore, KeyStoreError, Stage};

const DAY: i64 = 86_400_000_000;

/// How long such a hold stands unless it is renewed.
pub const STANDS: i64 = 7 * DAY;

/// How long before its end it is renewed.
const RENEWED: i64 = 3 * DAY;

/// Who enters them, in the place of a member of staff.
const BOOKS: &str = "daybook";

/// Why the books were not asked. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum BookHoldsError {
    /// The key store.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The read models.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The read models are folded anew or paused, and do not say what is open.
    #[error("the books are folded anew or paused, and are asked when they say all again")]
    Folding,
}

/// Holds somebody for what the books say of their orders now, or releases them from it.
pub async fn look(
    keys: &KeyStore,
    db: &Db,
    tenant: &TenantId,
    subject: SubjectId,
    now: Timestamp,
) -> Result<(), BookHoldsError> {
    let standing = keys.holds_of(tenant, subject, now).await?;
    let asked = keys.book_holds(tenant).await?;
    if asked && !books::are_whole(db).await? {
        return Err(BookHoldsError::Folding);
    }
    for reason in [HoldReason::Cod, HoldReason::Dispute] {
        let open = asked && is_open(db, tenant, subject, reason).await?;
        match next(standing.iter().find(|hold| hold.reason == reason), open, now) {
            Next::Leave => {}
            Next::Release => drop(keys.release(tenant, subject, reason, now).await?),
            Next::Hold => hold(keys, tenant, subject, reason, now).await?,
        }
    }
    Ok(())
}

/// The same for everybody whose own wish, or their shop's, waits. Gives those of whom the books did not say anything, and the first
/// reason: nobody of them is to be erased until they do.
pub async fn look_at_waiting(
    keys: &KeyStore,
    db: &Db,
    now: Timestamp,
) -> Result<(BTreeSet<(TenantId, SubjectId)>, Option<BookHoldsError>), KeyStoreError> {
    let (mut unsaid, mut failure) = (BTreeSet::new(), None);
    for erasure in keys.unfinished_erasures().await? {
        if erasure.stage != Stage::Requested || erasure.reason == ErasureReason::Retention {
            continue;
        }
        if let Err(error) = look(keys, db, &erasure.tenant, erasure.subject, now).await {
            unsaid.insert((erasure.tenant, erasure.subject));
            failure = failure.or(Some(error));
        }
    }
    Ok((unsaid, failure))
}

/// What becomes of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Leave,
    Hold,
    Release,
}

fn next(standing: Option<&Hold>, open: bool, now: Timestamp) -> Next {
    match standing {
        None if open => Next::Hold,
        Some(hold) if hold.staff.as_str() != BOOKS => Next::Leave,
        Some(_) if !open => Next::Release,
        Some(hold) if hold.until.0 < now.0.saturating_add(RENEWED) => Next::Hold,
        _ => Next::Leave,
    }
}

async fn hold(
    keys: &KeyStore,
    tenant: &TenantId,
    subject: SubjectId,
    reason: HoldReason,
    now: Timestamp,
) -> Result<(), KeyStoreError> {
    let Ok(staff) = BOOKS.parse::<StaffId>() else { return Ok(()) };
    let until = Timestamp(now.0.saturating_add(STANDS));
    match keys.hold(tenant, Hold { subject, reason, staff, since: now, until }).await {
        // There is nothing left to keep.
        Ok(()) | Err(HoldError::Gone | HoldError::Over) => Ok(()),
        Err(HoldError::Store(error)) => Err(error),
    }
}

async fn is_open(db: &Db, tenant: &TenantId, subject: SubjectId, reason: HoldReason) -> Result<bool, DbError> {
    match reason {
        HoldReason::Cod => books::has_open_cod(db, tenant, subject).await,
        HoldReason::Dispute => Ok(books::orders_of(db, tenant, subject).await?.iter().any(is_disputed)),
        HoldReason::Legal => Ok(false),
    }
}

/// Whether a payment of it is disputed, and neither won nor lost.
fn is_disputed(order: &Order) -> bool {
    let ended = |key| {
        [ChargebackOutcome::Won, ChargebackOutcome::Lost]
            .into_iter()
            .any(|outcome| order.chargebacks.contains_key(&(Clone::clone(key), outcome)))
    };
    order.chargebacks.keys().any(|(key, outcome)| *outcome == ChargebackOutcome::Open && !ended(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_of_the_books_follows_them_and_leaves_everybody_elses_alone() {
        let now = Timestamp(100 * DAY);
        let of = |staff: &str, days: i64| Hold {
            subject: SubjectId(uuid::Uuid::from_u128(1)),
            reason: HoldReason::Cod,
            staff: staff.parse().unwrap(),
            since: Timestamp(0),
            until: Timestamp(now.0 + days * DAY),
        };
        for (standing, open, expected) in [
            (None, true, Next::Hold),
            (None, false, Next::Leave),
            (Some(of("daybook", 5)), true, Next::Leave),
            (Some(of("daybook", 2)), true, Next::Hold),
            (Some(of("daybook", 5)), false, Next::Release),
            (Some(of("support-2", 1)), true, Next::Leave),
            (Some(of("support-2", 1)), false, Next::Leave),
        ] {
            assert_eq!(next(standing.as_ref(), open, now), expected, "{standing:?}, {open}");
        }
    }
}
