//! Canaries: people with eight markers each, who stand nowhere else, go through everything that takes, keeps, shows or writes
//! anything about anybody, and half of them are erased. Then every byte that was ever stored or printed is searched for all of
//! them; nobody who was erased opens by any path, everybody else does; and no total has moved.
//!
//! The suite does it with a few people on both back ends. `make canaries` does it with a thousand, on a Kafka and a PostgreSQL
//! of its own with an archive of the write-ahead log.

mod attack;
mod people;
mod places;
mod search;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use commerce::{SubjectId, TenantId};
use futures::StreamExt;
use sample_shop::{Delivery, Endpoint, sign_shopify};
use serde_json::{Value, json};
use store::db::DbError;
use store::keys::{IdentityHint, IdentityKind, SubjectState};

use crate::backend::Kind;
use crate::erasure::{COURIER_SECRET, LONG, Platform, SECRET, TENANT, in_some_years};
use attack::Vault;
use people::{Person, people};
use places::{Places, Searched};
use search::Search;

const REVISED: &str = "2026-11-02T10:00:00+05:00";
/// Requests under way at once.
const SENDERS: usize = 16;

/// How many people, and by which seed they are drawn.
fn extent() -> (usize, u64) {
    let named = |name: &str, usual: u64| std::env::var(name).ok().map_or(usual, |text| text.parse().unwrap());
    (usize::try_from(named("DAYBOOK_CANARIES", 24)).unwrap(), named("DAYBOOK_SEED", 20_261_122))
}

/// A platform at work, with all that it printed.
struct Stage {
    platform: Platform,
    client: reqwest::Client,
    base: String,
    places: Places,
}

fn shopify(topic: &'static str, body: Vec<u8>) -> Delivery {
    let endpoint = Endpoint::Shopify { topic };
    let webhook_id = uuid::Uuid::new_v4().to_string();
    Delivery { endpoint, webhook_id, triggered_at: "2026-11-05T00:00:00Z".to_owned(), body }
}

fn json_bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn order(person: &Person) -> Delivery {
    shopify("orders/create", json_bytes(&person.order_body(person.order, REVISED)))
}

fn scans(person: &Person, status: &str) -> Vec<Delivery> {
    let scan = |parcel: &String| Delivery {
        endpoint: Endpoint::Courier { courier: "postex" },
        webhook_id: String::new(),
        triggered_at: String::new(),
        body: json_bytes(&person.scan(parcel, status)),
    };
    person.parcels.iter().map(scan).collect()
}

/// All that arrives about somebody.
fn deliveries(person: &Person) -> Vec<Delivery> {
    let mut all = vec![order(person), shopify("customers/update", json_bytes(&person.customer_body()))];
    all.extend(scans(person, "Out For Delivery"));
    all.extend(scans(person, "Delivered"));
    all.extend(person.unreadable().map(|(topic, body)| shopify(topic, body)));
    all
}

impl Stage {
    async fn send(&self, delivery: Delivery) {
        let to = match delivery.endpoint {
            Endpoint::Shopify { topic } => {
                let request = self.client.post(format!("{}/webhooks/shopify/{TENANT}", self.base));
                let request =
                    request.header("X-Shopify-Topic", topic).header("X-Shopify-Webhook-Id", &delivery.webhook_id);
                let request = request.header("X-Shopify-Triggered-At", &delivery.triggered_at);
                request.header("X-Shopify-Hmac-Sha256", sign_shopify(SECRET, &delivery.body))
            }
            Endpoint::Courier { courier } => {
                let to = format!("{}/webhooks/couriers/{TENANT}/{courier}", self.base);
                self.client.post(to).header("x-webhook-secret", COURIER_SECRET)
            }
        };
        let answer = to.header("content-type", "application/json").body(delivery.body).send().await.unwrap();
        let status = answer.status();
        self.places.keep("an answer to a webhook", &answer.bytes().await.unwrap());
        assert_eq!(status, 200);
    }

    async fn send_all(&self, deliveries: impl Iterator<Item = Delivery>) {
        futures::stream::iter(deliveries).for_each_concurrent(SENDERS, |one| self.send(one)).await;
        self.platform.folded().await;
    }

    /// What is turned away: each answer, and all that is logged about it, is searched too.
    async fn turned_away(&self, person: &Person) {
        let body = json_bytes(&person.order_body(person.order, REVISED));
        let to = format!("{}/webhooks/shopify/{TENANT}", self.base);
        let signed = |request: reqwest::RequestBuilder, body: &[u8]| {
            request
                .header("X-Shopify-Hmac-Sha256", sign_shopify(SECRET, body))
                .header("content-type", "application/json")
        };
        let large = [body.clone(), vec![b' '; 12 << 20]].concat();
        let requests = [
            self.client
                .post(&to)
                .header("X-Shopify-Topic", "orders/create")
                .header("X-Shopify-Hmac-Sha256", "x")
                .body(body.clone()),
            signed(self.client.post(&to), &body).header("X-Shopify-Topic", person.email()).body(body.clone()),
            signed(self.client.post(&to), &large).header("X-Shopify-Topic", "orders/create").body(large.clone()),
            self.client.post(format!("{}/webhooks/shopify/{}", self.base, person.given())).body(body.clone()),
            self.client
                .post(format!("{}/webhooks/couriers/{TENANT}/postex", self.base))
                .header("x-webhook-secret", person.email())
                .body(body),
            self.client
                .get(format!("{}/t/{TENANT}/orders/{}", self.base, person.given()))
                .header("user-agent", person.email()),
            self.client
                .get(format!("{}/t/{TENANT}?who={}", self.base, person.phone()))
                .header("referer", person.email()),
        ];
        for request in requests {
            if let Ok(answer) = request.send().await {
                let headers = format!("{:?}", answer.headers());
                self.places.keep("an answer's headers", headers.as_bytes());
                self.places.keep("an answer", &answer.bytes().await.unwrap_or_default());
            }
        }
    }

    /// What commands print for whoever names somebody by what only they have.
    async fn asked_for(&self, person: &Person) {
        let (phone, email, order) = (person.phone(), person.email(), person.order.to_string());
        let until = in_some_years();
        for args in [
            &["privacy", "accesses", "--phone", &phone][..],
            &["privacy", "hold", "--email", &email, "--reason", "dispute", "--until", &until, "--by", "support-1"],
            &["privacy", "release", "--phone", &phone, "--reason", "dispute"],
            &["show", "order", &order],
            &["show", "order", &order, "--json"],
            &["show", "order", person.given()],
            &["erase", "--phone", &phone],
            &["erase", "--email", &format!("{email}x"), "--yes"],
            &["privacy", "certificate", "--phone", &phone, "--key", "/nowhere"],
            &["privacy", "hold", "--phone", &phone, "--reason", person.given(), "--until", &until, "--by", "x"],
            &["quarantine", "list", "--json"],
        ] {
            let mut process = self.platform.start(args);
            process.ended(LONG).await.unwrap();
            self.places.keep(&format!("what `{} {}` printed", args[0], args[1]), process.stdout().as_bytes());
            self.places.keep(&format!("what `{} {}` logged", args[0], args[1]), process.stderr().as_bytes());
        }
    }

    /// Everything that writes files or shows many.
    async fn exported(&self) {
        let folder = self.places.folder("exports");
        let at = |name: &str| folder.join(name).to_string_lossy().into_owned();
        for (format, name) in [("jsonl", "journal.jsonl"), ("hledger", "journal.hledger")] {
            self.platform.run(&["export", "journal", "--format", format, "--out", &at(name)]).await;
        }
        for path in ["", "/orders", "/cod"] {
            for from in [format!("{}/t/{TENANT}{path}", self.base), format!("{}/api/v1/t/{TENANT}{path}", self.base)] {
                let answer = self.client.get(&from).send().await.unwrap();
                let cached = answer.headers().get("cache-control").map(|value| value.as_bytes().to_vec());
                assert!(
                    !answer.status().is_success() || cached.is_some_and(|how| how.starts_with(b"no-store")),
                    "{from}"
                );
                self.places.keep("a page", &answer.bytes().await.unwrap());
            }
        }
    }

    /// Backups, and an archive of all that is held about somebody, made for themselves: files that open to whoever may open them.
    async fn handed_over(&self, person: &Person) {
        let folder = self.places.folder("handed over");
        for name in ["log", "keys"] {
            self.places.folder(&format!("handed over/{name}"));
        }
        let at = |name: &str| folder.join(name).to_string_lossy().into_owned();
        let json = |text: String| serde_json::from_str::<Value>(&text).unwrap();
        let recipient = json(self.platform.run(&["backup", "identity", &at("identity"), "--json"]).await);
        let recipient = recipient["recipient"].as_str().unwrap();
        self.platform
            .run(&["backup", "--log-to", &at("log"), "--keys-to", &at("keys"), "--recipient", recipient])
            .await;
        let (order, by) = (person.order.to_string(), "support-1");
        let filed = ["privacy", "request", "file", "--kind", "access", "--order", &order, "--by", by, "--json"];
        let filed = json(self.platform.run(&filed).await);
        let id = filed["request"].as_str().unwrap();
        self.platform.run(&["privacy", "request", "verify", id, "--by", by]).await;
        let archive = ["privacy", "request", "archive", id, "--to", &at("archive.age"), "--by", by, "--json"];
        self.places.keep("what `privacy request archive` printed", self.platform.run(&archive).await.as_bytes());
    }

    /// Every figure that finance sees, and the hash of all books.
    async fn books(&self) -> String {
        let mut books = self.platform.run(&["show", "books", "--json"]).await;
        for args in [
            &["show", "cod", "--as-of", "2026-12-01", "--json"][..],
            &["report", "aged", "--as-of", "2026-12-01", "--known-at", "2035-01-01", "--json"],
        ] {
            books += &self.platform.run(args).await;
        }
        let db = &self.platform.backend.db;
        books += &processor::books_hash(db, false).await.unwrap().combined();
        if self.platform.url().is_some() {
            for view in store::finance::VIEWS {
                let digest = format!(
                    "SELECT COALESCE(md5(string_agg(v::text, '|' ORDER BY v::text)), '') FROM finance.{view} v"
                );
                let rows = db.query(&digest, vec![]).await.unwrap();
                books += &format!("\n{view} {}", rows[0].text(0).unwrap());
            }
        }
        books
    }

    /// Lets the role that the tests log in with read the finance views.
    async fn read_views(&self) {
        if self.platform.url().is_some() {
            let sql = "INSERT INTO finance.finance_reader (role_name, tenant) VALUES (session_user::text, $1)";
            let unit = self
                .platform
                .backend
                .db
                .run_tx("reader", move |tx| Box::pin(async move { tx.execute(sql, vec![TENANT.into()]).await }));
            let listed: Result<u64, DbError> = unit.await;
            assert_eq!(listed.unwrap(), 1);
        }
    }
}

fn tenant() -> TenantId {
    TENANT.parse().unwrap()
}

/// Who somebody is to the key store by an order of theirs.
async fn known(vault: &Vault, order: u64) -> Option<(SubjectId, SubjectState)> {
    let hint = IdentityHint { kind: IdentityKind::Order, value: order.to_string().into() };
    vault.keys.find_subject(&tenant(), &[hint]).await.unwrap()
}

/// Everybody, and who they are to the key store.
struct Crowd {
    people: Vec<Person>,
    subjects: Vec<SubjectId>,
}

impl Crowd {
    fn is_to_go(person: &Person) -> bool {
        person.order.is_multiple_of(2)
    }

    fn gone(&self) -> Vec<&Person> {
        self.people.iter().filter(|person| Crowd::is_to_go(person)).collect()
    }

    /// The subjects of those who are to go, or of those who stay.
    fn subjects(&self, going: bool) -> BTreeSet<SubjectId> {
        let all = self.people.iter().zip(&self.subjects);
        all.filter(|(person, _)| Crowd::is_to_go(person) == going).map(|(_, subject)| *subject).collect()
    }

    /// All of them come, some do what nobody should, and everything that shows or writes anything about them is run.
    async fn arrive(stage: &Stage, people: Vec<Person>, vault: &Vault) -> Crowd {
        stage.send_all(people.iter().flat_map(deliveries)).await;
        for person in people.iter().step_by(people.len().div_ceil(8)) {
            stage.turned_away(person).await;
            stage.asked_for(person).await;
        }
        stage.exported().await;
        stage.handed_over(&people[0]).await;
        stage.read_views().await;
        let mut subjects = Vec::new();
        for person in &people {
            subjects.push(known(vault, person.order).await.unwrap().0);
        }
        Crowd { people, subjects }
    }
}

async fn canaries(kind: Kind) {
    let started = Instant::now();
    let (number, seed) = extent();
    let mut platform = Platform::fresh(kind).await;
    platform.environment.push(("DAYBOOK_LOG", "debug".to_owned()));
    platform.add_tenant().await;
    let mut up = platform.start(&["up"]);
    let base = format!("http://127.0.0.1:{}", up.port(LONG).await.unwrap());
    let stage = Stage { places: Places::of(&platform), platform, client: reqwest::Client::new(), base };
    let vault = Vault::open(&stage.platform).await;
    let crowd = Crowd::arrive(&stage, people(number, seed), &vault).await;
    let search = Search::new(&crowd.people.iter().map(Person::markers).collect::<Vec<_>>());
    let books = stage.books().await;
    assert!(books.contains("assets:cod-receivable:postex"), "the parcels are in the books");
    let before = vault.opens(&stage.platform).await;
    assert!(crowd.subjects.iter().all(|subject| before.clear.contains(subject)), "everybody opens");
    assert_eq!(vault.inputs_that_name(&stage.platform, &search).await.len(), number, "and waits in quarantine too");
    let old = vault.back_up(&stage.platform).await;

    erase(&stage, &vault, &crowd.gone()).await;
    println!("{kind:?}: {number} people, {} erased, after {:?}", crowd.gone().len(), started.elapsed());
    late_retries(&stage, &vault, &crowd).await;
    assert_eq!(stage.books().await, books, "{kind:?}: no total has moved");
    nobody_opens(&stage, &vault, &crowd, &search).await;
    stage.platform.run(&["rebuild", "--all"]).await;
    assert_eq!(stage.books().await, books, "{kind:?}: a rebuild without their keys");
    stage.platform.run(&["verify"]).await;
    come_back(&stage, &vault, crowd.gone()[0], &crowd.subjects(true)).await;
    stage.exported().await;

    old.attack(&stage.platform, &crowd.subjects(true)).await;
    let metrics = stage.client.get(format!("{}/metrics", stage.base)).send().await.unwrap();
    stage.places.keep("the metrics", &metrics.bytes().await.unwrap());
    stage.places.crash(&mut up).await;
    stage.places.keep("what the platform printed", up.stdout().as_bytes());
    stage.places.keep("what the platform logged", up.stderr().as_bytes());
    assert!(up.stderr().contains("DEBUG"), "it logged at debug");
    let Searched { hits, bytes, places } = stage.places.search(&stage.platform, &search).await;
    let (spellings, took) = (search.spellings(), started.elapsed());
    println!(
        "{kind:?}: {number} people in {spellings} spellings: {} hits in {} MiB, {places} places, after {took:?}",
        hits.len(),
        bytes >> 20
    );
    assert_eq!(hits, [], "somebody stands in clear");
}

/// What was sent about them before is sent again: nobody is made, and no key.
async fn late_retries(stage: &Stage, vault: &Vault, crowd: &Crowd) {
    let (keys, subjects) = (vault.count("subject_key").await, vault.count("subject").await);
    stage.send_all(crowd.gone().into_iter().flat_map(deliveries)).await;
    assert_eq!(vault.count("subject_key").await, keys, "late retries make no key");
    assert_eq!(vault.count("subject").await, subjects, "and nobody");
}

/// Nobody who was erased opens, from the log or from what waits in quarantine; everybody else does.
async fn nobody_opens(stage: &Stage, vault: &Vault, crowd: &Crowd, search: &Search) {
    let after = vault.opens(&stage.platform).await;
    assert!(after.clear.is_disjoint(&crowd.subjects(true)), "nobody who was erased opens");
    assert!(after.clear.is_superset(&crowd.subjects(false)), "everybody else does");
    let named = vault.inputs_that_name(&stage.platform, search).await;
    let living: BTreeSet<usize> = (0..crowd.people.len()).filter(|one| !Crowd::is_to_go(&crowd.people[*one])).collect();
    assert_eq!(named, living, "inputs that wait name those who live, and nobody who was erased");
}

/// By the shop's own wish, and some by what an operator types.
async fn erase(stage: &Stage, vault: &Vault, gone: &[&Person]) {
    let started = Instant::now();
    for (person, way) in gone.iter().zip(["--order", "--customer", "--phone", "--email"]) {
        let of = match way {
            "--order" => person.order.to_string(),
            "--customer" => person.customer.to_string(),
            "--phone" => person.phone(),
            _ => person.email(),
        };
        let receipt = stage.platform.run(&["erase", way, &of, "--yes"]).await;
        stage.places.keep("an erasure's receipt", receipt.as_bytes());
    }
    let redactions = gone.iter().map(|person| shopify("customers/redact", json_bytes(&person.redaction())));
    stage.send_all(redactions).await;
    let done = async || {
        for person in gone {
            if !matches!(known(vault, person.order).await, Some((_, SubjectState::Erased { .. }))) {
                return false;
            }
        }
        vault.keys.unfinished_erasures().await.unwrap().is_empty()
    };
    testkit::wait_until(Duration::from_secs(600), done).await.unwrap();
    stage.platform.folded().await;
    println!("erased {} in {:?}", gone.len(), started.elapsed());
}

/// Somebody who was erased orders again: they are somebody new.
async fn come_back(stage: &Stage, vault: &Vault, person: &Person, erased: &BTreeSet<SubjectId>) {
    let mut body = person.order_body(person.order + 1_000_000, "2036-11-09T10:00:00+05:00");
    body["created_at"] = json!("2036-11-09T10:00:00+05:00");
    body["fulfillments"] = json!([]);
    stage.send_all([shopify("orders/create", json_bytes(&body))].into_iter()).await;
    let (subject, state) = known(vault, person.order + 1_000_000).await.unwrap();
    assert!(state == SubjectState::Active && !erased.contains(&subject), "a new order begins somebody new");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_stands_in_clear_and_nobody_who_was_erased_opens_embedded() {
    canaries(Kind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_stands_in_clear_and_nobody_who_was_erased_opens_with_servers() {
    canaries(Kind::Servers).await;
}
