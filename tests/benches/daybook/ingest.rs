//! Ingest: signed orders over loopback, each a different one, answered once the log has them. The ceiling is a handler
//! that reads the body and does nothing, under the same load; the two take turns. The last rounds' requests are for `latency`.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use commerce::{CodGateways, TenantId};
use event_log::EventLog;
use ledger::{BusinessZone, Timestamp};
use sample_shop::{Endpoint, Plan, sign_shopify};
use secrecy::SecretString;
use store::books::{TenantRow, save_tenant};
use store::db::Db;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::child;
use crate::load::{self, Answered, Order};
use crate::place::{Fresh, Kind};
use crate::report::{Measure, Report};
use crate::{latency, rounds};

/// Shops the orders are for, in turn.
const SHOPS: u32 = 8;

const SECRET: &str = "a-secret-of-the-bench";

const CONNECTIONS: usize = 64;

/// Of what a handler takes that does nothing.
const SHARE: f64 = 0.5;

/// The requests of all rounds, in a file that goes with this value.
pub(crate) struct Requests {
    folder: tempfile::TempDir,
    /// How many a round has.
    pub(crate) round: usize,
}

impl Requests {
    /// So many for each round, no two with the same order.
    pub(crate) fn write(round: u32) -> anyhow::Result<Requests> {
        let requests = Requests { folder: testkit::scratch(), round: round as usize };
        let count = round as usize * (rounds(round) + latency::ROUNDS);
        let orders = u32::try_from(count)?;
        let plan = Plan { orders, malformed_percent: 0, duplicates_percent: 0, ..Plan::default() };
        let mut file = std::io::BufWriter::new(std::fs::File::create(requests.file())?);
        let placed = sample_shop::stream(&plan).filter(|d| d.endpoint == Endpoint::Shopify { topic: "orders/create" });
        let (mut written, mut bytes) = (0, 0);
        for (order, shop) in placed.zip((0..SHOPS).cycle()) {
            let request = request(shop, &order.body);
            file.write_all(&u32::try_from(request.len())?.to_be_bytes())?;
            file.write_all(&request)?;
            (written, bytes) = (written + 1, bytes + order.body.len());
        }
        file.flush()?;
        anyhow::ensure!(written == count, "{written} orders for {count} requests");
        eprintln!("ingest: {written} orders of {} bytes on average", bytes / written);
        Ok(requests)
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("requests")
    }
}

fn request(shop: u32, body: &[u8]) -> Vec<u8> {
    let signature = sign_shopify(SECRET, body);
    let head = format!(
        "POST /webhooks/shopify/shop-{shop} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         X-Shopify-Topic: orders/create\r\nX-Shopify-Hmac-Sha256: {signature}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A router served on a port of its own. Ends with the value.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(router: Router) -> anyhow::Result<Server> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("a server ended: {error}");
            }
        });
        Ok(Server { address, serving })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Measures one back end.
pub(crate) async fn measure(kind: Kind, requests: &Requests, report: &mut Report) -> anyhow::Result<()> {
    let fresh = Fresh::new(kind).await;
    let (log, db) = fresh.place.open().await?;
    let shutdown = CancellationToken::new();
    let ingest = open_ingest(&fresh, log, db, shutdown.clone()).await?;
    let empty = Server::start(Router::new().fallback(async |_: Bytes| StatusCode::OK)).await?;
    let real = Server::start(ingest.router()).await?;
    let rounds = rounds(0);
    let count = f64::from(u32::try_from(requests.round)?);
    let name = |what: &str| format!("ingest, {}: {what}", kind.name());
    for round in 0..rounds {
        eprintln!("ingest, {}: round {} of {rounds}", kind.name(), round + 1);
        let best = send(empty.address, requests, round, None).await?;
        let answered = send(real.address, requests, round, None).await?;
        let rate = |answered: &Answered| count / answered.seconds;
        let taken = Measure::new(name("orders taken"), rate(&answered), "requests/s");
        report.add(taken.share_of(rate(&best), SHARE));
        for (what, us) in [("p50", answered.p50_us), ("p99", answered.p99_us)] {
            report.add(Measure::new(name(&format!("{what} of an answer")), f64::from(us) / 1_000.0, "ms"));
        }
    }
    shutdown.cancel();
    ingest.drained().await;
    Ok(())
}

/// Sends a round's requests, as fast as they are answered or so many a second.
pub(crate) async fn send(
    address: SocketAddr,
    requests: &Requests,
    round: usize,
    pace: Option<f64>,
) -> anyhow::Result<Answered> {
    let (file, count) = (requests.file(), requests.round);
    child::run(load::CHILD, &Order { address, connections: CONNECTIONS, file, from: round * count, count, pace }).await
}

/// Ingest as `daybook` runs it: a key store, tenants with a secret each, and the log.
pub(crate) async fn open_ingest(
    fresh: &Fresh,
    log: EventLog,
    db: Db,
    shutdown: CancellationToken,
) -> anyhow::Result<ingest::Ingest> {
    let keys = fresh.key_store().await?;
    for shop in 0..SHOPS {
        let tenant: TenantId = format!("shop-{shop}").parse().ok().context("a tenant's name")?;
        keys.put_secret(&tenant, "shopify", &SecretString::from(SECRET)).await?;
        let zone = BusinessZone::KARACHI;
        save_tenant(
            &db,
            TenantRow {
                tenant,
                zone,
                cod_gateways: CodGateways::default(),
                created_at: Timestamp(0),
                rules: Default::default(),
            },
        )
        .await?;
    }
    Ok(ingest::Ingest::start(ingest::Config::default(), keys, log, db, shutdown))
}
