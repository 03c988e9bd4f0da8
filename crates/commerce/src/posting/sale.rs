//! A case read once for the posting rules: who collects, how much, what was sold when.

use std::collections::BTreeMap;

use ledger::{Currency, Day, Timestamp};

use super::Case;
use crate::sold::{Sold, SoldParcel};
use crate::{CodWrittenOff, Courier, Order, OrderId, OrderRevised, PartKey, PaymentState, Policy, SettlementPart};

/// What the rules need to know of a case, read off its facts once.
pub(super) struct Sale<'a> {
    pub(super) order: Option<OrderId>,
    pub(super) terms: Option<&'a OrderRevised>,
    /// An advance on a cash-on-delivery order.
    pub(super) advance: i128,
    /// The buyer pays a courier.
    pub(super) by_courier: bool,
    /// When revenue is recognised first; see [`Sold`].
    pub(super) sold_at: Option<Timestamp>,
    /// Given back before that: it came out of deposits and never becomes revenue.
    pub(super) refunded_before_sale: i128,
    pub(super) parcels: BTreeMap<&'a PartKey, ParcelCash<'a>>,
}

/// The cash side of one parcel.
pub(super) struct ParcelCash<'a> {
    pub(super) courier: &'a Courier,
    pub(super) currency: Option<Currency>,
    /// Cash to collect.
    pub(super) amount: i128,
    /// The courier itself named the amount, be it zero.
    pub(super) booked: bool,
    pub(super) fee: i128,
    pub(super) fee_tax: i128,
    pub(super) return_fee: i128,
    pub(super) return_fee_tax: i128,
    /// Net amounts as the courier reported them, by part.
    pub(super) reported: BTreeMap<SettlementPart, i128>,
    /// Days of the settled parts.
    pub(super) settled: BTreeMap<SettlementPart, Day>,
    pub(super) delivered_at: Option<Timestamp>,
    pub(super) returned_at: Option<Timestamp>,
    /// Returned, cancelled or lost: its cash will not come.
    pub(super) came_to_nothing: bool,
    /// A fulfilment that stands names it; false for a tracking number that was corrected since.
    pub(super) sent: bool,
    /// The part of an advance that this parcel's sale earns.
    pub(super) advance: i128,
    /// When its goods are sold: delivered, or sent, as the tenant has it.
    pub(super) sold_at: Option<Timestamp>,
    /// When it was first seen in the courier's hands, not after its delivery.
    pub(super) picked_up_at: Option<Timestamp>,
    /// When it came to nothing without having been delivered.
    pub(super) ended_at: Option<Timestamp>,
    /// What it was to bring: `amount`, also when it came to nothing and another parcel brings the cash instead.
    pub(super) promised: i128,
    /// Kept back by the courier for the tax office: of the income tax, of the sales tax.
    pub(super) withheld: (i128, i128),
    /// What people wrote off, in the parcel's currency.
    pub(super) written_off: Vec<&'a CodWrittenOff>,
}

impl<'a> Sale<'a> {
    pub(super) fn of(case: &'a Case<'a>, policy: &Policy) -> Sale<'a> {
        let Sold { order, by_courier, at: sold_at, parcels, .. } = Sold::of(case, policy.recognition);
        let terms = order.and_then(|(_, o)| o.terms.as_ref());
        let cash = |(key, sold)| (key, ParcelCash::of(sold, order.map(|(_, o)| o)));
        let mut parcels: BTreeMap<&PartKey, ParcelCash<'_>> = parcels.into_iter().map(cash).collect();
        let partly_paid = order.and_then(|(_, o)| o.partly_paid).map_or(0, |(_, paid)| i128::from(paid));
        let kept = matches!(terms.map(|t| t.payment), Some(PaymentState::PartlyPaid | PaymentState::Paid));
        let advance = if by_courier && kept { partly_paid } else { 0 };
        let refunded_before_sale = order.zip(sold_at).map_or(0, |((_, o), sold)| refunded_before(o, sold));
        share_cash(&mut parcels, terms, by_courier, advance);
        promise_cash(&mut parcels, terms, by_courier, advance);
        // An advance is earned by the first parcel that is sold.
        let sold = parcels.values_mut().filter(|p| by_courier && p.sold_at.is_some());
        if let Some(first) = sold.min_by_key(|p| p.sold_at) {
            first.advance = advance - refunded_before_sale;
        }
        for parcel in parcels.values_mut() {
            parcel.withhold(policy);
        }
        Sale { order: order.map(|(id, _)| id), terms, advance, by_courier, sold_at, refunded_before_sale, parcels }
    }

    /// A test order is kept, never booked.
    pub(super) fn is_test(&self) -> bool {
        self.terms.is_some_and(|t| t.test)
    }
}

impl<'a> ParcelCash<'a> {
    fn of(sold: SoldParcel<'a>, order: Option<&'a Order>) -> ParcelCash<'a> {
        let SoldParcel { courier, parcel, named, delivered_at, sold_at } = sold;
        let charges = parcel.charges.as_ref();
        let booked = parcel.booked.as_ref().and_then(|b| b.cod);
        let amount_of = |pick: fn(&crate::CodChargesReported) -> i64| charges.map_or(0, |c| i128::from(pick(c)));
        let reported =
            [(SettlementPart::Upfront, amount_of(|c| c.upfront)), (SettlementPart::Reserve, amount_of(|c| c.reserve))];
        let returned_at = parcel.returned_at();
        let currency = booked.map(|m| m.currency).or(charges.map(|c| c.currency));
        let currency = currency.or(order.and_then(|o| o.terms.as_ref()).map(|t| t.currency));
        let written_off = parcel.written_off.values().filter(|w| Some(w.amount.currency) == currency);
        ParcelCash {
            courier,
            currency,
            amount: booked.map_or(0, |m| i128::from(m.minor)),
            booked: booked.is_some(),
            fee: amount_of(|c| c.fee),
            fee_tax: amount_of(|c| c.fee_tax),
            return_fee: amount_of(|c| c.return_fee),
            return_fee_tax: amount_of(|c| c.return_fee_tax),
            reported: reported.into_iter().filter(|(_, amount)| *amount > 0).collect(),
            settled: parcel.settled.iter().map(|(part, fact)| (*part, fact.settled_on)).collect(),
            delivered_at,
            returned_at,
            came_to_nothing: parcel.state().is_nothing(),
            sent: named,
            advance: 0,
            sold_at,
            picked_up_at: parcel.picked_up_at().filter(|at| delivered_at.is_none_or(|delivered| *at <= delivered)),
            ended_at: parcel.came_to_nothing_at().filter(|_| delivered_at.is_none()),
            promised: 0,
            withheld: (0, 0),
            written_off: written_off.collect(),
        }
    }

    /// What the courier keeps back for the tax office, by the rates of the day of its first payment.
    fn withhold(&mut self, policy: &Policy) {
        if let Some(day) = self.settled.values().next().filter(|_| self.amount > 0) {
            let (income, sales) = (&policy.withholding.income_tax, &policy.withholding.sales_tax);
            self.withheld = (income.of(self.amount, *day), sales.of(self.amount, *day));
        }
    }

    /// Fees, their tax, and tax withheld: what the courier keeps back from the first payment.
    pub(super) fn kept_back(&self) -> i128 {
        self.fee + self.fee_tax + self.withheld.0 + self.withheld.1
    }

    /// The cash reached the courier and stayed there.
    pub(super) fn is_collected(&self) -> bool {
        self.delivered_at.is_some() && self.returned_at.is_none()
    }

    /// Cash that was collected and given up or claimed. What was never collected cannot be given up: of such a parcel
    /// only damages can be claimed, and they are no part of its cash.
    pub(super) fn given_up(&self) -> i128 {
        let given_up = self.written_off.iter().filter(|_| self.is_collected());
        given_up.map(|write_off| i128::from(write_off.amount.minor)).sum()
    }

    /// The settled parts with their days and net amounts. A part whose amount the courier did not report takes what is
    /// left.
    pub(super) fn paid_parts(&self) -> Vec<(SettlementPart, Day, i128)> {
        let known: i128 = self.settled.keys().filter_map(|part| self.reported.get(part)).sum();
        let rest = (self.amount - self.kept_back() - self.given_up() - known).max(0);
        let last_unreported = self.settled.keys().rev().find(|part| !self.reported.contains_key(part));
        let amount = |part: &SettlementPart| match self.reported.get(part) {
            Some(reported) => *reported,
            None if Some(part) == last_unreported => rest,
            None => 0,
        };
        self.settled.iter().map(|(part, day)| (*part, *day, amount(part))).collect()
    }
}

pub(super) fn refunded_before(order: &Order, sold_at: Timestamp) -> i128 {
    order.refunds.values().filter(|r| r.refunded_at < sold_at).map(|r| i128::from(r.amount)).sum()
}

/// Gives cash that no standing booking names to one parcel: a delivered one if there is any, else the first that is
/// still under way. A parcel that was delivered and came back collected it too, and gave it back.
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

/// What each parcel was to bring. One that came to nothing and whose courier named no amount was to bring what another
/// brings now, if nothing else carried the cash when it ended: so a replacement does not unsay the first parcel's
/// promise.
fn promise_cash(
    parcels: &mut BTreeMap<&PartKey, ParcelCash<'_>>,
    terms: Option<&OrderRevised>,
    by_courier: bool,
    advance: i128,
) {
    let Some(terms) = terms.filter(|_| by_courier) else { return };
    let left = (i128::from(terms.total) - advance).max(0);
    let promised: Vec<i128> = parcels
        .iter()
        .map(|(key, parcel)| match parcel.ended_at.filter(|_| !parcel.booked) {
            None => parcel.amount,
            Some(ended) if parcels.iter().any(|(other, q)| other != key && q.carries_at(ended, other < key)) => 0,
            Some(_) => left,
        })
        .collect();
    for (parcel, promised) in parcels.values_mut().zip(promised) {
        parcel.promised = promised;
    }
}

impl ParcelCash<'_> {
    /// Whether this parcel, rather than another without a booked amount, was to bring the cash at that time.
    fn carries_at(&self, time: Timestamp, is_first: bool) -> bool {
        let under_way = self.picked_up_at.is_some_and(|at| at <= time) && self.ended_at.is_none_or(|at| at > time);
        let delivered = self.delivered_at.is_some_and(|at| at <= time);
        match self.booked {
            true => self.amount > 0 && (under_way || delivered),
            false => delivered || under_way && is_first,
        }
    }
}
