//! Aged receivables: what is still open of each part of the business, by how long it has been.

use std::collections::BTreeMap;

use serde::Serialize;

use super::plus;
use crate::{Account, Currency, Day, Layer, MoneyError, Posted, Reference, Side, Total};

/// Open amounts by age in days, in minor units. A credit that nothing was matched with is a negative amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Buckets {
    /// 0 to 7 days; also what counts only on a later day.
    pub days_0_7: i64,
    /// 8 to 14 days.
    pub days_8_14: i64,
    /// 15 to 30 days.
    pub days_15_30: i64,
    /// 31 to 60 days.
    pub days_31_60: i64,
    /// 61 days and more.
    pub days_61_up: i64,
}

/// What is open of one part on one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenItem {
    /// The part, such as `parcel/postex/26704560000656`.
    pub part: Reference,
    /// The day from which its age counts: that of its first debit that stands, or of its first credit if there is none.
    pub since: Day,
    /// Debits less credits, in minor units; never zero.
    pub open: i64,
}

/// An account's open amounts in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Aged {
    /// By age.
    pub buckets: Buckets,
    /// Their sum: the account's balance, in minor units.
    pub total: i64,
    /// Oldest first, then by part.
    pub items: Vec<OpenItem>,
}

/// Collects what was posted on receivable accounts, in any order, and says what is open. Its size grows with the parts that
/// were ever seen.
#[derive(Debug, Clone, Default)]
pub struct OpenItems(BTreeMap<(Account, Currency), BTreeMap<Reference, Movements>>);

/// A part's entries on one account, less those that undid each other.
#[derive(Debug, Clone, Default)]
struct Movements {
    net: i64,
    /// Days by number; a reversal takes away what it undoes.
    debits: BTreeMap<u64, Day>,
    credits: BTreeMap<u64, Day>,
}

impl OpenItems {
    /// Takes the posted entries on `root` and the accounts below it. A reversal comes after what it undoes.
    pub fn add(&mut self, root: &Account, posted: &Posted) -> Result<(), MoneyError> {
        let entries = posted.transaction.entries().iter();
        for entry in entries.filter(|entry| entry.layer == Layer::Posted && entry.account.is_within(root)) {
            let parts = self.0.entry((entry.account.clone(), entry.amount.currency)).or_default();
            let total = Total::of(entry);
            parts.entry(posted.part.clone()).or_default().add(posted, entry.side, total.net()?)?;
        }
        Ok(())
    }

    /// What is open as of a day, by account and currency; accounts with nothing open are left out.
    pub fn aged(self, as_of: Day) -> Result<BTreeMap<(Account, Currency), Aged>, MoneyError> {
        let mut found = BTreeMap::new();
        for (at, parts) in self.0 {
            let mut aged = Aged::default();
            for (part, movements) in parts.into_iter().filter(|(_, movements)| movements.net != 0) {
                aged.add(OpenItem { part, since: movements.since(as_of), open: movements.net }, as_of)?;
            }
            aged.items.sort_by(|a, b| (a.since, &a.part).cmp(&(b.since, &b.part)));
            if !aged.items.is_empty() {
                found.insert(at, aged);
            }
        }
        Ok(found)
    }
}

impl Movements {
    fn add(&mut self, posted: &Posted, side: Side, net: i64) -> Result<(), MoneyError> {
        self.net = plus(self.net, net)?;
        let (day, (same, other)) = match side {
            Side::Debit => (posted.transaction.effective(), (&mut self.debits, &mut self.credits)),
            Side::Credit => (posted.transaction.effective(), (&mut self.credits, &mut self.debits)),
        };
        let undone = posted.reverses.and_then(|number| other.remove(&number));
        if undone.is_none() {
            same.insert(posted.number, day);
        }
        Ok(())
    }

    fn since(&self, as_of: Day) -> Day {
        let first = |days: &BTreeMap<u64, Day>| days.values().min().copied();
        first(&self.debits).or_else(|| first(&self.credits)).unwrap_or(as_of)
    }
}

impl Aged {
    fn add(&mut self, item: OpenItem, as_of: Day) -> Result<(), MoneyError> {
        let bucket = self.buckets.of_age(as_of.since(item.since));
        *bucket = plus(*bucket, item.open)?;
        self.total = plus(self.total, item.open)?;
        self.items.push(item);
        Ok(())
    }
}

impl Buckets {
    fn of_age(&mut self, days: i32) -> &mut i64 {
        match days {
            ..=7 => &mut self.days_0_7,
            8..=14 => &mut self.days_8_14,
            15..=30 => &mut self.days_15_30,
            31..=60 => &mut self.days_31_60,
            61.. => &mut self.days_61_up,
        }
    }
}
