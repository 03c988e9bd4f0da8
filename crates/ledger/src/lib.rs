//! Double entry, and nothing else: money, accounts, transactions, what differs between two journals, and the chain over
//! the stored bytes.
//!
//! Everything here is pure. Nothing in this crate, or below it in the build graph, can name a person: an erasure cannot
//! reach a total because the code that holds totals has no way to hold anything else.

mod account;
mod admission;
mod balance;
mod chain;
mod journal;
mod money;
mod month;
mod reversals;
pub mod statements;
mod time;
mod transaction;

pub use account::{Account, AccountClass, AccountError, Side};
pub use admission::{AccountRule, Admitted, Earlier, Proposal, Refused, Standing, Undoes, admit};
pub use balance::{Balances, Nets, Total, TrialBalance, TrialBalanceRow};
pub use chain::{ChainHash, GENESIS};
pub use journal::{Change, Journal, Live, Posted, diff};
pub use money::{Currency, CurrencyError, Money, MoneyError};
pub use month::Month;
pub use reversals::{ReversalError, Reversals};
pub use time::{BusinessZone, Day, Timestamp, ZoneError};
pub use transaction::{Entry, EntryKey, Layer, Reference, Rejected, TextError, Transaction};
