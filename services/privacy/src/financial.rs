//! Financial records, kept for their time: then totals by month take the place of their detail.
//!
//! Which cases are over is decided by the books as they stand, so each decision takes the turn at the merchant's counter and folds
//! what waits before and after. A case goes as a whole, once everything of it is past the limit and nothing of it is open; what
//! remains goes another time. Books that are held keep everything, and so do the orders of people who are.
//!
//! A turn is economy, and no lock: a pass that is stopped for longer than its turn goes on beside another one, and so does a pass over
//! another database of the same log. Then the totals that are first on the log stand; whose were declined looks again.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use commerce::{Fact, PartKey, TenantId};
use events::{Event, Source};
use ledger::Timestamp;
use processor::{NextTotals, Old};
use store::books::{self, TenantRow};
use store::keys::{KeyStore, RetentionDays};
use uuid::Uuid;

use crate::inputs::Stores;
use crate::retention::{Expired, RetentionError};

/// How long it is waited for that what is on the log is folded; what is left goes next time.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long one merchant's cases are gone through at a time, so that no other waits for them.
const LONGEST: Duration = Duration::from_secs(600);

/// Totals of one pass that were declined, after which what is left goes next time: somebody else is at it.
const DECLINED: u32 = 3;

/// How a step of a pass ended.
enum Step {
    /// Totals stand for so many cases more; it goes on behind this part.
    Replaced(u64, PartKey),
    /// Other totals were first on the log with a part of theirs.
    Declined,
    /// Nothing is left, or now is not the time.
    Ended,
}

/// Detail of a merchant that counted before a whole month of theirs, the first that is not all past the limit.
pub fn old(row: &TenantRow, days: RetentionDays, now: Timestamp) -> Old {
    let limit = days.before(now);
    Old { before: limit.day(row.zone).month().first(), placed_before: limit }
}

/// How many cases would be replaced now, by month, and how many keep their detail: a dry run, and nothing of books that are held.
pub async fn due(
    keys: &KeyStore,
    log: &event_log::EventLog,
    db: &store::db::Db,
    row: &TenantRow,
    days: RetentionDays,
    now: Timestamp,
) -> Result<processor::OldDetail, RetentionError> {
    if keys.books_held(&row.tenant, now).await?.is_some() {
        return Ok(processor::OldDetail::default());
    }
    let held = held_orders(keys, db, &row.tenant, now).await?;
    Ok(processor::old_detail(log, db, &row.tenant, old(row, days, now), &held).await?)
}

/// Replaces the detail of every case that is over, and takes it out of the journal; gives how many cases that were.
pub(crate) async fn replace(
    stores: Stores<'_>,
    row: &TenantRow,
    days: RetentionDays,
    now: Timestamp,
) -> Result<Expired, RetentionError> {
    let Stores { keys, log, db } = stores;
    let (began, mut replaced, mut declined, mut after) = (Instant::now(), 0, 0, None);
    // A look costs nobody anything. What has piled up takes nobody's turn.
    if due(keys, log, db, row, days, now).await?.count() > 0
        && processor::fold_what_waits(log, db, &row.tenant, PATIENCE).await?
    {
        let old = old(row, days, now);
        while began.elapsed() < LONGEST && declined < DECLINED {
            let holder = Uuid::new_v4();
            if !books::take_turn(db, &row.tenant, holder, crate::now()).await? {
                // Somebody is entering something; what is left goes next time.
                break;
            }
            let at = Timestamp(now.0.saturating_add(i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX)));
            let step = replace_some(stores, &row.tenant, old, after.as_ref(), at).await;
            books::end_turn(db, &row.tenant, holder).await?;
            match step? {
                Step::Replaced(cases, last) => (replaced, after) = (replaced + cases, Some(last)),
                // What it was decided on has changed: looked at again, from the same place on.
                Step::Declined => declined += 1,
                Step::Ended => break,
            }
        }
    }
    processor::sweep(db).await?;
    Ok(Expired { replaced, ..Expired::default() })
}

/// Replaces the next cases.
async fn replace_some(
    stores: Stores<'_>,
    tenant: &TenantId,
    old: Old,
    after: Option<&PartKey>,
    now: Timestamp,
) -> Result<Step, RetentionError> {
    let (Stores { keys, log, db }, began) = (stores, Instant::now());
    // Asked anew each time: who holds the books, or somebody, while this goes on is heard.
    if keys.books_held(tenant, now).await?.is_some() {
        return Ok(Step::Ended);
    }
    let held = held_orders(keys, db, tenant, now).await?;
    if !processor::fold_what_waits(log, db, tenant, books::TURN / 2).await? {
        return Ok(Step::Ended);
    }
    let Some(next) = processor::next_totals(log, db, tenant, old, &held, after, now).await? else {
        return Ok(Step::Ended);
    };
    let NextTotals { fact, cases, after } = next;
    let Some(fact) = fact else { return Ok(Step::Replaced(0, after)) };
    if began.elapsed() > books::TURN / 2 {
        // The turn may end before this is on the log: whoever has the next one must not decide on what is not there.
        return Ok(Step::Ended);
    }
    let replaced = Fact::DetailReplaced(fact.clone());
    let event = Event::fact(tenant.clone(), Source::DAYBOOK, now, replaced, Vec::new());
    log.append(vec![event.encode()]).await.map_err(RetentionError::Totals)?;
    if !processor::fold_what_waits(log, db, tenant, PATIENCE).await? {
        return Ok(Step::Ended);
    }
    match processor::stand(db, tenant, &fact).await? {
        true => Ok(Step::Replaced(cases, after)),
        false => Ok(Step::Declined),
    }
}

/// The orders of people whom something holds, or whose data is restricted.
async fn held_orders(
    keys: &KeyStore,
    db: &store::db::Db,
    tenant: &TenantId,
    now: Timestamp,
) -> Result<BTreeSet<PartKey>, RetentionError> {
    let held = keys.holds(tenant, now).await?.into_iter().map(|hold| hold.subject);
    let restricted = keys.restrictions(tenant, now).await?.into_iter().map(|restriction| restriction.subject);
    let mut orders = BTreeSet::new();
    for subject in held.chain(restricted).collect::<BTreeSet<_>>() {
        orders.extend(books::order_parts_of(db, tenant, subject).await?);
    }
    Ok(orders)
}
