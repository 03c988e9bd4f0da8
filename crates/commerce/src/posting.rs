//! The posting rules: from the merged facts of a case to the one journal they imply.
//!
//! | fact | debit | credit | key |
//! | --- | --- | --- | --- |
//! | money captured before delivery | gateway receivable | customer deposits | `order/…/captured` |
//! | money captured after delivery | gateway receivable or cash | trade receivable | `order/…/captured` |
//! | handed over without courier's cash | customer deposits, trade receivable | sales, shipping, tips, output tax | `order/…/sold` |
//! | delivered, cash on delivery | cod receivable of the courier (and deposits, if an advance was paid) | sales, shipping, tips, output tax | `parcel/…/delivered` |
//! | delivered, later returned | sales returns, shipping, tips, output tax | cod receivable of the courier | `parcel/…/taken-back` |
//! | settled part of the cash | remittance clearing; with the first part courier fees and input tax | cod receivable of the courier | `parcel/…/settled/upfront`, `…/reserve` |
//! | fees that no cash covers (prepaid or returned) | courier fees, return fees, input tax | courier payable | `parcel/…/fees` |
//! | refund after delivery | sales returns, output tax | refunds payable | `order/…/refund/…` |
//! | refund before delivery | customer deposits | refunds payable | `order/…/refund/…` |
//! | refund paid | refunds payable | gateway receivable, or bank for cash on delivery | `order/…/refund/…/paid` |
//! | payout banked | bank | remittance clearing | `payout/…/banked` |

use std::collections::BTreeMap;

use ledger::{
    Account, AccountError, Currency, Day, Entry, EntryKey, Journal, Money, Reference, Rejected, Side, TextError,
    Timestamp, Transaction,
};
use serde::{Deserialize, Serialize};

use crate::policy::Chart;
use crate::{
    CodState, Courier, Order, OrderId, OrderRevised, Parcel, Part, PartKey, PaymentState, Payout, Policy, RefundIssued,
    SettlementPart, TrackedParcel, TrackingNumber,
};

/// The parts of one case: an order with its parcels, or a single part that no order owns.
pub type Case<'a> = BTreeMap<PartKey, &'a Part>;

/// What each part of the case should have posted; every part is there, if only with an empty journal.
pub type Postings = BTreeMap<PartKey, Journal>;

/// Why a case cannot be posted. The whole case is parked: nothing of it changes in the books until its facts do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unpostable {
    /// The ledger refuses a transaction.
    #[error("{key}: {rejected}")]
    Rejected {
        /// Which posting.
        key: String,
        /// Why.
        rejected: Rejected,
    },
    /// An amount or a sum does not fit.
    #[error("{key}: an amount does not fit 64 bits of minor units")]
    Overflow {
        /// Which posting.
        key: String,
    },
    /// An id cannot stand in a key.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A courier's slug cannot stand in an account.
    #[error(transparent)]
    Account(#[from] AccountError),
}

/// Where the cash of one parcel stands. Amounts in minor units of `currency`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodPosition {
    /// The courier who holds or held the cash.
    pub courier: Courier,
    /// The parcel.
    pub tracking: TrackingNumber,
    /// The order, if one owns the parcel.
    pub order: Option<OrderId>,
    /// Currency of the amounts.
    pub currency: Currency,
    /// Collected on delivery: what the courier owes before anything is paid. 0 until delivered and after a return.
    pub expected: i64,
    /// Paid out, net of fees.
    pub remitted: i64,
    /// Fees and their tax, kept back by the courier.
    pub fees: i64,
    /// `expected - remitted - fees`: what the ledger's receivable holds for this parcel.
    pub outstanding: i64,
    /// To be collected if it is delivered; 0 once it is delivered or came back.
    pub on_the_way: i64,
    /// In a word.
    pub state: CodState,
    /// When it was delivered.
    pub delivered_on: Option<Day>,
}

/// The one journal that a case's facts imply.
pub fn postings(case: &Case<'_>, policy: &Policy) -> Result<Postings, Unpostable> {
    let mut postings: Postings = case.keys().map(|key| (key.clone(), Journal::new())).collect();
    let sale = Sale::of(case);
    for (key, part) in case {
        let mut writer = Writer { key, about: about(case, key)?, journal: Journal::new() };
        match part {
            Part::Order(order) => post_order(&mut writer, order, &sale, policy)?,
            Part::Parcel(_) => post_parcel(&mut writer, &sale, policy)?,
            Part::Payout(payout) => post_payout(&mut writer, payout, policy)?,
        }
        postings.insert(key.clone(), writer.journal);
    }
    Ok(postings)
}

/// Where the cash of a parcel of the case stands; None for parts that are no parcel, and parcels whose currency nobody has named.
pub fn cod_position(case: &Case<'_>, key: &PartKey, policy: &Policy) -> Option<CodPosition> {
    let sale = Sale::of(case);
    let (PartKey::Parcel(courier, tracking), cash) = (key, sale.parcels.get(key)?) else { return None };
    if sale.is_test() {
        return None;
    }
    let collected = sale.by_courier && cash.delivered_at.is_some() && cash.returned_at.is_none();
    let expected = if collected { cash.amount } else { 0 };
    let remitted: i128 = cash.paid_parts().iter().map(|(_, _, amount)| amount).sum();
    let fees = if cash.settled.is_empty() || cash.amount == 0 { 0 } else { cash.fee + cash.fee_tax };
    let outstanding = expected - remitted - fees;
    let open = cash.delivered_at.is_none() && !cash.came_to_nothing;
    let fit = |amount: i128| i64::try_from(amount).ok();
    let state = match () {
        () if cash.came_to_nothing && cash.delivered_at.is_none() || cash.returned_at.is_some() => CodState::Returned,
        () if cash.amount == 0 => CodState::None,
        () if outstanding <= 0 && remitted + fees > 0 && cash.delivered_at.is_some() => CodState::Remitted,
        () if remitted > 0 => CodState::PartlyRemitted,
        () if cash.delivered_at.is_some() => CodState::Collected,
        () => CodState::Expected,
    };
    Some(CodPosition {
        courier: courier.clone(),
        tracking: tracking.clone(),
        order: sale.order,
        currency: cash.currency?,
        expected: fit(expected)?,
        remitted: fit(remitted)?,
        fees: fit(fees)?,
        outstanding: fit(outstanding)?,
        on_the_way: fit(if open { cash.amount } else { 0 })?,
        state,
        delivered_on: cash.delivered_at.map(|at| at.day(policy.zone)),
    })
}

/// What the rules need to know of a case, read off its facts once.
struct Sale<'a> {
    order: Option<OrderId>,
    terms: Option<&'a OrderRevised>,
    /// An advance on a cash-on-delivery order.
    advance: i128,
    /// The buyer pays a courier.
    by_courier: bool,
    /// When revenue is recognised: the first delivery, or the hand-over of goods that no courier tracks.
    sold_at: Option<Timestamp>,
    /// Given back before that: it came out of deposits and never becomes revenue.
    refunded_before_sale: i128,
    parcels: BTreeMap<&'a PartKey, ParcelCash<'a>>,
}

/// The cash side of one parcel.
struct ParcelCash<'a> {
    courier: &'a Courier,
    currency: Option<Currency>,
    /// Cash to collect.
    amount: i128,
    /// The courier itself named the amount, be it zero.
    booked: bool,
    fee: i128,
    fee_tax: i128,
    return_fee: i128,
    return_fee_tax: i128,
    /// Net amounts as the courier reported them, by part.
    reported: BTreeMap<SettlementPart, i128>,
    /// Days of the settled parts.
    settled: BTreeMap<SettlementPart, Day>,
    delivered_at: Option<Timestamp>,
    returned_at: Option<Timestamp>,
    /// Returned, cancelled or lost: its cash will not come.
    came_to_nothing: bool,
    /// A fulfilment that stands names it; false for a tracking number that was corrected since.
    sent: bool,
    /// The part of an advance that this parcel's delivery earns.
    advance: i128,
}

impl<'a> Sale<'a> {
    fn of(case: &'a Case<'a>) -> Sale<'a> {
        let order = case.iter().find_map(|(key, part)| match (key, part) {
            (PartKey::Order(id), Part::Order(order)) => Some((*id, order)),
            _ => None,
        });
        let terms = order.and_then(|(_, o)| o.terms.as_ref());
        let mut parcels: BTreeMap<&PartKey, ParcelCash<'_>> = case
            .iter()
            .filter_map(|(key, part)| match (key, part) {
                (PartKey::Parcel(courier, _), Part::Parcel(parcel)) => {
                    Some((key, ParcelCash::of(courier, key, parcel, order.map(|(_, o)| o))))
                }
                _ => None,
            })
            .collect();
        let cod = terms.is_some_and(|t| t.cash_on_delivery);
        let collected =
            parcels.values().any(|p| p.amount > 0) && terms.is_some_and(|t| t.payment != PaymentState::Paid);
        let by_courier = !parcels.is_empty() && (cod || collected);
        let advance =
            terms.filter(|t| by_courier && t.payment == PaymentState::PartlyPaid).map_or(0, |t| i128::from(t.paid));
        let first_delivery = parcels.values().filter_map(|p| p.delivered_at).min();
        let handed_over =
            || order.and_then(|(_, o)| [o.handed_over_at(), o.delivered_by_shop_at()].into_iter().flatten().min());
        let sold_at = if by_courier { first_delivery } else { first_delivery.or_else(handed_over) };
        let refunded_before_sale = order.zip(sold_at).map_or(0, |((_, o), sold)| refunded_before(o, sold));
        share_cash(&mut parcels, terms, by_courier, advance);
        // An advance is earned by the first parcel that is delivered.
        let delivered = parcels.values_mut().filter(|p| by_courier && p.delivered_at.is_some());
        if let Some(first) = delivered.min_by_key(|p| p.delivered_at) {
            first.advance = advance - refunded_before_sale;
        }
        Sale { order: order.map(|(id, _)| id), terms, advance, by_courier, sold_at, refunded_before_sale, parcels }
    }

    /// A test order is kept, never booked.
    fn is_test(&self) -> bool {
        self.terms.is_some_and(|t| t.test)
    }
}

impl<'a> ParcelCash<'a> {
    fn of(courier: &'a Courier, key: &PartKey, parcel: &'a Parcel, order: Option<&'a Order>) -> ParcelCash<'a> {
        let charges = parcel.charges.as_ref();
        let booked = parcel.booked.as_ref().and_then(|b| b.cod);
        let amount_of = |pick: fn(&crate::CodChargesReported) -> i64| charges.map_or(0, |c| i128::from(pick(c)));
        let reported =
            [(SettlementPart::Upfront, amount_of(|c| c.upfront)), (SettlementPart::Reserve, amount_of(|c| c.reserve))];
        let returned_at = parcel.returned_at();
        let currency = booked.map(|m| m.currency).or(charges.map(|c| c.currency));
        use crate::ParcelState::{Cancelled, Lost, Returned};
        ParcelCash {
            courier,
            currency: currency.or(order.and_then(|o| o.terms.as_ref()).map(|t| t.currency)),
            amount: booked.map_or(0, |m| i128::from(m.minor)),
            booked: booked.is_some(),
            fee: amount_of(|c| c.fee),
            fee_tax: amount_of(|c| c.fee_tax),
            return_fee: amount_of(|c| c.return_fee),
            return_fee_tax: amount_of(|c| c.return_fee_tax),
            reported: reported.into_iter().filter(|(_, amount)| *amount > 0).collect(),
            settled: parcel.settled.iter().map(|(part, fact)| (*part, fact.settled_on)).collect(),
            delivered_at: parcel.delivered_at().or_else(|| shops_word(key, parcel, order)),
            returned_at,
            came_to_nothing: matches!(parcel.state(), Returned | Cancelled | Lost),
            sent: order.is_some_and(|o| o.parcels().any(|named| names(named, key))),
            advance: 0,
        }
    }

    /// The settled parts with their days and net amounts. A part whose amount the courier did not report takes what is left.
    fn paid_parts(&self) -> Vec<(SettlementPart, Day, i128)> {
        let known: i128 = self.settled.keys().filter_map(|part| self.reported.get(part)).sum();
        let rest = (self.amount - self.fee - self.fee_tax - known).max(0);
        let last_unreported = self.settled.keys().rev().find(|part| !self.reported.contains_key(part));
        let amount = |part: &SettlementPart| match self.reported.get(part) {
            Some(reported) => *reported,
            None if Some(part) == last_unreported => rest,
            None => 0,
        };
        self.settled.iter().map(|(part, day)| (*part, *day, amount(part))).collect()
    }
}

/// For a parcel whose courier tells us nothing, the shop's word that its fulfilment was delivered.
fn shops_word(key: &PartKey, parcel: &Parcel, order: Option<&Order>) -> Option<Timestamp> {
    let order = order.filter(|_| parcel.scans.is_empty())?;
    let delivered =
        order.fulfilments.values().filter(|f| f.stands && f.delivered && f.parcels.iter().any(|p| names(p, key)));
    delivered.map(|f| f.version).min()
}

fn names(named: &TrackedParcel, key: &PartKey) -> bool {
    matches!(key, PartKey::Parcel(courier, tracking) if *courier == named.courier && *tracking == named.tracking)
}

fn refunded_before(order: &Order, sold_at: Timestamp) -> i128 {
    order.refunds.values().filter(|r| r.refunded_at < sold_at).map(|r| i128::from(r.amount)).sum()
}

/// Gives cash that no standing booking names to one parcel: a delivered one if there is any, else the first that is still
/// under way. A parcel that was delivered and came back collected it too, and gave it back.
fn share_cash(
    parcels: &mut BTreeMap<&PartKey, ParcelCash<'_>>,
    terms: Option<&OrderRevised>,
    by_courier: bool,
    advance: i128,
) {
    let Some(terms) = terms.filter(|_| by_courier) else { return };
    let given_back = |p: &ParcelCash<'_>| p.delivered_at.is_some() && p.returned_at.is_some();
    let stands = |p: &ParcelCash<'_>| !given_back(p) && (!p.came_to_nothing || p.delivered_at.is_some());
    let named: i128 = parcels.values().filter(|p| stands(p)).map(|p| p.amount).sum();
    let left = i128::from(terms.total) - advance;
    if named != 0 || left <= 0 {
        return;
    }
    let (gave_back, kept): (Vec<_>, Vec<_>) = parcels.values_mut().filter(|p| !p.booked).partition(|p| given_back(p));
    let bearer = kept.into_iter().min_by_key(|p| (p.delivered_at.is_none(), p.came_to_nothing, !p.sent));
    for parcel in gave_back.into_iter().chain(bearer) {
        parcel.amount = left;
    }
}

/// Collects one part's transactions.
struct Writer<'a> {
    key: &'a PartKey,
    about: Reference,
    journal: Journal,
}

/// Entries as signed amounts: a negative amount stands on the other side, a zero is left out.
type Amounts<'a> = Vec<(Side, Account, i128)>;

impl Writer<'_> {
    fn post(&mut self, name: &str, day: Day, currency: Currency, amounts: Amounts<'_>) -> Result<(), Unpostable> {
        self.post_mixed(name, day, amounts.into_iter().map(|(side, account, minor)| (side, account, minor, currency)))
    }

    fn post_mixed(
        &mut self,
        name: &str,
        day: Day,
        amounts: impl Iterator<Item = (Side, Account, i128, Currency)>,
    ) -> Result<(), Unpostable> {
        let key = format!("{}/{name}", self.key);
        let mut entries = Vec::new();
        for (side, account, minor, currency) in amounts.filter(|(_, _, minor, _)| *minor != 0) {
            let side = if minor < 0 { side.opposite() } else { side };
            let minor = i64::try_from(minor.unsigned_abs()).map_err(|_| Unpostable::Overflow { key: key.clone() })?;
            entries.push(Entry { account, side, amount: Money::new(minor, currency) });
        }
        if entries.is_empty() {
            return Ok(());
        }
        let entry_key = EntryKey::try_from(key.clone())?;
        let transaction = Transaction::new(entry_key.clone(), self.about.clone(), day, entries)
            .map_err(|rejected| Unpostable::Rejected { key, rejected })?;
        self.journal.insert(entry_key, transaction);
        Ok(())
    }
}

fn about(case: &Case<'_>, key: &PartKey) -> Result<Reference, TextError> {
    let order = case.keys().find(|key| matches!(key, PartKey::Order(_)));
    Reference::try_from(order.unwrap_or(key).to_string())
}

fn post_order(writer: &mut Writer<'_>, order: &Order, sale: &Sale<'_>, policy: &Policy) -> Result<(), Unpostable> {
    let Some(terms) = sale.terms.filter(|t| !t.test) else { return Ok(()) };
    let captured_at = post_capture(writer, order, terms, sale, policy)?;
    if !sale.by_courier {
        post_direct_sale(writer, terms, sale, captured_at, policy)?;
    }
    for refund in order.refunds.values() {
        post_refund(writer, refund, terms, sale, policy)?;
    }
    Ok(())
}

/// Money that reached the merchant without a courier. Returns when.
fn post_capture(
    writer: &mut Writer<'_>,
    order: &Order,
    terms: &OrderRevised,
    sale: &Sale<'_>,
    policy: &Policy,
) -> Result<Option<Timestamp>, Unpostable> {
    let paid = if sale.by_courier { sale.advance } else { i128::from(terms.paid) };
    let at = match terms.payment {
        PaymentState::Paid => order.paid_at,
        PaymentState::PartlyPaid => Some(terms.version),
        PaymentState::Unpaid | PaymentState::Unknown => None,
    };
    let Some(at) = at.filter(|_| paid != 0) else { return Ok(None) };
    let chart = &policy.chart;
    let into = if terms.cash_on_delivery && !sale.by_courier { &chart.cash } else { &chart.gateway_receivable };
    let after_sale = !sale.by_courier && sale.sold_at.is_some_and(|sold| sold < at);
    let from = if after_sale { &chart.trade_receivable } else { &chart.customer_deposits };
    let amounts = vec![(Side::Debit, into.clone(), paid), (Side::Credit, from.clone(), paid)];
    writer.post("captured", at.day(policy.zone), terms.currency, amounts)?;
    Ok(Some(at))
}

/// Goods handed over, no courier's cash involved.
fn post_direct_sale(
    writer: &mut Writer<'_>,
    terms: &OrderRevised,
    sale: &Sale<'_>,
    captured_at: Option<Timestamp>,
    policy: &Policy,
) -> Result<(), Unpostable> {
    let Some(sold_at) = sale.sold_at else { return Ok(()) };
    let chart = &policy.chart;
    let revenue = i128::from(terms.total) - sale.refunded_before_sale;
    let in_advance = captured_at.is_some_and(|at| at <= sold_at);
    // What was refunded came out of deposits whether or not a payment had been seen by then.
    let deposits = if in_advance { i128::from(terms.paid) } else { 0 } - sale.refunded_before_sale;
    let mut amounts = vec![
        (Side::Debit, chart.customer_deposits.clone(), deposits),
        (Side::Debit, chart.trade_receivable.clone(), revenue - deposits),
    ];
    amounts.extend(revenue_entries(Side::Credit, revenue, terms, chart, &chart.sales));
    writer.post("sold", sold_at.day(policy.zone), terms.currency, amounts)
}

/// Splits `amount` of an order into goods, shipping, tips and tax as the whole order is split; goods take the rounding.
fn revenue_entries(
    side: Side,
    amount: i128,
    terms: &OrderRevised,
    chart: &Chart,
    goods_account: &Account,
) -> Amounts<'static> {
    let total = i128::from(terms.total);
    let share = |component: i64| if total == 0 { 0 } else { i128::from(component) * amount / total };
    let (tax, shipping, tip) = (share(terms.tax), share(terms.shipping), share(terms.tip));
    vec![
        (side, goods_account.clone(), amount - tax - shipping - tip),
        (side, chart.shipping_income.clone(), shipping),
        (side, chart.tips.clone(), tip),
        (side, chart.output_tax.clone(), tax),
    ]
}

fn post_refund(
    writer: &mut Writer<'_>,
    refund: &RefundIssued,
    terms: &OrderRevised,
    sale: &Sale<'_>,
    policy: &Policy,
) -> Result<(), Unpostable> {
    let chart = &policy.chart;
    let day = refund.refunded_at.day(policy.zone);
    let (amount, tax) = (i128::from(refund.amount), i128::from(refund.tax));
    let after_sale = sale.sold_at.is_some_and(|sold| sold <= refund.refunded_at);
    let mut amounts = if after_sale {
        vec![(Side::Debit, chart.sales_returns.clone(), amount - tax), (Side::Debit, chart.output_tax.clone(), tax)]
    } else {
        vec![(Side::Debit, chart.customer_deposits.clone(), amount)]
    };
    amounts.push((Side::Credit, chart.refunds_payable.clone(), amount));
    writer.post(&format!("refund/{}", refund.refund), day, refund.currency, amounts)?;
    let source = if terms.cash_on_delivery { &chart.bank } else { &chart.gateway_receivable };
    let paid = vec![(Side::Debit, chart.refunds_payable.clone(), amount), (Side::Credit, source.clone(), amount)];
    writer.post(&format!("refund/{}/paid", refund.refund), day, refund.currency, paid)
}

fn post_parcel(writer: &mut Writer<'_>, sale: &Sale<'_>, policy: &Policy) -> Result<(), Unpostable> {
    let Some(cash) = sale.parcels.get(writer.key) else { return Ok(()) };
    if sale.is_test() {
        return Ok(());
    }
    let receivable = Chart::cod_receivable(cash.courier)?;
    if let Some(terms) = sale.terms.filter(|_| sale.by_courier) {
        post_delivery(writer, cash, terms, &receivable, policy)?;
    }
    post_settlements(writer, cash, &receivable, policy)?;
    post_uncovered_fees(writer, cash, policy)
}

/// Cash collected at the door, and given back if the parcel came back after all.
fn post_delivery(
    writer: &mut Writer<'_>,
    cash: &ParcelCash<'_>,
    terms: &OrderRevised,
    receivable: &Account,
    policy: &Policy,
) -> Result<(), Unpostable> {
    let chart = &policy.chart;
    let Some(delivered_at) = cash.delivered_at else { return Ok(()) };
    let cod_currency = cash.currency.unwrap_or(terms.currency);
    let in_terms = |(side, account, minor)| (side, account, minor, terms.currency);
    let sold = revenue_entries(Side::Credit, cash.amount + cash.advance, terms, chart, &chart.sales);
    let amounts = std::iter::once((Side::Debit, receivable.clone(), cash.amount, cod_currency))
        .chain(std::iter::once((Side::Debit, chart.customer_deposits.clone(), cash.advance, terms.currency)))
        .chain(sold.into_iter().map(in_terms));
    writer.post_mixed("delivered", delivered_at.day(policy.zone), amounts)?;
    let Some(returned_at) = cash.returned_at else { return Ok(()) };
    let unsold = revenue_entries(Side::Debit, cash.amount, terms, chart, &chart.sales_returns);
    let amounts = unsold.into_iter().map(in_terms).chain(std::iter::once((
        Side::Credit,
        receivable.clone(),
        cash.amount,
        cod_currency,
    )));
    writer.post_mixed("taken-back", returned_at.day(policy.zone), amounts)
}

/// What the courier paid out of the parcel's cash; its fees are kept back from the first part.
fn post_settlements(
    writer: &mut Writer<'_>,
    cash: &ParcelCash<'_>,
    receivable: &Account,
    policy: &Policy,
) -> Result<(), Unpostable> {
    let Some(currency) = cash.currency else { return Ok(()) };
    let chart = &policy.chart;
    for (index, (part, day, net)) in cash.paid_parts().into_iter().enumerate() {
        let covers_fees = index == 0 && cash.amount != 0;
        let (fee, fee_tax) = if covers_fees { (cash.fee, cash.fee_tax) } else { (0, 0) };
        let amounts = vec![
            (Side::Debit, chart.remittance_clearing.clone(), net),
            (Side::Debit, chart.courier_fees.clone(), fee),
            (Side::Debit, chart.input_tax.clone(), fee_tax),
            (Side::Credit, receivable.clone(), net + fee + fee_tax),
        ];
        let name = match part {
            SettlementPart::Upfront => "settled/upfront",
            SettlementPart::Reserve => "settled/reserve",
        };
        writer.post(name, day, currency, amounts)?;
    }
    Ok(())
}

/// Fees for parcels without cash to keep them back from: prepaid ones, and those that came back.
fn post_uncovered_fees(writer: &mut Writer<'_>, cash: &ParcelCash<'_>, policy: &Policy) -> Result<(), Unpostable> {
    let Some(currency) = cash.currency else { return Ok(()) };
    let chart = &policy.chart;
    let covered = cash.amount != 0 && (!cash.settled.is_empty() || cash.returned_at.is_none());
    let (fee, fee_tax) = if covered { (0, 0) } else { (cash.fee, cash.fee_tax) };
    let returned = cash.returned_at.is_some();
    let (return_fee, return_tax) = if returned { (cash.return_fee, cash.return_fee_tax) } else { (0, 0) };
    let Some(at) = cash.returned_at.or(cash.delivered_at) else { return Ok(()) };
    let amounts = vec![
        (Side::Debit, chart.courier_fees.clone(), fee),
        (Side::Debit, chart.return_fees.clone(), return_fee),
        (Side::Debit, chart.input_tax.clone(), fee_tax + return_tax),
        (Side::Credit, Chart::courier_payable(cash.courier)?, fee + fee_tax + return_fee + return_tax),
    ];
    writer.post("fees", at.day(policy.zone), currency, amounts)
}

fn post_payout(writer: &mut Writer<'_>, payout: &Payout, policy: &Policy) -> Result<(), Unpostable> {
    let Some(banked) = &payout.banked else { return Ok(()) };
    let (chart, amount) = (&policy.chart, i128::from(banked.amount.minor));
    let amounts =
        vec![(Side::Debit, chart.bank.clone(), amount), (Side::Credit, chart.remittance_clearing.clone(), amount)];
    writer.post("banked", banked.banked_on, banked.amount.currency, amounts)
}
