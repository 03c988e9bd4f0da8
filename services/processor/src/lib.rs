//! The processor: folds the log into books and read models.
//!
//! Processes that fold into one database share the partitions through Kafka's consumer groups, and the workers of a process share
//! what it is dealt. A worker holds some partitions of one projection, and takes one batch after another of what they hold. In one database
//! transaction it compares and locks the checkpoints, loads what the facts touch, merges, writes, and moves the checkpoints.
//! Stock does that in two look-ups and two writes, and where a level gives an alert in one write more.
//!
//! The books think longer than they write. So they find out beforehand what a batch leads to, over one state of the database in
//! which the checkpoints are where the batch begins; the transaction writes it, if they are still there under lock. One worker
//! thinks while another one writes, also on SQLite, which has one writer. Whatever the size of the batch that is seven look-ups
//! of parts, one each of policies, chain heads and the ends of the partitions' journals; and then two bulk writes of
//! parts (those that keep their names apart from the others), and one each of journal, its ends, heads, balances by day and by
//! month, orders, parcels and cash positions. Goods at cost take one look-up, and where cards change up to six look-ups, a write
//! and a removal; cases of other orders whose goods then cost something else are fetched as the first were.
//!
//! For every partition of a batch two small statements lock its checkpoint, and one moves it. While a batch is written the next
//! is read and decoded. Projections fold side by side. Memory is bounded by two batches of each worker, in records and in bytes,
//! and the parts they touch.

mod alerts;
mod behind;
mod books;
#[cfg(feature = "failpoints")]
mod broken;
mod group;
mod inventory;
mod lag;
mod pause;
mod people;
mod quarantine;
mod rebuild;
mod relay;
mod shift;
mod stopwatch;
mod totals;
mod verify;
mod work;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use event_log::{EventLog, Reader};
use events::Topic;
use ledger::Timestamp;
use store::books::Projection;
use store::db::Db;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::behind::Behind;
use crate::group::Group;
use crate::pause::{LOOK_EVERY, Lookout};
use crate::worker::{Held, read_from};

pub use lag::{TenantLag, ends, lag, lags, tenant_lag};
pub use rebuild::{
    Pace, Progress, RebuildError, Refused, Speed, Swapped, Told, rebuild, rebuild_beside, refuse_damage,
};
pub use relay::relay_all;
pub use store::beside::{Differences, Found};
pub use totals::{NextTotals, Old, OldDetail, fold_what_waits, next_totals, old_detail, stand, sweep};
pub use verify::{BooksHash, Finding, Invariant, Report, books_hash, verify, verify_books};
pub use worker::ProcessError;

/// How the processor runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Workers of the books; partitions are dealt out among them. Even SQLite, which has one writer, lets one of them find what
    /// its batch leads to while another one writes. The other projections have little to do, and one worker each.
    pub workers: u32,
    /// Records in a batch, at most.
    pub batch: usize,
    /// Bytes of records in a batch, at most; a larger record comes alone. A worker has two batches at a time: one that is
    /// written, and one that is read meanwhile.
    pub batch_bytes: usize,
    /// How long an idle worker waits for records before it looks around.
    pub wait: Duration,
    /// How long a process may be silent before Kafka gives its partitions to others. Brokers have bounds, by default 6 s to
    /// 30 min. SQLite has no others to give them to.
    pub session: Duration,
}

/// What does well on two processors.
impl Default for Config {
    fn default() -> Config {
        Config {
            workers: 2,
            batch: 4_000,
            batch_bytes: 8 * 1024 * 1024,
            wait: Duration::from_millis(500),
            session: Duration::from_secs(10),
        }
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
    /// What the workers have at hand.
    pub(crate) behind: Arc<Behind>,
}

impl Context {
    /// Workers of a projection: one for those that have little to do, and no more than there are partitions.
    fn workers(&self, projection: Projection) -> u32 {
        match projection {
            Projection::Books => self.config.workers.clamp(1, self.log.partitions()),
            Projection::People | Projection::Stock | Projection::Quarantine => 1,
        }
    }

    /// Reads on from checkpoints, in batches of the configured size.
    pub(crate) fn reader(&self, held: &Held, topics: &[Topic]) -> Result<Reader, ProcessError> {
        Ok(self.log.reader(&read_from(held, topics))?.with_batches_of(self.config.batch_bytes))
    }
}

/// Runs every projection and the relay until `shutdown`, on the partitions that the groups deal to this process. A worker that meets a passing fault (database or broker away)
/// waits and goes on; one that meets a lasting fault ends the run with its error.
pub async fn run(config: Config, log: EventLog, db: Db, shutdown: CancellationToken) -> Result<(), ProcessError> {
    for projection in outdated(&db).await.unwrap_or_default() {
        // Not begun here: every process would begin it, and when it is worth the work is for who runs them to say.
        tracing::warn!(projection, "was folded by other rules than this program's: run `daybook rebuild {projection}`");
    }
    let context = Context { log, db, config, posted: Arc::default(), behind: Arc::default() };
    let Some(group) = Group::join(&context, &shutdown).await? else { return Ok(()) };
    let (mut tasks, lookout) = (JoinSet::new(), Lookout::new(&context.db));
    for (projection, deals) in group.deals() {
        for index in 0..context.workers(projection) {
            let pause = lookout.pause(projection);
            tasks.spawn(shift::run(context.clone(), projection, index, deals.clone(), pause, shutdown.clone()));
        }
        if projection == Projection::Books {
            tasks.spawn(relay::run(context.clone(), deals, shutdown.clone()));
        }
    }
    tasks.spawn(lookout.run(shutdown.clone()));
    tasks.spawn(group::watch(context, group.deals(), shutdown.clone()));
    let mut outcome = Ok(());
    while let Some(ended) = tasks.join_next().await {
        let result = ended.unwrap_or_else(|panic| Err(ProcessError::Stopped(panic.to_string())));
        if result.is_err() && outcome.is_ok() {
            outcome = result;
            shutdown.cancel();
        }
    }
    group.leave().await;
    outcome
}

/// Refuses while a projection is paused: for commands that put something on the log and fold it then.
pub async fn refuse_paused(db: &Db) -> Result<(), ProcessError> {
    match store::books::paused(db).await?.into_keys().next() {
        Some(projection) => Err(ProcessError::Paused { consumer: projection.name() }),
        None => Ok(()),
    }
}

/// Folds until nothing is left to read and publishes what that posts, then returns: what a rebuild and a test wait for.
/// Projections fold side by side, as they do in [`run`]. Bounded by what was on the log when it began plus what it posts itself.
/// [`ProcessError::Paused`] if one is paused, or is meanwhile; the others are folded.
pub async fn catch_up(config: Config, log: &EventLog, db: &Db) -> Result<(), ProcessError> {
    let context = Context { log: log.clone(), db: db.clone(), config, posted: Arc::default(), behind: Arc::default() };
    let (mut folding, lookout) = (JoinSet::new(), Lookout::new(db));
    lookout.look().await?;
    for projection in Projection::ALL {
        for index in 0..context.workers(projection) {
            let (context, pause) = (context.clone(), lookout.pause(projection));
            folding.spawn(async move { worker::catch_up(&context, projection, index, pause).await });
        }
    }
    let (mut outcome, mut looks) = (Ok(()), tokio::time::interval(LOOK_EVERY));
    loop {
        let ended = tokio::select! {
            ended = folding.join_next() => match ended {
                Some(ended) => ended.unwrap_or_else(|panic| Err(ProcessError::Stopped(panic.to_string()))),
                None => break,
            },
            () = context.posted.notified() => relay_all(log, db).await,
            // A database that is away is for the workers to tell.
            _ = looks.tick() => lookout.look().await.or(Ok(())),
        };
        // The first error is told in the end: what stops one projection, or the ledger topic, is nothing to the others.
        outcome = outcome.and(ended);
    }
    outcome?;
    relay_all(log, db).await
}

/// Projections of which some rows were folded by another version of their rules than this program's.
pub async fn outdated(db: &Db) -> Result<Vec<&'static str>, ProcessError> {
    let mut outdated = Vec::new();
    for projection in Projection::ALL {
        let versions = store::books::versions(db, projection).await?;
        if versions.values().any(|version| *version != u64::from(projection.version())) {
            outdated.push(projection.name());
        }
    }
    Ok(outdated)
}

/// The instant this process reads from its clock; only the edges call it.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
