//! What an accountant reads of a ledger: trial balance, profit and loss, balance sheet, account statement, aged receivables.
//!
//! Each is a function of totals or of posted transactions that somebody else has read, as of whatever day and as known at
//! whatever time. Nothing here asks which day it is.

mod account_statement;
mod aged;
mod profit;
mod section;
mod sheet;
mod trial;

use std::collections::BTreeMap;

pub use account_statement::{AccountStatement, StatementLine, account_statement, balances};
pub use aged::{Aged, Buckets, OpenItem, OpenItems};
pub use profit::{Profit, profit_and_loss};
pub use section::{Section, SectionLine};
pub use sheet::{BalanceSheet, balance_sheet};
pub use trial::{Trial, TrialLine, trial};

use crate::{Account, AccountClass, Currency, MoneyError, Side, Total};

/// What was debited and credited on each account, in each of its currencies.
pub type AccountTotals = BTreeMap<(Account, Currency), Total>;

/// A net amount as the account's class shows it: positive on the side on which the class grows. Minor units.
fn shown(class: AccountClass, net: i64) -> Result<i64, MoneyError> {
    match class.normal_side() {
        Side::Debit => Ok(net),
        Side::Credit => net.checked_neg().ok_or(MoneyError::Overflow),
    }
}

fn plus(one: i64, other: i64) -> Result<i64, MoneyError> {
    one.checked_add(other).ok_or(MoneyError::Overflow)
}

fn minus(one: i64, other: i64) -> Result<i64, MoneyError> {
    one.checked_sub(other).ok_or(MoneyError::Overflow)
}

#[cfg(test)]
mod examples {
    use super::*;

    /// Totals from lines of `account debits credits`, in rupees without decimals.
    pub(super) fn totals(lines: &str) -> AccountTotals {
        let mut totals = AccountTotals::new();
        for line in lines.lines().filter(|line| !line.trim().is_empty()) {
            let [account, debits, credits] = line.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{line}") };
            let amount = |text: &str| text.parse::<i64>().unwrap() * 100;
            let total = Total::posted(amount(debits), amount(credits));
            totals.insert((account.parse().unwrap(), Currency::PKR), total);
        }
        totals
    }

    /// A section as lines of `account amount`, indented by depth, in rupees.
    pub(super) fn lines(section: &Section) -> Vec<String> {
        let line = |one: &SectionLine| format!("{}{} {}", "  ".repeat(one.depth), one.account, one.amount / 100);
        section.lines.iter().map(line).collect()
    }
}
