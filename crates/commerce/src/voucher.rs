//! What people enter into the books themselves: vouchers (expenses, manual journals, opening balances and the like), their
//! approval by a second person, closed periods, and accounts that a merchant adds to the chart.

mod digest;
mod reversal;

use std::collections::{BTreeMap, BTreeSet};

use ledger::{
    Account, AccountRule, Currency, Day, Earlier, Entry, Money, MoneyError, Proposal, Reference, Side, Timestamp,
    Undoes,
};
use serde::{Deserialize, Serialize};

use crate::part::{keep_greater, keep_smaller};
use crate::{Chart, Courier, Reason, StaffId, VoucherId};

pub use digest::VoucherDigest;
pub use reversal::StandingReversals;

/// What a voucher is for. It says so in lists; the entries are posted alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum VoucherKind {
    /// Money spent.
    Expense,
    /// A manual journal.
    Journal,
    /// Opening balances.
    Opening,
    /// Money of one currency for money of another, through an account that holds both.
    Exchange,
    /// A claim against a courier or an insurer.
    Claim,
    /// Brought in from other books.
    Imported,
}

/// A person entered a voucher. The first of one id stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VoucherEntered {
    /// When.
    pub entered_at: Timestamp,
    /// The voucher.
    pub voucher: VoucherId,
    /// What it is for.
    pub kind: VoucherKind,
    /// The business day on which it is to count.
    pub day: Day,
    /// Its entries, all of the posted layer, in the order they were given.
    pub entries: Vec<Entry>,
    /// The voucher whose entries these take back, if it is a reversal.
    pub reverses: Option<VoucherId>,
    /// Who entered it.
    pub by: StaffId,
    /// Why.
    pub reason: Reason,
    /// Ids of documents that are kept elsewhere.
    pub attachments: Vec<Reference>,
    /// True when the merchant's limits asked for a second person on the day it was entered. Kept here, so that no later limit
    /// changes what stands in the books.
    pub needs_approval: bool,
}

/// A person approved a voucher.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VoucherApproved {
    /// When.
    pub approved_at: Timestamp,
    /// The voucher.
    pub voucher: VoucherId,
    /// Who. Whoever entered the voucher approves nothing of it.
    pub by: StaffId,
    /// Of what they approved. None in records from before approvals said it: those approve whatever stands under the id.
    pub digest: Option<VoucherDigest>,
}

/// A person took a voucher back before it was posted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VoucherWithdrawn {
    /// When.
    pub withdrawn_at: Timestamp,
    /// The voucher.
    pub voucher: VoucherId,
    /// Who.
    pub by: StaffId,
    /// Why.
    pub reason: Reason,
}

/// The books were closed up to and including a day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PeriodClosed {
    /// When it was decided.
    pub decided_at: Timestamp,
    /// The last closed day.
    pub through: Day,
    /// Who.
    pub by: StaffId,
    /// Why.
    pub reason: Reason,
}

/// Closed days were opened again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PeriodReopened {
    /// When it was decided.
    pub decided_at: Timestamp,
    /// The last day that is still closed; None when none is.
    pub through: Option<Day>,
    /// Who.
    pub by: StaffId,
    /// Why.
    pub reason: Reason,
}

/// An account was added to the chart, or its rules were changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AccountOpened {
    /// When.
    pub opened_at: Timestamp,
    /// The account.
    pub account: Account,
    /// The one currency it holds, if it is bound to one.
    pub currency: Option<Currency>,
    /// True when people may not enter what takes it below zero.
    pub never_negative: bool,
    /// Who.
    pub by: StaffId,
}

/// Where a voucher stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VoucherState {
    /// A second person has to approve it.
    Waiting,
    /// It is in the books.
    Posted,
    /// It was taken back, and is in no books.
    Withdrawn,
    /// It reverses what another one reverses already, and is in no books.
    Declined,
}

/// Why an approval does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Discounted {
    /// Whoever entered the voucher approved it.
    OwnVoucher,
    /// Something else than what stands was approved.
    OtherContent,
}

/// A voucher's merged facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voucher {
    id: VoucherId,
    /// As it was entered; None when only others speak of it so far.
    pub entered: Option<VoucherEntered>,
    /// The first approval of each person for each content: whoever approved what no longer stands may approve what does.
    pub approvals: BTreeMap<(StaffId, Option<VoucherDigest>), VoucherApproved>,
    /// That it was withdrawn.
    pub withdrawn: Option<VoucherWithdrawn>,
    /// The vouchers that say they take this one back.
    pub reversed_by: BTreeSet<VoucherId>,
}

impl Voucher {
    /// A voucher of which nothing is known yet.
    pub fn of(id: VoucherId) -> Voucher {
        let (approvals, reversed_by) = (BTreeMap::new(), BTreeSet::new());
        Voucher { id, entered: None, approvals, withdrawn: None, reversed_by }
    }

    /// Where it stands, given which reversals do; None until it is entered.
    pub fn state(&self, reversals: &StandingReversals<'_>) -> Option<VoucherState> {
        let (_, alone) = self.state_alone()?;
        let other = self.reverses().and_then(|reversed| reversals.of(reversed)).filter(|first| **first != self.id);
        Some(match (alone, other) {
            (VoucherState::Posted, Some(_)) => VoucherState::Declined,
            (alone, _) => alone,
        })
    }

    /// When it was entered, and where it would stand if there were no other voucher.
    fn state_alone(&self) -> Option<(Timestamp, VoucherState)> {
        let entered = self.entered.as_ref()?;
        let approved =
            || !entered.needs_approval || self.judged_approvals().any(|(_, discounted)| discounted.is_none());
        let state = match &self.withdrawn {
            Some(_) => VoucherState::Withdrawn,
            None if approved() => VoucherState::Posted,
            None => VoucherState::Waiting,
        };
        Some((entered.entered_at, state))
    }

    /// The voucher that it takes back, if it is a reversal.
    pub fn reverses(&self) -> Option<&VoucherId> {
        self.entered.as_ref()?.reverses.as_ref()
    }

    /// Its approvals, each with why it does not count, if it does not. Empty until it is entered.
    pub fn judged_approvals(&self) -> impl Iterator<Item = (&VoucherApproved, Option<Discounted>)> {
        let stands = self.entered.as_ref().map(|entered| (&entered.by, entered.digest()));
        stands.into_iter().flat_map(|(entered_by, digest)| {
            self.approvals.values().map(move |approval| {
                let discounted = match approval.digest {
                    _ if approval.by == *entered_by => Some(Discounted::OwnVoucher),
                    Some(approved) if approved != digest => Some(Discounted::OtherContent),
                    Some(_) | None => None,
                };
                (approval, discounted)
            })
        })
    }

    pub(crate) fn enter(&mut self, fact: VoucherEntered) -> bool {
        if fact.voucher == self.id {
            return keep_smaller(&mut self.entered, fact);
        }
        fact.reverses.as_ref() == Some(&self.id) && self.reversed_by.insert(fact.voucher)
    }

    pub(crate) fn approve(&mut self, fact: VoucherApproved) -> bool {
        let key = (fact.by.clone(), fact.digest);
        let mut slot = self.approvals.remove(&key);
        let changed = keep_smaller(&mut slot, fact);
        self.approvals.extend(slot.map(|kept| (key, kept)));
        changed
    }
}

/// A decision on which days are closed. The latest stands; of two at one instant, the one that closes more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub decided_at: Timestamp,
    /// The last closed day from then on.
    pub through: Option<Day>,
    /// True when days were opened again by it.
    pub reopens: bool,
    /// Who.
    pub by: StaffId,
    /// Why.
    pub reason: Reason,
}

/// Every decision on a merchant's periods.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Calendar {
    /// In order of time. They are few: a month has one or two.
    pub decisions: BTreeSet<Decision>,
}

impl Calendar {
    /// The last closed day, if any is closed.
    pub fn closed_through(&self) -> Option<Day> {
        self.decisions.last()?.through
    }

    pub(crate) fn close(&mut self, fact: PeriodClosed) -> bool {
        let PeriodClosed { decided_at, through, by, reason } = fact;
        self.decisions.insert(Decision { decided_at, through: Some(through), reopens: false, by, reason })
    }

    pub(crate) fn reopen(&mut self, fact: PeriodReopened) -> bool {
        let PeriodReopened { decided_at, through, by, reason } = fact;
        self.decisions.insert(Decision { decided_at, through, reopens: true, by, reason })
    }
}

/// The accounts a merchant added to the chart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Accounts {
    /// Each as it was opened last.
    pub opened: BTreeMap<Account, AccountOpened>,
}

/// Accounts every merchant has for what people enter, beside those of the posting rules.
const FOR_PEOPLE: [&str; 3] = ["equity:opening-balances", "equity:currency-exchange", "expenses:general"];

impl Accounts {
    pub(crate) fn open(&mut self, fact: AccountOpened) -> bool {
        let mut slot = self.opened.remove(&fact.account);
        let account = fact.account.clone();
        let changed = keep_greater(&mut slot, fact);
        self.opened.extend(slot.map(|kept| (account, kept)));
        changed
    }

    /// What people may enter on an account; None when the merchant has no such account.
    pub fn rule(&self, chart: &Chart, account: &Account) -> Option<AccountRule> {
        if let Some(opened) = self.opened.get(account) {
            let AccountOpened { currency, never_negative, .. } = opened;
            return Some(AccountRule { control: false, currency: *currency, never_negative: *never_negative });
        }
        let never_negative = *account == chart.cash;
        let of_courier = |start: &str| {
            let slug = account.as_str().strip_prefix(start)?;
            Courier::from_name(slug).filter(|courier| courier.as_str() == slug)
        };
        let control = of_courier("assets:cod-receivable:").is_some() || *account == chart.inventory;
        let known = control
            || of_courier("liabilities:courier-payable:").is_some()
            || of_courier("assets:courier-claims:").is_some()
            || chart.accounts().contains(&account)
            || FOR_PEOPLE.contains(&account.as_str());
        known.then_some(AccountRule { control, currency: None, never_negative })
    }

    /// The accounts people may enter on, with their rules: those of the chart, those every merchant has, and those added.
    pub fn listed(&self, chart: &Chart) -> BTreeMap<Account, AccountRule> {
        let for_people = FOR_PEOPLE.iter().filter_map(|path| path.parse().ok());
        let all = chart.accounts().into_iter().cloned().chain(for_people).chain(self.opened.keys().cloned());
        all.filter_map(|account| self.rule(chart, &account).map(|rule| (account, rule))).collect()
    }
}

/// By currency, the amount above which one person does not decide alone, minor units; a currency without a limit has none. It is
/// asked once, when something is entered: no posting depends on it.
pub type ApprovalLimits = BTreeMap<Currency, i64>;

/// True when an amount is above the merchant's limit for its currency.
pub fn is_above_limit(amount: Money, limits: &ApprovalLimits) -> bool {
    limits.get(&amount.currency).is_some_and(|limit| amount.minor > *limit)
}

/// True when a sum of debits is above the merchant's limit for its currency.
pub fn needs_approval(entries: &[Entry], limits: &ApprovalLimits) -> Result<bool, MoneyError> {
    let mut sums: BTreeMap<Currency, i64> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.side == Side::Debit) {
        let sum = sums.entry(entry.amount.currency).or_default();
        *sum = sum.checked_add(entry.amount.minor).ok_or(MoneyError::Overflow)?;
    }
    Ok(sums.iter().any(|(currency, sum)| is_above_limit(Money::new(*sum, *currency), limits)))
}

/// The voucher as the ledger admits or refuses it when it is entered. `known` are the vouchers of its own id, of the one it
/// reverses, and of those that reverse the same.
pub fn propose<'a>(entered: &'a VoucherEntered, known: &BTreeMap<VoucherId, Voucher>) -> Proposal<'a> {
    let before = known.get(&entered.voucher).and_then(|voucher| voucher.entered.as_ref());
    let earlier = match before {
        None => Earlier::Nothing,
        Some(before) if says_the_same(before, entered) => Earlier::Same,
        Some(_) => Earlier::Different,
    };
    // One that waits will take it back, or be withdrawn; one that was entered again as something else does not speak of it any more.
    let takes_back = |other: &Voucher| other.reverses() == entered.reverses.as_ref() && other.withdrawn.is_none();
    let speaks_of = |id: &VoucherId| *id != entered.voucher && known.get(id).is_none_or(takes_back);
    let is_undone = |reversed: &Voucher| reversed.reversed_by.iter().any(speaks_of);
    Proposal { day: entered.day, entries: &entered.entries, earlier, undoes: undoes(entered, known, is_undone) }
}

/// The voucher as the ledger admits or refuses it when it is approved: the books may have moved since it was entered. Of several
/// reversals of one voucher that wait, any may be approved; the others are refused from then on. `known` as for [`propose`].
pub fn propose_approval<'a>(entered: &'a VoucherEntered, known: &BTreeMap<VoucherId, Voucher>) -> Proposal<'a> {
    let reversals = StandingReversals::among(known.values());
    let is_undone = |reversed: &Voucher| reversals.of(&reversed.id).is_some_and(|first| *first != entered.voucher);
    let undoes = undoes(entered, known, is_undone);
    Proposal { day: entered.day, entries: &entered.entries, earlier: Earlier::Nothing, undoes }
}

/// The same voucher sent twice differs in when it was sent, and in what the limits were then.
fn says_the_same(one: &VoucherEntered, other: &VoucherEntered) -> bool {
    let (entered_at, needs_approval) = (one.entered_at, one.needs_approval);
    *one == VoucherEntered { entered_at, needs_approval, ..other.clone() }
}

fn undoes(
    entered: &VoucherEntered,
    known: &BTreeMap<VoucherId, Voucher>,
    is_undone: impl FnOnce(&Voucher) -> bool,
) -> Undoes {
    let Some(reversed) = &entered.reverses else { return Undoes::Nothing };
    let reversals = StandingReversals::among(known.values());
    let is_posted = |voucher: &&Voucher| voucher.state(&reversals) == Some(VoucherState::Posted);
    match known.get(reversed).filter(is_posted) {
        None => Undoes::Unknown,
        Some(voucher) if voucher.reverses().is_some() => Undoes::Reversal,
        Some(voucher) if is_undone(voucher) => Undoes::Undone,
        Some(_) => Undoes::Standing,
    }
}
