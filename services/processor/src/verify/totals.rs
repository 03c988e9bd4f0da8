//! Totals that took the place of detail: what was taken out of the journal cancels out and keeps its place in the chain, and each
//! part that totals stand for is a stub that names them.

use std::collections::{BTreeMap, BTreeSet};

use commerce::{Part, PartKey, TenantId, TotalsId};
use ledger::Total;
use store::db::{Db, DbError};

use super::{Findings, Head, Invariant, JournalRead, RemovedRow, concerns, each_part, places, removed_balances};
use crate::ProcessError;

impl JournalRead {
    /// Takes what is left of a transaction that was removed. Its link cannot be computed any more; the next one's can, from it.
    pub(super) fn take_removed(&mut self, row: &RemovedRow, places: &mut places::Places) {
        let place = format!("journal of {}, number {}", row.tenant, row.number);
        (self.transactions, self.removed) = (self.transactions + 1, self.removed + 1);
        let end = self.ends.entry(row.tenant.clone()).or_insert(Head::GENESIS);
        let expected = end.number.saturating_add(1);
        if row.number != expected {
            self.chain.add(&place, format!("number {expected} is missing before it"));
        }
        if let Some(problem) = places.problem(&row.tenant, row.partition, row.position) {
            self.chain.add(&place, problem);
        }
        *end = Head { number: row.number, link: row.link };
    }
}

/// What was removed came to nothing, on each account and day.
pub(super) async fn cancels_out(journal: &mut JournalRead, db: &Db, tenant: Option<&TenantId>) -> Result<(), DbError> {
    let mut sums: BTreeMap<_, Total> = BTreeMap::new();
    for ((tenant, _), balances) in removed_balances(db, tenant).await? {
        for ((account, currency, day), total) in balances.iter() {
            let sum = sums.entry((tenant.clone(), account.clone(), *currency, *day)).or_default();
            *sum = sum.checked_add(*total).unwrap_or(*total);
        }
    }
    for ((tenant, account, currency, day), _) in
        sums.into_iter().filter(|(_, sum)| (sum.net().ok(), sum.pending().ok()) != (Some(0), Some(0)))
    {
        let place = format!("journal of {tenant}, {account}, {currency}, {day}");
        journal.chain.add(place, "what was removed of it did not cancel out");
    }
    Ok(())
}

pub(super) async fn stand_for_what_they_replaced(
    db: &Db,
    tenant: Option<&TenantId>,
) -> Result<Invariant, ProcessError> {
    let mut named: BTreeMap<(TenantId, PartKey), BTreeSet<TotalsId>> = BTreeMap::new();
    let mut stubs: BTreeMap<(TenantId, PartKey), TotalsId> = BTreeMap::new();
    each_part(db, |row| {
        match &row.part {
            Part::Totals(totals) if concerns(tenant, &row.tenant) => {
                if let Some(fact) = &totals.replaced {
                    for part in &fact.parts {
                        let totals = named.entry((row.tenant.clone(), part.clone())).or_default();
                        totals.insert(fact.totals.clone());
                    }
                }
            }
            Part::Replaced(stub) if concerns(tenant, &row.tenant) => {
                stubs.insert((row.tenant.clone(), row.key.clone()), stub.totals.clone());
            }
            _ => {}
        }
        Ok(())
    })
    .await?;
    let (mut findings, count) = (Findings::default(), stubs.len());
    for ((tenant, part), totals) in named {
        let stub = stubs.remove(&(tenant.clone(), part.clone()));
        let problem = match stub {
            _ if totals.len() > 1 => "is in more than one of the totals",
            Some(stub) if totals.contains(&stub) => continue,
            Some(_) | None => "is not the stub of the totals that name it",
        };
        findings.add(format!("{tenant}, {part}"), problem);
    }
    for (tenant, part) in stubs.keys() {
        findings.add(format!("{tenant}, {part}"), "no totals stand for it");
    }
    Ok(Invariant {
        name: "totals stand for what they replaced",
        figures: format!("{count} parts of cases without detail"),
        findings: findings.0,
    })
}
