//! The bodies that the shop's platform sends, one file for each kind of resource.

pub(crate) mod customer;
pub(crate) mod fulfilment;
pub(crate) mod refund;
pub(crate) mod snapshot;
pub(crate) mod stock;

use chrono::NaiveDateTime;
use serde_json::{Value, json};

use crate::paisa;

/// A Pakistan wall clock time as the platform writes it, `2026-10-01T14:30:00+05:00`.
pub(crate) fn stamp(at: NaiveDateTime) -> String {
    format!("{at:?}+05:00")
}

/// The bytes that are sent and signed.
pub(crate) fn bytes(body: &Value) -> Vec<u8> {
    body.to_string().into_bytes()
}

/// An amount twice: in the shop's money and as the buyer was shown it.
fn money_set(paisa: i64) -> Value {
    let amount = paisa::text(paisa);
    json!({
        "shop_money": { "amount": amount, "currency_code": "PKR" },
        "presentment_money": { "amount": amount, "currency_code": "PKR" },
    })
}

/// Adds fields to an object. Unlike `json!` it moves what it is given, where that would copy it piece by piece.
fn extend(object: &mut Value, fields: impl IntoIterator<Item = (&'static str, Value)>) {
    if let Value::Object(object) = object {
        object.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), value)));
    }
}
