//! What is posted against what should be: the difference, as reversals and replacements, never an update.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ChainHash, Day, EntryKey, Reference, Timestamp, Transaction};

/// The transactions that should stand, by key.
pub type Journal = BTreeMap<EntryKey, Transaction>;

/// A transaction that stands in the books, and the number it was posted under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// Its gapless number in the tenant's journal, from 1.
    pub number: u64,
    /// What was posted.
    pub transaction: Transaction,
}

/// A transaction as it was posted: what the ledger topic carries and the journal keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// Its gapless number in the tenant's journal, from 1.
    pub number: u64,
    /// The part of a case that it belongs to, such as `parcel/postex/26704560000656`.
    pub part: Reference,
    /// When the fact that caused it was recorded.
    pub recorded: Timestamp,
    /// The number it undoes, if it is a reversal.
    pub reverses: Option<u64>,
    /// The chain's link before it.
    pub previous: ChainHash,
    /// The entries.
    pub transaction: Transaction,
}

/// One step that brings the books to what they should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Undo transaction `number`.
    Reverse {
        /// The number that is undone.
        number: u64,
        /// The undoing entries.
        reversal: Transaction,
    },
    /// Post this.
    Post(Transaction),
}

impl Change {
    /// The same step in books that are closed up to `closed`: what would count on a closed day counts on the first open one,
    /// and still says when it occurred.
    pub fn after(self, closed: Option<Day>) -> Change {
        let Some(first_open) = closed.map(|day| Day(day.0.saturating_add(1))) else { return self };
        let moved = |transaction: Transaction| {
            let day = transaction.effective().max(first_open);
            transaction.effective_on(day)
        };
        match self {
            Change::Reverse { number, reversal } => Change::Reverse { number, reversal: moved(reversal) },
            Change::Post(transaction) => Change::Post(moved(transaction)),
        }
    }
}

/// The steps from `posted` to `desired`, in key order, a reversal before its replacement. Empty when nothing differs.
pub fn diff(desired: &Journal, posted: &BTreeMap<EntryKey, Live>) -> Vec<Change> {
    let mut changes = Vec::new();
    for (key, live) in posted.iter().filter(|(key, _)| !desired.contains_key(*key)) {
        debug_assert_eq!(key, live.transaction.key());
        changes.push(reverse(live));
    }
    for (key, wanted) in desired {
        match posted.get(key) {
            Some(live) if live.transaction.says_the_same(wanted) => {}
            Some(live) => changes.extend([reverse(live), Change::Post(wanted.clone())]),
            None => changes.push(Change::Post(wanted.clone())),
        }
    }
    changes
}

fn reverse(live: &Live) -> Change {
    Change::Reverse { number: live.number, reversal: live.transaction.reversal() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Currency, Day, Entry, Money, Reference};

    fn transaction(key: &str, minor: i64) -> Transaction {
        let amount = Money::new(minor, Currency::PKR);
        let entries = vec![
            Entry::debit("assets:bank".parse().unwrap(), amount),
            Entry::credit("income:sales".parse().unwrap(), amount),
        ];
        let key = EntryKey::try_from(key.to_owned()).unwrap();
        Transaction::new(key, Reference::try_from("order/1".to_owned()).unwrap(), Day(0), entries).unwrap()
    }

    fn journal(list: &[Transaction]) -> Journal {
        list.iter().map(|t| (t.key().clone(), t.clone())).collect()
    }

    fn posted(list: &[Transaction]) -> BTreeMap<EntryKey, Live> {
        let live =
            |(i, t): (usize, &Transaction)| (t.key().clone(), Live { number: i as u64 + 1, transaction: t.clone() });
        list.iter().enumerate().map(live).collect()
    }

    #[test]
    fn a_difference_is_a_reversal_and_a_replacement() {
        let (a, b, c) = (transaction("a", 100), transaction("b", 200), transaction("b", 250));
        let one = std::slice::from_ref(&a);
        assert_eq!(diff(&journal(one), &posted(one)), vec![]);
        assert_eq!(diff(&journal(one), &posted(&[])), vec![Change::Post(a.clone())]);
        let undone = Change::Reverse { number: 1, reversal: a.reversal() };
        assert_eq!(diff(&journal(&[]), &posted(one)), vec![undone]);
        let reversed = Change::Reverse { number: 2, reversal: b.reversal() };
        assert_eq!(diff(&journal(&[a.clone(), c.clone()]), &posted(&[a, b])), vec![reversed, Change::Post(c)]);
    }

    #[test]
    fn a_closed_day_moves_what_is_late_and_leaves_what_stands() {
        let late = transaction("a", 100);
        let moved = Change::Post(late.clone()).after(Some(Day(4)));
        assert_eq!(moved, Change::Post(late.clone().effective_on(Day(5))));
        assert_eq!(Change::Post(late.clone()).after(Some(Day(-1))), Change::Post(late.clone()));
        assert_eq!(Change::Post(late.clone()).after(None), Change::Post(late.clone()));
        let stands = posted(&[late.clone().effective_on(Day(5))]);
        assert_eq!(diff(&journal(std::slice::from_ref(&late)), &stands), vec![]);
        let undone = diff(&journal(&[]), &posted(std::slice::from_ref(&late))).remove(0).after(Some(Day(9)));
        assert_eq!(undone, Change::Reverse { number: 1, reversal: late.reversal().effective_on(Day(10)) });
    }
}
