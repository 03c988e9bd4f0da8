//! Reversals: each names what it undoes, once, with the opposite entries.

use commerce::TenantId;
use ledger::Posted;

use super::{Findings, Invariant};

/// What stands in the journal that is being read, tenant after tenant. Keeps some forty bytes for each of one tenant's
/// transactions.
#[derive(Default)]
pub(super) struct Reversals {
    tenant: Option<TenantId>,
    seen: ledger::Reversals,
    undone: usize,
    findings: Findings,
}

impl Reversals {
    /// Takes the next transaction, in the order of tenants and numbers.
    pub(super) fn take(&mut self, tenant: &TenantId, posted: &Posted, place: &str) {
        if self.tenant.as_ref() != Some(tenant) {
            self.undone += self.seen.counts().1;
            (self.tenant, self.seen) = (Some(tenant.clone()), ledger::Reversals::default());
        }
        if let Err(problem) = self.seen.take(posted) {
            self.findings.add(place, problem.to_string());
        }
    }

    pub(super) fn invariant(&self) -> Invariant {
        Invariant {
            name: "a reversal undoes one transaction, once, and exactly",
            figures: format!("{} transactions reversed", self.undone + self.seen.counts().1),
            findings: self.findings.0.clone(),
        }
    }
}
