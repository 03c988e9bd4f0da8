//! Looks for cases that are over, a page of parts at a time, and sums up what stood for them.

use std::collections::{BTreeMap, BTreeSet};

use commerce::totals::{self, FoldedTo, Kept, Months};
use commerce::{PartKey, Policy, TenantId};
use ledger::{Day, Live, Month, Timestamp};
use store::books::{self, Checkpoint, Projection, Stage};
use store::db::{DbError, Tx};

use super::late::folded_to;
use super::{complete, desks, lay_named, stock};

/// What was found in a page of parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// For each case that is over its first part, and the month of its last entry, if it has any.
    pub(crate) cases: BTreeMap<PartKey, Option<Month>>,
    /// Their parts.
    pub(crate) parts: BTreeSet<PartKey>,
    /// What they came to.
    pub(crate) months: Months,
    /// Up to where the partition was folded when it was found.
    pub(crate) folded: FoldedTo,
    /// The first parts of cases that keep their detail, and why.
    pub(crate) kept: BTreeMap<PartKey, Kept>,
}

/// Looks at the cases of these parts of a tenant. Those of parts that are held keep their detail. Finds nothing while the books are being
/// rebuilt: they do not have everything of a case then.
pub(crate) async fn look(
    tx: &mut Tx,
    (tenant, partition): (&TenantId, u32),
    keys: &BTreeSet<PartKey>,
    before: Day,
    held: &BTreeSet<PartKey>,
) -> Result<Found, DbError> {
    let checkpoint = books::reached(tx, Projection::Books.name()).await?.remove(&partition);
    let checkpoint = checkpoint.unwrap_or_else(|| Checkpoint::start(Stage::Live));
    if checkpoint.stage == Stage::Rebuilding {
        return Ok(Found::default());
    }
    let mut tenancies = desks(&BTreeMap::from([(tenant.clone(), partition)]), Timestamp::default());
    let named = keys.iter().map(|key| (tenant.clone(), key.clone())).collect();
    lay_named(tx, &mut tenancies, named).await?;
    complete(tx, &mut tenancies).await?;
    let policies = books::policies(tx, &tenancies.keys().cloned().collect()).await?;
    let with_goods = stock::parts_with_goods(tx, &tenancies).await?;
    let default = Policy::default();
    let policy = policies.get(tenant).unwrap_or(&default);
    let Some(tenancy) = tenancies.get(tenant) else { return Ok(Found::default()) };
    let mut found = Found { folded: folded_to(&checkpoint), ..Found::default() };
    let mut standing = Vec::new();
    let kept = |key: &PartKey| match () {
        () if held.contains(key) => Some(Kept::Held),
        () if with_goods.contains(&(tenant.clone(), key.clone())) => Some(Kept::Goods),
        () => None,
    };
    for case in tenancy.desk.look(policy, before, kept) {
        let Some(first) = case.parts.first().cloned() else { continue };
        if let Some(kept) = case.kept {
            found.kept.insert(first, kept);
            continue;
        }
        let month = |(_, live): &(&PartKey, &Live)| live.transaction.effective().month();
        found.cases.insert(first, case.posted.iter().map(month).max());
        found.parts.extend(case.parts);
        standing.extend(case.posted);
    }
    let overflow = |_| DbError::Misfit { what: "a month's total does not fit an entry".to_owned() };
    found.months = totals::by_month(standing).map_err(overflow)?;
    Ok(found)
}
