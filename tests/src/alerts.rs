//! Alerts of stock over a real log and a real database, on both back ends: what stands follows from the counts alone, what is
//! published from their order on the log, and neither batches, nor crashes, nor a rebuild publish anything under a new id.

mod damage;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use commerce::stock::StockAlert;
use commerce::{Fact, InventoryItemId, LocationId, ProductCosted, StockCounted, TenantId, VariantId};
use event_log::ReadFrom;
use events::{Event, Payload, Source, Topic};
use ledger::Timestamp;
use serde_json::{Value, json};
use store::books::{self, Projection};
use store::db::{Db, DbError, Durability};
use store::schema::books_migrations;
use testkit::Daybook;
use uuid::Uuid;

use crate::backend::{Backend, Kind};
use crate::books::{append, config, findings, open_hash};

const BOTH: [Kind; 2] = [Kind::Embedded, Kind::Servers];
const PARTITIONS: u32 = 2;

fn shop() -> TenantId {
    "alert-shop".parse().unwrap()
}

fn of(tenant: &TenantId, fact: Fact) -> Event {
    Event::fact(tenant.clone(), Source::SHOPIFY, Timestamp(0), fact, Vec::new())
}

/// A count of an item at location 17: which version, and what is available.
fn count(item: u64, (version, available): (i64, i64)) -> Event {
    let (item, location, version) = (InventoryItemId(item), LocationId(17), Timestamp(version * 1_000_000));
    of(&shop(), Fact::StockCounted(StockCounted { version, item, location, available: Some(available) }))
}

fn counts(item: u64, levels: &[(i64, i64)]) -> Vec<Event> {
    levels.iter().map(|level| count(item, *level)).collect()
}

/// 5, nothing, two too many, 3 again; and an item that stays oversold.
fn in_order() -> Vec<Event> {
    let sold = (1..5).zip([5, 0, -2, 3]).collect::<Vec<_>>();
    let short = (1..4).zip([1, -1, -4]).collect::<Vec<_>>();
    [counts(301, &sold), counts(302, &short)].concat()
}

/// What an item is called.
fn named(item: u64, version: i64, sku: &str) -> Event {
    let (version, item, variant) = (Timestamp(version), Some(InventoryItemId(item)), VariantId(4_100 + item));
    of(&shop(), Fact::ProductCosted(ProductCosted { version, variant, item, sku: sku.parse().ok(), cost: None }))
}

async fn fold(backend: &Backend, events: &[Event], batch: usize) {
    append(&backend.log, events).await;
    processor::catch_up(config(batch), &backend.log, &backend.db).await.unwrap();
}

/// The alert topic from its start: ids and alerts in its order. Every record is of one of our tenants, under its key.
async fn topic(backend: &Backend) -> Vec<(Uuid, TenantId, StockAlert)> {
    let topic = Topic::Alert;
    let left: u64 = backend.log.end_offsets(topic).await.unwrap().iter().sum();
    let from: Vec<_> = (0..PARTITIONS).map(|partition| ReadFrom { topic, partition, offset: 0 }).collect();
    let mut reader = backend.log.reader(&from).unwrap();
    let mut told = Vec::new();
    while (told.len() as u64) < left {
        for stored in reader.next_batch(1_000, Duration::from_secs(5)).await.unwrap().records {
            let event = Event::decode(&stored.record).unwrap();
            assert_eq!(event.source, Source::DAYBOOK);
            let Payload::StockAlerted(alert) = event.payload else { panic!("{event:?}") };
            told.push((event.id, event.tenant, alert));
        }
    }
    told
}

fn ids(told: &[(Uuid, TenantId, StockAlert)]) -> BTreeSet<Uuid> {
    told.iter().map(|(id, ..)| *id).collect()
}

/// What was told of an item: kind, version in seconds, and level.
fn said(told: &[(Uuid, TenantId, StockAlert)], item: u64) -> Vec<(&'static str, i64, i64)> {
    let of_item = told.iter().filter(|(.., alert)| alert.item.0 == item);
    let say = |alert: &StockAlert| (alert.kind().as_str(), alert.counted_at.0 / 1_000_000, alert.available.unwrap());
    of_item.map(|(.., alert)| say(alert)).collect()
}

async fn standing(db: &Db) -> Vec<(u64, i64)> {
    let alerts = books::standing_alerts(db, &shop()).await.unwrap();
    alerts.iter().map(|alert| (alert.item.0, alert.available.unwrap())).collect()
}

/// Runs a statement on the books behind the program's back.
async fn damage(db: &Db, sql: &'static str) {
    let done = db.run_tx("damage", move |tx| Box::pin(async move { tx.execute(sql, vec![]).await }));
    let rows: u64 = done.await.map_err(|error: DbError| error).unwrap();
    assert!(rows > 0, "{sql}");
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_in_one_batch_or_each_in_its_own_are_told_alike() {
    let expected = [
        (301, vec![("stocked-out", 2, 0), ("oversold", 3, -2), ("restocked", 4, 3)]),
        (302, vec![("oversold", 2, -1), ("oversold", 3, -4)]),
    ];
    // What the items are called becomes known between their counts, and changes.
    let renamed = (1..).zip(in_order()).flat_map(|(version, count)| {
        let names = [301, 302].map(|item| named(item, version, &format!("SCARF-{version}")));
        names.into_iter().chain([count])
    });
    let renamed: Vec<Event> = renamed.collect();
    let mut hashes = Vec::new();
    for kind in BOTH {
        let mut of_batches = Vec::new();
        for batch in [1, 100] {
            let backend = Backend::fresh(kind, PARTITIONS).await;
            fold(&backend, &renamed, batch).await;
            // Everything is delivered twice, and once more in the middle of the other.
            fold(&backend, &[in_order(), in_order()].concat(), batch).await;
            let told = topic(&backend).await;
            for (item, expected) in &expected {
                assert_eq!(said(&told, *item), *expected, "{kind:?}, batches of {batch}");
            }
            assert_eq!(ids(&told).len(), told.len(), "every alert has an id of its own, and is there once");
            assert_eq!(standing(&backend.db).await, [(302, -4)], "{kind:?}");
            assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}");
            of_batches.push(told);
            hashes.push(open_hash(&backend.db).await);
        }
        assert_eq!(of_batches[0], of_batches[1], "{kind:?}");
    }
    assert!(hashes.iter().all(|hash| *hash == hashes[0]));
}

/// What is published depends on the order of the log, because a count that is late is in no alert. What stands does not, and what
/// was told last of each item is what stands.
#[tokio::test(flavor = "multi_thread")]
async fn in_whatever_order_counts_come_the_same_stands() {
    let [five, none, below, three] = [(1, 5), (2, 0), (3, -2), (4, 3)];
    let (out, over, again) = (("stocked-out", 2, 0), ("oversold", 3, -2), ("restocked", 4, 3));
    for (order, expected) in [
        ([five, none, below, three], vec![out, over, again]),
        ([five, below, none, three], vec![over, again]),
        ([below, three, five, none], vec![over, again]),
        ([none, three, below, five], vec![out, again]),
        ([three, below, none, five], vec![]),
    ] {
        for batch in [1, 3, 100] {
            let backend = Backend::fresh(Kind::Embedded, PARTITIONS).await;
            let twice = order.iter().flat_map(|level| [count(301, *level), count(301, *level)]);
            fold(&backend, &twice.collect::<Vec<_>>(), batch).await;
            fold(&backend, &counts(302, &[(7, -4)]), batch).await;
            assert_eq!(said(&topic(&backend).await, 301), expected, "{order:?} in batches of {batch}");
            assert_eq!(standing(&backend.db).await, [(302, -4)], "{order:?} in batches of {batch}");
            assert_eq!(findings(&backend).await, Vec::<String>::new(), "{order:?} in batches of {batch}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_publishes_nothing() {
    for kind in BOTH {
        let backend = Backend::fresh(kind, PARTITIONS).await;
        fold(&backend, &in_order(), 3).await;
        let (told, hash) = (topic(&backend).await, open_hash(&backend.db).await);
        // What an item is called is told only now; the alerts that are there stay as they are.
        fold(&backend, &[named(302, 1, "SCARF-1")], 3).await;
        for projection in Projection::ALL {
            processor::rebuild(config(5), &backend.log, &backend.db, projection, &mut |_| {}).await.unwrap();
        }
        assert_eq!(topic(&backend).await, told, "{kind:?}");
        assert_ne!(open_hash(&backend.db).await, hash, "the product is new");
        assert_eq!(standing(&backend.db).await, [(302, -4)], "{kind:?}");
        let alerts = books::standing_alerts(&backend.db, &shop()).await.unwrap();
        assert_eq!(alerts[0].sku.as_ref().map(ToString::to_string).as_deref(), Some("SCARF-1"), "{kind:?}");
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}");
        // The next count goes on from there.
        fold(&backend, &counts(302, &[(9, 10)]), 5).await;
        let more = topic(&backend).await;
        assert_eq!((more.len(), said(&more, 302).last()), (told.len() + 1, Some(&("restocked", 9, 10))), "{kind:?}");
        assert_eq!(more.last().map(|(.., alert)| alert.sku.clone()), Some(None), "{kind:?}: names are shown, not told");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_lost_is_rebuilt_without_a_word() {
    let backend = Backend::fresh(Kind::Embedded, PARTITIONS).await;
    fold(&backend, &in_order(), 3).await;
    let told = topic(&backend).await;
    let migrations = books_migrations(store::db::Dialect::Sqlite);
    let open = |name: &str| {
        let path = backend.folder.path().join(name);
        let migrations = migrations.clone();
        async move { Db::open_sqlite(&path, Durability::Normal, &migrations).await.unwrap() }
    };
    let empty = open("rebuilt.db").await;
    processor::rebuild(config(4), &backend.log, &empty, Projection::Stock, &mut |_| {}).await.unwrap();
    assert_eq!((topic(&backend).await, standing(&empty).await), (told.clone(), vec![(302, -4)]));
    // Folded without a rebuild, nobody looks at what was told: it is told again, under the same ids.
    let folded = open("folded.db").await;
    processor::catch_up(config(4), &backend.log, &folded).await.unwrap();
    let twice = topic(&backend).await;
    assert_eq!((twice.len(), ids(&twice)), (told.len() * 2, ids(&told)));
    assert_eq!(findings(&backend).await, Vec::<String>::new(), "a repetition is no finding");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_publishing_and_noting_it_repeats_the_same_ids() {
    for kind in BOTH {
        let backend = Backend::fresh(kind, PARTITIONS).await;
        fold(&backend, &in_order(), 100).await;
        let told = topic(&backend).await;
        damage(&backend.db, "UPDATE stock_alert SET published = 0").await;
        processor::relay_all(&backend.log, &backend.db).await.unwrap();
        let twice = topic(&backend).await;
        assert_eq!((twice.len(), ids(&twice)), (told.len() * 2, ids(&told)), "{kind:?}");
        processor::rebuild(config(2), &backend.log, &backend.db, Projection::Stock, &mut |_| {}).await.unwrap();
        assert_eq!(topic(&backend).await.len(), twice.len(), "{kind:?}");
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}");
    }
}

/// Forty items that go down to -3 and up again, interleaved.
fn busy() -> Vec<Event> {
    let level = |version: i64, item: u64| (version, (version + i64::try_from(item).unwrap()) % 9 - 3);
    (1..30).flat_map(|version| (1..41).map(move |item| count(item, level(version, item)))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_and_two_processors_at_once_publish_the_same_ids() {
    for kind in BOTH {
        let calm = Backend::fresh(kind, PARTITIONS).await;
        fold(&calm, &busy(), 500).await;
        let rough = Backend::fresh(kind, PARTITIONS).await;
        let partitions = PARTITIONS.to_string();
        let mut environment = rough.environment();
        environment.extend([("DAYBOOK_BATCH", "25".to_owned()), ("DAYBOOK_PARTITIONS", partitions)]);
        let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        for share in busy().chunks(busy().len().div_ceil(5)) {
            append(&rough.log, share).await;
            let before = topic(&rough).await.len();
            let mut process = Daybook::start(rough.folder.path(), &["processor"], &environment).unwrap();
            let published = async || rough.log.end_offsets(Topic::Alert).await.unwrap().iter().sum::<u64>();
            let moved = testkit::wait_until(Duration::from_secs(60), async || published().await > before as u64).await;
            moved.unwrap_or_else(|error| panic!("nothing is published: {error}: {}", process.stderr()));
            process.kill().unwrap();
        }
        let one = processor::catch_up(config(30), &rough.log, &rough.db);
        let other = processor::catch_up(config(70), &rough.log, &rough.db);
        let (one, other) = tokio::join!(one, other);
        one.and(other).unwrap();
        let (expected, told) = (topic(&calm).await, topic(&rough).await);
        println!("{kind:?}: {} alerts, {} records after kills", expected.len(), told.len());
        assert_eq!(ids(&told), ids(&expected), "{kind:?}");
        assert_eq!(standing(&rough.db).await, standing(&calm.db).await, "{kind:?}");
        assert_eq!(findings(&rough).await, Vec::<String>::new(), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_is_not_what_the_level_says_is_named() {
    let backend = Backend::fresh(Kind::Embedded, PARTITIONS).await;
    fold(&backend, &in_order(), 100).await;
    damage(&backend.db, "UPDATE stock SET available = 0 WHERE item = '301'").await;
    let found = findings(&backend).await;
    let named = "stock of alert-shop, item 301, location 17: the alert topic says not low, the level is 0";
    assert!(found.len() == 1 && found[0].contains(named), "{found:?}");
    processor::rebuild(config(5), &backend.log, &backend.db, Projection::Stock, &mut |_| {}).await.unwrap();
    assert_eq!(findings(&backend).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_its_own_alerts_and_no_other() {
    for kind in BOTH {
        let backend = Backend::fresh(kind, PARTITIONS).await;
        let mut environment = backend.environment();
        environment.push(("DAYBOOK_PARTITIONS", PARTITIONS.to_string()));
        let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let run = async |args: &[&str]| {
            let args = [args, &["--json"]].concat();
            let mut running = Daybook::start(backend.folder.path(), &args, &environment).unwrap();
            let status = running.ended(Duration::from_secs(60)).await.unwrap();
            assert!(status.success(), "{args:?}: {}{}", running.stdout(), running.stderr());
            serde_json::from_str::<Value>(&running.stdout()).unwrap()
        };
        for tenant in ["alert-shop", "neighbour"] {
            run(&["tenant", "add", tenant]).await;
        }
        fold(&backend, &in_order(), 100).await;
        let shown = run(&["stock", "alerts", "--tenant", "alert-shop"]).await;
        let expected = json!({"tenant": "alert-shop", "alerts": [{
            "by": "shop", "kind": "oversold", "item": "302", "location": "17", "variant": null, "sku": null,
            "available": -4, "counted_at": "1970-01-01T00:00:03Z",
        }]});
        assert_eq!(shown, expected, "{kind:?}");
        assert_eq!(run(&["stock", "alerts", "--tenant", "neighbour"]).await["alerts"], json!([]), "{kind:?}");
        let tenants: BTreeMap<TenantId, usize> =
            topic(&backend).await.into_iter().fold(BTreeMap::new(), |mut sums, (_, tenant, _)| {
                *sums.entry(tenant).or_default() += 1;
                sums
            });
        assert_eq!(tenants, BTreeMap::from([(shop(), 5)]), "{kind:?}");
    }
}
