//! Read models that follow from a case: the order, its parcels, their cash.

use std::collections::BTreeSet;

use commerce::{
    Courier, Order, OrderId, Parcel, ParcelState, Part, PartKey, PaymentState, Policy, TenantId, TrackingNumber,
};
use store::books::{CodRow, OrderView, ShipmentRow, ViewRows};

use super::desk::Desk;

/// Adds a case's rows. A parked case has no cash positions, as nothing of it stands in the books.
pub(super) fn add(rows: &mut ViewRows, tenant: &TenantId, desk: &Desk, keys: &BTreeSet<PartKey>, policy: &Policy) {
    let case = desk.case(keys);
    let order = keys.iter().find_map(|key| if let PartKey::Order(id) = key { Some(*id) } else { None });
    let parcels: Vec<&Parcel> =
        case.values().filter_map(|p| if let Part::Parcel(p) = p { Some(p) } else { None }).collect();
    let mut positions = commerce::cod_positions(&case, policy);
    for (key, part) in &case {
        match (key, part) {
            (PartKey::Order(id), Part::Order(order)) => rows.add_order(&order_view(tenant, *id, order, &parcels)),
            (PartKey::Parcel(courier, tracking), Part::Parcel(parcel)) => {
                rows.add_shipment(&shipment(tenant, courier, tracking, order, parcel));
                let position = positions.remove(key).filter(|_| !desk.is_parked(key));
                let (courier, tracking) = (courier.clone(), tracking.clone());
                rows.add_cash(&CodRow { tenant: tenant.clone(), courier, tracking, position });
            }
            (PartKey::Order(id), Part::Replaced(_)) => rows.remove_order(tenant, *id),
            (PartKey::Parcel(courier, tracking), Part::Replaced(_)) => rows.remove_parcel(tenant, courier, tracking),
            _ => {}
        }
    }
}

fn order_view(tenant: &TenantId, id: OrderId, order: &Order, parcels: &[&Parcel]) -> OrderView {
    let terms = order.terms.as_ref();
    OrderView {
        tenant: tenant.clone(),
        order: id,
        name: order.placed.as_ref().and_then(|p| p.name.as_ref()).map(ToString::to_string),
        placed_at: order.placed.as_ref().map(|p| p.placed_at),
        currency: terms.map(|t| t.currency.to_string()),
        total: terms.map(|t| t.total),
        cod: terms.is_some_and(|t| t.cash_on_delivery),
        status: status(order, parcels).to_owned(),
        refunded: order.refunds.values().fold(0, |sum, refund| refund.amount.saturating_add(sum)),
        parcels: i64::try_from(parcels.len()).unwrap_or(i64::MAX),
        city: terms.and_then(|t| t.city.clone()),
        country: terms.and_then(|t| t.country.clone()),
    }
}

/// An order in a word; what happened to its goods says more than what the shop calls it.
fn status(order: &Order, parcels: &[&Parcel]) -> &'static str {
    let paid = order.terms.as_ref().is_some_and(|t| t.payment == PaymentState::Paid);
    let is = |state: ParcelState| move |parcel: &&Parcel| parcel.state() == state;
    match () {
        () if order.terms.as_ref().is_some_and(|t| t.test) => "test",
        () if parcels.iter().any(is(ParcelState::Delivered)) => "delivered",
        () if !parcels.is_empty() && parcels.iter().all(is(ParcelState::Returned)) => "returned",
        () if order.cancelled.is_some() => "cancelled",
        () if order.deleted.is_some() => "deleted",
        () if order.delivered_by_shop_at().is_some() => "delivered",
        () if order.fulfilments.values().any(|f| f.stands) => "sent",
        () if paid => "paid",
        () => "open",
    }
}

fn shipment(
    tenant: &TenantId,
    courier: &Courier,
    tracking: &TrackingNumber,
    order: Option<OrderId>,
    parcel: &Parcel,
) -> ShipmentRow {
    let last = parcel.scans.last();
    ShipmentRow {
        tenant: tenant.clone(),
        courier: courier.clone(),
        tracking: tracking.clone(),
        order,
        state: parcel.state(),
        attempts: i64::try_from(parcel.attempts()).unwrap_or(i64::MAX),
        last_scan_at: last.map(|scan| scan.at),
        last_code: last.map(|scan| scan.code.clone()),
        delivered_at: parcel.delivered_at(),
        returned_at: parcel.returned_at(),
    }
}
