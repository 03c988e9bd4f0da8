//! Ingest over real HTTP: what is taken reaches the log, sealed; what is turned away leaves nothing; what is not understood is
//! kept and comes back.

mod archive;
mod book_holds;
mod closure;
mod inputs;
mod intake;
mod people;
mod poison;
mod real;
mod redrive;
mod refusals;
mod requests;
mod retention;
mod shop;
mod trouble;
mod visit;

use std::collections::BTreeSet;

use events::{Event, Payload, Reason, Topic};
use futures::future::join_all;
use reqwest::StatusCode;

use shop::{Shop, TENANT, order};

#[tokio::test]
async fn what_is_acknowledged_is_on_the_log() {
    let shop = Shop::open().await;
    let answer = shop.deliver("orders/create", &order(7001)).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, r#"{"accepted":2}"#));
    let events = shop.events().await;
    let types: Vec<_> = events.iter().map(Event::event_type).collect();
    assert_eq!(types, ["daybook.order.v1.OrderPlaced", "daybook.order.v1.OrderRevised"]);
    assert!(events.iter().all(|event| event.tenant.as_str() == TENANT && event.recorded_at == shop::clock()));
}

#[tokio::test]
async fn header_names_without_x_are_read_too() {
    let shop = Shop::open().await;
    let body = order(7002).into_bytes();
    let signature = sample_shop::sign_shopify(shop::SECRET, &body);
    let headers = [("Shopify-Hmac-Sha256", signature.as_str()), ("Shopify-Topic", "orders/updated")];
    let answer = shop.post_json(&format!("/webhooks/shopify/{TENANT}"), &headers, body).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, r#"{"accepted":2}"#));
}

#[tokio::test]
async fn a_repeat_is_the_same_event() {
    let shop = Shop::open().await;
    let body = order(7003);
    shop.deliver("orders/create", &body).await;
    let once = shop.events().await;
    for topic in ["orders/create", "orders/updated", "orders/paid"] {
        let answer = shop.deliver(topic, &body).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, r#"{"accepted":2}"#));
    }
    assert_eq!(shop.events().await, once, "what is known to be on the log is not appended again");
}

#[tokio::test]
async fn many_senders_at_once_are_committed_together_and_answered_each() {
    let shop = Shop::open().await;
    let bodies: Vec<String> = (0..60).map(|n| order(8000 + n % 40)).collect();
    let answers = join_all(bodies.iter().map(|body| shop.deliver("orders/create", body))).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK));
    let events = shop.events().await;
    let ids: BTreeSet<_> = events.iter().map(|event| event.id).collect();
    assert_eq!(ids.len(), 80, "40 orders, two facts each, whatever was delivered twice");
}

#[tokio::test]
async fn what_is_not_understood_is_kept_sealed_with_the_reason() {
    let shop = Shop::open().await;
    let field = |path: &str, problem: &str| Reason::Field { path: path.to_owned(), problem: problem.to_owned() };
    let cut = order(7004).split_at(200).0.to_owned();
    let nameless = order(7005).replace("\"id\":7005,", "");
    let cases = [
        ("orders/create", cut.as_str(), Reason::UnreadableJson),
        ("disputes/create", r#"{"id": 1, "name": "Bilqis Unwritten"}"#, Reason::UnknownTopic),
        ("Not a topic, but Bilqis Unwritten", r#"{"id": 2}"#, Reason::UnknownTopic),
        ("orders/create", nameless.as_str(), field("id", "missing")),
    ];
    for (topic, body, reason) in &cases {
        let answer = shop.deliver(topic, body).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, r#"{"quarantined":true}"#), "{topic}");
        let row = shop.quarantined().await.pop().unwrap();
        assert_eq!((row.0.reason, row.0.topic), (reason.clone(), shop::clean(topic)));
        let opened = shop.open_box(row.1, &row.0.content).await.unwrap();
        assert!(*opened == *body.as_bytes(), "the whole body comes back");
        shop.deliver(topic, body).await;
    }
    assert_eq!(shop.quarantined().await.len(), cases.len(), "a retry is the same event");
    assert_eq!(shop.events().await.len(), cases.len(), "and nothing else was stored");
    shop.assert_nowhere(&["Bilqis Unwritten"]);
}

#[tokio::test]
async fn a_courier_shows_its_secret_in_either_header() {
    let shop = Shop::open().await;
    let push = |number: u32| {
        let status = r#""orderStatus":"Delivered","statusUpdateDatetime":"2026-11-03T10:00:00""#;
        format!(r#"{{"trackingNumber":"3170{number}",{status}}}"#)
    };
    let path = format!("/webhooks/couriers/{TENANT}/postex");
    let bearer = format!("Bearer {}", shop::COURIER_SECRET);
    let ways = [("X-Webhook-Secret", shop::COURIER_SECRET), ("Authorization", bearer.as_str())];
    for (number, header) in (1..).zip(ways) {
        let answer = shop.post_json(&path, &[header], push(number).into_bytes()).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, r#"{"accepted":1}"#));
    }
    let scans = shop.facts(Topic::Shipment).await;
    assert!(scans.len() == 2 && scans.iter().all(|event| event.source == events::Source::POSTEX));
    let unread = shop.post_json(&path, &[ways[0]], b"{}".to_vec()).await;
    assert_eq!(unread.body, r#"{"quarantined":true}"#);
    let quarantined = matches!(shop.events().await.last().unwrap().payload, Payload::Quarantined(_));
    assert!(quarantined);
}
