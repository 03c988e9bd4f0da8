//! A part of a statement: the accounts of one class, with subtotals where the chart branches.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{AccountTotals, plus, shown};
use crate::{AccountClass, Currency, MoneyError};

/// An account, or a branch of the chart with what is below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SectionLine {
    /// The account's path, or the branch's.
    pub account: String,
    /// How many branches of this section it stands below.
    pub depth: usize,
    /// What is on it and below it, in minor units; positive on the side on which its class grows.
    pub amount: i64,
    /// True when accounts below it are listed after it, so that adding the lines up would count them twice.
    pub subtotal: bool,
}

/// The accounts of one class in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Section {
    /// Branches before what is below them; lines that are zero, and have nothing below them, are left out.
    pub lines: Vec<SectionLine>,
    /// The sum of all accounts, in minor units.
    pub total: i64,
}

impl Section {
    /// The accounts of `class` in `currency`. A branch has a line of its own when two or more accounts are on it or below it.
    pub(super) fn of(totals: &AccountTotals, class: AccountClass, currency: Currency) -> Result<Section, MoneyError> {
        let mut accounts = BTreeMap::new();
        for ((account, its_currency), total) in totals {
            let net = shown(class, total.net()?)?;
            if account.class() == class && *its_currency == currency && net != 0 {
                accounts.insert(account.as_str(), net);
            }
        }
        let mut lines = Vec::new();
        let total = accounts.values().try_fold(0, |sum, net| plus(sum, *net))?;
        for (path, branch) in branches(&accounts) {
            if branch.accounts < 2 && !accounts.contains_key(path.as_str()) {
                continue;
            }
            let depth = lines.iter().filter(|line: &&SectionLine| is_below(&path, &line.account)).count();
            let amount = branch.amount.ok_or(MoneyError::Overflow)?;
            lines.push(SectionLine { account: path, depth, amount, subtotal: branch.accounts > 1 });
        }
        Ok(Section { lines, total })
    }
}

/// What is on a path and below it.
#[derive(Clone, Copy)]
struct Branch {
    accounts: usize,
    /// `None` once it does not fit.
    amount: Option<i64>,
}

/// Every path of the chart that accounts are on or below, without the class itself. Ordered by segments, so that a branch
/// stands before what is below it and nothing else between them.
fn branches(accounts: &BTreeMap<&str, i64>) -> Vec<(String, Branch)> {
    let mut found: BTreeMap<Vec<&str>, Branch> = BTreeMap::new();
    for (account, net) in accounts {
        let segments: Vec<&str> = account.split(':').collect();
        for path in (2..=segments.len()).filter_map(|length| segments.get(..length)) {
            let branch = found.entry(path.to_vec()).or_insert(Branch { accounts: 0, amount: Some(0) });
            branch.accounts = branch.accounts.saturating_add(1);
            branch.amount = branch.amount.and_then(|sum| sum.checked_add(*net));
        }
    }
    found.into_iter().map(|(segments, branch)| (segments.join(":"), branch)).collect()
}

fn is_below(path: &str, branch: &str) -> bool {
    path.strip_prefix(branch).is_some_and(|rest| rest.starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::super::examples::{lines, totals};
    use super::*;

    #[test]
    fn a_branch_is_shown_where_accounts_meet() {
        let books = totals(
            "expenses:courier-fees:postex:return  30  0
             expenses:courier-fees:postex         100 0
             expenses:courier-fees:tcs            50  0
             expenses:courier-fees-tax:postex     7   0
             expenses:rent                        20  20
             expenses:write-offs:cod:postex       0   5
             income:sales                         0   9",
        );
        let section = Section::of(&books, AccountClass::Expenses, Currency::PKR).unwrap();
        assert_eq!(
            lines(&section),
            [
                "expenses:courier-fees 180",
                "  expenses:courier-fees:postex 130",
                "    expenses:courier-fees:postex:return 30",
                "  expenses:courier-fees:tcs 50",
                "expenses:courier-fees-tax:postex 7",
                "expenses:write-offs:cod:postex -5",
            ]
        );
        assert_eq!(section.total, 18_200);
        assert_eq!(Section::of(&books, AccountClass::Expenses, Currency::USD).unwrap(), Section::default());
    }
}
