//! An account's statement: what it stood at, every movement, what it came to.

use std::collections::BTreeMap;

use super::{AccountTotals, minus, plus, shown};
use crate::{Account, Currency, Day, Entry, EntryKey, Layer, MoneyError, Posted, Reference, Total};

/// One posted entry, in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementLine {
    /// The transaction's number in the tenant's journal.
    pub number: u64,
    /// The number it undoes, if it is a reversal.
    pub reverses: Option<u64>,
    /// The day on which it counts.
    pub effective: Day,
    /// The day of the fact that caused it: an earlier one, if that day was closed.
    pub occurred: Day,
    /// Which posting it is.
    pub key: EntryKey,
    /// What it is about.
    pub about: Reference,
    /// Which account, when the statement is of a branch.
    pub account: Account,
    /// The amount, if it is a debit, else 0.
    pub debit: i64,
    /// The amount, if it is a credit, else 0.
    pub credit: i64,
    /// The balance after it; positive on the side on which the account grows.
    pub balance: i64,
}

/// An account, or a branch of accounts, over a period, in one currency and in minor units. Balances are positive on the side
/// on which the account grows. Promises are no movements: only what is posted is here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountStatement {
    /// Before the period's first movement.
    pub opening: i64,
    /// By day, then number.
    pub lines: Vec<StatementLine>,
    /// Sum of the period's debits.
    pub debits: i64,
    /// Sum of the period's credits.
    pub credits: i64,
    /// After the period's last movement.
    pub closing: i64,
}

/// The statement of `root` and every account below it, by currency: `before` are the totals up to the period, `period` what
/// was posted in it, by day and number.
pub fn account_statement(
    root: &Account,
    before: &AccountTotals,
    period: &[Posted],
) -> Result<BTreeMap<Currency, AccountStatement>, MoneyError> {
    let mut statements = BTreeMap::new();
    for (currency, opening) in balances(root, before)? {
        statements.insert(currency, AccountStatement { opening, closing: opening, ..AccountStatement::default() });
    }
    for posted in period {
        let entries = posted.transaction.entries().iter();
        for entry in entries.filter(|entry| entry.layer == Layer::Posted && entry.account.is_within(root)) {
            statements.entry(entry.amount.currency).or_default().add(posted, entry)?;
        }
    }
    Ok(statements)
}

/// What an account and those below it stand at, by currency; positive on the side on which it grows. Minor units.
pub fn balances(root: &Account, totals: &AccountTotals) -> Result<BTreeMap<Currency, i64>, MoneyError> {
    let mut balances = BTreeMap::new();
    for ((account, currency), total) in totals {
        if account.is_within(root) {
            let balance = balances.entry(*currency).or_insert(0);
            *balance = plus(*balance, shown(root.class(), total.net()?)?)?;
        }
    }
    Ok(balances)
}

impl AccountStatement {
    fn add(&mut self, posted: &Posted, entry: &Entry) -> Result<(), MoneyError> {
        let Total { debits: debit, credits: credit, .. } = Total::of(entry);
        self.debits = plus(self.debits, debit)?;
        self.credits = plus(self.credits, credit)?;
        self.closing = plus(self.closing, shown(entry.account.class(), minus(debit, credit)?)?)?;
        self.lines.push(StatementLine {
            number: posted.number,
            reverses: posted.reverses,
            effective: posted.transaction.effective(),
            occurred: posted.transaction.occurred(),
            key: posted.transaction.key().clone(),
            about: posted.transaction.about().clone(),
            account: entry.account.clone(),
            debit,
            credit,
            balance: self.closing,
        });
        Ok(())
    }
}
