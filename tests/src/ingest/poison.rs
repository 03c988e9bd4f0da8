//! Poison among traffic: records that nobody can decode, and webhooks that are not understood. No partition waits for either, and
//! once what was not understood has been redriven, in whatever order, the books are those of a run without poison.

use std::time::Duration;

use commerce::TenantId;
use event_log::EventLog;
use events::Record;
use futures::future::join_all;
use ingest::Redriven;
use processor::BooksHash;
use reqwest::StatusCode;
use sample_shop::{Delivery, Endpoint, Plan, generate, sign_shopify};
use store::books::{self, QuarantineRow};
use store::db::Db;
use tokio_util::sync::CancellationToken;

use super::shop::{Answer, COURIER_SECRET, SECRET, Shop, TENANT, config, order, tenant};
use crate::backend::{Backend, Kind};
use crate::books::{config as processing, open_hash};

const PARTITIONS: u32 = 4;

const DEADLINE: Duration = Duration::from_secs(90);

/// Before a topic, makes one that nothing here reads: what a later version would understand.
const LATER: &str = "later/";

/// One webhook in so many is not understood, and with as many comes a record that cannot be decoded.
const ONE_IN: usize = 100;

/// In which order what waits is read again.
#[derive(Debug, Clone, Copy)]
enum Redrive {
    OldestFirst,
    NewestFirst,
}

fn deliveries() -> Vec<Delivery> {
    generate(&Plan { orders: 120, malformed_percent: 0, ..Plan::default() }).deliveries
}

impl Shop {
    async fn post_delivery(&self, delivery: &Delivery, understood: bool) -> Answer {
        match delivery.endpoint {
            Endpoint::Shopify { topic } => {
                let topic = if understood { topic.to_owned() } else { format!("{LATER}{topic}") };
                let signature = sign_shopify(SECRET, &delivery.body);
                let headers = [("X-Shopify-Hmac-Sha256", signature.as_str()), ("X-Shopify-Topic", topic.as_str())];
                self.post_json(&format!("/webhooks/shopify/{TENANT}"), &headers, delivery.body.clone()).await
            }
            Endpoint::Courier { courier } => {
                let secret = ("X-Webhook-Secret", COURIER_SECRET);
                let path = format!("/webhooks/couriers/{TENANT}/{courier}");
                self.post_json(&path, &[secret], delivery.body.clone()).await
            }
        }
    }

    /// Sends everything, many at once; gives how many were not understood, and how many records nobody can decode.
    async fn send(&self, deliveries: &[Delivery], poisoned: bool) -> (usize, usize) {
        let is_poison = |place: usize| {
            poisoned && place.is_multiple_of(ONE_IN) && matches!(deliveries[place].endpoint, Endpoint::Shopify { .. })
        };
        let (mut not_understood, mut undecodable) = (0, 0);
        for first in (0..deliveries.len()).step_by(ONE_IN) {
            let places = first..(first + ONE_IN).min(deliveries.len());
            let sent = places.clone().map(|place| self.post_delivery(&deliveries[place], !is_poison(place)));
            for (place, answer) in places.clone().zip(join_all(sent).await) {
                assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
                assert_eq!(answer.body == r#"{"quarantined":true}"#, is_poison(place), "{}", answer.body);
            }
            if poisoned {
                not_understood += places.filter(|place| is_poison(*place)).count();
                undecodable += append_undecodable(&self.log, first).await;
            }
        }
        (not_understood, undecodable)
    }
}

/// A record in every partition that cannot be decoded: damaged on its way, or of a type that this version does not know.
async fn append_undecodable(log: &EventLog, seed: usize) -> usize {
    let event = |tenant: &TenantId| {
        let settings = connectors::shopify::Settings { cod_gateways: &Default::default(), default_country_code: "92" };
        let body = order(9_100);
        let draft = connectors::shopify::read("orders/create", super::shop::clock(), body.as_bytes(), &settings);
        let fact = draft.unwrap().remove(0).fact;
        events::Event::fact(tenant.clone(), events::Source::SHOPIFY, super::shop::clock(), fact, Vec::new())
    };
    let mut records: Vec<Record> = vec![event(&tenant(TENANT)).encode()];
    let mut others = (0..1_000).map(|n| tenant(&format!("beside-{seed}-{n}")));
    for partition in 0..PARTITIONS {
        let beside = others.find(|tenant| log.partition_of(tenant) == partition).unwrap();
        records.push(event(&beside).encode());
    }
    for (place, record) in records.iter_mut().enumerate() {
        if place % 2 == 0 {
            record.body[3] ^= 0xff;
        } else {
            let of_type = record.headers.iter_mut().find(|(name, _)| name == "ce_type").unwrap();
            of_type.1 = "daybook.order.v9.OrderFolded".to_owned();
        }
    }
    log.append(records.clone()).await.unwrap();
    records.len()
}

async fn is_folded(log: &EventLog, db: &Db) {
    testkit::wait_until(DEADLINE, async || processor::lag(log, db).await.unwrap() == 0).await.unwrap();
}

async fn waiting(shop: &Shop) -> Vec<QuarantineRow> {
    books::quarantined(&shop.books, &tenant(TENANT)).await.unwrap()
}

/// Sends a shop's webhooks while a processor folds, and redrives what was poisoned.
async fn run(kind: Kind, deliveries: &[Delivery], redrive: Option<Redrive>) -> BooksHash {
    let backend = Backend::fresh(kind, PARTITIONS).await;
    let (log, db) = (&backend.log, &backend.db);
    let shop = Shop::over(config(), testkit::scratch(), log.clone(), db.clone()).await;
    let stop = CancellationToken::new();
    let processor = tokio::spawn(processor::run(processing(40), log.clone(), db.clone(), stop.clone()));
    let (not_understood, undecodable) = shop.send(deliveries, redrive.is_some()).await;
    is_folded(log, db).await;
    assert_eq!(waiting(&shop).await.len(), not_understood, "{kind:?}");
    let poison = books::count_poison(db).await.unwrap();
    let of = |projection: &str| poison.get(projection).copied().unwrap_or(0);
    assert_eq!((of("books"), of("people")), (undecodable as u64, undecodable as u64), "{kind:?}: whoever reads orders");
    if let Some(redrive) = redrive {
        assert!(not_understood > 3 && undecodable > 10, "there is poison: {not_understood}, {undecodable}");
        let told = books::waiting_inputs(db).await.unwrap();
        assert_eq!((told.len(), told[0].reason.as_str(), told[0].inputs), (1, "unknown_topic", not_understood as u64));
        assert_eq!(told[0].oldest, super::shop::clock());
        let mut rows = waiting(&shop).await;
        if matches!(redrive, Redrive::NewestFirst) {
            rows.reverse();
        }
        for mut row in rows {
            // The fix.
            row.topic = row.topic.strip_prefix(LATER).unwrap().to_owned();
            let redriven = shop.ingest.redrive(&row).await.unwrap();
            assert!(matches!(redriven, Redriven::Accepted(_)), "{redriven:?}");
        }
        is_folded(log, db).await;
        assert_eq!(waiting(&shop).await, [], "{kind:?}");
    }
    stop.cancel();
    processor.await.unwrap().unwrap();
    open_hash(db).await
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_stops_nobody_and_after_a_redrive_in_any_order_the_books_are_those_of_a_clean_run() {
    let deliveries = deliveries();
    let clean = run(Kind::Embedded, &deliveries, None).await;
    for (kind, order) in [
        (Kind::Embedded, Redrive::OldestFirst),
        (Kind::Embedded, Redrive::NewestFirst),
        (Kind::Servers, Redrive::NewestFirst),
    ] {
        assert_eq!(run(kind, &deliveries, Some(order)).await, clean, "{kind:?}, {order:?}");
    }
}
