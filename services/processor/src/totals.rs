//! Detail whose time is over, and the totals that take its place: which cases of a tenant are over, what they came to, and, once
//! the books have folded that, the journal without their transactions.
//!
//! Whoever asks has the turn at the tenant's counter and has folded what waits, so that what is decided is decided on all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use commerce::totals::{DetailReplaced, Kept};
use commerce::{Part, PartKey, TenantId};
use event_log::EventLog;
use events::Topic;
use ledger::{Day, Month, Timestamp};
use store::books::{self, Projection, Stage};
use store::db::{Db, DbError};

use crate::books::over::{Found, look};
use crate::worker::topics;
use crate::{Config, ProcessError};

/// Parts looked at for one fact. It names the parts of at most as many cases, so that it is far smaller than a record may be.
const PAGE: u32 = 500;

/// How old what is asked for is: detail of cases of which everything counted before a day. `placed_before` is an instant of that
/// day or later: no order that was placed after it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Old {
    /// The first day that keeps its detail.
    pub before: Day,
    /// An instant of that day, or a later one.
    pub placed_before: Timestamp,
}

/// What would be replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OldDetail {
    /// Cases by the month of their last entry; None for those of which nothing was posted.
    pub cases: BTreeMap<Option<Month>, u64>,
    /// Cases that have something as old and keep their detail, by why.
    pub kept: BTreeMap<Kept, u64>,
}

impl OldDetail {
    /// How many cases would be replaced.
    pub fn count(&self) -> u64 {
        self.cases.values().sum()
    }
}

/// The next totals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextTotals {
    /// What is to be put on the log; None when nothing of the page is over.
    pub fact: Option<DetailReplaced>,
    /// For how many cases it stands.
    pub cases: u64,
    /// Where to go on.
    pub after: PartKey,
}

/// What would be replaced: reads only. Cases of parts that are `held` keep their detail.
pub async fn old_detail(
    log: &EventLog,
    db: &Db,
    tenant: &TenantId,
    old: Old,
    held: &BTreeSet<PartKey>,
) -> Result<OldDetail, ProcessError> {
    // A case is met with each of its parts.
    let (mut cases, mut kept, mut after) = (BTreeMap::new(), BTreeMap::new(), None);
    while let Some((found, last)) = page(log, db, tenant, (old, held), after.as_ref()).await? {
        cases.extend(found.cases);
        kept.extend(found.kept);
        after = Some(last);
    }
    let mut detail = OldDetail::default();
    cases.into_values().for_each(|month| *detail.cases.entry(month).or_default() += 1);
    kept.into_values().for_each(|why| *detail.kept.entry(why).or_default() += 1);
    Ok(detail)
}

/// The totals of the next cases that are over, behind a part; None when no part is left that may be old enough.
pub async fn next_totals(
    log: &EventLog,
    db: &Db,
    tenant: &TenantId,
    old: Old,
    held: &BTreeSet<PartKey>,
    after: Option<&PartKey>,
    now: Timestamp,
) -> Result<Option<NextTotals>, ProcessError> {
    let Some((found, after)) = page(log, db, tenant, (old, held), after).await? else { return Ok(None) };
    let Found { cases, parts, months, folded, .. } = found;
    let fact = (!parts.is_empty()).then(|| DetailReplaced::of(parts, months, old.before, now, Some(folded)));
    Ok(Some(NextTotals { fact, cases: cases.len() as u64, after }))
}

/// Whether totals stand, once they are folded. If not, others were first on the log with a part that they name: what was looked at has
/// changed since, and has to be looked at again.
pub async fn stand(db: &Db, tenant: &TenantId, fact: &DetailReplaced) -> Result<bool, ProcessError> {
    let row = books::part(db, tenant, &PartKey::Totals(fact.totals.clone(), None)).await?;
    Ok(row.is_some_and(|row| matches!(row.part, Part::Totals(totals) if totals.replaced.as_ref() == Some(fact))))
}

/// How long whoever folds is left to it before somebody else folds too.
const LEFT_TO_IT: Duration = Duration::from_secs(1);

/// How often it is asked whether it is folded.
const ASKED: Duration = Duration::from_millis(20);

/// Waits until all that is on the log for a tenant by now is folded, and folds what nobody folds; what comes meanwhile is not
/// waited for. False if that takes longer than `within`.
pub async fn fold_what_waits(
    log: &EventLog,
    db: &Db,
    tenant: &TenantId,
    within: Duration,
) -> Result<bool, ProcessError> {
    let (partition, mut ends) = (log.partition_of(tenant), BTreeMap::new());
    let place = usize::try_from(partition).unwrap_or(usize::MAX);
    // Each topic is asked once, however many projections fold it.
    let folded: BTreeSet<Topic> = Projection::ALL.iter().flat_map(|one| topics(*one)).copied().collect();
    for topic in folded {
        ends.insert(topic, log.end_offsets(topic).await?.get(place).copied().unwrap_or(0));
    }
    let others = async {
        while !has_reached(db, partition, &ends).await? {
            tokio::time::sleep(ASKED).await;
        }
        Ok(true)
    };
    if let Ok(folded) = tokio::time::timeout(LEFT_TO_IT.min(within), others).await {
        return folded;
    }
    // To its end, unless that takes too long: then what was posted is published too.
    match tokio::time::timeout(within.saturating_sub(LEFT_TO_IT), crate::catch_up(Config::default(), log, db)).await {
        Ok(folded) => folded.map(|()| true),
        Err(_) => has_reached(db, partition, &ends).await,
    }
}

async fn has_reached(db: &Db, partition: u32, ends: &BTreeMap<Topic, u64>) -> Result<bool, ProcessError> {
    for projection in Projection::ALL {
        let stored = books::checkpoints(db, projection.name()).await?.remove(&partition);
        let next = |topic: &Topic| stored.as_ref().map_or(0, |checkpoint| checkpoint.next(*topic));
        let is_live = stored.as_ref().is_none_or(|checkpoint| checkpoint.stage == Stage::Live);
        if !is_live || topics(projection).iter().any(|topic| ends.get(topic).is_some_and(|end| next(topic) < *end)) {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn page(
    log: &EventLog,
    db: &Db,
    tenant: &TenantId,
    (old, held): (Old, &BTreeSet<PartKey>),
    after: Option<&PartKey>,
) -> Result<Option<(Found, PartKey)>, ProcessError> {
    let parts = books::old_parts(db, tenant, (old.before, old.placed_before), after, PAGE).await?;
    let Some(last) = parts.last().cloned() else { return Ok(None) };
    let parts: BTreeSet<PartKey> = parts.into_iter().collect();
    let shared = Arc::new((tenant.clone(), log.partition_of(tenant), parts, held.clone()));
    let found = db.run_read("look-for-old", move |tx| {
        let shared = Arc::clone(&shared);
        Box::pin(async move {
            let (tenant, partition, parts, held) = &*shared;
            store::beside::hold_still(tx, Projection::Books).await?;
            look(tx, (tenant, *partition), parts, old.before, held).await
        })
    });
    let found = found.await.map_err(|error: DbError| ProcessError::from(error))?;
    Ok(Some((found, last)))
}

/// Takes what replaced cases had posted out of the journal, as far as it was published; gives how many transactions that were. Does
/// nothing while the books are being rebuilt: they sweep when they are done.
pub async fn sweep(db: &Db) -> Result<u64, ProcessError> {
    let checkpoints = books::checkpoints(db, Projection::Books.name()).await?;
    match checkpoints.values().all(|checkpoint| checkpoint.stage == Stage::Live) {
        true => Ok(books::sweep(db).await?),
        false => Ok(0),
    }
}

/// Takes out the rows of erased people about replaced orders anew: their projection was rebuilt.
pub(crate) async fn sweep_again(db: &Db) -> Result<(), ProcessError> {
    books::sweep_again(db).await?;
    sweep(db).await.map(|_| ())
}
