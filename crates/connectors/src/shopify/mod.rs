//! Shopify's webhooks and order exports, read into facts.
//!
//! A body is the REST resource of its topic, bare or wrapped (`{"order": {…}}`). An order's body carries its refunds,
//! fulfilments and cancellation, and every fact it implies is drafted whatever the topic, so that a lost webhook heals
//! at the next one. Amounts are the shop's money; what a person typed is never in a fact but in the person beside it.

mod contact;
mod customer;
mod fulfilment;
mod json;
mod line;
mod money;
mod order;
mod people;
mod refund;
mod stock;

use commerce::CodGateways;
use ledger::Timestamp;
use serde_json::value::RawValue;

use crate::{Draft, NotUnderstood};

/// What a tenant's payloads are read with.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// The gateway names that mean cash on delivery.
    pub cod_gateways: &'a CodGateways,
    /// The calling code by which phone numbers without one are read, such as `92`. Only for `92` are national forms
    /// known; with any other code just numbers that begin with `+` or `00` identify a person.
    pub default_country_code: &'static str,
}

/// The topics [`read`] understands.
pub const TOPICS: &[&str] = &[
    "orders/create",
    "orders/updated",
    "orders/paid",
    "orders/cancelled",
    "orders/fulfilled",
    "orders/partially_fulfilled",
    "orders/delete",
    "refunds/create",
    "fulfillments/create",
    "fulfillments/update",
    "customers/create",
    "customers/update",
    "customers/redact",
    "customers/data_request",
    "shop/redact",
    "inventory_levels/update",
    "inventory_levels/connect",
    "products/create",
    "products/update",
];

/// Reads a webhook's body. `triggered_at` is the delivery's own time (`X-Shopify-Triggered-At`), which dates what has no
/// date of its own.
///
/// # Errors
/// [`NotUnderstood`] names the place, never the value; the body is then to be kept and replayed after a fix.
pub fn read(
    topic: &str,
    triggered_at: Timestamp,
    body: &[u8],
    settings: &Settings<'_>,
) -> Result<Vec<Draft>, NotUnderstood> {
    if !TOPICS.contains(&topic) {
        return Err(NotUnderstood::UnknownTopic);
    }
    let text = json::text(body)?;
    match topic {
        "orders/delete" => order::deleted(text, triggered_at),
        "refunds/create" => refund::read(text, triggered_at),
        "fulfillments/create" | "fulfillments/update" => fulfilment::read(text),
        "customers/create" | "customers/update" => customer::read(text, triggered_at, settings),
        "customers/redact" => customer::redact(text, triggered_at, settings),
        "customers/data_request" => customer::data_request(text, triggered_at, settings),
        "shop/redact" => customer::shop_redact(text, triggered_at),
        "inventory_levels/update" | "inventory_levels/connect" => stock::level(text, triggered_at),
        "products/create" | "products/update" => stock::product(text, triggered_at),
        _ => order::read(text, settings),
    }
}

/// Reads one order's snapshot, bare or as `{"order": {…}}`, into every fact it implies.
///
/// # Errors
/// As [`read`]; [`NotUnderstood::UnknownTopic`] for a draft order or an abandoned checkout, which look alike.
pub fn read_order(body: &[u8], settings: &Settings<'_>) -> Result<Vec<Draft>, NotUnderstood> {
    order::read(json::text(body)?, settings)
}

/// Reads a file of orders: a list, `{"orders": […]}`, `{"order": {…}}` or one bare order. Each order succeeds or fails
/// by itself, in the file's sequence.
///
/// # Errors
/// [`NotUnderstood::UnreadableJson`] when the file is no JSON, [`NotUnderstood::UnknownTopic`] when it holds no orders.
pub fn read_orders_file(
    bytes: &[u8],
    settings: &Settings<'_>,
) -> Result<Vec<Result<Vec<Draft>, NotUnderstood>>, NotUnderstood> {
    let bodies = order_bodies(json::text(bytes)?)?;
    Ok(bodies.into_iter().map(|body| order::read(body, settings)).collect())
}

fn order_bodies(text: &str) -> Result<Vec<&str>, NotUnderstood> {
    if text.trim_start().starts_with('[') {
        return list(text);
    }
    let members: json::Members<'_> = json::parse(text).map_err(|error| match error {
        NotUnderstood::UnreadableJson => NotUnderstood::UnreadableJson,
        NotUnderstood::UnknownTopic | NotUnderstood::Field { .. } => NotUnderstood::UnknownTopic,
    })?;
    if let Some(orders) = members.get("orders") {
        return list(orders.get());
    }
    let bare = members.contains_key("line_items") && members.contains_key("total_price");
    let order = members.get("order").map(|order| order.get()).or_else(|| bare.then_some(text));
    order.map(|order| vec![order]).ok_or(NotUnderstood::UnknownTopic)
}

fn list(text: &str) -> Result<Vec<&str>, NotUnderstood> {
    let items: json::Many<&RawValue> = json::parse(text)?;
    Ok(items.0.into_iter().map(RawValue::get).collect())
}
