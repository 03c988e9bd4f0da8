//! What nobody understood and names an erased person: on both back ends, by the command and by the shop's own request, nothing of it
//! opens by any path, nobody else's is touched, and the very same body sent again brings nothing back.

use std::collections::BTreeMap;

use events::{Event, Payload};
use sample_shop::{Delivery, Endpoint};
use serde_json::{Value, json};
use store::db::{Db, Dialect, Durability};
use store::keys::{AccessBy, Actor, BoxRef, KeyStore, Keyring, Purpose, Schedule, Shown, load_or_create_root};
use store::schema::keys_migrations;

use super::{LONG, Platform, TENANT, send};
use crate::backend::Kind;

/// Three customers, by the end of their orders' numbers and phones.
const BY_COMMAND: u64 = 7_301;
const BY_SHOP: u64 = 7_302;
const STAYS: u64 = 7_303;

fn order(of: u64) -> String {
    let (id, customer, phone) = (700_100_000_000 + of, 600_100_000_000 + of, format!("0300444{of}"));
    let email = format!("zarmina.{of}@unwritten.example");
    json!({
        "id": id, "name": format!("#{of}"), "created_at": "2026-11-01T10:00:00+05:00", "updated_at": "2026-11-02T11:30:00+05:00",
        "currency": "PKR", "total_price": "4500.00", "total_tax": "0.00", "financial_status": "pending",
        "payment_gateway_names": ["Cash on Delivery (COD)"], "email": email, "phone": phone,
        "customer": { "id": customer, "first_name": "Zarmina", "last_name": "Unwritten", "email": email },
        "line_items": [{ "id": of, "variant_id": 31, "sku": "SHAWL-7", "quantity": 1, "price": "4500.00" }],
    })
    .to_string()
}

fn delivery(topic: &'static str, body: String) -> Delivery {
    Delivery {
        endpoint: Endpoint::Shopify { topic },
        webhook_id: "00000000-0000-4000-8000-000000000002".to_owned(),
        triggered_at: "2026-11-02T00:00:00Z".to_owned(),
        body: body.into_bytes(),
    }
}

/// An order cut short, one under an unknown topic, and three ways of writing a phone.
fn inputs(of: u64) -> [Delivery; 5] {
    let whole = order(of);
    let cut = whole.get(..whole.len() - 40).unwrap().to_owned();
    [
        delivery("orders/create", cut),
        delivery("orders/reopened", whole),
        delivery("notes/create", format!(r#"{{"text":"call +92 300 444-{of}"}}"#)),
        delivery("notes/create", format!(r#"{{"text":"(0300)\u00a0444\/{of} after six"}}"#)),
        delivery("notes/create", format!("to=%2B92300444{of}&at=6")),
    ]
}

/// The key store as whoever has the whole machine opens it.
async fn keys_of(platform: &Platform) -> (KeyStore, Db) {
    let db = match platform.backend.url() {
        Some(url) => Db::open_postgres(url, "daybook_keys", 2, &keys_migrations(Dialect::Postgres)).await,
        None => {
            let migrations = keys_migrations(Dialect::Sqlite);
            Db::open_sqlite(&platform.data().join("keys.db"), Durability::Full, &migrations).await
        }
    };
    let db = db.unwrap();
    let root = load_or_create_root(&platform.data().join("root.key")).unwrap();
    let ring = Keyring::in_folder(root, &platform.data().join("epochs"));
    let day = std::time::Duration::from_secs(86_400);
    let schedule = Schedule { epoch: day, backups: 30 * day };
    (KeyStore::open(db.clone(), ring, schedule, now()).await.unwrap(), db)
}

fn now() -> ledger::Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    ledger::Timestamp(i64::try_from(since.as_micros()).unwrap())
}

/// How many bodies of each customer open, by the key store itself, of all that the log ever kept; and how many boxes are empty.
async fn readable(platform: &Platform, keys: &KeyStore) -> (BTreeMap<u64, usize>, usize) {
    let (tenant, mut readable, mut empty) = (TENANT.parse().unwrap(), BTreeMap::new(), 0);
    let by = AccessBy {
        actor: Actor::Operator,
        purpose: Purpose::look_up(),
        request: uuid::Uuid::from_u128(1),
        at: now(),
        shown: Shown::Masked,
        fields: &[],
    };
    for event in quarantine(platform).await {
        let Payload::Quarantined(input) = event.payload else { continue };
        let content = &input.content;
        if content.sealed.is_empty() {
            empty += 1;
            continue;
        }
        let (label, sealed) = (content.label.as_str(), content.sealed.as_slice());
        let one = BoxRef { tenant: &tenant, subject: content.subject, event: event.id, label, sealed };
        if let Some(body) = keys.open_box(one, &by).await.unwrap().clear() {
            let body = String::from_utf8(body.to_vec()).unwrap();
            let whose = [BY_COMMAND, BY_SHOP, STAYS].into_iter().find(|of| body.contains(&of.to_string())).unwrap();
            *readable.entry(whose).or_default() += 1;
        }
    }
    (readable, empty)
}

async fn quarantine(platform: &Platform) -> Vec<Event> {
    let topic = events::Topic::Quarantine;
    let end = platform.backend.log.end_offsets(topic).await.unwrap()[0];
    let from = event_log::ReadFrom { topic, partition: 0, offset: 0 };
    let (mut reader, mut events) = (platform.backend.log.reader(&[from]).unwrap(), Vec::new());
    while (events.len() as u64) < end {
        let batch = reader.next_batch(1_000, LONG).await.unwrap();
        events.extend(batch.records.iter().map(|stored| Event::decode(&stored.record).unwrap()));
    }
    events
}

async fn json_of(platform: &Platform, args: &[&str]) -> Value {
    serde_json::from_str(&platform.run(&[args, &["--json"]].concat()).await).unwrap()
}

async fn listed(platform: &Platform) -> usize {
    platform.folded().await;
    json_of(platform, &["quarantine", "list"]).await["quarantined"].as_array().unwrap().len()
}

async fn erase_with_inputs(kind: Kind) {
    let platform = Platform::fresh(kind).await;
    platform.add_tenant().await;
    let client = reqwest::Client::new();
    let mut up = platform.start(&["up"]);
    let base = format!("http://127.0.0.1:{}", up.port(LONG).await.unwrap());
    for of in [BY_COMMAND, BY_SHOP, STAYS] {
        assert_eq!(send(&client, &base, &delivery("orders/create", order(of))).await, 200);
    }
    platform.folded().await;
    for input in [BY_COMMAND, BY_SHOP, STAYS].into_iter().flat_map(inputs) {
        assert_eq!(send(&client, &base, &input).await, 200);
    }
    assert_eq!(listed(&platform).await, 15);
    let (keys, db) = keys_of(&platform).await;
    assert_eq!(readable(&platform, &keys).await, ([(BY_COMMAND, 5), (BY_SHOP, 5), (STAYS, 5)].into(), 0));

    let receipt = json_of(&platform, &["erase", "--order", &format!("#{BY_COMMAND}"), "--yes"]).await;
    assert_eq!((&receipt["quarantined_destroyed"], &receipt["quarantined_older"]), (&json!(5), &json!(0)), "{receipt}");
    assert_eq!(listed(&platform).await, 10);
    assert_eq!(readable(&platform, &keys).await, ([(BY_SHOP, 5), (STAYS, 5)].into(), 0));

    let (order_id, customer) = (700_100_000_000 + BY_SHOP, 600_100_000_000 + BY_SHOP);
    let redact = json!({ "shop_id": 1, "customer": { "id": customer }, "orders_to_redact": [order_id] });
    assert_eq!(send(&client, &base, &delivery("customers/redact", redact.to_string())).await, 200);
    let by_shop_is_gone = async || readable(&platform, &keys).await.0 == [(STAYS, 5)].into();
    testkit::wait_until(LONG, by_shop_is_gone).await.unwrap();
    testkit::wait_until(LONG, async || listed(&platform).await == 5).await.unwrap();
    up.terminate(LONG).await.unwrap();

    // A process that remembers nothing is sent all of it again.
    let rows = "SELECT COUNT(*) FROM subject_key";
    let counted = db.query(rows, vec![]).await.unwrap()[0].int(0).unwrap();
    let mut up = platform.start(&["up"]);
    let base = format!("http://127.0.0.1:{}", up.port(LONG).await.unwrap());
    for input in [BY_COMMAND, BY_SHOP].into_iter().flat_map(inputs) {
        assert_eq!(send(&client, &base, &input).await, 200);
    }
    assert_eq!(listed(&platform).await, 5);
    assert_eq!(db.query(rows, vec![]).await.unwrap()[0].int(0).unwrap(), counted, "{kind:?}: no new key");
    assert_eq!(readable(&platform, &keys).await, ([(STAYS, 5)].into(), 10));
    up.terminate(LONG).await.unwrap();

    platform.run(&["rebuild", "--all"]).await;
    assert_eq!((listed(&platform).await, readable(&platform, &keys).await), (5, ([(STAYS, 5)].into(), 10)));
    let redriven = json_of(&platform, &["quarantine", "redrive", "--all"]).await;
    let still = redriven["still_not_understood"].as_array().unwrap().len();
    assert_eq!((&redriven["redriven"], &redriven["erased"], still), (&json!(0), &json!(0), 5), "{redriven}");
    platform.run(&["verify"]).await;
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_understood_goes_with_whom_it_names_embedded() {
    erase_with_inputs(Kind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_understood_goes_with_whom_it_names_with_servers() {
    erase_with_inputs(Kind::Servers).await;
}
