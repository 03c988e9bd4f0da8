//! Deliveries that are authentic and cannot be understood.

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::shop::Endpoint;

/// A topic that nobody subscribed to.
const UNKNOWN_TOPIC: &str = "disputes/create";

/// What is left of a delivery when its sender goes wrong: where it goes, and a body made from `body`.
pub(crate) fn spoil(rng: &mut StdRng, endpoint: Endpoint, body: &[u8]) -> (Endpoint, Vec<u8>) {
    let Endpoint::Shopify { topic } = endpoint else { return (endpoint, truncated(rng, body)) };
    match rng.random_range(0..5) {
        0 => (Endpoint::Shopify { topic: UNKNOWN_TOPIC }, body.to_vec()),
        1 if topic.starts_with("orders/") => (endpoint, without_id(body)),
        2 if topic.starts_with("orders/") => (endpoint, with_total(body, json!({ "amount": true }))),
        3 if topic.starts_with("orders/") => (endpoint, with_total(body, json!("92233720368547758080000.00"))),
        _ => (endpoint, truncated(rng, body)),
    }
}

/// Cut off before its last brace, between a third and all of its length.
fn truncated(rng: &mut StdRng, body: &[u8]) -> Vec<u8> {
    let last = body.len().saturating_sub(1).max(1);
    body[..rng.random_range(last / 3..last)].to_vec()
}

fn without_id(body: &[u8]) -> Vec<u8> {
    changed(body, |order| {
        order.remove("id");
        order.remove("admin_graphql_api_id");
    })
}

/// Another total, and no second spelling of it to fall back on.
fn with_total(body: &[u8], total: Value) -> Vec<u8> {
    changed(body, |order| {
        order.remove("total_price_set");
        order.insert("total_price".to_owned(), total);
    })
}

fn changed(body: &[u8], change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> Vec<u8> {
    let mut order: serde_json::Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    change(&mut order);
    Value::Object(order).to_string().into_bytes()
}
