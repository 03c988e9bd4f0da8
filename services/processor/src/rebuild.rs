//! Rebuilding a projection from the log.
//!
//! The books come back in three steps: what the ledger topic says was posted, then every fact without posting anything,
//! then each case once more, posting only what still differs. Normally that is nothing; after a corrected rule it is
//! exactly the corrections. The stage is kept with the checkpoint, so a rebuild that was stopped goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use commerce::{PartKey, TenantId};
use event_log::EventLog;
use events::Topic;
use store::books::{self, Checkpoint, Fenced, Projection, Stage};
use store::db::{Db, DbError};

use crate::work::decode;
use crate::worker::{at_end, reader, topics, write};
use crate::{Config, Context, ProcessError, books as bookkeeper, now, relay_all};

/// How far a rebuild is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Which projection.
    pub projection: &'static str,
    /// Records folded or cases settled since the last word.
    pub done: u64,
}

/// Drops a projection and folds it again. The processor may run meanwhile: its batches are fenced off until this is done.
pub async fn rebuild(
    config: Config,
    log: &EventLog,
    db: &Db,
    projection: Projection,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(), ProcessError> {
    // The ledger topic must have all of the journal before the journal is dropped.
    relay_all(log, db).await?;
    let partitions = log.partitions();
    let dropped = db.run_tx("reset-projection", move |tx| {
        Box::pin(async move { books::reset(tx, projection, partitions, Stage::Rebuilding).await })
    });
    dropped.await.map_err(|error: DbError| ProcessError::from(error))?;
    let context = Context { log: log.clone(), db: db.clone(), config, posted: Arc::default() };
    for partition in 0..partitions {
        finish(&context, projection, partition, progress).await?;
    }
    relay_all(log, db).await
}

/// Brings one partition that is being rebuilt to the end of the log, and makes it live.
pub(crate) async fn finish(
    context: &Context,
    projection: Projection,
    partition: u32,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(), ProcessError> {
    let is_books = projection == Projection::BOOKS;
    let start = || Checkpoint::start(Stage::Rebuilding);
    let stored = books::checkpoints(&context.db, projection.name).await?.remove(&partition).unwrap_or_else(start);
    let mut held = BTreeMap::from([(partition, stored)]);
    if is_books {
        fold_topics(context, projection, &mut held, &[Topic::Ledger], progress).await?;
    }
    fold_topics(context, projection, &mut held, topics(projection), progress).await?;
    if is_books {
        settle_all(context, partition, progress).await?;
    }
    let Some(from) = held.remove(&partition) else { return Ok(()) };
    let to = Checkpoint { stage: Stage::Live, ..from.clone() };
    let live = context.db.run_tx("rebuilt", move |tx| {
        let (from, to) = (from.clone(), to.clone());
        Box::pin(async move {
            books::lock(tx, projection.name, partition, &from).await?;
            books::save_checkpoint(tx, projection.name, partition, &to).await.map_err(Fenced::from)
        })
    });
    live.await.map_err(fenced)
}

async fn fold_topics(
    context: &Context,
    projection: Projection,
    held: &mut BTreeMap<u32, Checkpoint>,
    topics: &[Topic],
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(), ProcessError> {
    let Some((partition, checkpoint)) = held.first_key_value().map(|(p, c)| (*p, c.clone())) else { return Ok(()) };
    let mut reader = reader(&context.log, partition, &checkpoint, topics)?;
    while !at_end(&context.log, held, topics).await? {
        let work = decode(reader.next_batch(context.config.batch, context.config.wait).await?);
        let done = work.values().map(|share| share.len() as u64).sum();
        write(context, projection, held, work).await.map_err(fenced)?;
        progress(Progress { projection: projection.name, done });
    }
    Ok(())
}

/// Settles every case of a partition, a page of parts at a time.
async fn settle_all(
    context: &Context,
    partition: u32,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(), ProcessError> {
    let (recorded, mut after) = (now(), None);
    loop {
        let keys = books::all_keys(&context.db, after.take(), 2_000).await?;
        let Some(last) = keys.last().cloned() else { return Ok(()) };
        let mine: BTreeSet<(TenantId, PartKey)> =
            keys.into_iter().filter(|(tenant, _)| context.log.partition_of(tenant) == partition).collect();
        let done = mine.len() as u64;
        let partitions: BTreeMap<TenantId, u32> = mine.iter().map(|(tenant, _)| (tenant.clone(), partition)).collect();
        let shared = Arc::new((partitions, mine));
        let settled = context.db.run_tx("settle-rebuilt", move |tx| {
            let shared = Arc::clone(&shared);
            Box::pin(async move { bookkeeper::settle(tx, &shared.0, &shared.1, recorded).await })
        });
        settled.await.map_err(|error: DbError| ProcessError::from(error))?;
        progress(Progress { projection: Projection::BOOKS.name, done });
        after = Some(last);
    }
}

fn fenced(error: Fenced) -> ProcessError {
    match error {
        Fenced::Db(error) => error.into(),
        moved @ Fenced::Moved { .. } => ProcessError::Stopped(format!("{moved}; another rebuild is running")),
    }
}
