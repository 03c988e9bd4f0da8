//! Projection: a log filled beforehand, folded into books and read models by every projection, and its ledger events
//! relayed. The ceiling writes the rows that are left, once each, into empty tables of the same schema. Then the same is
//! rebuilt, beside how fast it was folded; and in the last round a process is started on it.

use std::time::Instant;

use event_log::EventLog;
use processor::Config;
use serde::{Deserialize, Serialize};
use sqlx::{Connection, PgConnection};
use store::books::Projection;
use store::db::{Db, DbError};

use crate::ceiling;
use crate::child;
use crate::ledger;
use crate::place::{Fresh, Kind, Place};
use crate::report::{Measure, Report};
use crate::workload::Feed;
use crate::{rounds, startup};

/// The hidden argument of the process that folds.
pub(crate) const CHILD: &str = "child-projection";

/// The hidden argument of the process that rebuilds.
pub(crate) const REBUILD: &str = "child-rebuild";

/// How much faster than live a rebuild should be.
const REBUILT: f64 = 1.5;

/// How much longer an event of the longest log may take than one of the shortest.
const FLAT: f64 = 1.15;

/// Resident memory a processor may take, in MiB, whatever the length of the log.
const MEMORY: f64 = 300.0;

/// What may be added to its usual memory between the second tenth of a log and any later one: the noise of an allocator.
const GROWTH: f64 = 1.2;

/// From how many events on a log is long enough to tell whether memory grows with it.
const LONG: u32 = 500_000;

/// What the child tells.
#[derive(Debug, Serialize, Deserialize)]
struct Folded {
    seconds: f64,
    peak_kib: u32,
    growth: f64,
    /// Rows inserted, updated or deleted, as SQLite counts them. PostgreSQL is asked from outside.
    written: i64,
}

/// Folds the log at a place from its beginning to its end.
pub(crate) async fn child(place: &str) -> anyhow::Result<()> {
    let place: Place = serde_json::from_str(place)?;
    let (log, db) = place.open().await?;
    let watch = child::Watch::begin();
    let started = Instant::now();
    processor::catch_up(Config::default(), &log, &db).await?;
    let seconds = started.elapsed().as_secs_f64();
    let (peak_kib, growth) = (child::peak_memory()?, watch.growth()?);
    let written = if matches!(place, Place::Embedded { .. }) { changes(&db).await? } else { 0 };
    db.close().await;
    child::answer(&Folded { seconds, peak_kib, growth, written })
}

/// Rows that the one writing connection of an SQLite database has changed since it was opened.
async fn changes(db: &Db) -> Result<i64, DbError> {
    let counted =
        db.run_tx("bench-changes", |tx| Box::pin(async move { tx.query("SELECT total_changes()", vec![]).await }));
    counted.await?.first().map_or(Ok(0), |row| row.int(0))
}

/// Folds what is folded already anew, from the log's beginning.
pub(crate) async fn rebuild_child(place: &str) -> anyhow::Result<()> {
    let place: Place = serde_json::from_str(place)?;
    let (log, db) = place.open().await?;
    let (watch, started) = (child::Watch::begin(), Instant::now());
    for projection in Projection::ALL {
        processor::rebuild(Config::default(), &log, &db, projection, &mut |_| {}).await?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let (peak_kib, growth) = (child::peak_memory()?, watch.growth()?);
    db.close().await;
    child::answer(&Folded { seconds, peak_kib, growth, written: 0 })
}

/// Measures one back end at each size: a log is filled once, and each round folds it into an empty database.
pub(crate) async fn measure(kind: Kind, sizes: &[u32], report: &mut Report) -> anyhow::Result<()> {
    for size in sizes {
        let filled = Fresh::new(kind).await;
        let (log, db) = filled.place.open().await?;
        db.close().await;
        eprintln!("projection, {}: filling the log with about {size} events", kind.name());
        let events = fill(&log, *size).await?;
        let rounds = rounds(*size);
        for round in 1..=rounds {
            eprintln!("projection, {}: {events} events, round {round} of {rounds}", kind.name());
            let fresh = Fresh::over(&filled.place).await?;
            fold_once(kind, *size, events, &fresh, report).await?;
            if round == 1 {
                // Only now does the ledger topic say everything once: each round publishes its journal again.
                rebuild_once(kind, *size, events, &fresh, report).await?;
            }
            if round == rounds {
                startup::measure(kind, *size, &fresh, report).await?;
            }
        }
    }
    if let [first, .., last] = sizes {
        let rate = |size: &u32| report.value(&name(kind, *size, "events folded"));
        if let Some((first_rate, last_rate)) = rate(first).zip(rate(last)) {
            let what = format!("an event's time, over that of {} k", first / 1_000);
            report.add(Measure::new(name(kind, *last, &what), first_rate / last_rate, "times").at_most(FLAT));
        }
    }
    Ok(())
}

fn name(kind: Kind, size: u32, what: &str) -> String {
    format!("projection, {}, {} k: {what}", kind.name(), size / 1_000)
}

async fn fold_once(kind: Kind, size: u32, events: u32, fresh: &Fresh, report: &mut Report) -> anyhow::Result<()> {
    let (_, db) = fresh.place.open().await?;
    let before = written_before(&fresh.place).await?;
    let folded: Folded = child::run(CHILD, &fresh.place).await?;
    let written = written_since(&fresh.place, before, folded.written).await?;
    let (left, transactions) = (rows(&db).await?, ledger::journal_rows(&db).await?);
    let ceiling = match &fresh.place {
        Place::Embedded { .. } => ceiling::insert(&db, fresh.folder.path()).await?,
        Place::Servers { url, .. } => ceiling::copy(url, fresh.folder.path()).await?,
    };
    db.close().await;
    anyhow::ensure!(ceiling.rows == left, "the ceiling wrote {} rows of {left}", ceiling.rows);
    let name = |what: &str| name(kind, size, what);
    let (floor, share) = if kind == Kind::Embedded { (20_000.0, 0.6) } else { (28_000.0, 0.5) };
    let best = f64::from(ceiling.rows) / ceiling.seconds;
    let rate = |count: u32| f64::from(count) / folded.seconds;
    report.add(Measure::new(name("events folded"), rate(events), "events/s").at_least(floor));
    report.add(Measure::new(name("transactions"), rate(transactions), "tx/s"));
    report.add(Measure::new(name("rows written"), rate(written), "rows/s").share_of(best, share));
    report.add(Measure::new(name("rows left"), rate(left), "rows/s").against(best));
    let peak = f64::from(folded.peak_kib) / 1_024.0;
    report.add(Measure::new(name("peak memory"), peak, "MiB").at_most(MEMORY));
    // A short log is over before everything that has a size of its own is filled.
    if size >= LONG {
        report.add(Measure::new(name("memory's growth"), folded.growth, "times").at_most(GROWTH));
    }
    Ok(())
}

/// Rebuilds in place what was folded, beside how fast that was.
async fn rebuild_once(kind: Kind, size: u32, events: u32, fresh: &Fresh, report: &mut Report) -> anyhow::Result<()> {
    let rebuilt: Folded = child::run(REBUILD, &fresh.place).await?;
    let name = |what: &str| name(kind, size, what);
    let live = report.value(&name("events folded")).unwrap_or_default();
    let rebuilding = f64::from(events) / rebuilt.seconds;
    report.add(Measure::new(name("events rebuilt in place"), rebuilding, "events/s").share_of(live, REBUILT));
    let peak = f64::from(rebuilt.peak_kib) / 1_024.0;
    report.add(Measure::new(name("peak memory, rebuilt"), peak, "MiB").at_most(MEMORY));
    Ok(())
}

/// Puts about that many events on the log; gives their number.
async fn fill(log: &EventLog, size: u32) -> anyhow::Result<u32> {
    let mut feed = Feed::new(size)?;
    let mut filled = 0;
    loop {
        let batch: Vec<_> = feed.by_ref().take(5_000).collect();
        if batch.is_empty() {
            return Ok(filled);
        }
        filled += u32::try_from(batch.len())?;
        log.append(batch).await?;
    }
}

/// Rows in all tables that are folds of the log.
async fn rows(db: &Db) -> anyhow::Result<u32> {
    let mut rows = 0;
    for table in Projection::ALL.iter().flat_map(|projection| projection.tables()) {
        let counted = db.query(&format!("SELECT COUNT(*) FROM {table}"), vec![]).await?;
        rows += counted.first().map_or(Ok(0), |row| row.int(0))?;
    }
    Ok(u32::try_from(rows)?)
}

async fn written_before(place: &Place) -> anyhow::Result<i64> {
    match place {
        Place::Embedded { .. } => Ok(0),
        Place::Servers { url, .. } => settled(url).await,
    }
}

async fn written_since(place: &Place, before: i64, counted: i64) -> anyhow::Result<u32> {
    match place {
        Place::Embedded { .. } => Ok(u32::try_from(counted)?),
        Place::Servers { url, .. } => Ok(u32::try_from(settled(url).await? - before)?),
    }
}

/// Rows that PostgreSQL has inserted, updated or deleted in a database. Sessions tell their counts late, the last when
/// they end, so this asks until the answer stays.
async fn settled(url: &str) -> anyhow::Result<i64> {
    let sql =
        "SELECT tup_inserted + tup_updated + tup_deleted FROM pg_stat_database WHERE datname = current_database()";
    let mut connection = PgConnection::connect(url).await?;
    let mut last = -1;
    loop {
        let now: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
        if now == last {
            return Ok(now);
        }
        last = now;
        tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    }
}
