//! The trial balance, with what is promised beside what is posted.

use std::collections::BTreeMap;

use serde::Serialize;

use super::AccountTotals;
use crate::{Account, Currency, MoneyError, Total};

/// One account's line: its net amounts, each on one side, in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrialLine {
    /// The account.
    pub account: Account,
    /// The currency; an account with several has a line for each.
    #[serde(serialize_with = "crate::balance::as_code")]
    pub currency: Currency,
    /// The net of what is posted if it is a debit, else 0.
    pub debit: i64,
    /// The net of what is posted if it is a credit, else 0.
    pub credit: i64,
    /// The net of what is promised if it is a debit, else 0.
    pub pending_debit: i64,
    /// The net of what is promised if it is a credit, else 0.
    pub pending_credit: i64,
}

/// Every account's net, and the sums of both sides, which are equal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trial {
    /// By account, then currency; lines in which everything is zero are left out.
    pub lines: Vec<TrialLine>,
    /// The sum of each column, by currency.
    pub sums: BTreeMap<Currency, Total>,
}

impl Trial {
    /// True when debits equal credits in every currency, of what is posted and of what is promised.
    pub fn is_balanced(&self) -> bool {
        self.sums.values().all(|sum| sum.debits == sum.credits && sum.pending_debits == sum.pending_credits)
    }
}

/// The trial balance of these totals. An amount that does not fit is an error.
pub fn trial(totals: &AccountTotals) -> Result<Trial, MoneyError> {
    let mut trial = Trial::default();
    for ((account, currency), total) in totals {
        let (debit, credit) = sides(total.net()?)?;
        let (pending_debit, pending_credit) = sides(total.pending()?)?;
        if [debit, credit, pending_debit, pending_credit] == [0; 4] {
            continue;
        }
        let column =
            Total { debits: debit, credits: credit, pending_debits: pending_debit, pending_credits: pending_credit };
        let sum = trial.sums.entry(*currency).or_default();
        *sum = sum.checked_add(column)?;
        let (account, currency) = (account.clone(), *currency);
        trial.lines.push(TrialLine { account, currency, debit, credit, pending_debit, pending_credit });
    }
    Ok(trial)
}

/// A net amount as a debit or a credit.
fn sides(net: i64) -> Result<(i64, i64), MoneyError> {
    Ok((net.max(0), net.min(0).checked_neg().ok_or(MoneyError::Overflow)?))
}

#[cfg(test)]
mod tests {
    use super::super::examples::totals;
    use super::*;

    #[test]
    fn nets_stand_on_their_side_and_promises_beside_them() {
        let mut books = totals(
            "assets:bank        500 200
             assets:stock       100 100
             income:sales       0   300",
        );
        let promised = |debits, credits| Total { pending_debits: debits, pending_credits: credits, ..Total::default() };
        books.insert(("assets:cod-with-courier".parse().unwrap(), Currency::PKR), promised(9_000, 1_000));
        books.insert(("income:sales-promised".parse().unwrap(), Currency::PKR), promised(0, 8_000));
        let found = trial(&books).unwrap();
        let line = |one: &TrialLine| {
            let amounts = [one.debit, one.credit, one.pending_debit, one.pending_credit].map(|minor| minor / 100);
            (one.account.to_string(), amounts)
        };
        let expected = [
            ("assets:bank", [300, 0, 0, 0]),
            ("assets:cod-with-courier", [0, 0, 80, 0]),
            ("income:sales", [0, 300, 0, 0]),
            ("income:sales-promised", [0, 0, 0, 80]),
        ];
        let expected = expected.map(|(account, amounts)| (account.to_owned(), amounts));
        assert_eq!(found.lines.iter().map(line).collect::<Vec<_>>(), expected);
        assert!(found.is_balanced());
        books.insert(("equity:lost".parse().unwrap(), Currency::PKR), Total::posted(1, 0));
        assert!(!trial(&books).unwrap().is_balanced());
    }
}
