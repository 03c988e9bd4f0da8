//! A shop with its own ingest: embedded stores in a folder, a server on a free port, and what the tests ask of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use commerce::{CodGateways, SubjectId, TenantId};
use event_log::{EventLog, ReadFrom};
use events::{Event, Payload, Quarantined, SealedBox, Topic};
use ingest::{Config, Ingest};
use ledger::{BusinessZone, Timestamp};
use reqwest::StatusCode;
use secrecy::SecretString;
use store::books::{TenantRow, save_tenant};
use store::db::{Db, Dialect, Durability};
use store::keys::{AccessBy, Actor, BoxRef, ErasureReason, KeyStore, Keyring, Purpose, Shown};
use store::schema::{books_migrations, keys_migrations};
use subject_keys::RootKey;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(super) const TENANT: &str = "kohsar-shawls";
pub(super) const SECRET: &str = "the secret of the shop's app";
pub(super) const COURIER_SECRET: &str = "the-secret-of-the-courier";

/// Long enough that only a fault takes as long.
const WAIT: Duration = Duration::from_secs(30);

pub(super) struct Shop {
    pub(super) ingest: Ingest,
    pub(super) keys: KeyStore,
    pub(super) log: EventLog,
    pub(super) books: Db,
    pub(super) folder: tempfile::TempDir,
    pub(super) stop: CancellationToken,
    pub(super) address: std::net::SocketAddr,
    client: reqwest::Client,
    server: tokio::task::JoinHandle<()>,
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) body: String,
}

/// Patient, small enough to exceed, and with a clock that stands still.
pub(super) fn config() -> Config {
    Config { max_body: 64 * 1024, answer_within: WAIT, clock, ..Config::default() }
}

/// 2026-11-06T21:20:00Z.
pub(super) fn clock() -> Timestamp {
    Timestamp(1_794_000_000_000_000)
}

pub(super) fn tenant(id: &str) -> TenantId {
    id.parse().unwrap()
}

/// What is kept of a topic's name.
pub(super) fn clean(topic: &str) -> String {
    if topic.contains(' ') { String::new() } else { topic.to_owned() }
}

/// A Cash on Delivery order of Rs 4,500, of a buyer like no other.
pub(super) fn order(id: u64) -> String {
    let phone = format!("0300{:07}", id);
    format!(
        r##"{{"id":{id},"name":"#{id}","created_at":"2026-11-01T10:00:00+05:00","updated_at":"2026-11-02T11:30:00+05:00",
"currency":"PKR","total_price":"4500.00","total_tax":"0.00","financial_status":"pending",
"payment_gateway_names":["Cash on Delivery (COD)"],"note":"ring the Unwritten bell twice",
"email":"Zarmina.{id}@unwritten.example","phone":"{phone}",
"customer":{{"id":{customer},"first_name":"Zarmina","last_name":"Unwritten","email":"Zarmina.{id}@unwritten.example"}},
"billing_address":{{"name":"Zarmina Unwritten","address1":"House 7, Unwritten Street","city":"Quetta","country_code":"PK","phone":"{phone}","zip":"87300"}},
"line_items":[{{"id":{line},"variant_id":31,"sku":"SHAWL-7","quantity":1,"price":"4500.00"}}]}}"##,
        customer = id + 500_000,
        line = id * 10,
    )
}

/// Texts of [`order`] that must never be found in clear.
pub(super) const PERSONAL: &[&str] =
    &["Zarmina", "Unwritten Street", "Unwritten bell", "unwritten.example", "03000007", "923000007", "87300"];

impl Shop {
    pub(super) async fn open() -> Shop {
        Shop::with(config()).await
    }

    pub(super) async fn with(config: Config) -> Shop {
        let folder = testkit::scratch();
        let log = EventLog::open_sqlite(&folder.path().join("log.db"), 4).await.unwrap();
        Shop::on(config, folder, log).await
    }

    /// On a log of the caller's.
    pub(super) async fn on(config: Config, folder: tempfile::TempDir, log: EventLog) -> Shop {
        let books = books_migrations(Dialect::Sqlite);
        let books = Db::open_sqlite(&folder.path().join("books.db"), Durability::Normal, &books).await.unwrap();
        Shop::over(config, folder, log, books).await
    }

    /// On a log and books of the caller's, with keys of its own.
    pub(super) async fn over(config: Config, folder: tempfile::TempDir, log: EventLog, books: Db) -> Shop {
        let keys = keys_migrations(Dialect::Sqlite);
        let keys = Db::open_sqlite(&folder.path().join("keys.db"), Durability::Full, &keys).await.unwrap();
        let keyring = Keyring::in_folder(RootKey::from_bytes([7; 32]), &folder.path().join("epochs"));
        let keys = KeyStore::open(keys, keyring, crate::keys::SCHEDULE, clock()).await.unwrap();
        for (id, secret) in [(TENANT, SECRET), ("swat-honey", "another shop's secret")] {
            add_tenant(&books, id).await;
            keys.put_secret(&tenant(id), "shopify", &SecretString::from(secret)).await.unwrap();
        }
        keys.put_secret(&tenant(TENANT), "postex", &SecretString::from(COURIER_SECRET)).await.unwrap();
        add_tenant(&books, "no-secret-yet").await;
        let stop = CancellationToken::new();
        let ingest = Ingest::start(config, keys.clone(), log.clone(), books.clone(), stop.clone());
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = ingest.router();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Shop { ingest, keys, log, books, folder, stop, address, client: reqwest::Client::new(), server }
    }

    /// Sends a body to the shop's endpoint with the right signature.
    pub(super) async fn deliver(&self, topic: &str, body: &str) -> Answer {
        self.deliver_signed(TENANT, SECRET, topic, body).await
    }

    pub(super) async fn deliver_signed(&self, to: &str, secret: &str, topic: &str, body: &str) -> Answer {
        let signature = sample_shop::sign_shopify(secret, body.as_bytes());
        let headers = [
            ("X-Shopify-Hmac-Sha256", signature.as_str()),
            ("X-Shopify-Topic", topic),
            ("X-Shopify-Triggered-At", "2026-11-05T08:00:00Z"),
        ];
        self.post_json(&format!("/webhooks/shopify/{to}"), &headers, body.as_bytes().to_vec()).await
    }

    pub(super) async fn post_json(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let json = ("Content-Type", "application/json; charset=utf-8");
        self.post(path, &[&[json], headers].concat(), body).await
    }

    pub(super) async fn post(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let mut request = self.client.post(format!("http://{}{path}", self.address)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let header = |name: &str| Some(response.headers().get(name)?.to_str().unwrap().to_owned());
        let (retry_after, content_type) = (header("retry-after"), header("content-type"));
        Answer { status: response.status(), retry_after, content_type, body: response.text().await.unwrap() }
    }

    /// Everything on the log, topic by topic, in order.
    pub(super) async fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for topic in Topic::ALL {
            events.extend(self.facts(topic).await);
        }
        events
    }

    /// Everything in one topic, in order.
    pub(super) async fn facts(&self, topic: Topic) -> Vec<Event> {
        let ends = self.log.end_offsets(topic).await.unwrap();
        let from: Vec<_> =
            (0..self.log.partitions()).map(|partition| ReadFrom { topic, partition, offset: 0 }).collect();
        let mut reader = self.log.reader(&from).unwrap();
        let mut events = Vec::new();
        while events.len() < usize::try_from(ends.iter().sum::<u64>()).unwrap() {
            let batch = reader.next_batch(10_000, WAIT).await.unwrap();
            events.extend(batch.records.iter().map(|stored| Event::decode(&stored.record).unwrap()));
        }
        events
    }

    /// What was not understood, with the events' ids.
    pub(super) async fn quarantined(&self) -> Vec<(Quarantined, Uuid)> {
        let input = |event: Event| match event.payload {
            Payload::Quarantined(input) => Some((input, event.id)),
            _ => None,
        };
        self.facts(Topic::Quarantine).await.into_iter().filter_map(input).collect()
    }

    /// What a box holds; `None` for an erased person's.
    pub(super) async fn open_box(&self, event: Uuid, sealed: &SealedBox) -> Option<Vec<u8>> {
        let tenant = tenant(TENANT);
        let (subject, label) = (sealed.subject, sealed.label.as_str());
        let one = BoxRef { tenant: &tenant, subject, event, label, sealed: &sealed.sealed };
        let by = AccessBy {
            actor: Actor::Operator,
            purpose: Purpose::look_up(),
            request: event,
            at: clock(),
            shown: Shown::Masked,
            fields: &[],
        };
        self.keys.open_box(one, &by).await.unwrap().clear().map(|clear| clear.to_vec())
    }

    /// Erases somebody, as of the shop's clock.
    pub(super) async fn erase(&self, subject: SubjectId) {
        let tenant = tenant(TENANT);
        self.keys.request_erasure(&tenant, subject, ErasureReason::Person, clock()).await.unwrap();
        self.keys.destroy(&tenant, subject, clock()).await.unwrap();
    }

    /// Every file of the shop, but the keyring, which holds keys alone.
    fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_file()).collect()
    }

    /// Searches every file of the shop, byte by byte.
    pub(super) fn assert_nowhere(&self, texts: &[&str]) {
        let mut searched = 0;
        for path in self.files() {
            let bytes = std::fs::read(&path).unwrap();
            searched += bytes.len();
            for text in texts {
                assert!(!contains(&bytes, text.as_bytes()), "{text} stands in clear in {}", name(&path));
            }
        }
        assert!(searched > 0, "there is nothing to search");
    }

    /// Whether the bytes stand in any of the shop's files: the search above finds what is there.
    pub(super) fn stands_somewhere(&self, text: &str) -> bool {
        self.files().into_iter().any(|path| contains(&std::fs::read(path).unwrap(), text.as_bytes()))
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.stop.cancel();
        self.server.abort();
    }
}

pub(super) async fn add_tenant(books: &Db, id: &str) {
    let zone = BusinessZone::KARACHI;
    let row = TenantRow {
        tenant: tenant(id),
        zone,
        cod_gateways: CodGateways::default(),
        created_at: clock(),
        rules: Default::default(),
    };
    save_tenant(books, row).await.unwrap();
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
