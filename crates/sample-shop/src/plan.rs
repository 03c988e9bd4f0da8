//! What to make: how many orders, over which days, how much disorder.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

/// A workload to make. The default is the demo: 6,000 orders in 90 days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// How many orders.
    pub orders: u32,
    /// Over how many days, the last one included.
    pub days: u32,
    /// The last day. Nothing happens after its midnight (Pakistan time): younger parcels are still on their way, and
    /// their cash is not paid out yet.
    pub ends_on: NaiveDate,
    /// Of a hundred deliveries, how many arrive twice.
    pub duplicates_percent: u32,
    /// For a hundred deliveries, how many malformed ones are added.
    pub malformed_percent: u32,
    /// How much an order's body carries.
    pub size: BodySize,
}

/// How much an order's body carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodySize {
    /// What the shop's platform really sends, about 5 KB.
    Full,
    /// Only what has a meaning for the books and the people, less than half of that.
    Lean,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            seed: 1,
            orders: 6_000,
            days: 90,
            ends_on: NaiveDate::from_ymd_opt(2026, 10, 31).unwrap_or_default(),
            duplicates_percent: 5,
            malformed_percent: 1,
            size: BodySize::Full,
        }
    }
}

impl Plan {
    /// The first instant, Pakistan wall clock.
    pub(crate) fn begins_at(&self) -> NaiveDateTime {
        self.ends_at() - TimeDelta::days(i64::from(self.days.max(1)))
    }

    /// The first instant after the last day, Pakistan wall clock.
    pub(crate) fn ends_at(&self) -> NaiveDateTime {
        self.ends_on.and_time(NaiveTime::MIN) + TimeDelta::days(1)
    }

    /// Seconds from the beginning between two orders, at least one.
    pub(crate) fn seconds_between_orders(&self) -> i64 {
        let seconds = (self.ends_at() - self.begins_at()).num_seconds();
        (seconds / i64::from(self.orders.max(1))).max(1)
    }
}
