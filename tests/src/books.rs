//! The bookkeeper over a real log and a real database, on both back ends: a shop's year comes out to the paisa, in any order
//! of arrival, through a rebuild, with two processors at once; and damage is named.

use std::collections::BTreeMap;
use std::time::Duration;

use commerce::{CodGateways, TenantId};
use event_log::EventLog;
use events::{Event, Source};
use ledger::{Day, Timestamp};
use processor::{BooksHash, Config};
use sample_shop::{Endpoint, Expected, Plan};
use store::books::{self, Projection};
use store::db::Db;

use crate::backend::{Backend, Kind};

const BOTH: [Kind; 2] = [Kind::Embedded, Kind::Servers];

fn shop() -> TenantId {
    "sample-shop".parse().unwrap()
}

/// The facts of a sample shop as connectors read them, without the people.
pub(crate) fn sample(orders: u32, seed: u64) -> (Vec<Event>, Expected) {
    sample_of(&shop(), orders, seed)
}

/// The same as another shop's.
pub(crate) fn sample_of(shop: &TenantId, orders: u32, seed: u64) -> (Vec<Event>, Expected) {
    let plan = Plan { seed, orders, days: 60, ..Plan::default() };
    let workload = sample_shop::generate(&plan);
    let gateways = CodGateways::default();
    let settings = connectors::shopify::Settings { cod_gateways: &gateways, default_country_code: "92" };
    let mut events = Vec::new();
    let mut refused = 0;
    for delivery in &workload.deliveries {
        let (source, drafts) = match delivery.endpoint {
            Endpoint::Shopify { topic } => {
                (Source::SHOPIFY, connectors::shopify::read(topic, Timestamp(0), &delivery.body, &settings))
            }
            Endpoint::Courier { .. } => (Source::POSTEX, connectors::postex::read(&delivery.body, Timestamp(0))),
        };
        match drafts {
            Ok(drafts) => events.extend(
                drafts.into_iter().map(|d| Event::fact(shop.clone(), source.clone(), Timestamp(0), d.fact, Vec::new())),
            ),
            Err(_) => refused += 1,
        }
    }
    assert_eq!(refused, workload.expected.malformed, "every malformed body is refused, and no other");
    (events, workload.expected)
}

pub(crate) async fn append(log: &EventLog, events: &[Event]) {
    for chunk in events.chunks(500) {
        log.append(chunk.iter().map(Event::encode).collect()).await.unwrap();
    }
}

pub(crate) fn config(batch: usize) -> Config {
    Config { workers: 1, batch, wait: Duration::from_millis(200), ..Config::default() }
}

async fn hash(db: &Db) -> BooksHash {
    processor::books_hash(db, true).await.unwrap()
}

/// A hash without the sealed tables, whose contents differ between two runs.
pub(crate) async fn open_hash(db: &Db) -> BooksHash {
    processor::books_hash(db, false).await.unwrap()
}

pub(crate) async fn findings(backend: &Backend) -> Vec<String> {
    let report = processor::verify(&backend.log, &backend.db, &mut |_| {}).await.unwrap();
    let named = |i: &processor::Invariant| {
        i.findings.iter().map(|f| format!("{}: {}: {}", i.name, f.place, f.problem)).collect::<Vec<_>>()
    };
    report.invariants.iter().flat_map(named).collect()
}

async fn nets(db: &Db) -> BTreeMap<String, i64> {
    let trial = books::trial_balance(db, &shop()).await.unwrap();
    assert!(trial.is_balanced());
    trial.rows.into_iter().map(|row| (row.account.to_string(), row.debit - row.credit)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shops_books_come_out_to_the_paisa_on_both_back_ends() {
    let (events, expected) = sample(400, 7);
    let mut hashes = Vec::new();
    for kind in BOTH {
        let backend = Backend::fresh(kind, 3).await;
        append(&backend.log, &events).await;
        processor::catch_up(config(1_000), &backend.log, &backend.db).await.unwrap();
        let nets = nets(&backend.db).await;
        let net = |account: &str| nets.get(account).copied().unwrap_or(0);
        assert_eq!(net("assets:cod-receivable:postex"), expected.cod_outstanding_minor, "{kind:?}");
        let in_hand = expected.banked_minor + expected.captured_minor - expected.refunded_minor;
        assert_eq!(
            net("assets:bank") + net("assets:gateway-receivable"),
            in_hand,
            "{kind:?}: banked and captured, less refunds"
        );
        assert_eq!(net("liabilities:courier-payable:postex"), -expected.courier_payable_minor, "{kind:?}");
        assert_eq!(net("liabilities:refunds-payable"), 0, "{kind:?}");
        let cash = books::cod_by_courier(&backend.db, &shop(), Day(20_757)).await.unwrap();
        let [postex] = cash.as_slice() else { panic!("one courier") };
        assert_eq!(
            (postex.expected, postex.remitted, postex.fees, postex.outstanding),
            (
                expected.cod_expected_minor,
                expected.cod_remitted_net_minor,
                expected.cod_fees_minor,
                expected.cod_outstanding_minor
            ),
            "{kind:?}"
        );
        assert_eq!(books::count_orders(&backend.db, &shop()).await.unwrap(), i64::try_from(expected.orders).unwrap());
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}");
        hashes.push(open_hash(&backend.db).await);
    }
    assert_eq!(hashes[0], hashes[1], "the same input gives the same books on both back ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_gives_the_same_bytes() {
    let (events, _) = sample(150, 11);
    for kind in BOTH {
        let backend = Backend::fresh(kind, 2).await;
        append(&backend.log, &events).await;
        processor::catch_up(config(300), &backend.log, &backend.db).await.unwrap();
        let (before, trial) = (hash(&backend.db).await, nets(&backend.db).await);
        for projection in Projection::ALL {
            processor::rebuild(config(777), &backend.log, &backend.db, projection, &mut |_| {}).await.unwrap();
        }
        assert_eq!(hash(&backend.db).await, before, "{kind:?}");
        assert_eq!(nets(&backend.db).await, trial, "{kind:?}");
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn order_of_arrival_and_batch_size_do_not_matter() {
    use rand::SeedableRng;
    use rand::seq::SliceRandom;

    let (mut events, _) = sample(60, 13);
    let mut hashes = Vec::new();
    for (seed, batch) in [(1, 5_000), (2, 50), (3, 7)] {
        events.shuffle(&mut rand::rngs::StdRng::seed_from_u64(seed));
        let backend = Backend::fresh(Kind::Embedded, 1).await;
        append(&backend.log, &events).await;
        processor::catch_up(config(batch), &backend.log, &backend.db).await.unwrap();
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "seed {seed}, batches of {batch}");
        hashes.push(open_hash(&backend.db).await);
    }
    assert_eq!(hashes[0], hashes[1]);
    assert_eq!(hashes[0], hashes[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processors_at_once_fold_every_fact_once() {
    let (events, _) = sample(120, 17);
    for kind in BOTH {
        let alone = Backend::fresh(kind, 2).await;
        append(&alone.log, &events).await;
        processor::catch_up(config(100), &alone.log, &alone.db).await.unwrap();
        let together = Backend::fresh(kind, 2).await;
        append(&together.log, &events).await;
        let one = processor::catch_up(config(100), &together.log, &together.db);
        let other = processor::catch_up(config(60), &together.log, &together.db);
        let (one, other) = tokio::join!(one, other);
        one.and(other).unwrap();
        assert_eq!(findings(&together).await, Vec::<String>::new(), "{kind:?}");
        assert_eq!(open_hash(&together.db).await, open_hash(&alone.db).await, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_journal_row_is_named() {
    for kind in BOTH {
        let (events, _) = sample(30, 19);
        let backend = Backend::fresh(kind, 1).await;
        append(&backend.log, &events).await;
        processor::catch_up(config(500), &backend.log, &backend.db).await.unwrap();
        let row = backend.db.query("SELECT body FROM journal WHERE number = 5", vec![]).await.unwrap();
        let mut body = row[0].blob(0).unwrap().to_vec();
        let middle = body.len() / 2;
        body[middle] ^= 1;
        let corrupt = backend.db.run_tx("corrupt", move |tx| {
            let body = body.clone();
            Box::pin(
                async move { tx.execute("UPDATE journal SET body = $1 WHERE number = 5", vec![body.into()]).await },
            )
        });
        let _: u64 = corrupt.await.map_err(|error: store::db::DbError| error).unwrap();
        let findings = findings(&backend).await;
        let named = findings.iter().any(|f| f.contains("journal of sample-shop, number 5"));
        assert!(named, "{kind:?}: {findings:?}");
        assert!(!findings.iter().any(|f| f.contains("number 6")), "the next row is sound: {findings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_log_record_is_named_and_blocks_nothing() {
    let (events, _) = sample(30, 23);
    let backend = Backend::fresh(Kind::Embedded, 1).await;
    append(&backend.log, &events).await;
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(backend.folder.path().join("log.db"));
    let mut raw = sqlx::ConnectOptions::connect(&file).await.unwrap();
    let flip =
        "UPDATE record SET body = CAST(substr(body, 1, 3) || x'ff' || substr(body, 5) AS BLOB) WHERE position = 4";
    sqlx::query(flip).execute(&mut raw).await.unwrap();
    processor::catch_up(config(500), &backend.log, &backend.db).await.unwrap();
    let findings = findings(&backend).await;
    assert!(findings.iter().any(|f| f.contains("offset")), "{findings:?}");
    let poison = backend.db.query("SELECT topic FROM poison", vec![]).await.unwrap();
    assert!(!poison.is_empty(), "it is listed");
    assert!(books::count_orders(&backend.db, &shop()).await.unwrap() > 20, "the others are folded");
}

#[test]
fn a_test_database_goes_with_its_test() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let backend = runtime.block_on(Backend::fresh(Kind::Servers, 1));
    assert!(backend.url().is_some_and(|url| url.starts_with("postgres://")));
}
