//! A case read once for the posting rules: who collects, how much, what was sold when.

use std::collections::BTreeMap;

use ledger::{Currency, Day, Timestamp};

use super::Case;
use crate::{
    Courier, Order, OrderId, OrderRevised, Parcel, Part, PartKey, PaymentState, SettlementPart, TrackedParcel,
};

/// What the rules need to know of a case, read off its facts once.
pub(super) struct Sale<'a> {
    pub(super) order: Option<OrderId>,
    pub(super) terms: Option<&'a OrderRevised>,
    /// An advance on a cash-on-delivery order.
    pub(super) advance: i128,
    /// The buyer pays a courier.
    pub(super) by_courier: bool,
    /// When revenue is recognised: the first delivery, or the hand-over of goods that no courier tracks.
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
    /// The part of an advance that this parcel's delivery earns.
    pub(super) advance: i128,
}

impl<'a> Sale<'a> {
    pub(super) fn of(case: &'a Case<'a>) -> Sale<'a> {
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
        let partly_paid = order.and_then(|(_, o)| o.partly_paid).map_or(0, |(_, paid)| i128::from(paid));
        let kept = matches!(terms.map(|t| t.payment), Some(PaymentState::PartlyPaid | PaymentState::Paid));
        let advance = if by_courier && kept { partly_paid } else { 0 };
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
    pub(super) fn is_test(&self) -> bool {
        self.terms.is_some_and(|t| t.test)
    }
}

impl<'a> ParcelCash<'a> {
    pub(super) fn of(
        courier: &'a Courier,
        key: &PartKey,
        parcel: &'a Parcel,
        order: Option<&'a Order>,
    ) -> ParcelCash<'a> {
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
    pub(super) fn paid_parts(&self) -> Vec<(SettlementPart, Day, i128)> {
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
pub(crate) fn shops_word(key: &PartKey, parcel: &Parcel, order: Option<&Order>) -> Option<Timestamp> {
    let order = order.filter(|_| parcel.scans.is_empty())?;
    let of_parcel = order.fulfilments.values().filter(|f| f.parcels.iter().any(|p| names(p, key)));
    of_parcel.filter_map(|f| order.shops_word(f)).min()
}

pub(crate) fn names(named: &TrackedParcel, key: &PartKey) -> bool {
    matches!(key, PartKey::Parcel(courier, tracking) if *courier == named.courier && *tracking == named.tracking)
}

pub(super) fn refunded_before(order: &Order, sold_at: Timestamp) -> i128 {
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
