//! Balances: sums of entries by account, currency and day, and the trial balance over them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Account, Currency, Day, Entry, Layer, MoneyError, Side, Transaction};

/// What was debited and credited, in minor units; each only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Total {
    /// Sum of the debits.
    pub debits: i64,
    /// Sum of the credits.
    pub credits: i64,
    /// Sum of the debits that were promised, and of the promises taken back from the other side.
    pub pending_debits: i64,
    /// The same of credits.
    pub pending_credits: i64,
}

impl Total {
    /// Of posted entries alone.
    pub fn posted(debits: i64, credits: i64) -> Total {
        Total { debits, credits, ..Total::default() }
    }

    /// What one entry adds.
    pub fn of(entry: &Entry) -> Total {
        let (minor, none) = (entry.amount.minor, Total::default());
        match (entry.layer, entry.side) {
            (Layer::Posted, Side::Debit) => Total { debits: minor, ..none },
            (Layer::Posted, Side::Credit) => Total { credits: minor, ..none },
            (Layer::Pending, Side::Debit) => Total { pending_debits: minor, ..none },
            (Layer::Pending, Side::Credit) => Total { pending_credits: minor, ..none },
        }
    }

    /// Each side added.
    pub fn checked_add(self, other: Total) -> Result<Total, MoneyError> {
        let add = |one: i64, more: i64| one.checked_add(more).ok_or(MoneyError::Overflow);
        Ok(Total {
            debits: add(self.debits, other.debits)?,
            credits: add(self.credits, other.credits)?,
            pending_debits: add(self.pending_debits, other.pending_debits)?,
            pending_credits: add(self.pending_credits, other.pending_credits)?,
        })
    }

    /// Each side less the other's.
    pub fn checked_sub(self, other: Total) -> Result<Total, MoneyError> {
        let less = |one: i64, off: i64| one.checked_sub(off).ok_or(MoneyError::Overflow);
        Ok(Total {
            debits: less(self.debits, other.debits)?,
            credits: less(self.credits, other.credits)?,
            pending_debits: less(self.pending_debits, other.pending_debits)?,
            pending_credits: less(self.pending_credits, other.pending_credits)?,
        })
    }

    /// Debits less credits, of what is posted.
    pub fn net(self) -> Result<i64, MoneyError> {
        self.debits.checked_sub(self.credits).ok_or(MoneyError::Overflow)
    }

    /// Debits less credits, of what is promised and neither kept nor voided.
    pub fn pending(self) -> Result<i64, MoneyError> {
        self.pending_debits.checked_sub(self.pending_credits).ok_or(MoneyError::Overflow)
    }
}

/// Net amounts by account, currency and effective day: debits less credits, posted and pending.
pub type Nets = BTreeMap<(Account, Currency, Day), (i64, i64)>;

/// Totals by account, currency and effective day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Balances(BTreeMap<(Account, Currency, Day), Total>);

impl Balances {
    /// Adds a transaction's entries.
    pub fn add(&mut self, transaction: &Transaction) -> Result<(), MoneyError> {
        for entry in transaction.entries() {
            let at = (entry.account.clone(), entry.amount.currency, transaction.effective());
            let total = self.0.entry(at).or_default();
            *total = total.checked_add(Total::of(entry))?;
        }
        Ok(())
    }

    /// Adds a total that was summed up elsewhere.
    pub fn add_total(&mut self, at: (Account, Currency, Day), total: Total) -> Result<(), MoneyError> {
        let sum = self.0.entry(at).or_default();
        *sum = sum.checked_add(total)?;
        Ok(())
    }

    /// Every total, by account, currency and day.
    pub fn iter(&self) -> impl Iterator<Item = (&(Account, Currency, Day), &Total)> {
        self.0.iter()
    }

    /// Net amounts, posted and pending, that are not both zero: the part that does not depend on how often something was
    /// posted and reversed.
    pub fn nets(&self) -> Result<Nets, MoneyError> {
        let mut nets = Nets::new();
        for (at, total) in &self.0 {
            let net = (total.net()?, total.pending()?);
            if net != (0, 0) {
                nets.insert(at.clone(), net);
            }
        }
        Ok(nets)
    }
}

/// One account's line in a trial balance: its net amount on one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrialBalanceRow {
    /// The account.
    pub account: Account,
    /// The currency; an account with several has a line for each.
    #[serde(serialize_with = "as_code")]
    pub currency: Currency,
    /// Net amount if it is a debit, else 0; minor units.
    pub debit: i64,
    /// Net amount if it is a credit, else 0; minor units.
    pub credit: i64,
}

pub(crate) fn as_code<S: serde::Serializer>(currency: &Currency, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(currency.code())
}

/// Every account's net balance; debits equal credits in each currency.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrialBalance {
    /// By account, then currency; lines with a zero net are left out.
    pub rows: Vec<TrialBalanceRow>,
}

impl TrialBalance {
    /// From totals in any order; several for one account and currency are added.
    pub fn from_totals(
        totals: impl IntoIterator<Item = (Account, Currency, Total)>,
    ) -> Result<TrialBalance, MoneyError> {
        let mut sums: BTreeMap<(Account, Currency), Total> = BTreeMap::new();
        for (account, currency, total) in totals {
            let sum = sums.entry((account, currency)).or_default();
            *sum = sum.checked_add(total)?;
        }
        let mut rows = Vec::new();
        for ((account, currency), total) in sums {
            let net = total.net()?;
            if net != 0 {
                let debit = net.max(0);
                let credit = net.min(0).checked_neg().ok_or(MoneyError::Overflow)?;
                rows.push(TrialBalanceRow { account, currency, debit, credit });
            }
        }
        Ok(TrialBalance { rows })
    }

    /// Sum of debits and credits in each currency.
    pub fn sums(&self) -> Result<BTreeMap<Currency, Total>, MoneyError> {
        let mut sums: BTreeMap<Currency, Total> = BTreeMap::new();
        for row in &self.rows {
            let sum = sums.entry(row.currency).or_default();
            *sum = sum.checked_add(Total::posted(row.debit, row.credit))?;
        }
        Ok(sums)
    }

    /// True when debits equal credits in every currency.
    pub fn is_balanced(&self) -> bool {
        self.sums().is_ok_and(|sums| sums.values().all(|t| t.debits == t.credits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EntryKey, Money, Reference};

    #[test]
    fn a_transaction_and_its_reversal_leave_no_net() {
        let amount = Money::new(500, Currency::PKR);
        let entries = vec![
            Entry::debit("assets:bank".parse().unwrap(), amount),
            Entry::credit("income:sales".parse().unwrap(), amount),
        ];
        let key = EntryKey::try_from("order/1/captured".to_owned()).unwrap();
        let about = Reference::try_from("order/1".to_owned()).unwrap();
        let transaction = Transaction::new(key, about, Day(3), entries).unwrap();
        let mut balances = Balances::default();
        balances.add(&transaction).unwrap();
        assert_eq!(balances.nets().unwrap().len(), 2);
        balances.add(&transaction.reversal()).unwrap();
        assert!(balances.nets().unwrap().is_empty());
        let totals = balances.iter().map(|((a, c, _), t)| (a.clone(), *c, *t));
        assert!(TrialBalance::from_totals(totals).unwrap().is_balanced());
    }
}
