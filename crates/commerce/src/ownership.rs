//! Which order a parcel belongs to: one, whatever arrives first.
//!
//! The smallest id among the orders whose fulfilments name it now. If none names it any more, the smallest that ever
//! did: a fulfilment that was cancelled does not undo a delivery. If none ever did, the smallest order that bears the
//! printed name which the courier quotes. A number that dozens of orders claim is no tracking number, and belongs to
//! nobody.

use crate::{Claims, Courier, Order, OrderId, OrderName, Parcel, TrackingNumber};

/// The order that owns a parcel. `order` gives the orders that claim it, `bearing` the smallest order of a printed
/// name.
pub fn owner<'o>(
    (courier, tracking): (&Courier, &TrackingNumber),
    parcel: &Parcel,
    order: impl Fn(OrderId) -> Option<&'o Order>,
    bearing: impl Fn(&OrderName) -> Option<OrderId>,
) -> Option<OrderId> {
    let names_it = |id: &OrderId| {
        order(*id).is_some_and(|order| order.parcels().any(|p| p.courier == *courier && p.tracking == *tracking))
    };
    let claimed = parcel.claims.orders().find(names_it).or_else(|| parcel.claims.orders().next());
    let quoted = || parcel.reference.as_ref().filter(|_| parcel.claims != Claims::TooMany).and_then(&bearing);
    claimed.or_else(quoted)
}
