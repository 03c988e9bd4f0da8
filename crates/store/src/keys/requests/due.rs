//! By when a request is to be answered: thirty calendar days in the merchant's time, with a warning after twenty. Pure.

use ledger::{BusinessZone, Day, Timestamp};

/// Calendar days from receipt until an answer is due.
const DUE: i32 = 30;

/// Calendar days from receipt until somebody is warned.
const WARNED: i32 = 20;

/// The two instants of a request, fixed when it comes: no later setting moves them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// From when on it is warned of: the beginning of the twentieth day after receipt.
    pub warn_at: Timestamp,
    /// The last instant of the thirtieth day after receipt.
    pub due_at: Timestamp,
}

/// How much an open request presses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// There is time.
    InTime,
    /// Ten days are left, or fewer.
    Soon,
    /// It should have been answered.
    Overdue,
}

impl Deadline {
    /// That of a request that came at this time.
    pub fn of(received_at: Timestamp, zone: BusinessZone) -> Deadline {
        let day = received_at.day(zone);
        let after = |days: i32| Day(day.0.saturating_add(days)).end(zone);
        Deadline { warn_at: Timestamp(after(WARNED - 1).0.saturating_add(1)), due_at: after(DUE) }
    }

    /// How much it presses now.
    pub fn urgency(self, now: Timestamp) -> Urgency {
        match now {
            _ if now > self.due_at => Urgency::Overdue,
            _ if now >= self.warn_at => Urgency::Soon,
            _ => Urgency::InTime,
        }
    }
}

impl Urgency {
    /// `in-time`, `soon` or `overdue`.
    pub fn as_str(self) -> &'static str {
        match self {
            Urgency::InTime => "in-time",
            Urgency::Soon => "soon",
            Urgency::Overdue => "overdue",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;
    const DAY: i64 = 24 * 60 * MINUTE;
    /// Midnight of 2026-11-01 in Karachi, where it is five hours later than in UTC.
    const MIDNIGHT: i64 = 1_793_473_200_000_000;

    #[test]
    fn thirty_calendar_days_of_the_merchant_and_a_warning_after_twenty() {
        for minutes in [0, 23 * 60 + 30] {
            let received = Timestamp(MIDNIGHT + minutes * MINUTE);
            let deadline = Deadline::of(received, BusinessZone::KARACHI);
            for (now, expected, what) in [
                (received.0, Urgency::InTime, "as it comes"),
                (MIDNIGHT + 20 * DAY - 1, Urgency::InTime, "the end of November the 20th"),
                (MIDNIGHT + 20 * DAY, Urgency::Soon, "the beginning of the 21st"),
                (MIDNIGHT + 31 * DAY - 1, Urgency::Soon, "the end of December the 1st"),
                (MIDNIGHT + 31 * DAY, Urgency::Overdue, "the beginning of the 2nd"),
            ] {
                assert_eq!(deadline.urgency(Timestamp(now)), expected, "{minutes}: {what}");
            }
        }
    }
}
