//! What a person hands in and the books do not take, whatever it is: each reason has the name that the ledger gives it, or one of
//! the few here that a voucher's entries cannot have.

use ledger::{Admitted, Currency, Day, Earlier, Money, Refused, Standing};
use serde_json::{Value, json};

use crate::output::Answer;

/// Days after today up to which something may count.
const DAYS_AHEAD: i32 = 365;

/// Why something is not taken. Nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Declined {
    /// The ledger's own reasons.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The day is a slip of the keyboard.
    #[error("the day {day} is before 1970-01-01 or more than a year from today")]
    DayOutOfRange {
        /// The day on which it was to count.
        day: Day,
    },
    /// More than the courier still holds of the parcel's cash.
    #[error("of this parcel's cash {} are outstanding", Money::new(*outstanding, *currency))]
    MoreThanOutstanding {
        /// What is outstanding, minor units.
        outstanding: i64,
        /// In what.
        currency: Currency,
    },
    /// Something else stands under the voucher's id than what was to be approved.
    #[error("something else stands under this id: look at it again with `daybook ledger approve --dry-run`")]
    OtherContent,
    /// Above the merchant's limit, and nobody else agreed.
    #[error("it is above the merchant's limit for one person: somebody else has to agree")]
    NeedsSecondPerson,
    /// Whoever decided it is named as the second person too.
    #[error("the second person is the first one again")]
    SamePersonTwice,
}

impl Declined {
    /// Its name for programs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Declined::Refused(refused) => refused.name(),
            Declined::DayOutOfRange { .. } => "day_out_of_range",
            Declined::MoreThanOutstanding { .. } => "more_than_outstanding",
            Declined::OtherContent => "other_content",
            Declined::NeedsSecondPerson => "needs_second_person",
            Declined::SamePersonTwice => "same_person_twice",
        }
    }

    /// Which entry or amount is to blame, from 0, where one is.
    pub(crate) fn index(self) -> Option<usize> {
        if let Declined::Refused(refused) = self { refused.index() } else { None }
    }

    /// Its name and index, as every answer writes them.
    pub(crate) fn named(self) -> Value {
        json!({ "name": self.name(), "index": self.index() })
    }

    /// The answer that says so.
    pub(crate) fn answer(self) -> Answer {
        let (message, named) = (self.to_string(), self.named());
        let json = json!({ "error": message, "refused": named });
        Answer::new(&json, format!("refused: {message}; nothing was written\n")).with_verdict(false)
    }
}

/// Something that a person enters and that is no voucher.
#[derive(Debug)]
pub(crate) struct Entered<'a> {
    /// The day on which it counts.
    pub(crate) day: Day,
    /// Its amounts, each with the least that it may be, minor units.
    pub(crate) amounts: &'a [(Money, i64)],
    /// What all of it comes to, minor units.
    pub(crate) total: i128,
    /// The currency that it has to be in, where one is known.
    pub(crate) currency: Option<Currency>,
    /// What its key has stood for so far.
    pub(crate) earlier: Earlier,
}

/// Takes it or not, by the checks of a voucher in the same order. `standing` needs no accounts.
pub(crate) fn admit(entered: &Entered<'_>, standing: &Standing, today: Day) -> Result<Admitted, Declined> {
    if entered.earlier == Earlier::Same {
        return Ok(Admitted::Already);
    }
    if standing.tenant_closed {
        return Err(Refused::TenantClosed.into());
    }
    check_day(entered.day, today)?;
    let position = |is_wrong: &dyn Fn(&(Money, i64)) -> bool| entered.amounts.iter().position(is_wrong);
    if let Some(index) = position(&|(amount, least)| amount.minor < *least) {
        return Err(Refused::AmountNotPositive { index }.into());
    }
    if let Some(index) = position(&|(amount, _)| entered.currency.is_some_and(|only| only != amount.currency)) {
        return Err(Refused::WrongCurrency { index }.into());
    }
    if let Some(index) = position(&|(amount, _)| amount.minor > Money::LARGEST) {
        return Err(Refused::Overflow { index }.into());
    }
    if entered.total > i128::from(Money::LARGEST) {
        return Err(Refused::Overflow { index: 0 }.into());
    }
    if let Some(closed_through) = standing.closed_through.filter(|closed| entered.day <= *closed) {
        return Err(Refused::ClosedPeriod { day: entered.day, closed_through }.into());
    }
    match entered.earlier {
        Earlier::Different => Err(Refused::DuplicateKey.into()),
        Earlier::Nothing | Earlier::Same => Ok(Admitted::New),
    }
}

/// A day from 1970-01-01 to one year after today.
pub(crate) fn check_day(day: Day, today: Day) -> Result<(), Declined> {
    if day < Day(0) || day.0 > today.0.saturating_add(DAYS_AHEAD) {
        return Err(Declined::DayOutOfRange { day });
    }
    Ok(())
}

/// What a key has stood for so far, by what is known under it.
pub(crate) fn earlier<F: PartialEq>(known: Option<&F>, entered: &F) -> Earlier {
    match known {
        None => Earlier::Nothing,
        Some(known) if known == entered => Earlier::Same,
        Some(_) => Earlier::Different,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_within_a_year_from_today() {
        let today = Day(20_000);
        for (day, taken) in [(-1, false), (0, true), (20_365, true), (20_366, false), (i32::MAX, false)] {
            assert_eq!(check_day(Day(day), today).is_ok(), taken, "{day}");
        }
    }

    #[test]
    fn the_first_reason_is_the_answer() {
        let standing = Standing { closed_through: Some(Day(10)), ..Standing::default() };
        let shut = Standing { tenant_closed: true, ..standing.clone() };
        let pkr = Some(Currency::PKR);
        for (day, minor, currency, earlier, standing, name) in [
            (5, 0, pkr, Earlier::Different, &shut, "tenant_closed"),
            (-1, 0, pkr, Earlier::Different, &standing, "day_out_of_range"),
            (5, 0, pkr, Earlier::Different, &standing, "amount_not_positive"),
            (5, i64::MAX, "USD".parse().ok(), Earlier::Different, &standing, "wrong_currency"),
            (5, 1_000_000_000_000_001, pkr, Earlier::Different, &standing, "overflow"),
            (10, 1, pkr, Earlier::Different, &standing, "closed_period"),
            (11, 1, None, Earlier::Different, &standing, "duplicate_key"),
        ] {
            let amounts = [(Money::new(minor, Currency::PKR), 1)];
            let entered = Entered { day: Day(day), amounts: &amounts, total: minor.into(), currency, earlier };
            assert_eq!(admit(&entered, standing, Day(20)).map_err(Declined::name), Err(name));
            let again = Entered { earlier: Earlier::Same, ..entered };
            assert_eq!(admit(&again, standing, Day(20)), Ok(Admitted::Already));
        }
    }
}
