//! The whole path, ingest and processor at work together: how many orders a second it takes from a webhook to the read models,
//! and, at half of that, how long a sender waits for an answer, and how long an accepted order takes to be seen.

use std::time::{Duration, Instant};

use anyhow::Context;
use commerce::{OrderId, TenantId};
use processor::Config;
use store::books;
use store::db::Db;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::ingest::{Requests, Server, open_ingest, send};
use crate::load::read;
use crate::place::{Fresh, Kind};
use crate::report::{Measure, Report};

/// Rounds of requests that this uses, after those of `ingest`: one as fast as it goes, one at half of that, and the probes.
pub(crate) const ROUNDS: usize = 3;

/// Orders that are followed to the read model.
const PROBES: usize = 300;

/// Milliseconds from accepted to seen.
const SEEN: [(usize, f64); 2] = [(50, 100.0), (99, 500.0)];

/// Milliseconds that a sender waits for an answer, at half load.
const ANSWERED: f64 = 25.0;

const LONG: Duration = Duration::from_secs(120);

/// Measures one back end.
pub(crate) async fn measure(kind: Kind, requests: &Requests, report: &mut Report) -> anyhow::Result<()> {
    let fresh = Fresh::new(kind).await;
    let (log, db) = fresh.place.open().await?;
    let shutdown = CancellationToken::new();
    let ingest = open_ingest(&fresh, log.clone(), db.clone(), shutdown.clone()).await?;
    let server = Server::start(ingest.router()).await?;
    let config = Config { session: Duration::from_secs(10), ..Config::default() };
    let folding = tokio::spawn(processor::run(config, log.clone(), db.clone(), shutdown.clone()));
    let first = crate::rounds(0);
    // The first orders wake everything up: a group forms, tables get their statistics.
    let mut probes = probes(requests, first + 2, PROBES + 1)?.into_iter();
    probes.next().context("no probe")?.follow(&server, &db).await?;

    let name = |what: &str| format!("whole path, {}: {what}", kind.name());
    eprintln!("whole path, {}: as fast as it goes", kind.name());
    let started = Instant::now();
    send(server.address, requests, first, None).await?;
    while processor::lag(&log, &db).await? > 0 {
        anyhow::ensure!(started.elapsed() < 10 * LONG, "it is not folded");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let fastest = f64::from(u32::try_from(requests.round)?) / started.elapsed().as_secs_f64();
    report.add(Measure::new(name("orders to the read models"), fastest, "orders/s"));

    eprintln!("whole path, {}: at half of that", kind.name());
    let following = async {
        let mut seen = Vec::new();
        for probe in probes {
            seen.push(probe.follow(&server, &db).await?);
        }
        seen.sort_unstable();
        anyhow::Ok(seen)
    };
    let (answered, seen) = tokio::join!(send(server.address, requests, first + 1, Some(fastest / 2.0)), following);
    let (answered, seen) = (answered?, seen?);
    for (what, us) in [("p50", answered.p50_us), ("p99", answered.p99_us)] {
        let measure = Measure::new(name(&format!("{what} of an answer, half load")), f64::from(us) / 1_000.0, "ms");
        report.add(if what == "p99" { measure.at_most(ANSWERED) } else { measure });
    }
    for (percent, limit) in SEEN {
        let took = seen.get(seen.len() * percent / 100).context("nothing was followed")?;
        let measure =
            Measure::new(name(&format!("p{percent} to be seen, half load")), took.as_secs_f64() * 1_000.0, "ms");
        report.add(measure.at_most(limit));
    }
    shutdown.cancel();
    ingest.drained().await;
    folding.await??;
    Ok(())
}

/// An order that is sent and followed.
struct Probe {
    tenant: TenantId,
    order: OrderId,
    request: Vec<u8>,
}

/// So many of a round's requests.
fn probes(requests: &Requests, round: usize, count: usize) -> anyhow::Result<Vec<Probe>> {
    let requests = read(&requests.file(), round * requests.round, count)?;
    requests.into_iter().map(Probe::of).collect()
}

impl Probe {
    fn of(request: Vec<u8>) -> anyhow::Result<Probe> {
        let end =
            request.windows(4).position(|four| four == b"\r\n\r\n").context("a request without an end of its head")?;
        let (head, body) = request.split_at(end + 4);
        let path = std::str::from_utf8(head)?.split(' ').nth(1).context("a request without a path")?;
        let tenant = path.rsplit('/').next().and_then(|slug| slug.parse().ok()).context("a path without a tenant")?;
        let body: serde_json::Value = serde_json::from_slice(body)?;
        let order = OrderId(body.get("id").and_then(serde_json::Value::as_u64).context("an order without an id")?);
        Ok(Probe { tenant, order, request })
    }

    /// Sends it, and gives how long it took from the answer until it was in the read model.
    async fn follow(self, server: &Server, db: &Db) -> anyhow::Result<Duration> {
        let mut connection = TcpStream::connect(server.address).await?;
        connection.set_nodelay(true)?;
        connection.write_all(&self.request).await?;
        let mut answer = [0; 1_024];
        let read = connection.read(&mut answer).await?;
        anyhow::ensure!(
            answer.get(..read).is_some_and(|head| head.starts_with(b"HTTP/1.1 200 ")),
            "it was not accepted"
        );
        let accepted = Instant::now();
        while books::order(db, &self.tenant, self.order).await?.is_none() {
            anyhow::ensure!(accepted.elapsed() < LONG, "an accepted order is not to be seen");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(accepted.elapsed())
    }
}
