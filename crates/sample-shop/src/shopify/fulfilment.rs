//! A parcel handed over, as the platform shows it.

use chrono::NaiveDateTime;
use serde_json::{Value, json};

use super::{customer, stamp};
use crate::order::Order;
use crate::paisa;

/// The one fulfilment of an order, as its own body or nested in the order's.
pub(crate) fn fulfilment(order: &Order, at: NaiveDateTime) -> Value {
    let id = 5_200_000_000_031 + u64::from(order.number);
    let tracking = &order.carriage.tracking;
    let destination = order.buyer.customer.map(|_| customer::address(order.addressee()));
    let company = ["PostEx", "postex", "Post-Ex"][order.number as usize % 3];
    json!({
        "id": id,
        "order_id": order.id,
        "name": format!("{}.1", order.name()),
        "status": "success",
        "service": "manual",
        "shipment_status": null,
        "created_at": stamp(at),
        "updated_at": stamp(at),
        "location_id": crate::catalogue::LOCATION,
        "origin_address": null,
        "email": order.buyer.email,
        "destination": destination,
        "tracking_company": company,
        "tracking_number": tracking,
        "tracking_numbers": [tracking],
        "tracking_url": format!("https://courier.example/track/{tracking}"),
        "tracking_urls": [format!("https://courier.example/track/{tracking}")],
        "receipt": {},
        "line_items": order.lines.iter().map(|line| json!({
            "id": line.id, "variant_id": line.variant.id, "title": line.variant.title, "sku": line.variant.sku,
            "quantity": line.quantity, "price": paisa::text(line.variant.price), "fulfillment_status": "fulfilled",
        })).collect::<Value>(),
        "admin_graphql_api_id": format!("gid://shopify/Fulfillment/{id}"),
    })
}
