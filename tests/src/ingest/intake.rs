//! A tenant whose webhooks are turned away for a while, and one that sends more than it may: its own wait, those of others do not.

use std::time::Duration;

use ingest::Config;
use ledger::Timestamp;
use reqwest::StatusCode;
use store::books::{self, Intake};

use super::shop::{COURIER_SECRET, Shop, TENANT, clock, config, order, tenant};
use crate::backend::{Backend, Kind};

const OTHER: (&str, &str) = ("swat-honey", "another shop's secret");

/// What a shop says about people.
const REDACT: &str = r#"{"shop_id":954889,"customer":{"id":501},"orders_to_redact":[]}"#;

/// Settings of a tenant are seen within seconds.
const SOON: Duration = Duration::from_secs(30);

impl Shop {
    async fn status_soon(&self, number: u64, expected: StatusCode) {
        let seen = async || self.deliver("orders/create", &order(number)).await.status == expected;
        testkit::wait_until(SOON, seen).await.unwrap();
    }
}

#[tokio::test]
async fn a_paused_tenant_is_told_to_come_again_and_nothing_of_it_is_kept() {
    let shop = Shop::open().await;
    assert!(books::pause_tenant(&shop.books, &tenant(TENANT), clock()).await.unwrap());
    shop.status_soon(7301, StatusCode::SERVICE_UNAVAILABLE).await;
    let before = shop.events().await.len();
    let push =
        br#"{"trackingNumber":"31700001","orderStatus":"Delivered","statusUpdateDatetime":"2026-11-03T10:00:00"}"#;
    let path = format!("/webhooks/couriers/{TENANT}/postex");
    for answer in [
        shop.deliver("orders/create", &order(7302)).await,
        shop.deliver("orders/create", "{").await,
        shop.post_json(&path, &[("X-Webhook-Secret", COURIER_SECRET)], push.to_vec()).await,
    ] {
        assert_eq!((answer.status, answer.retry_after.as_deref()), (StatusCode::SERVICE_UNAVAILABLE, Some("60")));
    }
    let forged = shop.deliver_signed(TENANT, "no secret of anybody", "orders/create", &order(7302)).await;
    assert_eq!(forged.status, StatusCode::UNAUTHORIZED, "nobody else learns of it");
    assert_eq!(shop.events().await.len(), before);

    let other = shop.deliver_signed(OTHER.0, OTHER.1, "orders/create", &order(7303)).await;
    let redact = shop.deliver("customers/redact", REDACT).await;
    assert_eq!((other.status, redact.status), (StatusCode::OK, StatusCode::OK), "{}", redact.body);
    assert!(books::resume_tenant(&shop.books, &tenant(TENANT)).await.unwrap());
    shop.status_soon(7301, StatusCode::OK).await;
}

#[tokio::test]
async fn who_sends_more_than_it_may_waits_and_nobody_else_does() {
    // The clock stands still, so nothing comes in again: a bucket holds what is sent in ten seconds.
    let shop = Shop::with(Config { tenant_per_second: 1, ..config() }).await;
    for number in 0..30 {
        let forged = shop.deliver_signed(TENANT, "no secret of anybody", "orders/create", &order(7400 + number)).await;
        assert_eq!(forged.status, StatusCode::UNAUTHORIZED, "and it takes nothing of what the tenant may send");
    }
    let mut taken = 0;
    for number in 0..14 {
        let answer = shop.deliver("orders/create", &order(7400 + number)).await;
        match answer.status {
            StatusCode::OK => taken += 1,
            StatusCode::TOO_MANY_REQUESTS => assert_eq!(answer.retry_after.as_deref(), Some("5")),
            other => panic!("{other}: {}", answer.body),
        }
    }
    assert_eq!((taken, shop.events().await.len()), (10, 20), "two facts an order");
    let other = shop.deliver_signed(OTHER.0, OTHER.1, "orders/create", &order(7500)).await;
    let redact = shop.deliver("customers/redact", REDACT).await;
    assert_eq!((other.status, redact.status), (StatusCode::OK, StatusCode::OK), "{}", redact.body);

    books::save_rate(&shop.books, &tenant(TENANT), Some(0)).await.unwrap();
    shop.status_soon(7413, StatusCode::OK).await;
    books::save_rate(&shop.books, &tenant(TENANT), None).await.unwrap();
    shop.status_soon(7413, StatusCode::TOO_MANY_REQUESTS).await;
}

#[tokio::test]
async fn how_webhooks_are_taken_is_kept_on_both_back_ends() {
    for kind in [Kind::Embedded, Kind::Servers] {
        let backend = Backend::fresh(kind, 1).await;
        let (db, of) = (&backend.db, tenant(TENANT));
        let intake = async || books::intakes(db).await.unwrap().remove(&of).unwrap_or_default();
        assert_eq!(books::tenant_and_intake(db, &of).await.unwrap(), None);
        super::shop::add_tenant(db, TENANT).await;
        let (row, usual) = books::tenant_and_intake(db, &of).await.unwrap().unwrap();
        assert_eq!((row.tenant, usual), (of.clone(), Intake::default()), "{kind:?}");
        assert!(!books::resume_tenant(db, &of).await.unwrap());
        books::save_rate(db, &of, Some(40)).await.unwrap();
        assert!(books::pause_tenant(db, &of, Timestamp(7)).await.unwrap());
        assert!(!books::pause_tenant(db, &of, Timestamp(8)).await.unwrap());
        let paused = Intake { paused_at: Some(Timestamp(7)), per_second: Some(40) };
        assert_eq!(intake().await, paused, "{kind:?}");
        assert_eq!(books::tenant_and_intake(db, &of).await.unwrap().unwrap().1, paused);
        books::save_rate(db, &of, None).await.unwrap();
        assert!(books::resume_tenant(db, &of).await.unwrap());
        assert_eq!(intake().await, Intake::default(), "{kind:?}");
    }
}
