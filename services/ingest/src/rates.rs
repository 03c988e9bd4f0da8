//! How many webhooks of one tenant are taken in a second, so that a flood of one costs the others little. Each tenant has a bucket
//! in this process that holds what it may send in [`BURST`] and fills up again at its rate; who finds it empty is answered 429 and
//! comes back. Only authentic requests draw from it: nobody can empty somebody else's.
//!
//! Our own, and not a crate: those at hand give all keys of a limiter one and the same rate, and here each tenant may have another.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use commerce::TenantId;
use ledger::Timestamp;
use moka::sync::Cache;

/// What a bucket holds: what is sent in so many seconds at its rate.
const BURST: i64 = 10;

/// A bucket that nobody drew from for so long is full, and need not be kept.
const FULL_AGAIN: Duration = Duration::from_secs(30);

/// Bounds memory; beyond it the bucket that was drawn from least begins anew, full.
const REMEMBERED: u64 = 100_000;

/// One request, in the unit in which a bucket counts: what fills in a microsecond at one request a second.
const REQUEST: i64 = 1_000_000;

/// The buckets of this process.
pub(crate) struct Rates {
    usual: u32,
    buckets: Cache<TenantId, Arc<Mutex<Bucket>>>,
}

impl Rates {
    /// `usual` is what a tenant may send in a second that has no rate of its own; 0 is as many as come.
    pub(crate) fn new(usual: u32) -> Rates {
        Rates { usual, buckets: Cache::builder().max_capacity(REMEMBERED).time_to_idle(FULL_AGAIN).build() }
    }

    /// Takes one request of a tenant, with its own rate if it has one; false if it comes too soon.
    pub(crate) fn take(&self, tenant: &TenantId, own: Option<u32>, now: Timestamp) -> bool {
        let rate = i64::from(own.unwrap_or(self.usual));
        if rate == 0 {
            return true;
        }
        let bucket = self.buckets.get_with_by_ref(tenant, || Arc::new(Mutex::new(Bucket::full(rate, now))));
        bucket.lock().unwrap_or_else(PoisonError::into_inner).take(rate, now)
    }
}

/// What a tenant may still send at once.
struct Bucket {
    level: i64,
    at: Timestamp,
}

impl Bucket {
    fn full(rate: i64, now: Timestamp) -> Bucket {
        Bucket { level: holds(rate), at: now }
    }

    /// Fills up by the time that has passed, and gives one request if it has one. Requests that overtake each other fill nothing twice;
    /// a clock that is set back by more than that fills nothing, and it counts on from there.
    fn take(&mut self, rate: i64, now: Timestamp) -> bool {
        let passed = now.0.saturating_sub(self.at.0);
        if passed > 0 || passed < -BURST.saturating_mul(REQUEST) {
            self.at = now;
        }
        let passed = passed.max(0);
        self.level = self.level.saturating_add(passed.saturating_mul(rate)).min(holds(rate));
        let taken = self.level >= REQUEST;
        if taken {
            self.level = self.level.saturating_sub(REQUEST);
        }
        taken
    }
}

fn holds(rate: i64) -> i64 {
    rate.saturating_mul(BURST).saturating_mul(REQUEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp(1_794_000_000_000_000 + milliseconds * 1_000)
    }

    /// How many of so many requests at one instant are taken.
    fn taken(rates: &Rates, tenant: &str, own: Option<u32>, requests: usize, milliseconds: i64) -> usize {
        let tenant: TenantId = tenant.parse().unwrap();
        (0..requests).filter(|_| rates.take(&tenant, own, at(milliseconds))).count()
    }

    #[test]
    fn a_bucket_runs_empty_and_fills_up_again() {
        let rates = Rates::new(3);
        assert_eq!(taken(&rates, "loud", None, 100, 0), 30, "what it holds");
        assert_eq!(taken(&rates, "loud", None, 100, 200), 0, "less than one came in");
        assert_eq!(taken(&rates, "loud", None, 100, 400), 1, "and what did is not lost");
        assert_eq!(taken(&rates, "loud", None, 100, 2_400), 6);
        assert_eq!(taken(&rates, "loud", None, 100, 1_000_000), 30, "never more than it holds");
    }

    #[test]
    fn every_tenant_has_a_bucket_and_may_have_a_rate_of_its_own() {
        let rates = Rates::new(1);
        assert_eq!(taken(&rates, "loud", None, 100, 0), 10);
        assert_eq!(taken(&rates, "quiet", None, 5, 0), 5);
        assert_eq!(taken(&rates, "large", Some(50), 1_000, 0), 500);
        assert_eq!(taken(&rates, "free", Some(0), 1_000, 0), 1_000, "as many as come");
        assert_eq!(taken(&Rates::new(0), "loud", None, 1_000, 0), 1_000);
        assert_eq!(taken(&rates, "large", Some(2), 1_000, 100_000), 20, "a lower rate counts at once");
    }

    #[test]
    fn requests_that_overtake_each_other_fill_nothing_twice() {
        let rates = Rates::new(1);
        assert_eq!(taken(&rates, "loud", None, 100, 0), 10);
        let more: usize = (0..100).map(|turn| taken(&rates, "loud", None, 1, turn % 2 * 5_000)).sum();
        assert_eq!(more, 5, "five seconds have passed, however often they are told");
    }

    #[test]
    fn a_clock_that_jumps_neither_blocks_nor_opens() {
        let rates = Rates::new(1);
        assert_eq!(taken(&rates, "loud", None, 100, 50_000), 10);
        assert_eq!(taken(&rates, "loud", None, 100, 0), 0);
        assert_eq!(taken(&rates, "loud", None, 100, 2_000), 2, "it counts on from where it was set");
        let far = Timestamp(i64::MAX);
        assert!(rates.take(&"loud".parse().unwrap(), None, far));
    }
}
