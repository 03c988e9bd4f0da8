//! What a workload promises: the same bytes from the same plan, and figures that agree with each other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use sample_shop::{BodySize, Endpoint, Plan, Workload, generate, stream};
use serde_json::Value;

fn small() -> Plan {
    Plan { orders: 400, size: BodySize::Lean, ..Plan::default() }
}

fn well_formed() -> Plan {
    Plan { malformed_percent: 0, duplicates_percent: 0, ..small() }
}

#[expect(clippy::unwrap_used, reason = "a test reads what was made for it")]
fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

fn parsed(workload: &Workload) -> Vec<(Endpoint, Value)> {
    workload.deliveries.iter().map(|delivery| (delivery.endpoint, json(&delivery.body))).collect()
}

fn count(bodies: &[(Endpoint, Value)], wanted: &str) -> u64 {
    bodies.iter().filter(|(endpoint, _)| *endpoint_topic(*endpoint) == *wanted).count() as u64
}

fn endpoint_topic(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Shopify { topic } => topic,
        Endpoint::Courier { courier } => courier,
    }
}

#[test]
fn the_same_plan_makes_the_same_bytes() {
    let (one, other) = (generate(&small()), generate(&small()));
    assert_eq!(one.deliveries, other.deliveries);
    assert_eq!((one.expected, one.people), (other.expected, other.people));
}

#[test]
fn another_seed_makes_another_shop() {
    let other = generate(&Plan { seed: 2, ..small() });
    let one = generate(&small());
    assert_ne!(one.deliveries, other.deliveries);
    assert_ne!(one.people, other.people);
}

#[test]
fn the_stream_holds_the_same_deliveries_in_the_order_of_business() {
    let mut shop = stream(&small());
    let mut streamed: Vec<_> = shop.by_ref().collect();
    let mut workload = generate(&small());
    assert_eq!(shop.expected(), &workload.expected);
    assert_ne!(streamed, workload.deliveries);
    streamed.sort_by(|a, b| (&a.webhook_id, &a.body).cmp(&(&b.webhook_id, &b.body)));
    workload.deliveries.sort_by(|a, b| (&a.webhook_id, &a.body).cmp(&(&b.webhook_id, &b.body)));
    assert_eq!(streamed, workload.deliveries);
}

#[test]
fn counts_add_up() {
    let workload = generate(&small());
    let expected = &workload.expected;
    let all = expected.deliveries + expected.duplicates + expected.malformed;
    assert_eq!(workload.deliveries.len() as u64, all);
    let ids: BTreeSet<&str> = workload.deliveries.iter().map(|delivery| delivery.webhook_id.as_str()).collect();
    assert_eq!(ids.len() as u64, expected.deliveries + expected.malformed);
    let unreadable = workload.deliveries.iter().filter(|d| serde_json::from_slice::<Value>(&d.body).is_err()).count();
    assert!(unreadable > 0 && unreadable as u64 <= expected.malformed, "{unreadable} of {}", expected.malformed);
}

#[test]
fn every_well_formed_body_is_json_and_counted() {
    let workload = generate(&well_formed());
    let (bodies, expected) = (parsed(&workload), &workload.expected);
    assert_eq!((expected.malformed, expected.duplicates), (0, 0));
    assert_eq!(count(&bodies, "orders/create"), expected.orders);
    assert_eq!(count(&bodies, "orders/cancelled"), expected.cancelled);
    assert_eq!(count(&bodies, "refunds/create"), expected.refunds);
    assert_eq!(count(&bodies, "fulfillments/create") + count(&bodies, "orders/fulfilled"), expected.parcels);
    assert_eq!(expected.orders, 400);
}

#[test]
fn the_demo_is_as_it_is_told() {
    let started = Instant::now();
    let workload = generate(&Plan::default());
    let took = started.elapsed();
    let expected = &workload.expected;
    let bytes: usize = workload.deliveries.iter().map(|delivery| delivery.body.len()).sum();
    println!("{} deliveries, {bytes} bytes in {took:?}: {expected:#?}", workload.deliveries.len());
    assert!(took < Duration::from_secs(20), "{took:?}");
    let share = |part: u64, whole: u64| part * 100 / whole;
    assert_eq!(expected.orders, 6_000);
    assert!((67..74).contains(&share(expected.cod_orders, expected.orders)));
    assert!((9..16).contains(&share(expected.returned, expected.returned + expected.delivered)));
    assert!((2..6).contains(&share(expected.cancelled, expected.orders)));
    assert!(expected.short_parcels > 5 && expected.missing_parcels > 5);
    assert!(expected.payouts > 8 && expected.payouts_pending == 2);
}

#[test]
fn expected_figures_agree_with_each_other() {
    for seed in 1..6 {
        let expected = generate(&Plan { seed, ..small() }).expected;
        let accounted_for = expected.cod_remitted_net_minor + expected.cod_fees_minor + expected.cod_outstanding_minor;
        assert_eq!(expected.cod_expected_minor, accounted_for, "seed {seed}");
        assert!(expected.banked_minor < expected.cod_remitted_net_minor, "seed {seed}");
        assert!(expected.cod_outstanding_minor > 0, "seed {seed}");
    }
}

#[test]
fn orders_add_up_line_by_line() {
    let paisa = |value: &Value| value.as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
    let mut beyond_doubles = 0;
    for (_, order) in parsed(&generate(&well_formed())).iter().filter(|(_, body)| body["line_items"].is_array()) {
        let Some(total) = order.get("total_price") else { continue };
        let lines = order["line_items"].as_array().unwrap();
        let goods: i64 = lines.iter().map(|line| paisa(&line["price"]) * line["quantity"].as_i64().unwrap()).sum();
        let shipping = paisa(&order["shipping_lines"][0]["price"]);
        assert_eq!(paisa(total), goods - paisa(&order["total_discounts"]) + shipping, "{}", order["name"]);
        beyond_doubles += u64::from(order["id"].as_u64().unwrap() > 1 << 53);
    }
    assert!(beyond_doubles > 0);
}

#[test]
fn nothing_happens_after_the_last_day() {
    let workload = generate(&small());
    let latest = workload.deliveries.iter().map(|delivery| delivery.triggered_at.as_str()).max().unwrap();
    assert!(latest < "2026-10-31T19:00:00", "{latest}");
}

#[test]
fn people_stand_in_the_bodies_of_their_orders() {
    let workload = generate(&well_formed());
    let mut texts: BTreeMap<u64, String> = BTreeMap::new();
    for (_, body) in parsed(&workload).iter().filter(|(_, body)| body["line_items"].is_array()) {
        let order = body["order_id"].as_u64().or(body["id"].as_u64()).unwrap();
        texts.entry(order).or_default().push_str(&body.to_string());
    }
    assert!(workload.people.len() >= 400);
    for person in &workload.people {
        let text = &texts[&person.order_id];
        assert!(text.contains(&person.name) && text.contains(&person.phone) && text.contains(&person.address_line));
        assert!(person.email.as_ref().is_none_or(|email| text.contains(email)));
    }
    assert!(workload.people.iter().any(|person| person.customer_id.is_none()));
}

#[test]
fn a_full_order_weighs_what_real_ones_do() {
    let sizes = |size| {
        let workload = generate(&Plan { size, ..well_formed() });
        let is_new = |endpoint| endpoint == Endpoint::Shopify { topic: "orders/create" };
        let orders = workload.deliveries.iter().filter(|delivery| is_new(delivery.endpoint));
        orders.map(|delivery| delivery.body.len()).sum::<usize>() / 400
    };
    let (full, lean) = (sizes(BodySize::Full), sizes(BodySize::Lean));
    println!("full {full} bytes, lean {lean} bytes");
    assert!((4_000..8_000).contains(&full), "{full}");
    assert!(lean < full / 2, "{lean}");
}

#[test]
fn a_small_shop_or_none_at_all_is_a_shop() {
    assert_eq!(generate(&Plan { orders: 0, ..small() }).expected.orders, 0);
    assert_eq!(generate(&Plan { orders: 1, days: 1, ..small() }).expected.orders, 1);
}
