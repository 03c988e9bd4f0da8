//! How many tries a minute has, for each merchant. Counted in memory, by process: nothing about who tries is kept.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use commerce::TenantId;
use ledger::Timestamp;

const MINUTE: i64 = 60_000_000;

/// Counts of the minute under way.
pub(super) struct Limits {
    most: u32,
    /// The minute, and how many tries it has had. Tenants are looked up before, so there are no more than exist.
    counts: Mutex<HashMap<TenantId, (i64, u32)>>,
}

impl Limits {
    pub(super) fn new(most: u32) -> Limits {
        Limits { most, counts: Mutex::default() }
    }

    /// Whether one more is allowed now; it counts.
    pub(super) fn admit(&self, tenant: &TenantId, now: Timestamp) -> bool {
        let minute = now.0.div_euclid(MINUTE);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, count) = counts.entry(tenant.clone()).or_insert((minute, 0));
        if *of != minute {
            (*of, *count) = (minute, 0);
        }
        *count = count.saturating_add(1);
        *count <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_so_many_and_the_next_as_many_again() {
        let limits = Limits::new(2);
        let [one, two]: [TenantId; 2] = ["kohsar".parse().unwrap(), "swat".parse().unwrap()];
        let told: Vec<bool> = [0, 1, 59, 60].map(|second| limits.admit(&one, Timestamp(second * 1_000_000))).into();
        assert_eq!(told, [true, true, false, true]);
        assert!(limits.admit(&two, Timestamp(0)), "each merchant has its own");
    }
}
