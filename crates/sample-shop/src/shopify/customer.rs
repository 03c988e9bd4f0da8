//! Customers and addresses.

use chrono::{NaiveDateTime, TimeDelta};
use serde_json::{Value, json};

use super::{bytes, extend, stamp};
use crate::people::Person;
use crate::plan::BodySize;

/// `customers/create`.
pub(crate) fn created(person: &Person, at: NaiveDateTime) -> Vec<u8> {
    bytes(&record(person, at, BodySize::Full))
}

/// A customer record, also as it is nested in an order; null for those who have none.
pub(super) fn record(person: &Person, at: NaiveDateTime, size: BodySize) -> Value {
    let Some(id) = person.customer else { return Value::Null };
    let mut record = json!({
        "id": id,
        "email": person.email,
        "phone": person.international_phone(),
        "first_name": person.first,
        "last_name": person.last,
        "created_at": stamp(at - TimeDelta::days(1)),
        "updated_at": stamp(at),
    });
    if size == BodySize::Full {
        extend(&mut record, [("default_address", default_address(person, id)), ("email_marketing_consent", consent())]);
        extend(&mut record, settings());
    }
    record
}

/// Where a person lives.
pub(super) fn address(person: &Person) -> Value {
    json!({
        "first_name": person.first,
        "last_name": person.last,
        "name": person.name(),
        "company": null,
        "address1": person.street,
        "address2": null,
        "city": person.city.name,
        "province": person.city.province,
        "province_code": null,
        "zip": person.city.zip,
        "country": "Pakistan",
        "country_code": "PK",
        "phone": person.phone,
        "latitude": null,
        "longitude": null,
    })
}

fn default_address(person: &Person, customer: u64) -> Value {
    let mut address = address(person);
    extend(
        &mut address,
        [
            ("id", json!(customer + 1_300_000_000_000)),
            ("customer_id", json!(customer)),
            ("country_name", json!("Pakistan")),
            ("default", json!(true)),
        ],
    );
    address
}

fn consent() -> Value {
    json!({ "state": "not_subscribed", "opt_in_level": "single_opt_in", "consent_updated_at": null })
}

fn settings() -> [(&'static str, Value); 7] {
    [
        ("state", json!("disabled")),
        ("note", Value::Null),
        ("verified_email", json!(true)),
        ("multipass_identifier", Value::Null),
        ("tax_exempt", json!(false)),
        ("tags", json!("")),
        ("currency", json!("PKR")),
    ]
}
