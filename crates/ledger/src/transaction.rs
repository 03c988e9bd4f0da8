//! Transactions: entries that balance, about one thing, effective on one day.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Account, Currency, Day, Money, Side};

/// Which posting a transaction is: the same fact always has the same key, such as `parcel/postex/26704560000656/delivered`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EntryKey(String);

/// What a transaction is about: an id in a source system, such as `order/820982911946154508`. Never a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference(String);

/// A key or reference has characters that ids do not have, or is empty or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("keys and references are 1 to 200 letters, digits and /._:#- characters")]
pub struct TextError;

macro_rules! identifier {
    ($name:ident) => {
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = TextError;

            fn try_from(text: String) -> Result<Self, TextError> {
                let ok = |b: u8| b.is_ascii_alphanumeric() || b"/._:#-".contains(&b);
                if text.is_empty() || text.len() > 200 || !text.bytes().all(ok) {
                    return Err(TextError);
                }
                Ok($name(text))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

identifier!(EntryKey);
identifier!(Reference);

/// One side of a transaction: a positive amount on one account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entry {
    /// Where.
    pub account: Account,
    /// Debit or credit.
    pub side: Side,
    /// How much; always more than zero.
    pub amount: Money,
}

impl Entry {
    /// A debit of `amount` to `account`.
    pub fn debit(account: Account, amount: Money) -> Entry {
        Entry { account, side: Side::Debit, amount }
    }

    /// A credit of `amount` to `account`.
    pub fn credit(account: Account, amount: Money) -> Entry {
        Entry { account, side: Side::Credit, amount }
    }
}

/// A balanced set of entries. It cannot be built unbalanced.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Transaction {
    key: EntryKey,
    about: Reference,
    effective: Day,
    entries: Vec<Entry>,
}

/// Why entries are not a transaction. Checked in this order; the first that applies is the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Fewer than two entries.
    #[error("a transaction has at least two entries")]
    TooFewEntries,
    /// An entry's amount is zero or negative.
    #[error("entry {index}: amounts are more than zero")]
    AmountNotPositive {
        /// Position in the list of entries, from 0.
        index: usize,
    },
    /// Two currencies in one transaction.
    #[error("entry {index}: {found} in a transaction of {expected}")]
    MixedCurrencies {
        /// Position in the list of entries, from 0.
        index: usize,
        /// The currency of the first entry.
        expected: Currency,
        /// The currency of this entry.
        found: Currency,
    },
    /// A sum does not fit 64 bits of minor units.
    #[error("the entries' sum does not fit 64 bits of minor units")]
    Overflow,
    /// Debits and credits differ.
    #[error("debits {debits} and credits {credits} differ")]
    EntriesDoNotBalance {
        /// Sum of the debits, minor units.
        debits: i64,
        /// Sum of the credits, minor units.
        credits: i64,
    },
}

impl Transaction {
    /// Checks the entries and keeps them in a fixed order, so that equal postings are equal bytes.
    pub fn new(
        key: EntryKey,
        about: Reference,
        effective: Day,
        mut entries: Vec<Entry>,
    ) -> Result<Transaction, Rejected> {
        let first = entries.first().filter(|_| entries.len() >= 2).ok_or(Rejected::TooFewEntries)?;
        let expected = first.amount.currency;
        if let Some(index) = entries.iter().position(|e| e.amount.minor <= 0) {
            return Err(Rejected::AmountNotPositive { index });
        }
        if let Some(index) = entries.iter().position(|e| e.amount.currency != expected) {
            return Err(Rejected::MixedCurrencies { index, expected, found: entries[index].amount.currency });
        }
        let debits = sum(&entries, Side::Debit)?;
        let credits = sum(&entries, Side::Credit)?;
        if debits != credits {
            return Err(Rejected::EntriesDoNotBalance { debits, credits });
        }
        entries.sort_by(|a, b| a.side.cmp(&b.side).then_with(|| a.cmp(b)));
        Ok(Transaction { key, about, effective, entries })
    }

    /// Which posting this is.
    pub fn key(&self) -> &EntryKey {
        &self.key
    }

    /// What it is about.
    pub fn about(&self) -> &Reference {
        &self.about
    }

    /// The business day on which it counts.
    pub fn effective(&self) -> Day {
        self.effective
    }

    /// Debits first, then credits, each by account.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The currency of every entry.
    pub fn currency(&self) -> Currency {
        // `new` refuses an empty list.
        self.entries.first().map_or(Currency::PKR, |e| e.amount.currency)
    }

    /// The same entries with their sides exchanged: what undoes this transaction on the same day.
    pub fn reversal(&self) -> Transaction {
        let mut entries: Vec<Entry> =
            self.entries.iter().map(|e| Entry { side: e.side.opposite(), ..e.clone() }).collect();
        entries.sort_by(|a, b| a.side.cmp(&b.side).then_with(|| a.cmp(b)));
        Transaction { key: self.key.clone(), about: self.about.clone(), effective: self.effective, entries }
    }
}

fn sum(entries: &[Entry], side: Side) -> Result<i64, Rejected> {
    entries
        .iter()
        .filter(|e| e.side == side)
        .try_fold(0_i64, |total, e| total.checked_add(e.amount.minor))
        .ok_or(Rejected::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(side: Side, minor: i64, currency: Currency) -> Entry {
        let account = if side == Side::Debit { "assets:bank" } else { "income:sales" };
        Entry { account: account.parse().unwrap(), side, amount: Money::new(minor, currency) }
    }

    fn check(entries: Vec<Entry>, expected: Result<(), Rejected>) {
        let key = EntryKey::try_from("order/1/captured".to_owned()).unwrap();
        let about = Reference::try_from("order/1".to_owned()).unwrap();
        assert_eq!(Transaction::new(key, about, Day(0), entries).map(|_| ()), expected);
    }

    #[test]
    fn every_rejection_has_a_row() {
        use Currency as C;
        use Side::{Credit, Debit};
        check(vec![], Err(Rejected::TooFewEntries));
        check(vec![entry(Debit, 5, C::PKR)], Err(Rejected::TooFewEntries));
        check(vec![entry(Debit, 0, C::PKR), entry(Credit, 0, C::PKR)], Err(Rejected::AmountNotPositive { index: 0 }));
        check(vec![entry(Debit, 5, C::PKR), entry(Credit, -5, C::PKR)], Err(Rejected::AmountNotPositive { index: 1 }));
        let mixed = Rejected::MixedCurrencies { index: 1, expected: C::PKR, found: C::USD };
        check(vec![entry(Debit, 5, C::PKR), entry(Credit, 5, C::USD)], Err(mixed));
        let huge = vec![entry(Debit, i64::MAX, C::PKR), entry(Debit, 1, C::PKR), entry(Credit, 1, C::PKR)];
        check(huge, Err(Rejected::Overflow));
        let off = Rejected::EntriesDoNotBalance { debits: 5, credits: 4 };
        check(vec![entry(Debit, 5, C::PKR), entry(Credit, 4, C::PKR)], Err(off));
        check(vec![entry(Debit, 5, C::PKR), entry(Credit, 5, C::PKR)], Ok(()));
    }

    #[test]
    fn ids_carry_no_prose() {
        for bad in ["", "Ali Raza", "ali@example.com", "نام"] {
            assert_eq!(Reference::try_from(bad.to_owned()), Err(TextError), "{bad}");
        }
    }
}
