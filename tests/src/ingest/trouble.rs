//! When something is away, full or ending: a bounded wait, an honest answer, and nothing acknowledged that is not there.

use std::time::{Duration, Instant};

use commerce::{CustomerId, CustomerRecorded, Fact};
use connectors::{Details, Draft, Identity, Person, Role};
use event_log::EventLog;
use events::{Source, Topic};
use ingest::{AcceptError, Config, NotReady};
use reqwest::StatusCode;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::shop::{Answer, Shop, TENANT, clock, config, order, tenant};

fn assert_come_back(answer: &Answer) {
    assert_eq!((answer.status, answer.retry_after.as_deref()), (StatusCode::SERVICE_UNAVAILABLE, Some("5")));
    assert_eq!(answer.content_type.as_deref(), Some("application/problem+json"));
}

#[tokio::test]
async fn a_log_that_is_gone_is_answered_503() {
    let folder = testkit::scratch();
    let path = folder.path().join("log.db");
    // The log's writer lives in the runtime it was opened in, and ends with it.
    let opening = tokio::task::spawn_blocking(move || {
        let elsewhere = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        elsewhere.block_on(EventLog::open_sqlite(&path, 4)).unwrap()
    });
    let shop = Shop::on(config(), folder, opening.await.unwrap()).await;
    assert_come_back(&shop.deliver("orders/create", &order(7201)).await);
    assert_come_back(&shop.deliver("orders/create", "{").await);
    assert!(matches!(shop.ingest.ready().await, Err(NotReady::Log(_))));
}

#[tokio::test]
async fn a_log_that_does_not_answer_is_waited_for_a_while_only() {
    let patience = Duration::from_millis(500);
    let shop = Shop::with(Config { answer_within: patience, ..config() }).await;
    let url = format!("sqlite://{}", shop.folder.path().join("log.db").display());
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let asked = Instant::now();
    assert_come_back(&shop.deliver("orders/create", &order(7202)).await);
    assert!(asked.elapsed() < patience * 8, "{:?}", asked.elapsed());
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    let taken = async || shop.deliver("orders/create", &order(7202)).await.status == StatusCode::OK;
    testkit::wait_until(Duration::from_secs(30), taken).await.unwrap();
    let ids: std::collections::BTreeSet<_> = shop.facts(Topic::Order).await.iter().map(|event| event.id).collect();
    assert_eq!(ids.len(), 2);
}

#[tokio::test]
async fn a_database_that_is_gone_is_answered_503() {
    let shop = Shop::open().await;
    assert!(shop.ingest.ready().await.is_ok());
    shop.books.close().await;
    assert_come_back(&shop.deliver("orders/create", &order(7203)).await);
    assert!(matches!(shop.ingest.ready().await, Err(NotReady::Tenants(_))));
    assert!(shop.events().await.is_empty());
}

#[tokio::test]
async fn a_keyring_that_is_gone_is_answered_503_until_it_is_back() {
    let shop = Shop::open().await;
    let (file, aside) = (shop.folder.path().join("epochs/1.key"), shop.folder.path().join("aside"));
    assert_eq!(shop.deliver("orders/create", &order(7204)).await.status, StatusCode::OK);
    std::fs::rename(&file, &aside).unwrap();
    let noticed = async || matches!(shop.ingest.ready().await, Err(NotReady::Keys(_)));
    testkit::wait_until(Duration::from_secs(30), noticed).await.unwrap();
    let before = shop.events().await.len();
    assert_come_back(&shop.deliver("orders/create", &order(7205)).await);
    assert_come_back(&shop.deliver("orders/create", "{").await);
    assert_eq!(shop.events().await.len(), before);
    std::fs::rename(&aside, &file).unwrap();
    let taken = async || shop.deliver("orders/create", &order(7205)).await.status == StatusCode::OK;
    testkit::wait_until(Duration::from_secs(30), taken).await.unwrap();
}

#[tokio::test]
async fn what_was_taken_is_finished_and_nothing_more_is_taken() {
    let shop = Shop::open().await;
    let before = (0..20).map(|n| shop.deliver_later(7300 + n));
    let before: Vec<_> = before.collect();
    assert_eq!(shop.deliver("orders/create", &order(7399)).await.status, StatusCode::OK);
    shop.stop.cancel();
    shop.ingest.drained().await;
    assert_come_back(&shop.deliver("orders/create", &order(7398)).await);
    assert!(matches!(shop.ingest.ready().await, Err(NotReady::Stopping)));
    let mut acknowledged = 1;
    for answer in before {
        match answer.await.unwrap() {
            Ok(accepted) => acknowledged += accepted.facts / 2,
            Err(error) => assert!(matches!(error, AcceptError::Stopping), "{error}"),
        }
    }
    assert_eq!(shop.facts(Topic::Order).await.len(), 2 * acknowledged, "acknowledged and on the log are the same");
}

#[tokio::test]
async fn a_fact_too_large_for_the_log_does_not_keep_others_from_it() {
    let shop = Shop::open().await;
    let typed = vec![("note".to_owned(), "x".repeat(9 * 1024 * 1024))];
    let too_large = draft(1, Details { typed, ..Details::default() });
    let small = |id| draft(id, Details { name: Some("Zarmina".to_owned()), ..Details::default() });
    let (shop_id, source) = (tenant(TENANT), Source::SHOPIFY);
    let accept = |draft| shop.ingest.accept_drafts(&shop_id, &source, vec![draft]);
    let (one, large, other) = tokio::join!(accept(small(2)), accept(too_large), accept(small(3)));
    assert!(one.is_ok() && other.is_ok());
    assert!(matches!(large, Err(AcceptError::TooLarge)));
    assert_eq!(shop.facts(Topic::Privacy).await.len(), 2);
}

fn draft(id: u64, details: Details) -> Draft {
    let customer = CustomerId(id);
    let identity = Identity { customer: Some(customer), ..Identity::default() };
    let person = Person { role: Role::Customer, identity, retained_from: clock(), details: details.into() };
    Draft { fact: Fact::CustomerRecorded(CustomerRecorded { version: clock(), customer }), people: vec![person] }
}

impl Shop {
    /// An order by the way of an import, begun now and to be awaited later.
    fn deliver_later(&self, id: u64) -> tokio::task::JoinHandle<Result<ingest::Accepted, AcceptError>> {
        let ingest = self.ingest.clone();
        let gateways = commerce::CodGateways::default();
        let settings = connectors::shopify::Settings { cod_gateways: &gateways, default_country_code: "92" };
        let drafts = connectors::shopify::read_order(order(id).as_bytes(), &settings).unwrap();
        tokio::spawn(async move { ingest.accept_drafts(&tenant(TENANT), &Source::SHOPIFY, drafts).await })
    }
}
