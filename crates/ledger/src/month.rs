//! Calendar months, of which sums are kept beside those of days.

use std::fmt;

use chrono::{Datelike, NaiveDate};

use crate::Day;

/// A calendar month: twelve times its year, and January 1 to December 12. One follows the other without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(pub i32);

impl Day {
    /// The month it is in; days beyond the calendar are in its first or its last.
    pub fn month(self) -> Month {
        let (first, last) = (Day::from_date(NaiveDate::MIN), Day::from_date(NaiveDate::MAX));
        let date = self.clamp(first, last).date();
        // A month's number has no more than two digits.
        let month = i32::try_from(date.month()).unwrap_or_default();
        Month(date.year().saturating_mul(12).saturating_add(month))
    }
}

impl Month {
    /// Its first day; of months beyond the calendar the first or the last of all days.
    pub fn first(self) -> Day {
        let january_is_zero = self.0.saturating_sub(1);
        let (year, month) = (january_is_zero.div_euclid(12), january_is_zero.rem_euclid(12).unsigned_abs());
        let date = NaiveDate::from_ymd_opt(year, month.saturating_add(1), 1);
        date.map_or(Day(if year < 0 { i32::MIN } else { i32::MAX }), Day::from_date)
    }

    /// The month after it.
    pub fn next(self) -> Month {
        Month(self.0.saturating_add(1))
    }

    /// The month before it.
    pub fn previous(self) -> Month {
        Month(self.0.saturating_sub(1))
    }
}

/// ISO 8601, `2026-03`.
impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first().date().format("%Y-%m"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::from_date(text.parse().unwrap())
    }

    #[test]
    fn a_month_ends_with_its_last_day() {
        for (last, month, next) in [
            ("2025-12-31", "2025-12", "2026-01"),
            ("2026-01-31", "2026-01", "2026-02"),
            ("2026-02-28", "2026-02", "2026-03"),
            ("2024-02-29", "2024-02", "2024-03"),
            ("2100-02-28", "2100-02", "2100-03"),
            ("2026-04-30", "2026-04", "2026-05"),
            ("1969-12-31", "1969-12", "1970-01"),
        ] {
            let (last, first) = (day(last), Day(day(last).0 + 1));
            assert_eq!((last.month().to_string(), first.month().to_string()), (month.to_owned(), next.to_owned()));
            assert_eq!((last.month().next(), first.month().previous()), (first.month(), last.month()));
            assert_eq!(first.month().first(), first, "{next} begins with its first day");
        }
    }

    #[test]
    fn a_month_is_twelve_times_its_year_and_its_number() {
        assert_eq!(day("2026-01-01").month(), Month(24_313));
        assert_eq!(day("2026-12-31").month(), Month(24_324));
    }

    #[test]
    fn every_day_is_in_a_month_that_began_by_then() {
        for number in (-800_000..800_000).step_by(7) {
            let (day, month) = (Day(number), Day(number).month());
            assert!(month.first() <= day && day < month.next().first(), "{day}");
        }
    }

    #[test]
    fn beyond_the_calendar_months_keep_their_order() {
        assert!(Day(i32::MIN).month() < Day(0).month() && Day(0).month() < Day(i32::MAX).month());
        assert_eq!((Month(i32::MIN).first(), Month(i32::MAX).first()), (Day(i32::MIN), Day(i32::MAX)));
    }
}
