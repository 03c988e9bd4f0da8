//! Start-up: how long a process takes to say that it can work, with a log behind it that is folded.

use std::time::{Duration, Instant};

use anyhow::Context;
use testkit::Daybook;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::place::{Fresh, Kind};
use crate::report::{Measure, Report};

/// Seconds that a start may take, however much lies behind it.
const LIMIT: f64 = 3.0;

/// When to give up.
const LONG: Duration = Duration::from_secs(120);

/// Starts `daybook up` on a place whose log is folded, twice: the first start makes what there is not yet, such as keys.
pub(crate) async fn measure(kind: Kind, size: u32, fresh: &Fresh, report: &mut Report) -> anyhow::Result<()> {
    start(fresh).await?;
    let seconds = start(fresh).await?;
    let name = format!("start, {}, {} k events behind it", kind.name(), size / 1_000);
    report.add(Measure::new(name, seconds, "s").at_most(LIMIT));
    Ok(())
}

/// Seconds from the start of the process until it says that it is ready.
async fn start(fresh: &Fresh) -> anyhow::Result<f64> {
    let environment = fresh.place.environment();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let started = Instant::now();
    let mut process = Daybook::start(fresh.folder.path(), &["up"], &environment)?;
    let port = process.port(LONG).await.with_context(|| process.stderr())?;
    while !is_ready(port).await.unwrap_or(false) {
        anyhow::ensure!(started.elapsed() < LONG, "not ready: {}", process.stderr());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let seconds = started.elapsed().as_secs_f64();
    let status = process.terminate(LONG).await?;
    anyhow::ensure!(status.success(), "ended with {status}: {}", process.stderr());
    Ok(seconds)
}

async fn is_ready(port: u16) -> anyhow::Result<bool> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await?;
    connection.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    Ok(answer.starts_with("HTTP/1.1 200 "))
}
