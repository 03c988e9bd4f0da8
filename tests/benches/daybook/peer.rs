//! What somebody else's tool does on the same servers: `DAYBOOK_BENCH_PEER` is a command that measures it. It finds the servers
//! as `BOOTSTRAP`, `PGHOST`, `PGPORT` and `PGUSER`, and for each case prints a line with `events/s: NUMBER` and, in square brackets,
//! the case.

use anyhow::Context;
use sqlx::postgres::PgConnectOptions;

use crate::place::{Kind, Place};
use crate::report::{Measure, Report};

/// Runs the command, if there is one.
pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let Ok(command) = std::env::var("DAYBOOK_BENCH_PEER") else { return Ok(()) };
    let fresh = crate::place::Fresh::new(Kind::Servers).await;
    let Place::Servers { brokers, url, .. } = &fresh.place else { return Ok(()) };
    let options: PgConnectOptions = url.parse().context("the database's address")?;
    eprintln!("peer: {command}");
    let output = tokio::process::Command::new("sh")
        .args(["-c", &command])
        .env("BOOTSTRAP", brokers)
        .env("PGHOST", options.get_host())
        .env("PGPORT", options.get_port().to_string())
        .env("PGUSER", options.get_username())
        .stderr(std::process::Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await?;
    anyhow::ensure!(output.status.success(), "the peer's command ended with {}", output.status);
    let printed = String::from_utf8(output.stdout).context("the peer's command printed something else than text")?;
    let cases: Vec<(&str, f64)> = printed.lines().filter_map(case).collect();
    anyhow::ensure!(!cases.is_empty(), "the peer's command printed no line with `events/s: NUMBER [CASE]`");
    for (case, rate) in cases {
        report.add(Measure::new(format!("peer, {case}"), rate, "events/s"));
    }
    Ok(())
}

/// The case that a line is about, and its rate.
fn case(line: &str) -> Option<(&str, f64)> {
    let (_, after) = line.split_once("events/s: ")?;
    let (rate, rest) = after.split_once(' ')?;
    let (_, case) = rest.split_once('[')?;
    Some((case.split_once(']')?.0, rate.parse().ok()?))
}
