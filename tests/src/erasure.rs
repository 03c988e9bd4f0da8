//! A person is erased: through the real binary, on both back ends. Before: revealed on purpose. After: no way of reading
//! returns them, the books print the same bytes, a rebuild with the destroyed key succeeds, and a late copy of their order does
//! not bring them back. And nobody's name, phone or e-mail stands in clear in any byte that was ever stored or printed.

mod certificate;
mod inputs;

use std::path::{Path, PathBuf};
use std::time::Duration;

use events::{Record, Topic};
use sample_shop::{Delivery, Endpoint, Plan, Planted, sign_shopify};
use store::db::{Db, DbError, Dialect, Durability};
use store::schema::keys_migrations;
use testkit::Daybook;

use crate::backend::{Backend, Kind};
use certificate::Officer;

pub(crate) const TENANT: &str = "acme";
pub(crate) const SECRET: &str = "a-shop-secret-for-tests";
pub(crate) const COURIER_SECRET: &str = "a-courier-secret-for-tests";
const REVEAL: [&str; 5] = ["--reveal", "--purpose", "test", "--by", "support-1"];
/// More than an epoch's day and the thirty days of backups, in microseconds.
pub(crate) const MONTH: i64 = 32 * 86_400_000_000;
pub(crate) const LONG: Duration = Duration::from_secs(120);

/// A day in some years, for what ends in the future whenever this runs.
pub(crate) fn in_some_years() -> String {
    let years = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() / 31_556_952;
    format!("{}-12-31", 1970 + years + 5)
}

/// A platform that the binary runs on.
pub(crate) struct Platform {
    pub(crate) backend: Backend,
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Platform {
    pub(crate) async fn fresh(kind: Kind) -> Platform {
        let backend = Backend::fresh(kind, 1).await;
        let mut environment = backend.environment();
        environment.push(("DAYBOOK_PARTITIONS", "1".to_owned()));
        Platform { backend, environment }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.backend.folder.path().to_owned()
    }

    pub(crate) fn start(&self, args: &[&str]) -> Daybook {
        let environment: Vec<(&str, &str)> = self.environment.iter().map(|(k, v)| (*k, v.as_str())).collect();
        Daybook::start(&self.data(), args, &environment).unwrap()
    }

    /// Runs a command to its end and gives what it printed.
    pub(crate) async fn run(&self, args: &[&str]) -> String {
        let mut process = self.start(args);
        let status = process.ended(LONG).await.unwrap();
        assert!(status.success(), "daybook {args:?}: {}{}", process.stdout(), process.stderr());
        process.stdout()
    }

    pub(crate) async fn add_tenant(&self) {
        let secrets = testkit::scratch();
        let (shop, courier) = (secrets.path().join("shop"), secrets.path().join("courier"));
        std::fs::write(&shop, SECRET).unwrap();
        std::fs::write(&courier, COURIER_SECRET).unwrap();
        let (shop, courier) = (shop.to_string_lossy().into_owned(), courier.to_string_lossy().into_owned());
        let add = ["tenant", "add", TENANT, "--shopify-secret-file", &shop, "--courier", "postex"];
        self.run(&[&add[..], &["--courier-secret-file", &courier]].concat()).await;
        self.run(&["privacy", "permit", "support-1"]).await;
    }

    pub(crate) fn url(&self) -> Option<&str> {
        self.backend.url()
    }

    /// Every record of every topic.
    pub(crate) async fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        for topic in Topic::ALL {
            let end = self.backend.log.end_offsets(topic).await.unwrap()[0];
            let from = event_log::ReadFrom { topic, partition: 0, offset: 0 };
            let mut reader = self.backend.log.reader(&[from]).unwrap();
            let mut read = 0;
            while read < end {
                let batch = reader.next_batch(1_000, LONG).await.unwrap();
                read += batch.records.len() as u64;
                records.extend(batch.records.into_iter().map(|stored| stored.record));
            }
        }
        records
    }

    pub(crate) async fn folded(&self) {
        let at_end = async || processor::lag(&self.backend.log, &self.backend.db).await.is_ok_and(|lag| lag == 0);
        testkit::wait_until(LONG, at_end).await.unwrap();
    }
}

async fn send(client: &reqwest::Client, base: &str, delivery: &Delivery) -> reqwest::StatusCode {
    try_send(client, base, delivery).await.unwrap()
}

/// Sends a delivery as its sender would, to somebody who may not be there.
pub(crate) async fn try_send(
    client: &reqwest::Client,
    base: &str,
    delivery: &Delivery,
) -> reqwest::Result<reqwest::StatusCode> {
    let request = match delivery.endpoint {
        Endpoint::Shopify { topic } => client
            .post(format!("{base}/webhooks/shopify/{TENANT}"))
            .header("X-Shopify-Topic", topic)
            .header("X-Shopify-Triggered-At", &delivery.triggered_at)
            .header("X-Shopify-Webhook-Id", &delivery.webhook_id)
            .header("X-Shopify-Hmac-Sha256", sign_shopify(SECRET, &delivery.body)),
        Endpoint::Courier { courier } => client
            .post(format!("{base}/webhooks/couriers/{TENANT}/{courier}"))
            .header("x-webhook-secret", COURIER_SECRET),
    };
    let request = request.header("content-type", "application/json").body(delivery.body.clone());
    Ok(request.send().await?.status())
}

/// The texts by which a person could be found: in every spelling the shop sends them.
fn traces(person: &Planted) -> Vec<String> {
    let digits = person.phone.trim_start_matches('0').to_owned();
    let mut traces = vec![person.name.clone(), digits, person.address_line.clone()];
    traces.extend(person.email.clone());
    traces
}

fn holds(haystack: &[u8], needle: &str) -> bool {
    !needle.is_empty() && haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// All bytes that are stored anywhere: files of the data folder, and with servers every record and the database's files.
async fn stored_bytes(platform: &Platform) -> Vec<(String, Vec<u8>)> {
    let mut stored: Vec<(String, Vec<u8>)> = Vec::new();
    let mut folders = vec![platform.data()];
    if platform.backend.url().is_some() {
        let rows = platform.backend.db.query("SELECT current_setting('data_directory')", vec![]).await.unwrap();
        folders.push(PathBuf::from(rows[0].text(0).unwrap()));
        stored.push(("every record of every topic".to_owned(), records(platform).await));
    }
    for path in folders.iter().flat_map(|folder| files(folder)) {
        stored.extend(std::fs::read(&path).ok().map(|bytes| (path.display().to_string(), bytes)));
    }
    stored
}

async fn records(platform: &Platform) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in platform.records().await {
        bytes.extend(record.headers.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()].concat()));
        bytes.extend(record.body);
    }
    bytes
}

/// Everything that can be read about the order, one text.
async fn all_reads(platform: &Platform, client: &reqwest::Client, base: &str, order: &str) -> String {
    let mut read = String::new();
    for args in [
        &[&["show", "order", order][..], &REVEAL].concat()[..],
        &[&["show", "order", order, "--json"][..], &REVEAL].concat(),
        &["quarantine", "list", "--json"],
        &["privacy", "accesses", "--order", order],
    ] {
        read += &platform.run(args).await;
    }
    for path in [format!("/t/{TENANT}"), format!("/t/{TENANT}/orders/{order}"), format!("/api/v1/t/{TENANT}/orders")] {
        let answer = client.get(format!("{base}{path}")).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        read += &answer.text().await.unwrap();
    }
    read
}

async fn erase_somebody(kind: Kind) {
    let plan = Plan { seed: 31, orders: 120, days: 45, ..Plan::default() };
    let workload = sample_shop::generate(&plan);
    let platform = Platform::fresh(kind).await;
    platform.add_tenant().await;
    let mut up = platform.start(&["up"]);
    let base = format!("http://127.0.0.1:{}", up.port(LONG).await.unwrap());
    let client = reqwest::Client::new();
    for delivery in &workload.deliveries {
        assert_eq!(send(&client, &base, delivery).await, 200);
    }
    platform.folded().await;

    let somebody = workload.people.iter().find(|p| p.customer_id.is_some() && p.email.is_some()).unwrap();
    let order = somebody.order_id.to_string();
    let before = all_reads(&platform, &client, &base, &order).await;
    assert!(before.contains(&somebody.name), "revealed on purpose before the erasure");
    let books = platform.run(&["show", "books", "--json"]).await;
    assert!(books.contains("assets:cod-receivable:postex"), "{books}");

    let officer = Officer::new(&platform).await;
    officer.refuses(&platform, &order).await;
    let receipt = platform.run(&["erase", "--order", &order, "--yes", "--json"]).await;
    assert!(!traces(somebody).iter().any(|trace| receipt.contains(trace)));
    platform.folded().await;
    copies_expire(&platform, &order).await;
    gone(&all_reads(&platform, &client, &base, &order).await, somebody);
    assert_eq!(platform.run(&["show", "books", "--json"]).await, books, "{kind:?}: not one byte of the books moved");

    // A late copy of what was sent before, under a new webhook id as after a lost acknowledgement.
    let named =
        |d: &&Delivery| holds(&d.body, &somebody.name) && serde_json::from_slice::<serde_json::Value>(&d.body).is_ok();
    for late in workload.deliveries.iter().filter(named) {
        assert_eq!(send(&client, &base, late).await, 200);
    }
    platform.folded().await;
    gone(&all_reads(&platform, &client, &base, &order).await, somebody);

    platform.run(&["rebuild", "--all"]).await;
    gone(&all_reads(&platform, &client, &base, &order).await, somebody);
    assert_eq!(platform.run(&["show", "books", "--json"]).await, books, "{kind:?}: a rebuild without the key");
    platform.run(&["verify"]).await;
    officer.certifies(&platform, &order, somebody).await;

    redact_somebody_else(&platform, &client, &base, &workload.people, somebody).await;

    let metrics = client.get(format!("{base}/metrics")).send().await.unwrap().text().await.unwrap();
    up.terminate(LONG).await.unwrap();
    let mut stored = stored_bytes(&platform).await;
    stored.push(("standard output".to_owned(), up.stdout().into_bytes()));
    stored.push(("standard error".to_owned(), up.stderr().into_bytes()));
    stored.push(("metrics".to_owned(), metrics.into_bytes()));
    let traces: Vec<String> = workload.people.iter().flat_map(traces).collect();
    let searched: usize = stored.iter().map(|(_, bytes)| bytes.len()).sum();
    nobody_in(&stored, &traces);
    println!("{kind:?}: {} traces of {} people in none of {searched} bytes", traces.len(), workload.people.len());
}

/// Key epochs end while the platform runs: until then the receipt names a date, afterwards it says that no copy opens.
async fn copies_expire(platform: &Platform, order: &str) {
    let json = |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap();
    let receipt = async || json(platform.run(&["erase", "--order", order, "--yes", "--json"]).await);
    assert_eq!(receipt().await["copies_are_gone"], false);
    let rotated = json(platform.run(&["keys", "rotate", "--json"]).await);
    let expected = serde_json::json!({ "begun": 2, "left_pages": 1, "destroyed": [] });
    assert!(expected.as_object().unwrap().iter().all(|(key, value)| rotated[key] == *value), "{rotated}");
    assert_eq!(receipt().await["copies_are_gone"], false, "backups of this month may still be restored");
    let promised = receipt().await["copies_gone"].clone();
    for days in ["0", "300"] {
        let rewrapped = json(platform.run(&["keys", "rewrap", "--backup-days", days, "--json"]).await);
        assert_eq!(rewrapped["destroyed"], serde_json::json!([]), "the backups of this month were promised their time");
        let told = json(platform.run(&["erase", "--order", order, "--yes", "--json", "--backup-days", days]).await);
        assert_eq!((&told["copies_gone"], &told["copies_overdue"]), (&promised, &serde_json::json!(false)));
    }
    earlier(platform, MONTH).await;
    platform.run(&["keys", "rewrap"]).await;
    assert_eq!(receipt().await["copies_are_gone"], true);
    let status = json(platform.run(&["keys", "status", "--json"]).await);
    let states: Vec<_> = status["epochs"].as_array().unwrap().iter().map(|epoch| &epoch["state"]).collect();
    assert!(status["ok"] == true && states == ["destroyed", "current"], "{status}");
    assert!(!platform.data().join("epochs/1.key").exists() && platform.data().join("epochs/2.key").exists());
}

/// The first epoch began and retired so many microseconds earlier than it did.
pub(crate) async fn earlier(platform: &Platform, by: i64) {
    let keys = match platform.backend.url() {
        Some(url) => Db::open_postgres(url, "daybook_keys", 1, &keys_migrations(Dialect::Postgres)).await,
        None => {
            let migrations = keys_migrations(Dialect::Sqlite);
            Db::open_sqlite(&platform.data().join("keys.db"), Durability::Full, &migrations).await
        }
    };
    let keys = keys.unwrap();
    let earlier = keys.run_tx("earlier", move |tx| {
        let sql = "UPDATE epoch SET created_at = created_at - $1, retired_at = retired_at - $1, \
                   destroy_by = destroy_by - $1 WHERE epoch = 1";
        Box::pin(async move { tx.execute(sql, vec![by.into()]).await })
    });
    assert_eq!(earlier.await.map_err(|error: DbError| error).unwrap(), 1);
    keys.close().await;
}

/// The shop itself asks for another person's erasure: nobody need type anything.
async fn redact_somebody_else(
    platform: &Platform,
    client: &reqwest::Client,
    base: &str,
    people: &[Planted],
    erased: &Planted,
) {
    let is_other = |p: &&Planted| p.customer_id.is_some() && p.customer_id != erased.customer_id;
    let other = people.iter().find(is_other).unwrap();
    let order = other.order_id.to_string();
    let show = [&["show", "order", &order][..], &REVEAL].concat();
    assert!(platform.run(&show).await.contains(&other.name));
    let body = serde_json::json!({ "shop_id": 1, "customer": { "id": other.customer_id }, "orders_to_redact": [other.order_id] });
    let notice = Delivery {
        endpoint: Endpoint::Shopify { topic: "customers/redact" },
        webhook_id: "00000000-0000-4000-8000-000000000001".to_owned(),
        triggered_at: "2026-11-01T00:00:00Z".to_owned(),
        body: body.to_string().into_bytes(),
    };
    assert_eq!(send(client, base, &notice).await, 200);
    let answered = async || platform.run(&show).await.contains("*erased*");
    testkit::wait_until(LONG, answered).await.unwrap();
    gone(&platform.run(&show).await, other);
}

fn gone(read: &str, somebody: &Planted) {
    assert!(read.contains("erased"), "they are shown as erased");
    assert!(!traces(somebody).iter().any(|trace| read.contains(trace)), "and nothing of them is shown");
}

/// Looks for every trace at every place, by the first eight bytes of each.
fn nobody_in(stored: &[(String, Vec<u8>)], traces: &[String]) {
    let mut by_start: std::collections::HashMap<[u8; 8], Vec<&str>> = std::collections::HashMap::new();
    for trace in traces.iter().filter(|trace| trace.len() >= 8) {
        by_start.entry(trace.as_bytes()[..8].try_into().unwrap()).or_default().push(trace);
    }
    for (place, bytes) in stored {
        for (at, window) in bytes.windows(8).enumerate() {
            let candidates = by_start.get(window).into_iter().flatten();
            let found = candidates.filter(|trace| bytes[at..].starts_with(trace.as_bytes())).count();
            assert_eq!(found, 0, "somebody stands in clear in {place} at byte {at}");
        }
    }
}

#[test]
fn the_search_can_find() {
    let stored = [("here".to_owned(), "…Ayesha Malik…".as_bytes().to_vec())];
    let search = || nobody_in(&stored, &["Ayesha Malik".to_owned()]);
    assert!(std::panic::catch_unwind(search).is_err(), "a planted name is found");
    nobody_in(&stored, &["Ayesha Mirza".to_owned()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_person_is_gone_embedded() {
    erase_somebody(Kind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_person_is_gone_with_servers() {
    erase_somebody(Kind::Servers).await;
}
