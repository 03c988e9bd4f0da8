//! When a case is sold: the one answer from which revenue and the cost of goods both take their days, so that neither
//! is recognised without the other.
//!
//! Where the buyer pays couriers, each parcel is sold by itself, and the case with the first of them. Else the case is
//! sold as one: when the first parcel is, or when its goods were handed over; and of a tenant who sells at fulfilment,
//! when the first goods left.

use std::collections::BTreeMap;

use ledger::Timestamp;

use crate::posting::Case;
use crate::{Courier, Order, OrderId, Parcel, ParcelState, Part, PartKey, PaymentState, Recognition, TrackedParcel};

/// When a case and its parcels are sold.
pub(crate) struct Sold<'a> {
    pub(crate) recognition: Recognition,
    pub(crate) order: Option<(OrderId, &'a Order)>,
    /// The buyer pays a courier.
    pub(crate) by_courier: bool,
    /// When revenue is recognised first.
    pub(crate) at: Option<Timestamp>,
    pub(crate) parcels: BTreeMap<&'a PartKey, SoldParcel<'a>>,
}

/// When one parcel's goods are sold, and what became of it.
pub(crate) struct SoldParcel<'a> {
    pub(crate) courier: &'a Courier,
    pub(crate) parcel: &'a Parcel,
    /// A fulfilment that stands names it; false for a tracking number that was corrected since, and for a parcel of
    /// which only its courier says whose it is.
    pub(crate) named: bool,
    /// By its courier's word, or the shop's.
    pub(crate) delivered_at: Option<Timestamp>,
    /// Delivered, or sent, as the tenant has it.
    pub(crate) sold_at: Option<Timestamp>,
}

impl<'a> Sold<'a> {
    pub(crate) fn of(case: &'a Case<'a>, recognition: Recognition) -> Sold<'a> {
        let order = case.iter().find_map(|(key, part)| match (key, part) {
            (PartKey::Order(id), Part::Order(order)) => Some((*id, order)),
            _ => None,
        });
        let parcel = |(key, part): (&'a PartKey, &&'a Part)| match (key, part) {
            (PartKey::Parcel(courier, _), Part::Parcel(parcel)) => {
                Some((key, SoldParcel::of(courier, key, parcel, order.map(|(_, order)| order), recognition)))
            }
            _ => None,
        };
        let parcels = case.iter().filter_map(parcel).collect();
        let mut sold = Sold { recognition, order, by_courier: false, at: None, parcels };
        sold.by_courier = sold.buyer_pays_courier();
        sold.at = sold.first();
        sold
    }

    fn buyer_pays_courier(&self) -> bool {
        let terms = self.order.and_then(|(_, order)| order.terms.as_ref());
        let mut booked = self.parcels.values().filter_map(|p| p.parcel.booked.as_ref()?.cod);
        let collected = booked.any(|cod| cod.minor > 0) && terms.is_some_and(|t| t.payment != PaymentState::Paid);
        !self.parcels.is_empty() && (collected || terms.is_some_and(|t| t.cash_on_delivery))
    }

    fn first(&self) -> Option<Timestamp> {
        let first_parcel = self.parcels.values().filter_map(|p| p.sold_at).min();
        let Some((_, order)) = self.order.filter(|_| !self.by_courier) else { return first_parcel };
        let left = order.fulfilled_at().filter(|_| self.recognition == Recognition::Fulfilment);
        let handed_over = || order.handed_over_at().into_iter().chain(order.delivered_by_shop_at()).min();
        left.or(first_parcel).or_else(handed_over)
    }
}

impl<'a> SoldParcel<'a> {
    fn of(
        courier: &'a Courier,
        key: &PartKey,
        parcel: &'a Parcel,
        order: Option<&Order>,
        recognition: Recognition,
    ) -> SoldParcel<'a> {
        let delivered_at = parcel.delivered_at().or_else(|| shops_word(key, parcel, order));
        let sent_at = order.and_then(|o| o.sent_at(|named| names(named, key)));
        let sold_at = match recognition {
            Recognition::Delivery => delivered_at,
            Recognition::Fulfilment => sent_at.into_iter().chain(delivered_at).min(),
        };
        SoldParcel { courier, parcel, named: sent_at.is_some(), delivered_at, sold_at }
    }

    /// When it came to its end without its goods being with the buyer: when it came back, or turned out never to have
    /// left, even if it had been lost before; else when it was lost.
    pub(crate) fn ended_at(&self) -> Option<Timestamp> {
        if self.delivered_at.is_some() {
            return self.parcel.returned_at();
        }
        let ended_at = self.parcel.came_to_nothing_at()?;
        let came_back = |state| matches!(state, ParcelState::Returned | ParcelState::Cancelled);
        let back = self.parcel.scans.iter().find(|scan| scan.at >= ended_at && came_back(scan.state));
        Some(back.map_or(ended_at, |scan| scan.at))
    }

    /// When it was lost, if it was, and had not been delivered.
    pub(crate) fn lost_at(&self) -> Option<Timestamp> {
        let is_lost = self.delivered_at.is_none() && self.parcel.state() == ParcelState::Lost;
        let mut lost = self.parcel.scans.iter().rev().filter(|scan| is_lost && scan.state == ParcelState::Lost);
        lost.next().map(|scan| scan.at)
    }
}

/// For a parcel whose courier tells us nothing, the shop's word that its fulfilment was delivered.
fn shops_word(key: &PartKey, parcel: &Parcel, order: Option<&Order>) -> Option<Timestamp> {
    let order = order.filter(|_| parcel.scans.is_empty())?;
    let of_parcel = order.fulfilments.values().filter(|f| f.parcels.iter().any(|p| names(p, key)));
    of_parcel.filter_map(|f| order.shops_word(f)).min()
}

/// True when this is the parcel that a fulfilment names.
pub(crate) fn names(named: &TrackedParcel, key: &PartKey) -> bool {
    matches!(key, PartKey::Parcel(courier, tracking) if *courier == named.courier && *tracking == named.tracking)
}
