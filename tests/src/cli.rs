//! The `daybook` binary as its operator meets it: answers, exit codes, objects on standard output.

mod keyring;
mod pauses;
mod requests;
mod restore;
mod root_service;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use sample_shop::{Endpoint, Plan, Planted, Workload, generate, sign_shopify};
use serde_json::Value;
use store::db::{Db, DbError, Dialect, Durability};
use store::schema::keys_migrations;
use testkit::{Daybook, scratch, wait_until};

const SOON: Duration = Duration::from_secs(60);

/// What a command printed, and how it ended.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    /// The one object on standard output of a command that found no problem.
    fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    fn text(&self) -> &str {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        &self.out
    }
}

/// Servers that the whole suite may have in its environment are not meant here; an empty variable is not set.
const EMBEDDED: [(&str, &str); 2] = [("DAYBOOK_KAFKA", ""), ("DAYBOOK_POSTGRES", "")];

async fn daybook_in(data: &Path, args: &[&str], environment: &[(&str, &str)]) -> Ran {
    let environment = [&EMBEDDED, environment].concat();
    let mut running = Daybook::start(data, args, &environment).unwrap();
    let status = running.ended(SOON).await.unwrap();
    Ran { code: status.code(), out: running.stdout(), err: running.stderr() }
}

async fn daybook(data: &Path, args: &[&str]) -> Ran {
    daybook_in(data, args, &[]).await
}

#[tokio::test]
async fn a_wrong_configuration_names_key_origin_and_fix() {
    let data = scratch();
    let file = data.path().join("own.toml");
    std::fs::write(&file, "bach = 5\n").unwrap();
    let file = file.to_str().unwrap();
    for (args, environment, parts) in [
        (&["lag", "--listen", "geheim"][..], ("", ""), &["`listen`", "flag --listen", "127.0.0.1:8377"][..]),
        (&["lag"], ("DAYBOOK_BATCH", "geheim"), &["`batch`", "environment variable DAYBOOK_BATCH"]),
        (&["lag", "--config", file], ("", ""), &["`bach`", "own.toml", "batch"]),
        (&["lag", "--config", "/nowhere.toml"], ("", ""), &["`config`", "/nowhere.toml"]),
        (&["lag"], ("DAYBOOK_POSTGRES", "postgres://u:geheim@h/d"), &["`kafka`", "DAYBOOK_POSTGRES", "--kafka"]),
        (&["lag"], ("", ""), &["--data", "daybook tenant add"]),
    ] {
        let environment: &[(&str, &str)] = if environment.0.is_empty() { &[] } else { &[environment] };
        let ran = daybook_in(data.path(), args, environment).await;
        assert_eq!(ran.code, Some(1), "{args:?}");
        for part in parts {
            assert!(ran.err.contains(part), "{args:?}: {part} is not in {}", ran.err);
        }
        assert!(!ran.err.contains("geheim") && ran.out.is_empty(), "{}{}", ran.out, ran.err);
    }
    let ran = daybook(data.path(), &["lag", "--json"]).await;
    let failure: Value = serde_json::from_str(&ran.out).unwrap();
    assert!(failure["error"].as_str().unwrap().contains("daybook tenant add"), "{failure}");
}

/// A few orders of the sample shop as files, with the people in them.
fn orders_as_files(folder: &Path, orders: u32) -> Workload {
    let workload = generate(&Plan { orders, malformed_percent: 0, duplicates_percent: 0, ..Plan::default() });
    for (index, delivery) in workload.deliveries.iter().enumerate() {
        if matches!(delivery.endpoint, Endpoint::Shopify { topic: "orders/create" }) {
            std::fs::write(folder.join(format!("{index}.json")), &delivery.body).unwrap();
        }
    }
    workload
}

/// Somebody whom the shop knows by a customer record, with a name in one script or the other.
fn customer(workload: &Workload) -> Planted {
    workload.people.iter().find(|person| person.customer_id.is_some()).unwrap().clone()
}

#[tokio::test]
async fn a_shop_from_its_first_order_to_an_erasure() {
    let (data, files) = (scratch(), scratch());
    let data = data.path();
    let workload = orders_as_files(files.path(), 5);
    let person = customer(&workload);
    let order = person.order_id.to_string();

    let added = daybook(data, &["tenant", "add", "kohsar", "--courier", "postex", "--json"]).await.json();
    assert_eq!(added["secrets"][0]["secret"].as_str().map(str::len), Some(64), "{added}");
    assert_eq!(added["secrets"][1]["endpoint"], "/webhooks/couriers/kohsar/postex");
    assert!(daybook(data, &["tenant", "add", "kohsar"]).await.err.contains("tenant secret"));

    let path = files.path().to_str().unwrap();
    let imported = daybook(data, &["import", "shopify-orders", path, "--json"]).await.json();
    assert_eq!((&imported["orders"], &imported["rejected"]), (&5.into(), &0.into()), "{imported}");

    let show = ["show", "order", &order, "--tenant", "kohsar"];
    let masked = daybook(data, &[&show[..], &["--json"]].concat()).await.json();
    assert_eq!(masked["people"][0]["state"], "masked");
    assert!(!masked.to_string().contains(&person.name), "{masked}");
    assert_eq!(daybook(data, &[&show[..], &["--reveal"]].concat()).await.code, Some(2), "a purpose is needed");
    let reveal = [&show[..], &["--reveal", "--purpose", "support", "--by", "support-2"]].concat();
    let refused = daybook(data, &reveal).await;
    assert!(refused.code == Some(1) && refused.err.contains("privacy permit support-2"), "{}", refused.err);
    assert!(!refused.out.contains(&person.name) && !refused.err.contains(&person.name), "{}", refused.out);
    assert_eq!(daybook(data, &["privacy", "permit", "support-2", "--json"]).await.json()["changed"], true);
    let permitted = daybook(data, &["privacy", "permitted", "--json"]).await.json();
    assert_eq!(permitted["permitted"][0]["staff"], "support-2", "{permitted}");
    let clear = daybook(data, &reveal).await;
    assert!(clear.text().contains(&person.name), "{}", clear.out);
    assert!(clear.err.contains("support") && !clear.err.contains(&person.name), "the access is logged: {}", clear.err);

    assert_eq!(daybook(data, &["privacy", "forbid", "support-2", "--json"]).await.json()["changed"], true);
    assert_eq!(daybook(data, &reveal).await.code, Some(1), "from now on no more");
    let on_record = looks(data, &["--order", &order]).await;
    assert_eq!(
        on_record,
        [
            "operator operator look-up masked",
            "support-2 staff support refused",
            "support-2 staff support clear",
            "support-2 staff support refused"
        ],
        "what was refused is too"
    );

    let books = daybook(data, &["show", "books"]).await;
    let erase = ["erase", "--order", &order, "--yes", "--json"];
    assert!(daybook(data, &erase[..3]).await.err.contains("--yes"));
    let receipt = daybook(data, &erase).await.json();
    assert_eq!((&receipt["shown_as_erased"], &receipt["already"]), (&true.into(), &false.into()), "{receipt}");
    let erased = daybook(data, &[&reveal[..], &["--json"]].concat()).await.json();
    assert_eq!(erased["people"][0]["state"], "erased");
    assert!(!erased.to_string().contains(&person.name));
    assert_eq!(daybook(data, &["show", "books"]).await.text(), books.text(), "no byte of the books has changed");
    assert_eq!(daybook(data, &erase).await.json()["already"], true);
    let subject = receipt["subject"].as_str().unwrap();
    assert_eq!(looks(data, &["--subject", subject]).await, on_record, "of the erased as well, and nothing new");

    let rebuilt = daybook(data, &["rebuild", "--all", "--json"]).await.json();
    assert_eq!(rebuilt["same"], true, "{rebuilt}");
    assert_eq!(daybook(data, &["verify", "--json"]).await.json()["holds"], true);
    assert_eq!(daybook(data, &["doctor", "--json"]).await.json()["ok"], true);
    assert_eq!(daybook(data, &["lag", "--json"]).await.json()["lag"], 0);
    assert_eq!(daybook(data, &["show", "parked", "--json"]).await.json()["parked"], Value::Array(vec![]));
}

/// Who looked, as what, why and how, as the access log says.
async fn looks(data: &Path, whom: &[&str]) -> Vec<String> {
    let report = daybook(data, &[&["privacy", "accesses", "--json"], whom].concat()).await.json();
    let word = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    let line = |one: &Value| ["actor", "role", "purpose", "shown"].map(|name| word(one, name)).join(" ");
    report["accesses"].as_array().unwrap().iter().map(line).collect()
}

#[tokio::test]
async fn a_lost_root_key_is_not_replaced() {
    let data = scratch();
    daybook(data.path(), &["tenant", "add", "kohsar"]).await.text();
    std::fs::remove_file(data.path().join("root.key")).unwrap();
    let ran = daybook(data.path(), &["tenant", "list"]).await;
    assert!(ran.err.contains("restore it"), "{}", ran.err);
    assert!(!data.path().join("root.key").exists());
    let doctor = daybook(data.path(), &["doctor"]).await;
    assert_eq!(doctor.code, Some(1));
    assert!(doctor.out.contains("root key") && doctor.out.contains("restore"), "{}", doctor.out);
}

#[tokio::test]
async fn another_platforms_root_key_is_told_from_this_ones() {
    let (data, other) = (scratch(), scratch());
    for data in [&data, &other] {
        daybook(data.path(), &["tenant", "add", "kohsar"]).await.text();
    }
    let status = daybook(data.path(), &["keys", "root", "status", "--json"]).await.json();
    assert_eq!((&status["opens"], &status["opens_epoch"]), (&true.into(), &1.into()), "{status}");
    std::fs::copy(other.path().join("root.key"), data.path().join("root.key")).unwrap();
    let ran = daybook(data.path(), &["keys", "root", "status"]).await;
    assert!(ran.code == Some(1) && ran.out.contains("root key"), "{} {}", ran.out, ran.err);
}

#[tokio::test]
async fn a_closed_account_takes_no_imports() {
    let (data, files) = (scratch(), scratch());
    let data = data.path();
    orders_as_files(files.path(), 2);
    daybook(data, &["tenant", "add", "kohsar"]).await.text();
    daybook(data, &["tenant", "close", "kohsar"]).await.text();
    let import = ["import", "shopify-orders", files.path().to_str().unwrap(), "--tenant", "kohsar"];
    let ran = daybook(data, &import).await;
    assert!(ran.code == Some(1) && ran.err.contains("closed"), "{} {}", ran.out, ran.err);
    daybook(data, &["tenant", "reopen", "kohsar"]).await.text();
    daybook(data, &import).await.text();
}

#[tokio::test]
async fn a_retailers_invoices_balance() {
    let data = scratch();
    let file = data.path().join("invoices.csv");
    let rows = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n\
                700001,LAMP-1,brass lamp,2,2010-03-01 09:00:00,12.50,501,United Kingdom\n\
                700001,RUG-2,small rug,1,2010-03-01 09:00:00,40.00,501,United Kingdom\n\
                C700002,LAMP-1,brass lamp,-1,2010-03-02 10:00:00,12.50,501,United Kingdom\n\
                700003,RUG-2,small rug,one,2010-03-03 10:00:00,40.00,502,United Kingdom\n";
    std::fs::write(&file, rows).unwrap();
    let ran = daybook(data.path(), &["import", "retail", file.to_str().unwrap(), "--json"]).await;
    assert_eq!(ran.code, Some(1), "an invoice was not understood: {}", ran.err);
    let imported: Value = serde_json::from_str(&ran.out).unwrap();
    let counts = ["invoices", "cancellations", "rejected"].map(|name| imported[name].as_u64());
    assert_eq!(counts, [Some(2), Some(1), Some(1)], "{imported}");
    assert!(imported["rejections"][0].as_str().unwrap().starts_with("line 5"), "{imported}");
    let sums = &imported["books"]["sums"]["GBP"];
    assert_eq!((&sums["debits"], &sums["credits"]), (&6_500.into(), &6_500.into()), "{imported}");
}

#[tokio::test]
async fn a_running_platform_takes_webhooks_answers_tools_and_drains() {
    let data = scratch();
    let added = daybook(data.path(), &["tenant", "add", "kohsar", "--json"]).await.json();
    let secret = added["secrets"][0]["secret"].as_str().unwrap();
    let args = ["up", "--listen", "127.0.0.1:0", "--json"];
    let mut running = Daybook::start(data.path(), &args, &EMBEDDED).unwrap();
    let url = format!("http://127.0.0.1:{}", running.port(SOON).await.unwrap());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let ready: Value = http.get(format!("{url}/readyz")).send().await.unwrap().json().await.unwrap();
    assert_eq!(ready, serde_json::json!({ "ready": true, "log": "ok", "books": "ok", "keys": "ok", "paused": [] }));

    let body = "{\"id\": 1, \"total_price\":";
    let webhook = http
        .post(format!("{url}/webhooks/shopify/kohsar"))
        .header("X-Shopify-Topic", "orders/create")
        .header("X-Shopify-Hmac-Sha256", sign_shopify(secret, body.as_bytes()))
        .header("Content-Type", "application/json")
        .body(body);
    let answer: Value = webhook.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["quarantined"], true);
    wait_until(SOON, async || {
        let metrics = http.get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
        metrics.contains("ingest_requests_total") && metrics.contains("processor_records_total")
    })
    .await
    .unwrap();
    assert_eq!(running.terminate(SOON).await.unwrap().code(), Some(0), "{}", running.stderr());
    let started: Value = serde_json::from_str(&running.stdout()).unwrap();
    assert_eq!(started["listening"], url);

    let list = daybook(data.path(), &["quarantine", "list", "--json"]).await.json();
    assert_eq!(list["quarantined"][0]["reason"], "unreadable_json", "{list}");
    let id = list["quarantined"][0]["id"].as_str().unwrap();
    assert_eq!(list["reasons"], serde_json::json!({ "unreadable_json": 1 }), "{list}");
    for (reason, waits) in [("unreadable_json", 1), ("field", 0)] {
        let list = daybook(data.path(), &["quarantine", "list", "--reason", reason, "--json"]).await.json();
        assert_eq!(list["quarantined"].as_array().map(Vec::len), Some(waits), "{list}");
    }
    assert!(daybook(data.path(), &["doctor"]).await.out.contains("1 input waits in quarantine (1 unreadable_json)"));
    let show = ["quarantine", "show", id, "--by", "support-2", "--purpose", "ticket-812"];
    let shown = daybook(data.path(), &show).await;
    assert!(
        shown.text().contains("orders/create") && shown.out.contains("not JSON from line 1, column"),
        "{}",
        shown.out
    );
    let redriven =
        daybook(data.path(), &["quarantine", "redrive", "--reason", "unreadable_json", "--json"]).await.json();
    assert_eq!(redriven["still_not_understood"][0]["id"], id, "{redriven}");
    let looks = looks(data.path(), &[]).await;
    assert_eq!(
        BTreeSet::from_iter(looks.iter().map(String::as_str)),
        BTreeSet::from(["daybook system redrive processed", "support-2 staff ticket-812 masked",])
    );
    let csv = daybook(data.path(), &["privacy", "accesses", "--csv"]).await;
    assert!(csv.text().lines().any(|line| line.ends_with(",1,quarantine,body,processed")), "{}", csv.out);
    assert_eq!(daybook(data.path(), &["privacy", "accesses", "--unusual"]).await.code, Some(0));
    daybook(data.path(), &["verify"]).await.text();
    tamper_with_accesses(data.path()).await;
    let verified = daybook(data.path(), &["verify"]).await;
    assert_eq!(verified.code, Some(1));
    assert!(verified.out.contains("access log of kohsar, number 1"), "{}", verified.out);
}

/// Puts the openings on somebody else's record, in the database itself.
async fn tamper_with_accesses(data: &Path) {
    let migrations = keys_migrations(Dialect::Sqlite);
    let db = Db::open_sqlite(&data.join("keys.db"), Durability::Full, &migrations).await.unwrap();
    let changed = db.run_tx("test", |tx| {
        Box::pin(async move { tx.execute("UPDATE access SET actor = 'support-9', role = 'staff'", vec![]).await })
    });
    assert_eq!(changed.await.map_err(|error: DbError| error), Ok(2));
    db.close().await;
}

#[tokio::test]
async fn the_demo_holds() {
    let data = scratch();
    let demo = daybook(data.path(), &["demo", "--exit", "--orders", "150", "--json"]).await.json();
    assert_eq!(demo["ok"], true, "{demo}");
    assert_eq!(demo["erasure"]["books_unchanged"], true);
    assert!(std::fs::read_dir(data.path()).unwrap().next().is_none(), "the demo cleans up after itself");
}

#[tokio::test]
async fn goods_are_received_once_and_shown() {
    let data = scratch();
    daybook(data.path(), &["tenant", "add", "zaynab"]).await.text();
    let receive =
        ["stock", "receive", "--receipt", "grn-1", "--variant", "4401", "--quantity", "24", "--unit-cost", "612.50"];
    let ran = daybook(data.path(), &[&receive[..], &["--by", "warehouse"]].concat()).await;
    assert!(ran.code == Some(1) && ran.err.contains("--currency"), "{}", ran.err);
    let receive = [&receive[..], &["--by", "warehouse", "--currency", "PKR", "--json"]].concat();
    for outcome in ["recorded", "recorded already"] {
        assert_eq!(daybook(data.path(), &receive).await.json()["outcome"], outcome);
    }
    let other = [&receive[..], &["--location", "7"]].concat();
    let ran = daybook(data.path(), &other).await;
    assert!(ran.code == Some(1) && ran.out.contains("duplicate_key"), "{}{}", ran.out, ran.err);
    let shown = daybook(data.path(), &["stock", "show", "--json"]).await.json();
    assert_eq!((&shown["items"][0]["pieces"], &shown["items"][0]["value"]), (&24.into(), &1_470_000.into()));
    daybook(data.path(), &["verify"]).await.text();
}
