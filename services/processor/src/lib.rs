//! The processor: folds the log into books and read models.
//!
//! A worker holds some partitions of one projection. Per batch, whatever its size, it runs one database transaction: compare
//! and lock the checkpoints, load what the facts touch, merge, decide, write, move the checkpoints. For the books that is
//! seven look-ups of parts, one each of policies and chain heads, two bulk writes of parts (those that keep their names apart
//! from the others), and one each of journal, heads, balances by day and by month, orders, parcels and cash positions; for every
//! partition in the batch three small statements more. Goods at cost take one look-up, and where cards change up to six
//! look-ups, a write and a removal; cases of other orders whose goods then cost something else are fetched as the first were.
//! Stock is two look-ups and two writes, and where a level gives an alert one write more.
//!
//! While a batch is written the next is read and decoded; while the database writes the journal the rows after it are laid out.
//! Projections fold side by side. Memory is bounded by two batches of each and the parts they touch.

mod alerts;
mod books;
mod inventory;
mod people;
mod quarantine;
mod rebuild;
mod relay;
mod stopwatch;
mod verify;
mod work;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use event_log::EventLog;
use ledger::Timestamp;
use store::books::Projection;
use store::db::Db;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use rebuild::{Progress, Refused, rebuild, refuse_damage};
pub use relay::relay_all;
pub use verify::{BooksHash, Finding, Invariant, Report, books_hash, verify, verify_books};
pub use worker::ProcessError;

/// How the processor runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Workers per projection; partitions are dealt out among them. One is right for SQLite, which has one writer.
    pub workers: u32,
    /// Records in a batch, at most.
    pub batch: usize,
    /// How long an idle worker waits for records before it looks around.
    pub wait: Duration,
}

impl Config {
    /// What fits the log at hand: one worker embedded, two with servers.
    pub fn for_log(log: &EventLog) -> Config {
        let workers = match log {
            EventLog::Sqlite(_) => 1,
            EventLog::Kafka(_) => 2,
        };
        Config { workers, batch: 4_000, wait: Duration::from_millis(500) }
    }
}

/// What every worker shares.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) log: EventLog,
    pub(crate) db: Db,
    pub(crate) config: Config,
    /// Rung when transactions were posted, so that the relay need not poll.
    pub(crate) posted: Arc<Notify>,
}

/// Runs every projection and the relay until `shutdown`. A worker that meets a passing fault (database or broker away)
/// waits and goes on; one that meets a lasting fault ends the run with its error.
pub async fn run(config: Config, log: EventLog, db: Db, shutdown: CancellationToken) -> Result<(), ProcessError> {
    let context = Context { log, db, config, posted: Arc::new(Notify::new()) };
    let mut tasks = JoinSet::new();
    for projection in Projection::ALL {
        for index in 0..context.config.workers.min(context.log.partitions()) {
            tasks.spawn(worker::run(context.clone(), projection, index, shutdown.clone()));
        }
    }
    tasks.spawn(relay::run(context, shutdown.clone()));
    let mut outcome = Ok(());
    while let Some(ended) = tasks.join_next().await {
        let result = ended.unwrap_or_else(|panic| Err(ProcessError::Stopped(panic.to_string())));
        if result.is_err() && outcome.is_ok() {
            outcome = result;
            shutdown.cancel();
        }
    }
    outcome
}

/// Folds until nothing is left to read and publishes what that posts, then returns: what a rebuild and a test wait for.
/// Projections fold side by side, as they do in [`run`]. Bounded by what was on the log when it began plus what it posts itself.
pub async fn catch_up(config: Config, log: &EventLog, db: &Db) -> Result<(), ProcessError> {
    let context = Context { log: log.clone(), db: db.clone(), config, posted: Arc::new(Notify::new()) };
    let mut folding = JoinSet::new();
    for projection in Projection::ALL {
        let context = context.clone();
        folding.spawn(async move { worker::catch_up(&context, projection).await });
    }
    let mut outcome = Ok(());
    loop {
        let ended = tokio::select! {
            ended = folding.join_next() => match ended {
                Some(ended) => ended.unwrap_or_else(|panic| Err(ProcessError::Stopped(panic.to_string()))),
                None => break,
            },
            () = context.posted.notified() => relay_all(log, db).await,
        };
        // The first error is told in the end: what stops one projection, or the ledger topic, is nothing to the others.
        outcome = outcome.and(ended);
    }
    outcome?;
    relay_all(log, db).await
}

/// How many records the projections have yet to fold.
pub async fn lag(log: &EventLog, db: &Db) -> Result<u64, ProcessError> {
    worker::lag(log, db).await
}

/// The instant this process reads from its clock; only the edges call it.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
