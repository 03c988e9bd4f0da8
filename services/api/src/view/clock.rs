//! Instants as a tenant's wall clock shows them.

use ledger::{BusinessZone, Day, Timestamp};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * 60 * MINUTE;

/// No zone is further from UTC than this.
const FARTHEST: i64 = 16 * 60 * MINUTE;

/// An instant for people and for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// `22 Nov 2026, 01:40`, in the tenant's zone.
    pub(crate) text: String,
    /// RFC 3339, in UTC.
    pub(crate) machine: String,
}

/// `at` by the clocks of `zone`. On the two days a year on which clocks change, it is told in UTC and says so: a zone here
/// knows its days, not the hour at which it changes.
pub(super) fn moment(at: Timestamp, zone: BusinessZone) -> Moment {
    let machine = at.to_string();
    let day = at.day(zone);
    let midnight = begin(day, zone);
    let text = if begin(Day(day.0.saturating_add(1)), zone).saturating_sub(midnight) == DAY {
        let minutes = at.0.saturating_sub(midnight) / MINUTE;
        format!("{}, {:02}:{:02}", date(day), minutes / 60, minutes % 60)
    } else {
        at.to_utc().format("%-d %b %Y, %H:%M UTC").to_string()
    };
    Moment { text, machine }
}

/// `22 Nov 2026`.
pub(super) fn date(day: Day) -> String {
    day.date().format("%-d %b %Y").to_string()
}

/// The instant at which a day begins in a zone, to the second, in microseconds: found by halving, as a zone only tells
/// which day an instant is on.
fn begin(day: Day, zone: BusinessZone) -> i64 {
    let utc = i64::from(day.0).saturating_mul(DAY);
    let (mut before, mut after) = (utc.saturating_sub(FARTHEST) / SECOND, utc.saturating_add(FARTHEST) / SECOND);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if Timestamp(middle.saturating_mul(SECOND)).day(zone) < day { before = middle } else { after = middle }
    }
    after.saturating_mul(SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_told_by_the_zones_clock() {
        // 2026-03-29T08:15:30Z; in London the clocks change on that day.
        let at = Timestamp(1_774_772_130 * SECOND);
        let told = |zone: &str, days: i64| moment(Timestamp(at.0 + days * DAY), zone.parse().unwrap()).text;
        assert_eq!(told("Asia/Karachi", 0), "29 Mar 2026, 13:15");
        assert_eq!(told("UTC", 0), "29 Mar 2026, 08:15");
        assert_eq!(told("Asia/Kathmandu", 0), "29 Mar 2026, 14:00");
        assert_eq!(told("America/Los_Angeles", 0), "29 Mar 2026, 01:15");
        assert_eq!(told("Pacific/Kiritimati", 0), "29 Mar 2026, 22:15");
        assert_eq!(told("Europe/London", -1), "28 Mar 2026, 08:15");
        assert_eq!(told("Europe/London", 0), "29 Mar 2026, 08:15 UTC");
        assert_eq!(told("Europe/London", 1), "30 Mar 2026, 09:15");
        assert_eq!(moment(at, BusinessZone::KARACHI).machine, "2026-03-29T08:15:30Z");
    }
}
