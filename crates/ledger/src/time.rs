//! Instants and business days. A day belongs to a time zone; the zone is always an argument.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use serde::{Deserialize, Serialize};

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

/// A calendar day, counted from 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Day(pub i32);

/// The time zone whose midnight ends a tenant's business day, an IANA name such as `Asia/Karachi`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusinessZone(chrono_tz::Tz);

/// The text is not an IANA time zone name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an IANA time zone name such as Asia/Karachi")]
pub struct ZoneError;

impl Timestamp {
    /// 9999-12-30 in microseconds: a zone's offset beyond it stays within the calendar.
    const LAST: i64 = 253_402_128_000_000_000;

    /// As chrono's type; instants before the year 365 or after 9999 read as the nearest of the two.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0.clamp(-Self::LAST / 5, Self::LAST)).unwrap_or_default()
    }

    /// What the clocks of `zone` show at this instant.
    pub fn wall_clock(self, zone: BusinessZone) -> NaiveDateTime {
        zone.0.from_utc_datetime(&self.to_utc().naive_utc()).naive_local()
    }

    /// The business day this instant falls on in `zone`.
    pub fn day(self, zone: BusinessZone) -> Day {
        Day::from_date(self.wall_clock(zone).date())
    }
}

impl<Tz: TimeZone> From<DateTime<Tz>> for Timestamp {
    fn from(time: DateTime<Tz>) -> Timestamp {
        Timestamp(time.timestamp_micros())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_utc().format("%Y-%m-%dT%H:%M:%SZ"))
    }
}

impl Day {
    const UNIX_EPOCH_FROM_CE: i32 = 719_163;

    /// The day of a calendar date.
    pub fn from_date(date: NaiveDate) -> Day {
        Day(date.num_days_from_ce().saturating_sub(Self::UNIX_EPOCH_FROM_CE))
    }

    /// The calendar date; days beyond the calendar read as the epoch.
    pub fn date(self) -> NaiveDate {
        NaiveDate::from_num_days_from_ce_opt(self.0.saturating_add(Self::UNIX_EPOCH_FROM_CE)).unwrap_or_default()
    }

    /// The last microsecond before the next midnight of `zone`. Where clocks skip that midnight, the day ends as they skip it, and
    /// where they show it twice, at the first.
    pub fn end(self, zone: BusinessZone) -> Timestamp {
        let midnight = Day(self.0.saturating_add(1)).date().and_time(NaiveTime::MIN);
        // Clocks skip at most a few hours; the first quarter of an hour that exists begins the day.
        let quarters = (0..96).filter_map(|quarter| midnight.checked_add_signed(TimeDelta::minutes(15 * quarter)));
        let begin = quarters.filter_map(|wall| zone.0.from_local_datetime(&wall).earliest()).next();
        Timestamp(begin.map_or(Timestamp::LAST, |begin| begin.timestamp_micros()).saturating_sub(1))
    }

    /// Whole days from `earlier` to `self`; negative when `earlier` is later.
    pub fn since(self, earlier: Day) -> i32 {
        self.0.saturating_sub(earlier.0)
    }
}

/// ISO 8601, `2026-03-31`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.date())
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl BusinessZone {
    /// Pakistan, where the couriers' wall clocks are.
    pub const KARACHI: BusinessZone = BusinessZone(chrono_tz::Asia::Karachi);
    /// Coordinated universal time.
    pub const UTC: BusinessZone = BusinessZone(chrono_tz::UTC);

    /// The IANA name.
    pub fn name(&self) -> &'static str {
        self.0.name()
    }
}

impl FromStr for BusinessZone {
    type Err = ZoneError;

    fn from_str(name: &str) -> Result<Self, ZoneError> {
        name.parse().map(BusinessZone).map_err(|_| ZoneError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_business_day_ends_at_the_tenants_midnight() {
        let just_before = Timestamp::from(Utc.with_ymd_and_hms(2026, 3, 31, 18, 59, 59).unwrap());
        let midnight = Timestamp::from(Utc.with_ymd_and_hms(2026, 3, 31, 19, 0, 0).unwrap());
        assert_eq!(just_before.day(BusinessZone::KARACHI).to_string(), "2026-03-31");
        assert_eq!(midnight.day(BusinessZone::KARACHI).to_string(), "2026-04-01");
        assert_eq!(midnight.day(BusinessZone::UTC).to_string(), "2026-03-31");
    }

    #[test]
    fn a_day_ends_before_the_next_midnight_of_its_zone() {
        let ends = |day: &str, zone: &str| {
            let (day, zone) = (Day::from_date(day.parse().unwrap()), zone.parse().unwrap());
            let (end, next) = (day.end(zone), Timestamp(day.end(zone).0 + 1));
            assert_eq!((end.day(zone), next.day(zone)), (day, Day(day.0 + 1)), "{day}");
            next.to_string()
        };
        assert_eq!(ends("2026-03-31", "Asia/Karachi"), "2026-03-31T19:00:00Z");
        assert_eq!(ends("2026-03-31", "UTC"), "2026-04-01T00:00:00Z");
        // Clocks in Cairo went from midnight to one o'clock.
        assert_eq!(ends("2024-04-25", "Africa/Cairo"), "2024-04-25T22:00:00Z");
    }

    #[test]
    fn no_instant_is_beyond_the_calendar() {
        assert_eq!(Timestamp(i64::MAX).day(BusinessZone::KARACHI).to_string(), "9999-12-30");
        assert!(Timestamp(i64::MIN).day(BusinessZone::KARACHI) < Day(0));
    }

    #[test]
    fn days_count_from_the_unix_epoch() {
        assert_eq!(Day(0).to_string(), "1970-01-01");
        assert_eq!(Day(20_543).since(Day(20_500)), 43);
    }
}
