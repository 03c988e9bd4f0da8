//! What a worker does: partitions of one projection, read from their checkpoints; a batch is written in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use event_log::{EventLog, ReadError, ReadFrom};
use events::Topic;
use store::books::{self, Checkpoint, Fenced, Projection, Stage};
use store::db::{DbError, Tx};

use crate::books::{self as bookkeeper, Entries};
use crate::pause::Pause;
use crate::rebuild::{self, Way};
use crate::shift::{Shift, share};
use crate::stopwatch::Stopwatch;
use crate::work::{Share, Work, decode};
use crate::{Context, inventory, people, quarantine};

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
    /// Another process folds or rebuilds the same partition: read its checkpoint again.
    #[error("partition {partition} of {consumer} is at work in another process")]
    Fenced {
        /// Which projection.
        consumer: &'static str,
        /// Which partition.
        partition: u32,
    },
    /// An operator has paused the projection, so it cannot be folded to the end.
    #[error("{consumer} is paused: run `daybook resume {consumer}`, and then this again")]
    Paused {
        /// Which projection.
        consumer: &'static str,
    },
    /// The log ends before what was folded from it: it was restored from a copy, or lost its last records.
    #[error(
        "{topic}, partition {partition} ends at offset {end}, but {consumer} has folded up to {next}: \
         bring back the whole log, or run `daybook rebuild --all`"
    )]
    LogIsShorter {
        /// Which projection.
        consumer: &'static str,
        /// The topic.
        topic: Topic,
        /// The partition.
        partition: u32,
        /// The next offset to fold.
        next: u64,
        /// Where the log ends.
        end: u64,
    },
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

impl From<Fenced> for ProcessError {
    fn from(fenced: Fenced) -> ProcessError {
        match fenced {
            Fenced::Moved { consumer, partition } => ProcessError::Fenced { consumer, partition },
            Fenced::Db(error) => ProcessError::Db(error),
        }
    }
}

impl ProcessError {
    /// True when waiting may help: the database or the log is away, or somebody else is at work.
    pub fn is_passing(&self) -> bool {
        use event_log::AppendError;
        match self {
            ProcessError::Read(ReadError::Unavailable(_)) | ProcessError::Fenced { .. } => true,
            ProcessError::Append(error) => matches!(error, AppendError::Unavailable(_) | AppendError::Full),
            ProcessError::Db(error) => {
                let passing =
                    matches!(error, DbError::Unavailable(_) | DbError::Conflict { .. } | DbError::CommitUnknown);
                // Out of memory or disk, a plan that changed: tried again, said again, until somebody sees to it.
                passing || (matches!(error, DbError::Other { .. }) && !is_about_data(error))
            }
            ProcessError::Read(_)
            | ProcessError::Paused { .. }
            | ProcessError::LogIsShorter { .. }
            | ProcessError::DamagedJournal { .. }
            | ProcessError::Stopped(_) => false,
        }
    }
}

/// The topics a projection folds.
pub(crate) fn topics(projection: Projection) -> &'static [Topic] {
    match projection {
        Projection::Books => &[Topic::Order, Topic::Shipment, Topic::Cod, Topic::Inventory, Topic::Voucher],
        Projection::People => &[Topic::Order, Topic::Privacy],
        Projection::Stock => &[Topic::Inventory],
        Projection::Quarantine => &[Topic::Quarantine],
    }
}

/// The partitions a worker holds, with their checkpoints.
pub(crate) type Held = BTreeMap<u32, Checkpoint>;

/// How long to wait for who rebuilds, or who is at the same partitions, before looking again.
const PAUSE: Duration = Duration::from_millis(100);

/// How long catching up waits for a record before it asks whether there are any more.
const SHORT_WAIT: Duration = Duration::from_millis(50);

/// A rebuild whose checkpoint has not moved for this long was given up by whoever began it.
const GIVEN_UP: Duration = Duration::from_secs(5);

/// Folds a worker's partitions of a projection until nothing is left to read. Refused as soon as the projection is paused, so
/// that nobody waits for what is not to come.
pub(crate) async fn catch_up(
    context: &Context,
    projection: Projection,
    index: u32,
    pause: Pause,
) -> Result<(), ProcessError> {
    let all = (0..context.log.partitions()).collect();
    let shift = Shift::without_end(share(&all, index, context.workers(projection)), pause);
    loop {
        match fold_to_end(context, projection, &shift).await {
            // Somebody else is at it: what they do need not be done here.
            Err(ProcessError::Fenced { .. }) => tokio::time::sleep(PAUSE).await,
            outcome => return outcome,
        }
    }
}

async fn fold_to_end(context: &Context, projection: Projection, shift: &Shift) -> Result<(), ProcessError> {
    let paused = || ProcessError::Paused { consumer: projection.name() };
    if shift.is_over() {
        // Also if nothing waits now: what whoever asks is about to put on the log would.
        return Err(paused());
    }
    let Some(mut held) = live(context, projection, shift).await? else { return Err(paused()) };
    let mut reader = context.reader(&held, topics(projection))?;
    let mut work = Work::default();
    while !work.is_empty() || !at_end(&context.log, &held, topics(projection)).await? {
        if shift.is_over() {
            return Err(paused());
        }
        // Here too the next batch is read while this one is written; at the end none comes, which must not take long to see.
        let next = async { reader.next_batch(context.config.batch, SHORT_WAIT).await.map(decode) };
        let (written, next) = tokio::join!(write(context, projection, &mut held, work), next);
        written?;
        work = next?;
    }
    Ok(())
}

/// The checkpoints of a worker's partitions, all of them live. A rebuild that is under way elsewhere is waited for; one that
/// was given up is finished here. None when `shutdown` comes first.
pub(crate) async fn live(
    context: &Context,
    projection: Projection,
    shift: &Shift,
) -> Result<Option<Held>, ProcessError> {
    let mut seen = (stored(context, projection, shift).await?, Instant::now());
    loop {
        let rebuilding = seen.0.iter().find(|(_, checkpoint)| checkpoint.stage == Stage::Rebuilding).map(|(p, _)| *p);
        let Some(partition) = rebuilding else { break };
        let given_up = seen.1.elapsed() > GIVEN_UP;
        let wait = async {
            if given_up {
                return rebuild::finish(context, projection, partition, &mut Way::at_once(&mut |_| {})).await;
            }
            tokio::time::sleep(PAUSE).await;
            Ok(())
        };
        tokio::select! { waited = wait => waited?, () = shift.over() => return Ok(None) }
        let now = stored(context, projection, shift).await?;
        if given_up {
            // What was finished here is no sign that whoever began is still there: the next is not waited for again.
            seen.0.extend(now.get(&partition).map(|checkpoint| (partition, checkpoint.clone())));
        }
        if now != seen.0 {
            seen = (now, Instant::now());
        }
    }
    not_beyond_the_log(context, projection, &seen.0).await?;
    Ok(Some(seen.0))
}

pub(crate) async fn not_beyond_the_log(
    context: &Context,
    projection: Projection,
    held: &Held,
) -> Result<(), ProcessError> {
    for topic in topics(projection) {
        let ends = context.log.end_offsets(*topic).await?;
        for (partition, end) in (0..).zip(ends) {
            let next = held.get(&partition).map_or(0, |checkpoint| checkpoint.next(*topic));
            if next > end {
                let consumer = projection.name();
                return Err(ProcessError::LogIsShorter { consumer, topic: *topic, partition, next, end });
            }
        }
    }
    Ok(())
}

async fn stored(context: &Context, projection: Projection, shift: &Shift) -> Result<Held, ProcessError> {
    let mut stored = books::checkpoints(&context.db, projection.name()).await?;
    let mine = shift.partitions.iter();
    Ok(mine.map(|p| (*p, stored.remove(p).unwrap_or_else(|| Checkpoint::start(Stage::Live)))).collect())
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

/// Writes what a batch leads to and moves the checkpoints with it, in one transaction. A batch that the database refuses for
/// what is in it is halved until the record is found; that one is listed, and the rest is folded.
pub(crate) async fn write(
    context: &Context,
    projection: Projection,
    held: &mut Held,
    work: Work,
) -> Result<(), Fenced> {
    let mut waiting = vec![work];
    while let Some(work) = waiting.pop() {
        if work.is_empty() {
            continue;
        }
        let work = Arc::new(work);
        match write_once(context, projection, held, &work).await {
            Err(Fenced::Db(error)) if is_about_data(&error) => match work.halves() {
                Some((first, second)) => waiting.extend([second, first]),
                None => {
                    tracing::error!(projection = projection.name(), %error, "a record cannot be folded; it is listed as poison");
                    write_once(context, projection, held, &Arc::new(work.refused(&error.to_string()))).await?;
                }
            },
            outcome => outcome?,
        }
    }
    Ok(())
}

/// The database is there and sound, and refuses what it was given: a row that does not fit, a constraint, or on PostgreSQL a
/// value out of range (class 22) or beyond a limit of the program (class 54). Anything else may pass, and poisons nothing.
fn is_about_data(error: &DbError) -> bool {
    match error {
        DbError::Misfit { .. } | DbError::Constraint { .. } => true,
        DbError::Other { code } => code.len() == 5 && (code.starts_with("22") || code.starts_with("54")),
        _ => false,
    }
}

async fn write_once(
    context: &Context,
    projection: Projection,
    held: &mut Held,
    work: &Arc<Work>,
) -> Result<(), Fenced> {
    let started = Instant::now();
    let step = |(partition, share): (u32, &Share)| {
        held.get(&partition).map(|from| (partition, (from.clone(), share.advance(from))))
    };
    let steps: Arc<Steps> = Arc::new(work.shares().filter_map(step).collect());
    let (beforehand, watch) = decide(context, projection, work, &steps, Stopwatch::since(started)).await?;
    let late = beforehand.as_ref().map_or(0, Entries::late);
    let declined = beforehand.as_ref().map_or(0, Entries::declined);
    #[cfg(feature = "failpoints")]
    crate::broken::move_checkpoints_first(&context.db, projection, &steps).await?;
    fail::fail_point!("processor::decided");
    let (for_work, for_steps, for_entries) = (Arc::clone(work), Arc::clone(&steps), Arc::new(beforehand));
    let wrote = context.db.run_tx(transaction_name(projection), move |tx| {
        let (work, steps, beforehand) = (Arc::clone(&for_work), Arc::clone(&for_steps), Arc::clone(&for_entries));
        let mut watch = watch.clone();
        Box::pin(async move {
            // Goes on from the call, so that waiting for the writer, and what a conflict undid, is told too.
            watch.lap("begin");
            let posted = apply(tx, projection, &work, &steps, beforehand.as_ref().as_ref(), &mut watch).await?;
            fail::fail_point!("processor::written");
            Ok::<_, Fenced>((posted, watch))
        })
    });
    let (posted, mut watch) = wrote.await?;
    fail::fail_point!("processor::committed");
    watch.lap("commit");
    watch.record(projection.name());
    for (partition, (_, to)) in steps.iter() {
        held.insert(*partition, to.clone());
    }
    if posted > 0 {
        context.posted.notify_one();
    }
    if late > 0 {
        tracing::warn!(
            late,
            "facts came for cases whose detail was replaced by totals; they are listed, and in no books"
        );
        metrics::counter!("processor_late_facts_total").increment(late as u64);
    }
    if declined > 0 {
        tracing::warn!(
            declined,
            "totals name detail that others had replaced before; they are listed, and in no books"
        );
        metrics::counter!("processor_declined_totals_total").increment(declined as u64);
    }
    let labels = [("projection", projection.name())];
    metrics::counter!("processor_records_total", &labels).increment(work.len() as u64);
    metrics::histogram!("processor_batch_seconds", &labels).record(started.elapsed().as_secs_f64());
    Ok(())
}

/// For each partition of a batch, the checkpoint it was read from and the one it leads to.
pub(crate) type Steps = BTreeMap<u32, (Checkpoint, Checkpoint)>;

fn transaction_name(projection: Projection) -> &'static str {
    match projection {
        Projection::Books => "fold-books",
        Projection::People => "fold-people",
        Projection::Stock => "fold-stock",
        Projection::Quarantine => "fold-quarantine",
    }
}

/// The books are much reading and thinking before anything is written. That is done beforehand, over one state of the database
/// in which the checkpoints are where the batch begins, so that another worker can write meanwhile. Whether they still are
/// there is asked again, under lock, before it is written.
///
/// None of a partition that is being rebuilt: whoever settles its cases changes them, and leaves the checkpoint where it is.
/// There, as in the other projections, a batch is decided under the lock.
async fn decide(
    context: &Context,
    projection: Projection,
    work: &Arc<Work>,
    steps: &Arc<Steps>,
    watch: Stopwatch,
) -> Result<(Option<Entries>, Stopwatch), Fenced> {
    if projection != Projection::Books || !are_live(steps) {
        return Ok((None, watch));
    }
    let (for_work, for_steps) = (Arc::clone(work), Arc::clone(steps));
    let found = context.db.run_read("decide-books", move |tx| {
        let (work, steps, mut watch) = (Arc::clone(&for_work), Arc::clone(&for_steps), watch.clone());
        Box::pin(async move {
            watch.lap("begin");
            store::beside::hold_still(tx, projection).await?;
            let expected = steps.iter().map(|(partition, (from, _))| (*partition, from.clone())).collect();
            books::compare(tx, projection.name(), &expected).await?;
            watch.lap("checkpoints");
            let entries = bookkeeper::fold(tx, &work, Stage::Live, &mut watch).await?;
            Ok::<_, Fenced>((Some(entries), watch))
        })
    });
    let found = found.await;
    fail::fail_point!("books::decided");
    found
}

/// Everything one batch writes. Returns how many transactions and alerts it has for the relay.
async fn apply(
    tx: &mut Tx,
    projection: Projection,
    work: &Work,
    steps: &Steps,
    beforehand: Option<&Entries>,
    watch: &mut Stopwatch,
) -> Result<usize, Fenced> {
    for (partition, (from, _)) in steps {
        books::lock(tx, projection.name(), *partition, from).await?;
    }
    watch.lap("checkpoints");
    let posted = match projection {
        Projection::Books => keep_books(tx, work, steps, beforehand, watch).await?,
        Projection::People => people::fold(tx, work).await.map(|()| 0)?,
        Projection::Stock => inventory::fold(tx, work).await?,
        Projection::Quarantine => quarantine::fold(tx, work).await.map(|()| 0)?,
    };
    watch.lap("write");
    for (partition, share) in work.shares() {
        books::save_poison(tx, projection.name(), &share.poison()).await?;
        if let Some((_, to)) = steps.get(&partition) {
            books::save_checkpoint(tx, projection.name(), partition, to).await?;
        }
    }
    watch.lap("checkpoints");
    Ok(posted)
}

/// Writes what was found beforehand; else, of a partition that is being rebuilt, folds without posting.
async fn keep_books(
    tx: &mut Tx,
    work: &Work,
    steps: &Steps,
    beforehand: Option<&Entries>,
    watch: &mut Stopwatch,
) -> Result<usize, DbError> {
    if let Some(entries) = beforehand {
        return entries.save(tx).await.map(|()| entries.posted());
    }
    // Facts and what was posted come from different topics; only a rebuild reads the latter, and reads it by itself.
    if work.shares().any(|(_, share)| share.topics().any(|topic| topic == Topic::Ledger)) {
        return bookkeeper::fold_posted(tx, work).await.map(|()| 0);
    }
    // All partitions of a rebuild are at the same stage.
    let is_shadow = steps.values().any(|(from, _)| from.stage == Stage::Shadow);
    let stage = if is_shadow { Stage::Shadow } else { Stage::Rebuilding };
    bookkeeper::fold(tx, work, stage, watch).await?.save(tx).await.map(|()| 0)
}

fn are_live(steps: &Steps) -> bool {
    steps.values().all(|(from, _)| from.stage == Stage::Live)
}

#[cfg(test)]
mod tests {
    use store::db::{Db, Dialect, Durability};
    use store::schema::books_migrations;

    use super::*;

    async fn context(folder: &std::path::Path) -> Context {
        let log = EventLog::open_sqlite(&folder.join("log.db"), 1).await.unwrap();
        let migrations = books_migrations(Dialect::Sqlite);
        let db = Db::open_sqlite(&folder.join("books.db"), Durability::Normal, &migrations).await.unwrap();
        Context { log, db, config: crate::Config::default(), posted: Arc::default(), behind: Arc::default() }
    }

    /// Whether a batch of the books that begins at this checkpoint is decided beforehand.
    async fn is_decided_beforehand(context: &Context, from: Checkpoint) -> Result<bool, Fenced> {
        let steps = Arc::new(Steps::from([(0, (from.clone(), from))]));
        let watch = Stopwatch::since(Instant::now());
        let decided = decide(context, Projection::Books, &Arc::new(Work::default()), &steps, watch).await;
        decided.map(|(entries, _)| entries.is_some())
    }

    async fn store(db: &Db, to: Checkpoint) {
        let saved = db.run_tx("test", move |tx| {
            let to = to.clone();
            Box::pin(async move { books::save_checkpoint(tx, Projection::Books.name(), 0, &to).await })
        });
        saved.await.unwrap_or_else(|error: DbError| panic!("{error}"));
    }

    #[tokio::test]
    async fn what_is_being_rebuilt_is_decided_under_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let context = context(folder.path()).await;
        let (live, rebuilding) = (Checkpoint::start(Stage::Live), Checkpoint::start(Stage::Rebuilding));
        assert!(is_decided_beforehand(&context, live.clone()).await.unwrap());
        // Settling moves no checkpoint: it would not be noticed that a decision from before it has become wrong.
        store(&context.db, rebuilding.clone()).await;
        assert!(!is_decided_beforehand(&context, rebuilding).await.unwrap());
        assert!(matches!(is_decided_beforehand(&context, live).await, Err(Fenced::Moved { partition: 0, .. })));
    }
}
