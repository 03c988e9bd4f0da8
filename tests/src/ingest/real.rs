//! Real order bodies, where there are any: each is answered 200, and its facts are on the log.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use events::Event;
use ingest::Config;
use reqwest::StatusCode;
use serde_json::Value;

use super::shop::{Shop, config};

#[tokio::test]
async fn every_real_order_is_taken() {
    let Some(folder) = testkit::real_data() else { return };
    let shop = Shop::with(Config { max_body: 4 * 1024 * 1024, ..config() }).await;
    let mut taken: BTreeMap<Body, usize> = BTreeMap::new();
    for path in json_files(&folder.join("shopify")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let Some(body) = body(&text) else { continue };
        let answer = shop.deliver("orders/updated", &text).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", path.display());
        assert_eq!(answer.body.contains("quarantined"), body != Body::Order, "{}", path.display());
        *taken.entry(body).or_default() += 1;
    }
    let events = shop.events().await;
    println!("taken: {taken:#?}; on the log: {:#?}", by_type(&events));
    assert!(taken[&Body::Order] > 0);
    assert_eq!(taken[&Body::Unreadable], 2);
}

/// What a file holds that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Body {
    /// One order, bare or wrapped.
    Order,
    /// Some fields of an order, as its reader asked for; without its date it cannot be booked.
    SomeFields,
    /// No JSON.
    Unreadable,
}

/// `None` for anything but an order, such as a draft or a checkout.
fn body(text: &str) -> Option<Body> {
    let Ok(body) = serde_json::from_str::<Value>(text) else { return Some(Body::Unreadable) };
    let order = body.get("order").unwrap_or(&body);
    let has = |name: &str| order.get(name).is_some();
    let of_an_order = has("id") && has("line_items") && has("total_price");
    if !of_an_order || has("invoice_url") || has("abandoned_checkout_url") {
        return None;
    }
    Some(if has("created_at") { Body::Order } else { Body::SomeFields })
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(json_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn by_type(events: &[Event]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    events.iter().for_each(|event| *counts.entry(event.event_type()).or_default() += 1);
    counts
}
