//! Rates with the days since which they apply: a tax office changes its mind by date, and what was posted before stays.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use ledger::Day;
use serde::{Deserialize, Serialize};

/// A rate since a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// The first day on which it applies.
    pub from: NaiveDate,
    /// Hundredths of a percent: 200 is 2 %.
    pub basis_points: u16,
}

/// Rates by the day since which they apply. Before the first there is none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<Rate>", into = "Vec<Rate>")]
pub struct Rates(BTreeMap<Day, u16>);

/// A list of rates that says nothing clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RatesError {
    /// Two rates since one day.
    #[error("two rates since {0}")]
    Twice(Day),
    /// More than the whole.
    #[error("the rate since {0} is more than 10000 basis points")]
    TooMuch(Day),
}

const WHOLE: i128 = 10_000;

impl Rates {
    /// The rate on a day, in basis points; 0 when there is none yet.
    pub fn on(&self, day: Day) -> u16 {
        self.0.range(..=day).next_back().map_or(0, |(_, rate)| *rate)
    }

    /// The rate's share of an amount, rounded half up, away from zero below it.
    pub fn of(&self, amount: i128, day: Day) -> i128 {
        rounded(amount * i128::from(self.on(day)), WHOLE)
    }

    /// What of an amount is tax, when the amount contains it.
    pub fn within(&self, amount: i128, day: Day) -> i128 {
        let rate = i128::from(self.on(day));
        rounded(amount * rate, WHOLE + rate)
    }
}

fn rounded(dividend: i128, divisor: i128) -> i128 {
    let half = if dividend < 0 { -divisor / 2 } else { divisor / 2 };
    (dividend + half) / divisor
}

impl TryFrom<Vec<Rate>> for Rates {
    type Error = RatesError;

    fn try_from(list: Vec<Rate>) -> Result<Rates, RatesError> {
        let mut rates = BTreeMap::new();
        for rate in list {
            let day = Day::from_date(rate.from);
            if i128::from(rate.basis_points) > WHOLE {
                return Err(RatesError::TooMuch(day));
            }
            if rates.insert(day, rate.basis_points).is_some() {
                return Err(RatesError::Twice(day));
            }
        }
        Ok(Rates(rates))
    }
}

impl From<Rates> for Vec<Rate> {
    fn from(rates: Rates) -> Vec<Rate> {
        rates.0.into_iter().map(|(day, basis_points)| Rate { from: day.date(), basis_points }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(list: &[(i32, u16)]) -> Result<Rates, RatesError> {
        let list: Vec<Rate> = list.iter().map(|&(d, bp)| Rate { from: Day(d).date(), basis_points: bp }).collect();
        list.try_into()
    }

    #[test]
    fn a_rate_applies_from_its_day_on() {
        let rates = rates(&[(20, 150), (10, 100)]).unwrap();
        assert_eq!([9, 10, 19, 20].map(|day| rates.on(Day(day))), [0, 100, 100, 150]);
        assert_eq!([275_000, 50, 49, -50].map(|amount| rates.of(amount, Day(10))), [2_750, 1, 0, -1]);
        assert_eq!(rates.within(11_800, Day(9)), 0);
    }

    #[test]
    fn tax_within_a_price_is_taken_out_of_it() {
        assert_eq!(rates(&[(0, 1_800)]).unwrap().within(11_800, Day(0)), 1_800);
    }

    #[test]
    fn unclear_rates_are_refused() {
        assert_eq!(rates(&[(1, 100), (1, 200)]), Err(RatesError::Twice(Day(1))));
        assert_eq!(rates(&[(1, 10_001)]), Err(RatesError::TooMuch(Day(1))));
    }
}
