//! The end of an account, as the shop's own notice asks for it: webhooks are refused at once, and after thirty days everything personal
//! of it goes, while the books print the same.

use ledger::Timestamp;
use privacy::closure::{answer_shops, close};
use privacy::retention::{Due, Expired, due, expire, expire_and_report};
use reqwest::StatusCode;
use store::books::{self, TenantRow};
use store::keys::{Actor, ClosedBy, Hold, HoldReason, Reopened, SubjectState};

use super::shop::{COURIER_SECRET, SECRET, Shop, TENANT, clock, order, tenant};
use crate::books::config;

const GONE: StatusCode = StatusCode::GONE;
const SHOP_REDACT: &str = r#"{"shop_id":1,"shop_domain":"acme.myshopify.com"}"#;

fn later(days: i64) -> Timestamp {
    Timestamp(clock().0 + days * 86_400_000_000)
}

/// A shop with two orders, and two inputs that nobody understood.
async fn busy() -> Shop {
    let shop = Shop::open().await;
    for id in [7001, 7002] {
        shop.deliver("orders/create", &order(id)).await;
    }
    shop.deliver("orders/reopened", &order(7003)).await;
    shop.deliver("orders/create", "{").await;
    folded(&shop).await;
    shop
}

async fn folded(shop: &Shop) {
    processor::catch_up(config(100), &shop.log, &shop.books).await.unwrap();
}

async fn row(shop: &Shop) -> TenantRow {
    books::tenants(&shop.books).await.unwrap().into_iter().find(|row| row.tenant.as_str() == TENANT).unwrap()
}

async fn go(shop: &Shop, now: Timestamp) -> Expired {
    let gone = expire(&shop.keys, &shop.log, &shop.books, &row(shop).await, now).await.unwrap();
    folded(shop).await;
    gone
}

async fn dry(shop: &Shop, now: Timestamp) -> Due {
    due(&shop.keys, &shop.log, &shop.books, &row(shop).await, now).await.unwrap()
}

async fn order_sent(shop: &Shop, id: u64) -> StatusCode {
    shop.deliver("orders/create", &order(id)).await.status
}

#[tokio::test]
async fn a_shop_that_is_gone_is_refused_and_after_thirty_days_forgotten() {
    let shop = busy().await;
    assert_eq!(shop.deliver("shop/redact", SHOP_REDACT).await.status, StatusCode::OK);
    folded(&shop).await;
    let answer = async |at| answer_shops(&shop.keys, &shop.books, at).await.unwrap();
    assert_eq!((answer(later(0)).await, answer(later(1)).await), (1, 0), "once");
    let closed_at = shop.keys.closure(&tenant(TENANT)).await.unwrap().map(|closure| (closure.closed_at, closure.by));
    assert_eq!(closed_at, Some((later(0), ClosedBy::Shop)));
    assert_eq!(books::closed_since(&shop.books, &tenant(TENANT)).await.unwrap(), Some(later(0)));

    assert_eq!(order_sent(&shop, 7004).await, GONE);
    let path = format!("/webhooks/couriers/{TENANT}/postex");
    assert_eq!(shop.post_json(&path, &[("X-Webhook-Secret", COURIER_SECRET)], b"{}".to_vec()).await.status, GONE);
    let forged = shop.deliver_signed(TENANT, "no secret of anybody", "orders/create", &order(7005)).await;
    assert_eq!(forged.status, StatusCode::UNAUTHORIZED, "nobody else learns that it is closed");
    assert_eq!(shop.deliver("shop/redact", SHOP_REDACT).await.status, StatusCode::OK, "what concerns people is taken");
    assert_eq!(
        shop.deliver_signed("swat-honey", "another shop's secret", "orders/create", &order(1)).await.status,
        StatusCode::OK
    );

    let books = async || processor::books_hash(&shop.books, false).await.unwrap();
    folded(&shop).await;
    let before = books().await;
    assert_eq!((dry(&shop, later(29)).await.closed, go(&shop, later(29)).await), (0, Expired::default()));
    let people = dry(&shop, later(31)).await.closed;
    assert_eq!(people, 4, "two buyers, and two inputs that nobody understood");
    let by = Actor::Daybook;
    let gone = expire_and_report(&shop.keys, &shop.log, &shop.books, &row(&shop).await, &by, later(31)).await.unwrap();
    folded(&shop).await;
    assert_eq!((gone.erased, gone.secrets), (people, 2));
    assert!(gone.quarantined == 2 && gone.index_rows > 0, "{gone:?}");
    assert_eq!(books::count_quarantined(&shop.books, &tenant(TENANT)).await.unwrap(), 0);
    let boxes =
        shop.books.query("SELECT COUNT(*) FROM person WHERE sealed IS NOT NULL AND tenant = 'kohsar-shawls'", vec![]);
    assert_eq!(boxes.await.unwrap()[0].int(0).unwrap(), 0);
    assert_eq!(books().await, before, "not one amount");
    assert_eq!((go(&shop, later(31)).await, dry(&shop, later(31)).await), (Expired::default(), Due::default()), "once");
    let report = shop.keys.retention_reports(&tenant(TENANT), 9).await.unwrap();
    assert_eq!(
        report.iter().map(|one| (one.erased, one.by.as_str(), one.failed)).collect::<Vec<_>>(),
        [(4, "daybook", false)]
    );
    assert!(shop.keys.closure(&tenant(TENANT)).await.unwrap().unwrap().done_at.is_some());

    assert_eq!(order_sent(&shop, 7006).await, StatusCode::UNAUTHORIZED, "no secret is left by which anybody was known");
    assert_eq!(shop.keys.reopen(&tenant(TENANT), later(32)).await.unwrap(), Reopened::TooLate);
    assert_eq!(answer(later(40)).await, 0);
    let neighbour = shop.deliver_signed("swat-honey", "another shop's secret", "orders/create", &order(2)).await;
    assert_eq!(neighbour.status, StatusCode::OK);
}

#[tokio::test]
async fn within_thirty_days_it_can_be_opened_again_and_nothing_is_missing() {
    let shop = busy().await;
    shop.deliver("shop/redact", SHOP_REDACT).await;
    folded(&shop).await;
    // The notice is of the fifth of November; the shop's clock says later.
    assert_eq!(answer_shops(&shop.keys, &shop.books, later(0)).await.unwrap(), 1);
    assert_eq!(order_sent(&shop, 7004).await, GONE);
    assert_eq!(shop.keys.reopen(&tenant(TENANT), later(20)).await.unwrap(), Reopened::Now);
    assert_eq!(shop.keys.reopen(&tenant(TENANT), later(20)).await.unwrap(), Reopened::WasOpen);
    assert_eq!(answer_shops(&shop.keys, &shop.books, later(20)).await.unwrap(), 0, "the notice is from before");
    assert_eq!(books::closed_since(&shop.books, &tenant(TENANT)).await.unwrap(), None);
    assert_eq!(order_sent(&shop, 7004).await, StatusCode::OK);
    assert_eq!((dry(&shop, later(60)).await.closed, go(&shop, later(25)).await), (0, Expired::default()));

    close(&shop.keys, &shop.books, &tenant(TENANT), ClosedBy::Operator, later(25)).await.unwrap();
    assert_eq!(go(&shop, later(54)).await.erased, 0, "its thirty days begin anew");
    assert!(go(&shop, later(56)).await.erased > 0);
}

#[tokio::test]
async fn interrupted_anywhere_it_ends_the_next_time_and_waits_for_holds() {
    let shop = busy().await;
    let acme = tenant(TENANT);
    close(&shop.keys, &shop.books, &acme, ClosedBy::Operator, later(0)).await.unwrap();
    // Nothing but the first step was taken, and one wish was on record.
    assert!(shop.keys.begin_ending(&acme, later(1), later(31)).await.unwrap());
    let left = shop.keys.people_left(&acme, later(31)).await.unwrap();
    shop.keys.request_erasure(&acme, left[0], store::keys::ErasureReason::Shop, later(31)).await.unwrap();
    let staff = "support-2".parse().unwrap();
    let hold = Hold { subject: left[1], reason: HoldReason::Legal, staff, since: later(31), until: later(50) };
    shop.keys.hold(&acme, hold).await.unwrap();

    let gone = go(&shop, later(32)).await;
    assert_eq!((gone.erased, gone.secrets, gone.index_rows), (2, 2, 0), "the index stays while somebody is left");
    assert_eq!(privacy::resume(&shop.keys, &shop.log, &shop.books, later(33)).await.unwrap(), 1, "the wish");
    assert_eq!(go(&shop, later(34)).await, Expired::default());
    assert_eq!(shop.keys.closure(&acme).await.unwrap().unwrap().done_at, None);

    let resumed = privacy::resume(&shop.keys, &shop.log, &shop.books, later(50)).await.unwrap();
    assert_eq!(resumed, 0, "nothing is on record of whoever is held");
    let gone = go(&shop, later(51)).await;
    assert!(gone.erased == 1 && gone.index_rows > 0, "the hold has ended: {gone:?}");
    assert_eq!(shop.keys.closure(&acme).await.unwrap().unwrap().done_at, Some(later(51)));
    assert_eq!(shop.keys.count_people(&acme).await.unwrap(), 0);
    let hint = store::keys::IdentityHint { kind: store::keys::IdentityKind::Order, value: "7001".to_owned().into() };
    let found: Option<(_, SubjectState)> = shop.keys.find_subject(&acme, &[hint]).await.unwrap();
    assert_eq!(found, None, "nobody can be found any more");
    assert!(shop.keys.verify_access(&acme).await.unwrap().first_bad.is_none());
    assert_eq!(shop.deliver_signed(TENANT, SECRET, "shop/redact", SHOP_REDACT).await.status, StatusCode::UNAUTHORIZED);
}
