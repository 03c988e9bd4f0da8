//! Profit and loss: what was earned and used up in a period.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{AccountTotals, Section, minus};
use crate::{AccountClass, Currency, MoneyError};

/// A period's profit or loss in one currency, in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Profit {
    /// What was earned.
    pub income: Section,
    /// What was used up.
    pub expenses: Section,
    /// Income less expenses: a profit, or a loss if it is negative.
    pub result: i64,
}

/// Profit and loss by currency, from the totals of the period alone.
pub fn profit_and_loss(totals: &AccountTotals) -> Result<BTreeMap<Currency, Profit>, MoneyError> {
    let temporary = [AccountClass::Income, AccountClass::Expenses];
    let currencies: BTreeSet<Currency> = totals
        .keys()
        .filter(|(account, _)| temporary.contains(&account.class()))
        .map(|(_, currency)| *currency)
        .collect();
    currencies.into_iter().map(|currency| Ok((currency, profit(totals, currency)?))).collect()
}

/// Income less expenses of one currency.
pub(super) fn profit(totals: &AccountTotals, currency: Currency) -> Result<Profit, MoneyError> {
    let income = Section::of(totals, AccountClass::Income, currency)?;
    let expenses = Section::of(totals, AccountClass::Expenses, currency)?;
    let result = minus(income.total, expenses.total)?;
    Ok(Profit { income, expenses, result })
}

#[cfg(test)]
mod tests {
    use super::super::examples::{lines, totals};
    use super::*;

    #[test]
    fn a_month_of_a_shop() {
        let march = totals(
            "assets:bank                  9000  0
             income:sales                 500   10000
             income:shipping              0     400
             expenses:cost-of-goods       6000  0
             expenses:courier-fees:postex 1200  100
             expenses:courier-fees:tcs    300   0",
        );
        let found = profit_and_loss(&march).unwrap();
        let found = &found[&Currency::PKR];
        assert_eq!(lines(&found.income), ["income:sales 9500", "income:shipping 400"]);
        assert_eq!(
            lines(&found.expenses),
            [
                "expenses:cost-of-goods 6000",
                "expenses:courier-fees 1400",
                "  expenses:courier-fees:postex 1100",
                "  expenses:courier-fees:tcs 300",
            ]
        );
        assert_eq!((found.income.total, found.expenses.total, found.result), (990_000, 740_000, 250_000));
    }
}
