//! The ledger through the whole path: facts on the log, merged, valued, decided, posted, chained, balances updated, read models
//! written, ledger events relayed. Most facts of this log post, so what is counted is transactions.
//!
//! Durability is production's. Embedded, what cannot be had again, the log, is SQLite with `synchronous=FULL`; the books are a
//! fold of it, and `synchronous=NORMAL`: a power cut may undo their last batches, never damage them, and they are folded again
//! from their own checkpoints. On servers PostgreSQL runs with `fsync` and `synchronous_commit` on, as `deploy/local` starts
//! it: every batch is on disk before the next is begun. Kafka has one broker there, which acknowledges what it has written.
//!
//! What is counted is the journal's rows, reversals with them. Embedded, facts come in the order in which they happened, and
//! none is reversed. Kafka gives the topics of a full log side by side in another order, so there a part of the transactions
//! corrects earlier ones: transactions over facts tells how many.

use std::time::Instant;

use event_log::EventLog;
use metrics_exporter_prometheus::PrometheusBuilder;
use processor::Config;
use serde::{Deserialize, Serialize};
use store::db::Db;

use crate::child;
use crate::dense::Dense;
use crate::place::{Fresh, Kind, Place};
use crate::report::{Measure, Report};
use crate::rounds;

/// The hidden argument of the process that folds.
pub(crate) const CHILD: &str = "child-ledger";

/// Transactions a second: a hundred times what a general ledger server takes in bulks of a hundred on such a machine.
const FLOOR: f64 = 10_000.0;

/// The longest log that is measured here.
const LONGEST: u32 = 1_000_000;

/// Steps of the books' batches, as `processor_step_seconds` names them. What they leave of the workers' time went to waiting for
/// the log.
const STEPS: [&str; 7] = ["begin", "checkpoints", "look-up", "goods", "decide", "write", "commit"];

/// What the child tells.
#[derive(Debug, Serialize, Deserialize)]
struct Folded {
    seconds: f64,
    /// Of which this process, not the machine's others and not a server, kept processors busy.
    busy: f64,
    /// Seconds of each step.
    steps: Vec<f64>,
}

/// Folds the log at a place from its beginning to its end, and tells what the time went to.
pub(crate) async fn child(place: &str) -> anyhow::Result<()> {
    let place: Place = serde_json::from_str(place)?;
    let recorder = PrometheusBuilder::new().install_recorder()?;
    let (log, db) = place.open().await?;
    let started = Instant::now();
    processor::catch_up(Config::default(), &log, &db).await?;
    let (seconds, busy) = (started.elapsed().as_secs_f64(), child::processor_seconds()?);
    let told = recorder.render();
    let steps = STEPS.iter().map(|step| spent(&told, step)).collect();
    db.close().await;
    child::answer(&Folded { seconds, busy, steps })
}

/// Seconds that the books spent on a step, from the text of all metrics.
fn spent(told: &str, step: &str) -> f64 {
    let label = format!("step=\"{step}\"");
    let of_it = |line: &&str| {
        let sum = line.starts_with("processor_step_seconds_sum");
        sum && line.contains("projection=\"books\"") && line.contains(&label)
    };
    let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
    told.lines().filter(of_it).filter_map(value).sum()
}

/// Measures one back end at each size.
pub(crate) async fn measure(kind: Kind, sizes: &[u32], report: &mut Report) -> anyhow::Result<()> {
    // What is long is told by the projections; here it is what stands in the journal.
    for size in sizes.iter().filter(|size| **size <= LONGEST) {
        let filled = Fresh::new(kind).await;
        let (log, db) = filled.place.open().await?;
        db.close().await;
        eprintln!("ledger, {}: filling the log with about {size} facts", kind.name());
        let facts = fill(&log, *size).await?;
        let rounds = rounds(*size);
        for round in 1..=rounds {
            eprintln!("ledger, {}: {facts} facts, round {round} of {rounds}", kind.name());
            fold_once(kind, *size, facts, &Fresh::over(&filled.place).await?, report).await?;
        }
    }
    Ok(())
}

async fn fold_once(kind: Kind, size: u32, facts: u32, fresh: &Fresh, report: &mut Report) -> anyhow::Result<()> {
    let (_, db) = fresh.place.open().await?;
    let folded: Folded = child::run(CHILD, &fresh.place).await?;
    let rate = |count: u32| f64::from(count) / folded.seconds;
    let transactions = journal_rows(&db).await?;
    let length = if kind == Kind::Embedded { "json_array_length(entries)" } else { "json_array_length(entries::json)" };
    let entries = counted(&db, &format!("SELECT CAST(SUM({length}) AS BIGINT) FROM journal")).await?;
    let name = |what: &str| format!("ledger, {}, {} k: {what}", kind.name(), size / 1_000);
    report.add(Measure::new(name("transactions"), rate(transactions), "tx/s").at_least(FLOOR));
    let busy = f64::from(transactions) / folded.busy;
    report.add(Measure::new(name("per processor"), busy, "tx/CPU-s"));
    report.add(Measure::new(name("facts"), rate(facts), "events/s"));
    report.add(Measure::new(name("entries"), rate(entries), "entries/s"));
    let whole = folded.seconds * f64::from(Config::default().workers);
    let share = |seconds: f64| 100.0 * seconds / whole;
    for (step, seconds) in STEPS.iter().zip(&folded.steps) {
        report.add(Measure::new(name(step), share(*seconds), "% of time"));
    }
    let rest = whole - folded.steps.iter().sum::<f64>();
    report.add(Measure::new(name("the rest"), share(rest), "% of time"));
    db.close().await;
    Ok(())
}

async fn fill(log: &EventLog, size: u32) -> anyhow::Result<u32> {
    let mut feed = Dense::new(size)?;
    let mut filled = 0;
    loop {
        let batch = feed.batch(5_000)?;
        if batch.is_empty() {
            return Ok(filled);
        }
        filled += u32::try_from(batch.len())?;
        log.append(batch).await?;
    }
}

/// Transactions in the journal.
pub(crate) async fn journal_rows(db: &Db) -> anyhow::Result<u32> {
    counted(db, "SELECT COUNT(*) FROM journal").await
}

async fn counted(db: &Db, sql: &str) -> anyhow::Result<u32> {
    let found = db.query(sql, vec![]).await?;
    Ok(u32::try_from(found.first().map_or(Ok(0), |row| row.int(0))?)?)
}
