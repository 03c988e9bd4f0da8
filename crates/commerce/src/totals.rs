//! The end of detail: what stands of cases whose time is over is their totals by month, and a stub that names them.
//!
//! Which cases were replaced, and what they came to, is one fact. A part that it names is a stub whatever else is known of it, before
//! or after, and posts nothing; the totals post what the fact says. What the books held of the parts is reversed on the days on which it
//! counted, so no month's figures move.
//!
//! Two that name the same part would have it in the books twice. So the first on the log has its parts, and another that names one of
//! them is declined as a whole ([`DetailReplaced::meets`]). All of a tenant's lie in one partition of one topic, and nothing else makes
//! a part a stub: which of them stand follows from their order on the log, whatever comes between them or is folded with them.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Account, Currency, Day, Entry, Layer, Live, Money, MoneyError, Side, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Case, ChargebackOutcome, Chart, ClaimKey, Courier, Order, OrderId, Parcel, Part, PartKey, Policy,
    StandingReversals, TotalsId, Voucher, VoucherState, cod_positions,
};

/// What cases came to: by the last day of each month, and by courier, debits and credits by layer, account and currency. What is of no
/// courier's parcels and payouts is of None.
pub type Months = BTreeMap<(Day, Option<Courier>), Vec<Entry>>;

/// Detail of cases was replaced by totals.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DetailReplaced {
    /// When it was decided. What was recorded from then on came too late to be in the totals.
    pub replaced_at: Timestamp,
    /// The totals that stand for it.
    pub totals: TotalsId,
    /// Every entry of the cases counted before this day.
    pub before: Day,
    /// The parts of the cases.
    pub parts: BTreeSet<PartKey>,
    /// What they came to.
    pub months: Months,
    /// Up to where the log was folded when it was decided: what lies there or behind is not in the totals. None in facts from before
    /// they said so.
    pub folded: Option<FoldedTo>,
}

/// Up to where a tenant's partition was folded: the next offset of each topic that has facts of parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct FoldedTo {
    /// Of orders.
    pub order: u64,
    /// Of parcels.
    pub shipment: u64,
    /// Of cash on delivery.
    pub cod: u64,
    /// Of stock.
    pub inventory: u64,
    /// Of what people enter.
    pub voucher: u64,
}

/// What a fact that replaces detail comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacing {
    /// Its totals stand from now on.
    Now,
    /// They stand already: this is the same fact.
    Already,
    /// Others stand for a part that it names: nothing of it counts.
    Declined,
}

/// Totals that stand for parts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// For which, and what they came to.
    pub replaced: Option<DetailReplaced>,
}

/// What is left of a part whose detail was replaced.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Replaced {
    /// The totals that stand for it.
    pub totals: TotalsId,
    /// When that was decided.
    pub at: Timestamp,
    /// Up to where the log was folded then.
    pub folded: Option<FoldedTo>,
}

/// Why a case whose time is over keeps its detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// Something of it is not so old.
    Recent,
    /// Money, a parcel, a dispute or an approval is open.
    Open,
    /// Its parcels, or its reversals, belong to another case too.
    Shared,
    /// It cannot be posted.
    Parked,
    /// A card of stock is valued from its goods on.
    Goods,
    /// Somebody whom it names is held.
    Held,
}

impl Kept {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kept::Recent => "recent",
            Kept::Open => "open",
            Kept::Shared => "shared",
            Kept::Parked => "parked",
            Kept::Goods => "goods",
            Kept::Held => "held",
        }
    }
}

impl DetailReplaced {
    /// The fact that these parts came to this. The same parts have the same totals, whenever they are decided on.
    pub fn of(
        parts: BTreeSet<PartKey>,
        months: Months,
        before: Day,
        replaced_at: Timestamp,
        folded: Option<FoldedTo>,
    ) -> DetailReplaced {
        let mut hash = Sha256::new();
        for key in &parts {
            let key = key.to_string();
            hash.update((key.len() as u64).to_be_bytes());
            hash.update(key);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let totals = TotalsId::of(before, &digest);
        DetailReplaced { replaced_at, totals, before, parts, months, folded }
    }

    /// The parts that the totals are: one for what is of no courier, and one for each courier.
    pub fn keys(&self) -> BTreeSet<PartKey> {
        let couriers = self.months.keys().map(|(_, courier)| courier.clone()).chain([None]);
        couriers.map(|courier| PartKey::Totals(self.totals.clone(), courier)).collect()
    }

    /// What it comes to behind those before it on the log. `part` gives its parts as they have them: its totals, and those that it names.
    pub fn meets<'a>(&self, part: impl Fn(&PartKey) -> Option<&'a Part>) -> Replacing {
        let standing = |key: &PartKey| match part(key) {
            Some(Part::Totals(totals)) => totals.replaced.as_ref(),
            _ => None,
        };
        let keys = self.keys();
        if keys.iter().all(|key| standing(key) == Some(self)) {
            return Replacing::Already;
        }
        let is_taken = |key: &PartKey| match key {
            // They are of no case.
            PartKey::Calendar | PartKey::Accounts | PartKey::Totals(..) => true,
            _ => part(key).is_some_and(|part| part.replaced().is_some()),
        };
        match self.parts.iter().any(is_taken) || keys.iter().any(|key| standing(key).is_some()) {
            true => Replacing::Declined,
            false => Replacing::Now,
        }
    }

    /// Its parts once it stands: its totals, and a stub for each that it names.
    pub fn standing(&self) -> BTreeMap<PartKey, Part> {
        let stub = Replaced { totals: self.totals.clone(), at: self.replaced_at, folded: self.folded };
        let stubs = self.parts.iter().map(|key| (key.clone(), Part::Replaced(stub.clone())));
        let totals = Totals { replaced: Some(self.clone()) };
        stubs.chain(self.keys().into_iter().map(|key| (key, Part::Totals(totals.clone())))).collect()
    }
}

/// Debits and credits, each added up.
type Sums = BTreeMap<(Layer, Side, Account, Currency), Money>;

/// What transactions that stand for parts came to.
pub fn by_month<'a>(standing: impl IntoIterator<Item = (&'a PartKey, &'a Live)>) -> Result<Months, MoneyError> {
    let mut sums: BTreeMap<(Day, Option<Courier>), Sums> = BTreeMap::new();
    for (key, Live { transaction, .. }) in standing {
        let courier = match key {
            PartKey::Parcel(courier, _) | PartKey::Payout(courier, _) => Some(courier.clone()),
            _ => None,
        };
        let month = transaction.effective().month();
        let last = (Day(month.next().first().0.saturating_sub(1)), courier);
        for Entry { layer, account, side, amount } in transaction.entries() {
            let at = (*layer, *side, account.clone(), amount.currency);
            let sum = sums.entry(last.clone()).or_default().entry(at).or_insert(Money::new(0, amount.currency));
            let minor = sum.minor.checked_add(amount.minor).filter(|minor| *minor <= Money::LARGEST);
            *sum = Money::new(minor.ok_or(MoneyError::Overflow)?, amount.currency);
        }
    }
    let entries = |sums: Sums| {
        sums.into_iter().map(|((layer, side, account, _), amount)| Entry { layer, account, side, amount }).collect()
    };
    Ok(sums.into_iter().map(|(of, sums)| (of, entries(sums))).collect())
}

/// Whether a case is finished and everything of it counted before a day; else why it keeps its detail. `posted` is what
/// stands in the books for it.
pub fn is_over(case: &Case<'_>, posted: &[&Live], policy: &Policy, before: Day) -> Result<(), Kept> {
    let vouchers: Vec<&Voucher> = case.values().filter_map(|part| part.voucher()).collect();
    let reversals = StandingReversals::among(vouchers.iter().copied());
    for part in case.values() {
        match part {
            Part::Order(order) => order_is_over(case, order, policy, before)?,
            Part::Parcel(parcel) => parcel_is_over(case, parcel, policy, before)?,
            Part::Payout(payout) => {
                let banked = payout.banked.as_ref().ok_or(Kept::Open)?;
                is_before(banked.banked_on, before)?;
            }
            Part::Voucher(voucher) => voucher_is_over(case, voucher, &reversals, before)?,
            Part::Receipt(_) => return Err(Kept::Goods),
            Part::Calendar(_) | Part::Accounts(_) | Part::Totals(_) | Part::Replaced(_) => return Err(Kept::Recent),
        }
    }
    for Live { transaction, .. } in posted {
        is_before(transaction.occurred().max(transaction.effective()), before)?;
    }
    let is_sale = case.keys().any(|key| matches!(key, PartKey::Order(_) | PartKey::Parcel(..)));
    if is_sale && has_open_money(case, posted, policy) { Err(Kept::Open) } else { Ok(()) }
}

fn is_before(day: Day, before: Day) -> Result<(), Kept> {
    if day < before { Ok(()) } else { Err(Kept::Recent) }
}

fn order_is_over(case: &Case<'_>, order: &Order, policy: &Policy, before: Day) -> Result<(), Kept> {
    let placed = order.placed.as_ref().ok_or(Kept::Open)?;
    is_before(placed.placed_at.day(policy.zone), before)?;
    let has_parcel = |courier: &_, tracking: &_| {
        case.keys().any(|key| matches!(key, PartKey::Parcel(c, t) if (c, t) == (courier, tracking)))
    };
    if !order.claims.iter().all(|parcel| has_parcel(&parcel.courier, &parcel.tracking)) {
        return Err(Kept::Shared);
    }
    let ended = |key: &ClaimKey| {
        use ChargebackOutcome::{Lost, Won};
        [Won, Lost].into_iter().any(|outcome| order.chargebacks.contains_key(&(key.clone(), outcome)))
    };
    let disputed = order.chargebacks.keys().any(|(key, _)| !ended(key));
    if disputed { Err(Kept::Open) } else { Ok(()) }
}

fn parcel_is_over(case: &Case<'_>, parcel: &Parcel, policy: &Policy, before: Day) -> Result<(), Kept> {
    if let Some(scan) = parcel.scans.last() {
        is_before(scan.at.day(policy.zone), before)?;
    }
    let own = |order: OrderId| case.contains_key(&PartKey::Order(order));
    match () {
        () if !parcel.claims.orders().all(own) => Err(Kept::Shared),
        () if parcel.state().is_under_way() => Err(Kept::Open),
        () => Ok(()),
    }
}

fn voucher_is_over(
    case: &Case<'_>,
    voucher: &Voucher,
    reversals: &StandingReversals<'_>,
    before: Day,
) -> Result<(), Kept> {
    let entered = voucher.entered.as_ref().ok_or(Kept::Open)?;
    is_before(entered.day, before)?;
    let mut with = voucher.reversed_by.iter().chain(voucher.reverses());
    match voucher.state(reversals) {
        None | Some(VoucherState::Waiting) => Err(Kept::Open),
        _ if !with.all(|other| case.contains_key(&PartKey::Voucher(other.clone()))) => Err(Kept::Shared),
        Some(VoucherState::Posted | VoucherState::Withdrawn | VoucherState::Declined) => Ok(()),
    }
}

/// Whether a courier or a buyer owes or is owed something of this sale, or anything of it is still promised.
fn has_open_money(case: &Case<'_>, posted: &[&Live], policy: &Policy) -> bool {
    let Chart { trade_receivable, customer_deposits, refunds_payable, .. } = &policy.chart;
    let must_be_even = |entry: &Entry| {
        entry.layer == Layer::Pending
            || [trade_receivable, customer_deposits, refunds_payable].contains(&&entry.account)
            || entry.account.as_str().starts_with("assets:cod-receivable:")
    };
    let mut nets: BTreeMap<(Layer, &Account, Currency), i128> = BTreeMap::new();
    let entries = posted.iter().flat_map(|live| live.transaction.entries());
    for entry in entries.filter(|entry| must_be_even(entry)) {
        let minor = i128::from(entry.amount.minor);
        let signed = if entry.side == Side::Debit { minor } else { minor.saturating_neg() };
        let net = nets.entry((entry.layer, &entry.account, entry.amount.currency)).or_default();
        *net = net.saturating_add(signed);
    }
    let owed = cod_positions(case, policy).into_values().any(|cash| cash.outstanding != 0 || cash.on_the_way != 0);
    owed || nets.values().any(|net| *net != 0)
}
