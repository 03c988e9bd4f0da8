//! A worker: some partitions of one projection, read from their checkpoints, a transaction a batch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use event_log::{EventLog, ReadError, ReadFrom, Reader};
use events::Topic;
use store::books::{self, Checkpoint, Fenced, Projection, Stage};
use store::db::{Db, DbError, Tx};
use tokio_util::sync::CancellationToken;

use crate::work::{Work, decode};
use crate::{Context, books as bookkeeper, inventory, people, quarantine, rebuild};

/// Why folding stopped.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The log.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The log, while the ledger topic was written.
    #[error(transparent)]
    Append(#[from] event_log::AppendError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A journal row does not read as a transaction: `daybook verify` says which.
    #[error("the journal of {tenant} is damaged at number {number}: run `daybook verify`")]
    DamagedJournal {
        /// Whose.
        tenant: String,
        /// Where.
        number: u64,
    },
    /// A worker ended without saying why.
    #[error("a worker stopped: {0}")]
    Stopped(String),
}

impl ProcessError {
    /// True when waiting may help: the database or the log is away.
    pub fn is_passing(&self) -> bool {
        match self {
            ProcessError::Read(ReadError::Unavailable(_)) | ProcessError::Append(_) => true,
            ProcessError::Db(error) => {
                matches!(error, DbError::Unavailable(_) | DbError::Conflict { .. } | DbError::CommitUnknown)
            }
            ProcessError::Read(_) | ProcessError::DamagedJournal { .. } | ProcessError::Stopped(_) => false,
        }
    }
}

/// The topics a projection folds.
pub(crate) fn topics(projection: Projection) -> &'static [Topic] {
    match projection.name {
        "books" => &[Topic::Order, Topic::Shipment, Topic::Cod],
        "people" => &[Topic::Order, Topic::Privacy],
        "stock" => &[Topic::Inventory],
        _ => &[Topic::Quarantine],
    }
}

/// The partitions a worker holds, with their checkpoints.
type Held = BTreeMap<u32, Checkpoint>;

/// Folds until `shutdown`; passing faults are waited out.
pub(crate) async fn run(
    context: Context,
    projection: Projection,
    index: u32,
    shutdown: CancellationToken,
) -> Result<(), ProcessError> {
    let mut pause = Duration::from_millis(100);
    loop {
        let session = session(&context, projection, index, &shutdown);
        match session.await {
            Ok(()) if shutdown.is_cancelled() => return Ok(()),
            Ok(()) => pause = Duration::from_millis(100),
            Err(error) if error.is_passing() => {
                tracing::warn!(projection = projection.name, index, %error, "waiting before the next try");
                metrics::counter!("processor_retries_total", "projection" => projection.name).increment(1);
                tokio::select! { () = tokio::time::sleep(pause) => {}, () = shutdown.cancelled() => return Ok(()) }
                pause = (pause * 2).min(Duration::from_secs(5));
            }
            Err(error) => return Err(error),
        }
    }
}

/// Folds from the stored checkpoints until `shutdown`, or until somebody else has moved a checkpoint.
async fn session(
    context: &Context,
    projection: Projection,
    index: u32,
    shutdown: &CancellationToken,
) -> Result<(), ProcessError> {
    let mut held = rebuilt(context, projection, index).await?;
    let mut reader = context.log.reader(&read_from(&held, topics(projection)))?;
    let mut work = Work::new();
    loop {
        let next = async { reader.next_batch(context.config.batch, context.config.wait).await.map(decode) };
        // The next batch is read while this one is written.
        let (written, next) = tokio::join!(write(context, projection, &mut held, work), async {
            tokio::select! { next = next => next.map(Some), () = shutdown.cancelled() => Ok(None) }
        });
        match written {
            Ok(()) => {}
            Err(Fenced::Moved { consumer, partition }) => {
                tracing::info!(consumer, partition, "the checkpoint was moved; reading it again");
                return Ok(());
            }
            Err(Fenced::Db(error)) => return Err(error.into()),
        }
        match next? {
            Some(next) => work = next,
            None => return Ok(()),
        }
    }
}

/// Folds a projection's partitions until nothing is left to read.
pub(crate) async fn catch_up(context: &Context, projection: Projection) -> Result<(), ProcessError> {
    let mut held = BTreeMap::new();
    for index in 0..context.config.workers {
        held.extend(rebuilt(context, projection, index).await?);
    }
    let mut reader = context.log.reader(&read_from(&held, topics(projection)))?;
    while !at_end(&context.log, &held, topics(projection)).await? {
        let work = decode(reader.next_batch(context.config.batch, context.config.wait).await?);
        match write(context, projection, &mut held, work).await {
            Ok(()) => {}
            Err(Fenced::Db(error)) => return Err(error.into()),
            Err(Fenced::Moved { .. }) => {
                held = partitions_of(context, projection, None).await?;
                reader = context.log.reader(&read_from(&held, topics(projection)))?;
            }
        }
    }
    Ok(())
}

/// The checkpoints of this worker's partitions, after finishing any rebuild that a stop has left open.
async fn rebuilt(context: &Context, projection: Projection, index: u32) -> Result<Held, ProcessError> {
    let held = partitions_of(context, projection, Some(index)).await?;
    let unfinished: Vec<u32> = held.iter().filter(|(_, c)| c.stage == Stage::Rebuilding).map(|(p, _)| *p).collect();
    for partition in &unfinished {
        rebuild::finish(context, projection, *partition, &mut |_| {}).await?;
    }
    if unfinished.is_empty() { Ok(held) } else { partitions_of(context, projection, Some(index)).await }
}

async fn partitions_of(context: &Context, projection: Projection, index: Option<u32>) -> Result<Held, ProcessError> {
    let mut stored = books::checkpoints(&context.db, projection.name).await?;
    let workers = context.config.workers.min(context.log.partitions()).max(1);
    let mine = (0..context.log.partitions()).filter(|p| index.is_none_or(|index| p % workers == index));
    Ok(mine.map(|p| (p, stored.remove(&p).unwrap_or_else(|| Checkpoint::start(Stage::Live)))).collect())
}

pub(crate) fn read_from(held: &Held, topics: &[Topic]) -> Vec<ReadFrom> {
    let each = |(partition, checkpoint): (&u32, &Checkpoint)| {
        let at = |topic: &Topic| ReadFrom { topic: *topic, partition: *partition, offset: checkpoint.next(*topic) };
        topics.iter().map(at).collect::<Vec<_>>()
    };
    held.iter().flat_map(each).collect()
}

pub(crate) async fn at_end(log: &EventLog, held: &Held, topics: &[Topic]) -> Result<bool, ProcessError> {
    Ok(log.lag(&read_from(held, topics)).await? == 0)
}

/// Records that no projection has folded yet, added up over the projections.
pub(crate) async fn lag(log: &EventLog, db: &Db) -> Result<u64, ProcessError> {
    let mut lag: u64 = 0;
    for projection in Projection::ALL {
        let mut stored = books::checkpoints(db, projection.name).await?;
        let start = |p| (p, stored.remove(&p).unwrap_or_else(|| Checkpoint::start(Stage::Live)));
        let held: Held = (0..log.partitions()).map(start).collect();
        lag = lag.saturating_add(log.lag(&read_from(&held, topics(projection))).await?);
    }
    Ok(lag)
}

/// Writes a batch and moves the checkpoints with it, in one transaction.
pub(crate) async fn write(
    context: &Context,
    projection: Projection,
    held: &mut Held,
    work: Work,
) -> Result<(), Fenced> {
    if work.is_empty() {
        return Ok(());
    }
    let started = Instant::now();
    let records: usize = work.values().map(crate::work::Share::len).sum();
    let steps: BTreeMap<u32, (Checkpoint, Checkpoint)> = work
        .iter()
        .filter_map(|(partition, share)| {
            held.get(partition).map(|from| (*partition, (from.clone(), share.advance(from))))
        })
        .collect();
    let shared = Arc::new((work, steps));
    let for_tx = Arc::clone(&shared);
    let wrote = context.db.run_tx(transaction_name(projection), move |tx| {
        let shared = Arc::clone(&for_tx);
        Box::pin(async move { apply(tx, projection, &shared.0, &shared.1).await })
    });
    let posted = wrote.await?;
    for (partition, (_, to)) in &shared.1 {
        held.insert(*partition, to.clone());
    }
    if posted > 0 {
        context.posted.notify_one();
    }
    let labels = [("projection", projection.name)];
    metrics::counter!("processor_records_total", &labels).increment(u64::try_from(records).unwrap_or(u64::MAX));
    metrics::histogram!("processor_batch_seconds", &labels).record(started.elapsed().as_secs_f64());
    Ok(())
}

fn transaction_name(projection: Projection) -> &'static str {
    match projection.name {
        "books" => "fold-books",
        "people" => "fold-people",
        "stock" => "fold-stock",
        _ => "fold-quarantine",
    }
}

/// Everything one batch does. Returns how many transactions it posted.
async fn apply(
    tx: &mut Tx,
    projection: Projection,
    work: &Work,
    steps: &BTreeMap<u32, (Checkpoint, Checkpoint)>,
) -> Result<usize, Fenced> {
    for (partition, (from, _)) in steps {
        books::lock(tx, projection.name, *partition, from).await?;
    }
    let posted = match projection.name {
        "books" => {
            let stage = steps.values().map(|(from, _)| from.stage).next().unwrap_or(Stage::Live);
            fold_books(tx, work, stage).await?
        }
        "people" => people::fold(tx, work).await.map(|()| 0)?,
        "stock" => inventory::fold(tx, work).await.map(|()| 0)?,
        _ => quarantine::fold(tx, work).await.map(|()| 0)?,
    };
    for (partition, (_, to)) in steps {
        if let Some(share) = work.get(partition) {
            books::save_poison(tx, projection.name, &share.poison).await?;
        }
        books::save_checkpoint(tx, projection.name, *partition, to).await?;
    }
    Ok(posted)
}

/// A reader over one partition, for a rebuild.
pub(crate) fn reader(
    log: &EventLog,
    partition: u32,
    checkpoint: &Checkpoint,
    topics: &[Topic],
) -> Result<Reader, ReadError> {
    log.reader(&read_from(&BTreeMap::from([(partition, checkpoint.clone())]), topics))
}

/// Facts and what was posted come from different topics, and a rebuild reads them one after the other.
async fn fold_books(tx: &mut Tx, work: &Work, stage: Stage) -> Result<usize, DbError> {
    let posted = |event: &events::Event| matches!(event.payload, events::Payload::Posted(_));
    if work.values().any(|share| share.events.iter().any(posted)) {
        return bookkeeper::fold_posted(tx, work).await.map(|()| 0);
    }
    bookkeeper::fold(tx, work, stage).await
}
