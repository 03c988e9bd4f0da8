//! Transactions: entries that balance, about one thing, effective on one day.

use std::collections::BTreeMap;
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

/// Whether an amount has moved or is only promised: cash in a rider's hands is pending until the parcel is delivered. A pending
/// amount is later taken back by the opposite pending entry, beside posted entries when the promise was kept, and without them
/// when it came to nothing (voided).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Layer {
    /// It counts in the balances.
    Posted,
    /// It is promised, and counted apart.
    Pending,
}

/// One side of a transaction: a positive amount on one account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entry {
    /// Whether it has moved or is promised.
    pub layer: Layer,
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
        Entry { layer: Layer::Posted, account, side: Side::Debit, amount }
    }

    /// A credit of `amount` to `account`.
    pub fn credit(account: Account, amount: Money) -> Entry {
        Entry { layer: Layer::Posted, account, side: Side::Credit, amount }
    }

    /// The same entry as a promise.
    pub fn pending(self) -> Entry {
        Entry { layer: Layer::Pending, ..self }
    }

    /// The same amount on the other side.
    pub fn opposite(&self) -> Entry {
        Entry { side: self.side.opposite(), ..self.clone() }
    }
}

/// A balanced set of entries: in each layer and each currency, debits equal credits. It cannot be built unbalanced.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Transaction {
    key: EntryKey,
    about: Reference,
    occurred: Day,
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
    /// A sum does not fit 64 bits of minor units.
    #[error("entry {index}: the sum up to it does not fit 64 bits of minor units")]
    Overflow {
        /// Position of the entry whose addition is too much, from 0.
        index: usize,
    },
    /// Debits and credits differ in one currency. Money of another currency is exchanged through an account that holds both,
    /// never by a rate.
    #[error("debits {debits} and credits {credits} of {currency} differ")]
    EntriesDoNotBalance {
        /// The first currency that does not balance.
        currency: Currency,
        /// Sum of the debits, minor units.
        debits: i64,
        /// Sum of the credits, minor units.
        credits: i64,
    },
}

impl Transaction {
    /// Checks the entries and keeps them in a fixed order, so that equal postings are equal bytes. It counts on the day it
    /// occurred, as long as that day is open.
    pub fn new(
        key: EntryKey,
        about: Reference,
        occurred: Day,
        mut entries: Vec<Entry>,
    ) -> Result<Transaction, Rejected> {
        if entries.len() < 2 {
            return Err(Rejected::TooFewEntries);
        }
        if let Some(index) = entries.iter().position(|e| e.amount.minor <= 0) {
            return Err(Rejected::AmountNotPositive { index });
        }
        let unbalanced = sums(&entries)?.into_iter().find(|(_, (debits, credits))| debits != credits);
        if let Some(((_, currency), (debits, credits))) = unbalanced {
            return Err(Rejected::EntriesDoNotBalance { currency, debits, credits });
        }
        entries.sort_by(in_order);
        Ok(Transaction { key, about, occurred, effective: occurred, entries })
    }

    /// The same transaction, counting on `day`: the first open day, when the day it occurred is closed.
    pub fn effective_on(self, day: Day) -> Transaction {
        Transaction { effective: day, ..self }
    }

    /// Which posting this is.
    pub fn key(&self) -> &EntryKey {
        &self.key
    }

    /// What it is about.
    pub fn about(&self) -> &Reference {
        &self.about
    }

    /// The business day of the fact that caused it.
    pub fn occurred(&self) -> Day {
        self.occurred
    }

    /// The business day on which it counts: the day it occurred, or a later one if that was closed.
    pub fn effective(&self) -> Day {
        self.effective
    }

    /// Posted before pending, debits before credits, each by account.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The currency of the first entry; of every entry, unless this is an exchange.
    pub fn currency(&self) -> Currency {
        // `new` refuses an empty list.
        self.entries.first().map_or(Currency::PKR, |e| e.amount.currency)
    }

    /// True when both say the same of the same fact, whatever day they count on: a closed period does not make a posting wrong.
    pub fn says_the_same(&self, other: &Transaction) -> bool {
        (&self.key, &self.about, self.occurred, &self.entries)
            == (&other.key, &other.about, other.occurred, &other.entries)
    }

    /// The same entries with their sides exchanged: what undoes this transaction, on the day on which it counts.
    pub fn reversal(&self) -> Transaction {
        let mut entries: Vec<Entry> = self.entries.iter().map(Entry::opposite).collect();
        entries.sort_by(in_order);
        Transaction { entries, ..self.clone() }
    }
}

fn in_order(a: &Entry, b: &Entry) -> std::cmp::Ordering {
    (a.layer, a.side).cmp(&(b.layer, b.side)).then_with(|| a.cmp(b))
}

/// Debits and credits by layer and currency.
pub(crate) type Sums = BTreeMap<(Layer, Currency), (i64, i64)>;

/// Their sums; refused where one does not fit.
pub(crate) fn sums(entries: &[Entry]) -> Result<Sums, Rejected> {
    let mut sums = Sums::new();
    for (index, entry) in entries.iter().enumerate() {
        let (debits, credits) = sums.entry((entry.layer, entry.amount.currency)).or_default();
        let side = if entry.side == Side::Debit { debits } else { credits };
        *side = side.checked_add(entry.amount.minor).ok_or(Rejected::Overflow { index })?;
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(side: Side, minor: i64, currency: Currency) -> Entry {
        let account = if side == Side::Debit { "assets:bank" } else { "income:sales" };
        Entry { layer: Layer::Posted, account: account.parse().unwrap(), side, amount: Money::new(minor, currency) }
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
        let huge = vec![entry(Debit, i64::MAX, C::PKR), entry(Debit, 1, C::PKR), entry(Credit, 1, C::PKR)];
        check(huge, Err(Rejected::Overflow { index: 1 }));
        let off = |currency, debits, credits| Err(Rejected::EntriesDoNotBalance { currency, debits, credits });
        check(vec![entry(Debit, 5, C::PKR), entry(Credit, 4, C::PKR)], off(C::PKR, 5, 4));
        check(vec![entry(Debit, 5, C::PKR), entry(Credit, 5, C::USD)], off(C::PKR, 5, 0));
        check(vec![entry(Debit, 5, C::PKR), entry(Credit, 5, C::PKR).pending()], off(C::PKR, 5, 0));
        let rupees = [entry(Debit, 300, C::PKR), entry(Credit, 300, C::PKR)];
        let dollars = [entry(Debit, 1, C::USD), entry(Credit, 1, C::USD)];
        check([rupees.clone(), dollars].concat(), Ok(()));
        check([rupees.clone(), rupees.map(Entry::pending)].concat(), Ok(()));
        check(vec![entry(Debit, 5, C::PKR), entry(Credit, 5, C::PKR)], Ok(()));
    }

    #[test]
    fn ids_carry_no_prose() {
        for bad in ["", "Ali Raza", "ali@example.com", "نام"] {
            assert_eq!(Reference::try_from(bad.to_owned()), Err(TextError), "{bad}");
        }
    }
}
