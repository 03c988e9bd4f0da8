//! How many tries a minute has, for each of those who are counted: a merchant, or a person of theirs. Counted in memory, by process, and
//! only for the minute under way: nothing about who tries is kept.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use ledger::Timestamp;

const MINUTE: i64 = 60_000_000;

/// Counts of the minute under way.
pub(super) struct Limits<K> {
    most: u32,
    /// The minute, and how many tries each has had in it.
    counts: Mutex<(i64, HashMap<K, u32>)>,
}

impl<K: Eq + Hash> Limits<K> {
    pub(super) fn new(most: u32) -> Limits<K> {
        Limits { most, counts: Mutex::new((0, HashMap::new())) }
    }

    /// Whether one more is allowed now; it counts. Only those who are known to be there may be asked about: each takes memory for a minute.
    pub(super) fn admit(&self, who: K, now: Timestamp) -> bool {
        let minute = now.0.div_euclid(MINUTE);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.0 != minute {
            *counts = (minute, HashMap::new());
        }
        let count = counts.1.entry(who).or_insert(0);
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
        let told: Vec<bool> = [0, 1, 59, 60].map(|second| limits.admit("kohsar", Timestamp(second * 1_000_000))).into();
        assert_eq!(told, [true, true, false, true]);
        assert!(limits.admit("swat", Timestamp(60_000_000)), "each has its own");
    }

    #[test]
    fn who_came_in_an_earlier_minute_is_forgotten() {
        let limits = Limits::new(2);
        (0..100).for_each(|who| assert!(limits.admit(who, Timestamp(0))));
        assert!(limits.admit(7, Timestamp(MINUTE)));
        assert_eq!(limits.counts.lock().unwrap().1.len(), 1);
    }
}
