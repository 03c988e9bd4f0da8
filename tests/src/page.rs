//! The first page and the JSON API, asked over HTTP on books that two shops share a database for.

use std::collections::BTreeMap;

use commerce::{
    CodGateways, CodPosition, CodState, Fact, OrderPlaced, OrderRevised, Part, PartKey, PaymentState, TenantId,
};
use ledger::Transaction;
use ledger::{Balances, BusinessZone, Currency, Day, Entry, EntryKey, GENESIS, Money, Posted, Reference, Timestamp};
use reqwest::StatusCode;
use serde_json::{Value, json};
use store::books::{self, CodRow, JournalRow, Names, OrderView, PartRow, PartRows, QuarantineRow, TenantRow};
use store::db::{Db, Dialect, Durability};
use store::schema::books_migrations;

const DAY: i64 = 86_400_000_000;
const HOSTILE: &str = "<script>alert('city')</script>";

/// 2026-11-21T20:40:00Z: the 22nd in Karachi.
fn clock() -> Timestamp {
    Timestamp(1_795_293_600_000_000)
}

/// The pages over a database of their own, on a free port.
struct Site {
    url: String,
    db: Db,
    serving: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Site {
    /// With these tenants, their books empty.
    async fn with(tenants: &[&str]) -> Site {
        let folder = testkit::scratch();
        let file = folder.path().join("books.db");
        let db = Db::open_sqlite(&file, Durability::Normal, &books_migrations(Dialect::Sqlite)).await.unwrap();
        for name in tenants {
            let (zone, cod_gateways) = (BusinessZone::KARACHI, CodGateways::default());
            let row = TenantRow {
                tenant: name.parse().unwrap(),
                zone,
                cod_gateways,
                created_at: clock(),
                rules: Default::default(),
            };
            books::save_tenant(&db, row).await.unwrap();
        }
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = api::router(db.clone(), clock);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Site { url, db, serving, _folder: folder }
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    async fn page(&self, path: &str) -> (StatusCode, String) {
        let response = self.get(path).await;
        (response.status(), response.text().await.unwrap())
    }

    async fn json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.unwrap()
    }

    /// One delivered order whose cash the courier still holds, `days` old.
    async fn seed(&self, shop: Seed) {
        self.db
            .run_tx("test-seed", move |tx| {
                let shop = shop.clone();
                Box::pin(async move {
                    let PartRow { tenant, key, part, posted, parked } = shop.part();
                    let mut parts = PartRows::default();
                    parts.add(&tenant, &key, &part, &posted, parked.as_deref(), Names::Changed)?;
                    parts.save(tx).await?;
                    let mut views = books::ViewRows::default();
                    views.add_order(&shop.order_view());
                    views.add_cash(&shop.position());
                    views.save(tx).await?;
                    books::append_journal(tx, &[shop.journal_row()]).await?;
                    books::add_balances(
                        tx,
                        &BTreeMap::from([((shop.tenant(), clock().day(BusinessZone::UTC)), shop.balances())]),
                    )
                    .await
                })
            })
            .await
            .unwrap();
    }
}

/// What one shop's only order is.
#[derive(Clone)]
struct Seed {
    tenant: &'static str,
    order: u64,
    name: &'static str,
    city: &'static str,
    minor: i64,
    days: i32,
    parked: Option<&'static str>,
}

const LOOM: Seed = Seed {
    tenant: "lahore-loom",
    order: 820_982_911_946_154_508,
    name: "1042",
    city: HOSTILE,
    minor: 123_456_789,
    days: 16,
    parked: None,
};

const KILN: Seed =
    Seed { tenant: "multan-kiln", order: 77, name: "77-K", city: "Hyderabad", minor: 55_500, days: 2, parked: None };

impl Seed {
    fn tenant(&self) -> TenantId {
        self.tenant.parse().unwrap()
    }

    fn placed_at(&self) -> Timestamp {
        Timestamp(clock().0 - i64::from(self.days + 3) * DAY)
    }

    fn delivered_on(&self) -> Day {
        Day(clock().day(BusinessZone::KARACHI).0 - self.days)
    }

    fn key(&self) -> PartKey {
        PartKey::Order(commerce::OrderId(self.order))
    }

    fn part(&self) -> PartRow {
        let order = commerce::OrderId(self.order);
        let name = commerce::OrderName::from_text(self.name);
        let placed = OrderPlaced { order, name, placed_at: self.placed_at(), customer: None };
        let mut part = Part::Order(commerce::Order::default());
        part.merge(&Fact::OrderPlaced(placed));
        part.merge(&Fact::OrderRevised(self.terms()));
        let parked = self.parked.map(str::to_owned);
        let (tenant, key, posted) = (self.tenant(), self.key(), BTreeMap::new());
        PartRow { tenant, key, part, posted, parked }
    }

    fn terms(&self) -> OrderRevised {
        OrderRevised {
            version: self.placed_at(),
            order: commerce::OrderId(self.order),
            currency: Currency::PKR,
            total: self.minor,
            shipping: 0,
            tax: 0,
            tip: 0,
            discounts: 0,
            taxes_included: true,
            presentment: None,
            cash_on_delivery: true,
            payment: PaymentState::Unpaid,
            paid: 0,
            test: false,
            city: Some(self.city.to_owned()),
            country: Some("PK".to_owned()),
            lines: vec![],
            duties: 0,
            rounding: 0,
            gift_card_paid: 0,
            gift_cards_sold: 0,
            no_gift_card: false,
        }
    }

    fn order_view(&self) -> OrderView {
        OrderView {
            tenant: self.tenant(),
            order: commerce::OrderId(self.order),
            name: Some(self.name.to_owned()),
            placed_at: Some(self.placed_at()),
            currency: Some("PKR".to_owned()),
            total: Some(self.minor),
            cod: true,
            status: "delivered".to_owned(),
            refunded: 0,
            parcels: 1,
            city: Some(self.city.to_owned()),
            country: Some("PK".to_owned()),
        }
    }

    fn position(&self) -> CodRow {
        let (courier, tracking) = ("postex".parse().unwrap(), format!("PX{}", self.order).parse().unwrap());
        let position = CodPosition {
            courier,
            tracking,
            order: Some(commerce::OrderId(self.order)),
            currency: Currency::PKR,
            expected: self.minor,
            remitted: 0,
            fees: 0,
            written_off: 0,
            outstanding: self.minor,
            on_the_way: 0,
            state: CodState::Collected,
            delivered_on: Some(self.delivered_on()),
        };
        let (courier, tracking) = (position.courier.clone(), position.tracking.clone());
        CodRow { tenant: self.tenant(), courier, tracking, position: Some(position) }
    }

    fn transaction(&self) -> Transaction {
        let amount = Money::new(self.minor, Currency::PKR);
        let entries = vec![
            Entry::debit("assets:cod-receivable:postex".parse().unwrap(), amount),
            Entry::credit("income:sales".parse().unwrap(), amount),
        ];
        let key = EntryKey::try_from(format!("parcel/postex/PX{}/delivered", self.order)).unwrap();
        let about = Reference::try_from(self.key().to_string()).unwrap();
        Transaction::new(key, about, self.delivered_on(), entries).unwrap()
    }

    fn balances(&self) -> Balances {
        let mut balances = Balances::default();
        balances.add(&self.transaction()).unwrap();
        balances
    }

    /// Both shops' journals are in one partition, so their positions differ.
    fn journal_row(&self) -> JournalRow {
        let part = Reference::try_from(self.key().to_string()).unwrap();
        let (transaction, recorded) = (self.transaction(), clock());
        let posted = Posted { number: 1, part, recorded, reverses: None, previous: GENESIS, transaction };
        JournalRow {
            tenant: self.tenant(),
            number: 1,
            partition: 0,
            position: u64::from(self.tenant == KILN.tenant) + 1,
            part: self.key().to_string(),
            effective: self.delivered_on(),
            recorded: clock(),
            entries: books::entries_json(&posted.transaction),
            body: events::posted_bytes(&posted),
            link: GENESIS,
        }
    }
}

async fn two_shops() -> Site {
    let site = Site::with(&[LOOM.tenant, KILN.tenant]).await;
    site.seed(LOOM).await;
    site.seed(KILN).await;
    site
}

#[tokio::test]
async fn the_only_shops_books_are_the_first_page() {
    let site = Site::with(&[LOOM.tenant]).await;
    site.seed(LOOM).await;
    let (status, page) = site.page("/").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("<title>lahore-loom · daybook</title>"));
    assert!(page.contains("22 Nov 2026, 01:40") && page.contains("Asia/Karachi"));
    assert!(page.contains("debits = credits"));
    // The trial balance's two lines and two sums, and the courier's expected, outstanding, 15 to 30 days, each with a sum.
    assert_eq!(page.matches(">1,234,567.89<").count(), 4 + 6 + 1);
    assert!(page.contains(&format!("/t/lahore-loom/orders/{}\">#1042</a>", LOOM.order)));
}

#[tokio::test]
async fn several_shops_are_listed_and_kept_apart() {
    let site = two_shops().await;
    let (_, list) = site.page("/").await;
    assert!(list.contains("href=\"/t/lahore-loom\"") && list.contains("href=\"/t/multan-kiln\""));
    let of_kiln = ["multan-kiln", "77-K", "Hyderabad", "555.00", "55500", "PX77"];
    let of_loom = ["lahore-loom", "1042", "alert", "1,234,567.89", "123456789", "PX82098"];
    for (shop, order, own, foreign) in
        [(LOOM.tenant, LOOM.order, of_loom, of_kiln), (KILN.tenant, KILN.order, of_kiln, of_loom)]
    {
        let api = format!("/api/v1/t/{shop}");
        let paths = [
            format!("/t/{shop}"),
            format!("/t/{shop}/orders/{order}"),
            format!("{api}/trial-balance"),
            format!("{api}/cod"),
            format!("{api}/orders"),
        ];
        for path in paths {
            let (status, page) = site.page(&path).await;
            assert_eq!(status, StatusCode::OK, "{path}");
            assert!(own.iter().any(|word| page.contains(word)), "{path} has nothing of its shop");
            let leaked: Vec<_> = foreign.iter().filter(|word| page.contains(*word)).collect();
            assert!(leaked.is_empty(), "{path} shows {leaked:?}");
        }
    }
}

#[tokio::test]
async fn what_is_not_there_says_nothing_about_what_is() {
    let site = two_shops().await;
    let paths = [
        "/t/nobody".to_owned(),
        "/t/Not%20A%20Tenant%3Cscript%3E".to_owned(),
        "/t/lahore-loom/orders/not-a-number".to_owned(),
        format!("/t/lahore-loom/orders/{}", KILN.order),
        "/api/v1/t/nobody/cod".to_owned(),
        "/nowhere".to_owned(),
    ];
    for path in paths {
        let (status, page) = site.page(&path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        for word in ["lahore", "multan", "nobody", "script>", "77"] {
            assert!(!page.contains(word), "{path} says {word}");
        }
    }
}

#[tokio::test]
async fn hostile_text_is_only_text() {
    let site = two_shops().await;
    for path in ["/t/lahore-loom".to_owned(), format!("/t/lahore-loom/orders/{}", LOOM.order)] {
        let (_, page) = site.page(&path).await;
        assert!(page.contains("alert("), "{path} shows the city");
        assert!(!page.contains("<script"), "{path} runs the city");
    }
}

#[tokio::test]
async fn every_answer_carries_the_guarding_headers() {
    let site = two_shops().await;
    for (path, caching) in [
        ("/", "no-store"),
        ("/t/nobody", "no-store"),
        ("/api/v1/t/lahore-loom/cod", "no-store"),
        ("/assets/daybook.css", "public, max-age=300"),
    ] {
        let response = site.get(path).await;
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header("cache-control"), caching, "{path}");
    }
}

#[tokio::test]
async fn an_order_shows_its_timeline_and_its_journal() {
    let site = Site::with(&[LOOM.tenant]).await;
    let reason = "order/1/sold: an amount does not fit";
    site.seed(Seed { parked: Some(reason), ..LOOM }).await;
    let (_, page) = site.page(&format!("/t/lahore-loom/orders/{}", LOOM.order)).await;
    for word in ["Order #1042", "Order placed", "No. 1 · 6 Nov 2026", "assets:cod-receivable:postex", reason] {
        assert!(page.contains(word), "no {word}");
    }
    let (_, first) = site.page("/").await;
    assert!(first.contains("1 order or parcel is parked."));
}

#[tokio::test]
async fn json_has_the_figures_of_the_page() {
    let site = two_shops().await;
    let trial = site.json("/api/v1/t/lahore-loom/trial-balance").await;
    assert_eq!((&trial["as_of"], &trial["day"]), (&json!("2026-11-21T20:40:00Z"), &json!("2026-11-22")));
    let pkr = &trial["currencies"][0];
    assert_eq!((&pkr["currency"], &pkr["decimals"], &pkr["balanced"]), (&json!("PKR"), &json!(2), &json!(true)));
    assert_eq!((&pkr["debits"], &pkr["credits"]), (&json!(LOOM.minor), &json!(LOOM.minor)));
    assert_eq!(pkr["accounts"][1]["account"], "income:sales");

    let cod = site.json("/api/v1/t/lahore-loom/cod").await;
    let (courier, totals) = (&cod["currencies"][0]["couriers"][0], &cod["currencies"][0]["totals"]);
    assert_eq!((&courier["courier"], &courier["days_15_30"]), (&json!("postex"), &json!(LOOM.minor)));
    assert_eq!((&totals["outstanding"], &totals["days_0_7"]), (&json!(LOOM.minor), &json!(0)));

    let orders = site.json("/api/v1/t/lahore-loom/orders?limit=1").await;
    let order = &orders["orders"][0];
    assert_eq!((&orders["count"], &order["payment"]), (&json!(1), &json!("cod")));
    assert_eq!((&order["order"], &order["city"]), (&json!(LOOM.order.to_string()), &json!(HOSTILE)));
    for limit in ["0", "501", "-1", "ten"] {
        let response = site.get(&format!("/api/v1/t/lahore-loom/orders?limit={limit}")).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{limit}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{limit}");
    }
}

#[tokio::test]
async fn empty_books_say_what_to_do_next() {
    let nobody = Site::with(&[]).await;
    assert!(nobody.page("/").await.1.contains("daybook tenant add"));
    let site = Site::with(&[LOOM.tenant]).await;
    let (_, page) = site.page("/").await;
    for word in ["Nothing is posted yet", "No courier holds cash", "No order yet", "/webhooks/shopify/lahore-loom"] {
        assert!(page.contains(word), "no {word}");
    }
}

#[tokio::test]
async fn quarantine_is_noted_without_its_content() {
    let site = Site::with(&[LOOM.tenant]).await;
    let row = QuarantineRow {
        tenant: LOOM.tenant(),
        event: uuid::Uuid::from_u128(1),
        origin: "shopify".to_owned(),
        topic: "orders/create".to_owned(),
        reason: "field".to_owned(),
        path: "total_price".to_owned(),
        problem: "not a decimal amount".to_owned(),
        received_at: clock(),
        subject: commerce::SubjectId(uuid::Uuid::from_u128(2)),
        sealed: vec![7; 40],
    };
    let saved = site.db.run_tx("test-quarantine", move |tx| {
        let row = row.clone();
        Box::pin(async move { books::save_quarantined(tx, &[row]).await })
    });
    saved.await.unwrap();
    assert!(site.page("/").await.1.contains("1 in quarantine."));
}

#[tokio::test]
async fn a_database_that_is_away_is_said_to_be_away() {
    let site = two_shops().await;
    assert_eq!(api::ready(&site.db).await, Ok(()));
    site.db.close().await;
    assert!(api::ready(&site.db).await.is_err());
    for path in ["/", "/t/lahore-loom", "/api/v1/t/lahore-loom/orders"] {
        let response = site.get(path).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(response.headers()["retry-after"], "5", "{path}");
        let said = response.text().await.unwrap().to_lowercase();
        for word in ["select", "sqlite", "pool", "shutting"] {
            assert!(!said.contains(word), "{path} says {word}");
        }
    }
}
