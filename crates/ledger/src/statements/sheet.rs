//! The balance sheet: what is owned, what is owed, and what is left to the owners.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::profit::profit;
use super::{AccountTotals, Section, plus};
use crate::{AccountClass, Currency, MoneyError};

/// A balance sheet in one currency, in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BalanceSheet {
    /// What is owned, and owed to us.
    pub assets: Section,
    /// What we owe.
    pub liabilities: Section,
    /// What the owners put in.
    pub equity: Section,
    /// Income less expenses from the first day on: what the owners gained and have not taken out.
    pub retained: i64,
    /// Liabilities, equity and the retained result together.
    pub claims: i64,
    /// True when assets equal claims.
    pub holds: bool,
}

/// The balance sheet by currency, from totals of every day up to the day that it is of.
pub fn balance_sheet(totals: &AccountTotals) -> Result<BTreeMap<Currency, BalanceSheet>, MoneyError> {
    let currencies: BTreeSet<Currency> = totals.keys().map(|(_, currency)| *currency).collect();
    currencies.into_iter().map(|currency| Ok((currency, sheet(totals, currency)?))).collect()
}

fn sheet(totals: &AccountTotals, currency: Currency) -> Result<BalanceSheet, MoneyError> {
    let assets = Section::of(totals, AccountClass::Assets, currency)?;
    let liabilities = Section::of(totals, AccountClass::Liabilities, currency)?;
    let equity = Section::of(totals, AccountClass::Equity, currency)?;
    let retained = profit(totals, currency)?.result;
    let claims = plus(plus(liabilities.total, equity.total)?, retained)?;
    let holds = assets.total == claims;
    Ok(BalanceSheet { assets, liabilities, equity, retained, claims, holds })
}

#[cfg(test)]
mod tests {
    use super::super::examples::{lines, totals};
    use super::*;
    use crate::Total;

    #[test]
    fn assets_equal_claims_or_it_says_so() {
        let mut books = totals(
            "assets:bank                  12000 4000
             assets:cod-receivable:postex 3000  1000
             assets:cod-receivable:tcs    500   0
             liabilities:output-tax       0     900
             equity:opening               0     5000
             income:sales                 0     6000
             expenses:courier-fees        1400  0",
        );
        let sheet = &balance_sheet(&books).unwrap()[&Currency::PKR];
        assert_eq!(
            lines(&sheet.assets),
            [
                "assets:bank 8000",
                "assets:cod-receivable 2500",
                "  assets:cod-receivable:postex 2000",
                "  assets:cod-receivable:tcs 500",
            ]
        );
        assert_eq!((sheet.liabilities.total, sheet.equity.total), (90_000, 500_000));
        assert_eq!((sheet.assets.total, sheet.retained, sheet.claims), (1_050_000, 460_000, 1_050_000));
        assert!(sheet.holds);
        books.insert(("assets:bank".parse().unwrap(), Currency::PKR), Total::posted(1, 0));
        assert!(!balance_sheet(&books).unwrap()[&Currency::PKR].holds);
    }
}
