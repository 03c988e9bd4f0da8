//! Whether what a person wants to enter is admitted: checks in a fixed order, each with a name of its own. Nothing is written
//! before all of them pass.

use std::collections::BTreeMap;

use crate::transaction::sums;
use crate::{Account, Currency, Day, Entry, Money, Rejected, Side};

/// What people may enter on an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccountRule {
    /// A sub-ledger stands behind it, so only facts post to it.
    pub control: bool,
    /// The one currency it holds, if it is bound to one.
    pub currency: Option<Currency>,
    /// True when it may not go below zero, seen from its normal side.
    pub never_negative: bool,
}

/// How the books stand that the proposal is for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// The tenant is closed.
    pub tenant_closed: bool,
    /// The last closed day.
    pub closed_through: Option<Day>,
    /// The tenant's accounts among those the entries name.
    pub accounts: BTreeMap<Account, AccountRule>,
    /// Debits less credits of those accounts, posted, minor units; absent is zero.
    pub balances: BTreeMap<(Account, Currency), i64>,
}

/// What is known under the proposal's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earlier {
    /// Nothing.
    Nothing,
    /// The same was entered before.
    Same,
    /// Something else was.
    Different,
}

/// What the proposal takes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undoes {
    /// Nothing: it is no reversal.
    Nothing,
    /// Something that stands in the books.
    Standing,
    /// Something that is a reversal itself.
    Reversal,
    /// Something that does not stand in the books.
    Unknown,
    /// Something that was taken back before.
    Undone,
}

/// What a person wants to enter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal<'a> {
    /// The day on which it is to count.
    pub day: Day,
    /// Its entries.
    pub entries: &'a [Entry],
    /// What its key has stood for so far.
    pub earlier: Earlier,
    /// What it takes back.
    pub undoes: Undoes,
}

/// That a proposal is admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    /// It is to be entered.
    New,
    /// The very same was entered before: nothing is left to do.
    Already,
}

/// Why a proposal is refused. Checked in this order; the first that applies is the answer. Indices count entries from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The tenant's books are closed for good.
    #[error("the tenant is closed")]
    TenantClosed,
    /// Fewer than two entries.
    #[error("a voucher has at least two entries")]
    TooFewEntries,
    /// An amount is zero or negative.
    #[error("entry {index}: amounts are more than zero")]
    AmountNotPositive {
        /// Which entry.
        index: usize,
    },
    /// The tenant has no such account: add it first.
    #[error("entry {index}: the tenant has no such account")]
    UnknownAccount {
        /// Which entry.
        index: usize,
    },
    /// Only facts post to the account, because a sub-ledger stands behind it.
    #[error("entry {index}: only facts post to this account, a sub-ledger stands behind it")]
    ControlAccount {
        /// Which entry.
        index: usize,
    },
    /// The account holds another currency.
    #[error("entry {index}: the account holds another currency")]
    WrongCurrency {
        /// Which entry.
        index: usize,
    },
    /// An amount, a sum or a balance is too large.
    #[error("entry {index}: the amount, the sum up to it, or the balance after it is too large")]
    Overflow {
        /// Which entry.
        index: usize,
    },
    /// Debits and credits differ in one currency.
    #[error("debits {debits} and credits {credits} of {currency} differ")]
    EntriesDoNotBalance {
        /// The first currency that does not balance.
        currency: Currency,
        /// Sum of the debits, minor units.
        debits: i64,
        /// Sum of the credits, minor units.
        credits: i64,
    },
    /// The account may not go below zero, and would.
    #[error("entry {index}: the account would go below zero")]
    WouldGoNegative {
        /// The first entry that takes from it.
        index: usize,
    },
    /// The day is closed.
    #[error("the day {day} is closed: the books are closed up to {closed_through}")]
    ClosedPeriod {
        /// The proposal's day.
        day: Day,
        /// The last closed day.
        closed_through: Day,
    },
    /// Something else was entered under the same key.
    #[error("something else was entered under this id")]
    DuplicateKey,
    /// A reversal is not reversed: enter it anew.
    #[error("what is to be reversed is a reversal itself: enter it anew")]
    ReversalOfReversal,
    /// What is to be reversed does not stand in the books.
    #[error("what is to be reversed does not stand in the books")]
    UnknownReversed,
    /// It was reversed before.
    #[error("it was reversed before")]
    AlreadyReversed,
}

impl Refused {
    /// Its name for programs, such as `unknown_account`.
    pub fn name(&self) -> &'static str {
        match self {
            Refused::TenantClosed => "tenant_closed",
            Refused::TooFewEntries => "too_few_entries",
            Refused::AmountNotPositive { .. } => "amount_not_positive",
            Refused::UnknownAccount { .. } => "unknown_account",
            Refused::ControlAccount { .. } => "control_account",
            Refused::WrongCurrency { .. } => "wrong_currency",
            Refused::Overflow { .. } => "overflow",
            Refused::EntriesDoNotBalance { .. } => "entries_do_not_balance",
            Refused::WouldGoNegative { .. } => "would_go_negative",
            Refused::ClosedPeriod { .. } => "closed_period",
            Refused::DuplicateKey => "duplicate_key",
            Refused::ReversalOfReversal => "reversal_of_reversal",
            Refused::UnknownReversed => "unknown_reversed",
            Refused::AlreadyReversed => "already_reversed",
        }
    }

    /// The offending entry, from 0, where one is to blame.
    pub fn index(&self) -> Option<usize> {
        match *self {
            Refused::AmountNotPositive { index }
            | Refused::UnknownAccount { index }
            | Refused::ControlAccount { index }
            | Refused::WrongCurrency { index }
            | Refused::Overflow { index }
            | Refused::WouldGoNegative { index } => Some(index),
            _ => None,
        }
    }
}

impl From<Rejected> for Refused {
    fn from(rejected: Rejected) -> Refused {
        match rejected {
            Rejected::TooFewEntries => Refused::TooFewEntries,
            Rejected::AmountNotPositive { index } => Refused::AmountNotPositive { index },
            Rejected::Overflow { index } => Refused::Overflow { index },
            Rejected::EntriesDoNotBalance { currency, debits, credits } => {
                Refused::EntriesDoNotBalance { currency, debits, credits }
            }
        }
    }
}

/// Admits or refuses a proposal. The very same one again is admitted whatever has happened since: it is in the books.
pub fn admit(proposal: &Proposal<'_>, standing: &Standing) -> Result<Admitted, Refused> {
    if proposal.earlier == Earlier::Same {
        return Ok(Admitted::Already);
    }
    if standing.tenant_closed {
        return Err(Refused::TenantClosed);
    }
    check_entries(proposal.entries, standing)?;
    if let Some(closed_through) = standing.closed_through.filter(|closed| proposal.day <= *closed) {
        return Err(Refused::ClosedPeriod { day: proposal.day, closed_through });
    }
    match (proposal.earlier, proposal.undoes) {
        (Earlier::Different, _) => Err(Refused::DuplicateKey),
        (_, Undoes::Reversal) => Err(Refused::ReversalOfReversal),
        (_, Undoes::Unknown) => Err(Refused::UnknownReversed),
        (_, Undoes::Undone) => Err(Refused::AlreadyReversed),
        (_, Undoes::Nothing | Undoes::Standing) => Ok(Admitted::New),
    }
}

fn check_entries(entries: &[Entry], standing: &Standing) -> Result<(), Refused> {
    let rule = |entry: &Entry| standing.accounts.get(&entry.account);
    let position = |is_wrong: &dyn Fn(&Entry) -> bool| entries.iter().position(is_wrong);
    if entries.len() < 2 {
        return Err(Refused::TooFewEntries);
    }
    if let Some(index) = position(&|entry| entry.amount.minor <= 0) {
        return Err(Refused::AmountNotPositive { index });
    }
    if let Some(index) = position(&|entry| rule(entry).is_none()) {
        return Err(Refused::UnknownAccount { index });
    }
    if let Some(index) = position(&|entry| rule(entry).is_some_and(|rule| rule.control)) {
        return Err(Refused::ControlAccount { index });
    }
    let bound = |entry: &Entry| rule(entry).and_then(|rule| rule.currency);
    if let Some(index) = position(&|entry| bound(entry).is_some_and(|only| only != entry.amount.currency)) {
        return Err(Refused::WrongCurrency { index });
    }
    if let Some(index) = position(&|entry| entry.amount.minor > Money::LARGEST) {
        return Err(Refused::Overflow { index });
    }
    let sums = sums(entries)?;
    let after = after(entries, standing)?;
    if let Some((&(_, currency), &(debits, credits))) = sums.iter().find(|(_, (debits, credits))| debits != credits) {
        return Err(Refused::EntriesDoNotBalance { currency, debits, credits });
    }
    let takes_too_much = |entry: &Entry| {
        let sign = if entry.account.normal_side() == Side::Debit { 1 } else { -1 };
        let left = after.get(&(&entry.account, entry.amount.currency)).map_or(0, |net| sign * i128::from(*net));
        let guarded = rule(entry).is_some_and(|rule| rule.never_negative);
        guarded && entry.side != entry.account.normal_side() && left < 0
    };
    position(&takes_too_much).map_or(Ok(()), |index| Err(Refused::WouldGoNegative { index }))
}

/// Debits less credits of each account once the entries are in.
fn after<'e>(entries: &'e [Entry], standing: &Standing) -> Result<BTreeMap<(&'e Account, Currency), i64>, Refused> {
    let mut after = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        let currency = entry.amount.currency;
        let before = || standing.balances.get(&(entry.account.clone(), currency)).copied().unwrap_or(0);
        let net: &mut i64 = after.entry((&entry.account, currency)).or_insert_with(before);
        let moved = match entry.side {
            Side::Debit => net.checked_add(entry.amount.minor),
            Side::Credit => net.checked_sub(entry.amount.minor),
        };
        *net = moved.ok_or(Refused::Overflow { index })?;
    }
    Ok(after)
}

#[cfg(test)]
mod tests;
