//! Reversals, re-checked: each names an earlier transaction that stood until then, and undoes exactly its entries.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::{Layer, Posted, Side, Transaction};

/// What stands in one journal while it is read from its first transaction on. Keeps about forty bytes for each.
#[derive(Debug, Clone, Default)]
pub struct Reversals {
    /// Numbers of what stands, with a digest of the entries.
    standing: BTreeMap<u64, [u8; 16]>,
    undone: BTreeSet<u64>,
    reversals: BTreeSet<u64>,
}

/// Why a transaction is no valid reversal. Checked in this order; the first that applies is the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReversalError {
    /// What it names was undone before.
    #[error("it reverses number {0}, which was reversed before")]
    Again(u64),
    /// What it names is a reversal itself.
    #[error("it reverses number {0}, which is a reversal itself")]
    OfReversal(u64),
    /// What it names is not in the journal before it.
    #[error("it reverses number {0}, which is not a transaction before it")]
    Unknown(u64),
    /// Its entries are not those of what it names, with the sides exchanged.
    #[error("it reverses number {0}, and its entries are not the opposite of that")]
    NotOpposite(u64),
}

impl Reversals {
    /// Notes the next transaction of the journal, and checks it if it is a reversal.
    pub fn take(&mut self, posted: &Posted) -> Result<(), ReversalError> {
        let Some(number) = posted.reverses else {
            self.standing.insert(posted.number, digest(&posted.transaction));
            return Ok(());
        };
        self.reversals.insert(posted.number);
        match self.standing.get(&number) {
            None if self.undone.contains(&number) => Err(ReversalError::Again(number)),
            None if self.reversals.contains(&number) => Err(ReversalError::OfReversal(number)),
            None => Err(ReversalError::Unknown(number)),
            Some(entries) if *entries != digest(&posted.transaction.reversal()) => {
                Err(ReversalError::NotOpposite(number))
            }
            Some(_) => {
                self.standing.remove(&number);
                self.undone.insert(number);
                Ok(())
            }
        }
    }

    /// How many transactions stand, and how many were undone.
    pub fn counts(&self) -> (usize, usize) {
        (self.standing.len(), self.undone.len())
    }
}

/// The first half of a SHA-256 over the entries, which a transaction keeps in a fixed order.
fn digest(transaction: &Transaction) -> [u8; 16] {
    let mut hash = Sha256::new();
    for entry in transaction.entries() {
        let account = entry.account.as_str().as_bytes();
        hash.update((account.len() as u64).to_be_bytes());
        hash.update(account);
        hash.update([u8::from(entry.layer == Layer::Pending), u8::from(entry.side == Side::Credit)]);
        hash.update(entry.amount.minor.to_be_bytes());
        hash.update(<[u8; 3]>::from(entry.amount.currency));
    }
    let whole: [u8; 32] = hash.finalize().into();
    std::array::from_fn(|index| whole[index])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Currency, Day, Entry, EntryKey, GENESIS, Money, Reference, Timestamp};

    fn posted(number: u64, reverses: Option<u64>, minor: i64) -> Posted {
        let amount = Money::new(minor, Currency::PKR);
        let entries = vec![
            Entry::debit("assets:bank".parse().unwrap(), amount),
            Entry::credit("income:sales".parse().unwrap(), amount),
        ];
        let key = EntryKey::try_from("order/1/captured".to_owned()).unwrap();
        let about = Reference::try_from("order/1".to_owned()).unwrap();
        let transaction = Transaction::new(key, about.clone(), Day(3), entries).unwrap();
        let transaction = if reverses.is_some() { transaction.reversal() } else { transaction };
        Posted { number, part: about, recorded: Timestamp(0), reverses, previous: GENESIS, transaction }
    }

    /// Number, the number it undoes, and minor units.
    type Posting = (u64, Option<u64>, i64);

    #[test]
    fn a_reversal_names_what_stands_once_and_undoes_it() {
        let history: [(&[Posting], Result<(), ReversalError>); 7] = [
            (&[(1, None, 500), (2, Some(1), 500)], Ok(())),
            (&[(1, None, 500), (2, Some(1), 500), (3, None, 500), (4, Some(3), 500)], Ok(())),
            (&[(1, None, 500), (2, Some(1), 500), (3, Some(1), 500)], Err(ReversalError::Again(1))),
            (&[(1, None, 500), (2, Some(1), 500), (3, Some(2), 500)], Err(ReversalError::OfReversal(2))),
            (&[(1, None, 500), (2, Some(7), 500)], Err(ReversalError::Unknown(7))),
            (&[(1, None, 500), (2, Some(2), 500)], Err(ReversalError::OfReversal(2))),
            (&[(1, None, 500), (2, Some(1), 499)], Err(ReversalError::NotOpposite(1))),
        ];
        for (rows, expected) in history {
            let mut reversals = Reversals::default();
            let mut last = Ok(());
            for (number, reverses, minor) in rows {
                last = reversals.take(&posted(*number, *reverses, *minor));
            }
            assert_eq!(last, expected, "{rows:?}");
        }
    }

    #[test]
    fn the_same_side_again_is_no_reversal() {
        let mut reversals = Reversals::default();
        reversals.take(&posted(1, None, 500)).unwrap();
        let same = Posted { reverses: Some(1), ..posted(2, None, 500) };
        assert_eq!(reversals.take(&same), Err(ReversalError::NotOpposite(1)));
    }
}
