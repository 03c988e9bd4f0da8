//! Instants as a tenant's wall clock shows them.

use ledger::{BusinessZone, Day, Timestamp};

/// An instant for people and for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// `22 Nov 2026, 01:40`, in the tenant's zone.
    pub(crate) text: String,
    /// RFC 3339, in UTC.
    pub(crate) machine: String,
}

/// `at` by the clocks of `zone`.
pub(super) fn moment(at: Timestamp, zone: BusinessZone) -> Moment {
    Moment { text: at.wall_clock(zone).format("%-d %b %Y, %H:%M").to_string(), machine: at.to_string() }
}

/// `22 Nov 2026`.
pub(super) fn date(day: Day) -> String {
    day.date().format("%-d %b %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;
    const DAY: i64 = 86_400 * SECOND;

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
        assert_eq!(told("Europe/London", 0), "29 Mar 2026, 09:15");
        assert_eq!(told("Europe/London", 1), "30 Mar 2026, 09:15");
        assert_eq!(moment(at, BusinessZone::KARACHI).machine, "2026-03-29T08:15:30Z");
    }
}
