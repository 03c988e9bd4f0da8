//! Rebuilding a projection from the log.
//!
//! The books come back in steps: what the ledger topic says was posted, then every fact without posting anything,
//! then what moved in stock and what it cost, and then each case once more, posting only what still differs. Normally that is
//! nothing; after a corrected rule it is exactly the corrections. Stock comes back likewise: first which alerts the topic has, then every count.
//! The stage is kept with the checkpoint, so a rebuild that was stopped goes on.

mod beside;
mod pace;
mod stock;
mod way;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use commerce::{PartKey, TenantId};
use event_log::{EventLog, Position};
use events::Topic;
use store::books::{self, Checkpoint, Fenced, Projection, Stage};
use store::db::{Db, DbError};

use crate::relay::{relay_all, relay_journal};
use crate::verify::log::{Seen, scan};
use crate::work::decode;
use crate::worker::{Held, at_end, topics, write};
use crate::{Config, Context, ProcessError, books as bookkeeper, now, totals};

pub use beside::{RebuildError, Swapped, rebuild_beside};
pub use pace::Pace;
pub(crate) use way::Way;
pub use way::{Speed, Told};

/// Parts settled in one transaction.
const PAGE: u32 = 2_000;

/// How far a rebuild is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Which projection.
    pub projection: &'static str,
    /// Records folded or cases settled since the last word.
    pub done: u64,
}

/// Why a rebuild was not begun; nothing was dropped.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// What these records said is in the read models and would be lost with them: bring the log back from a copy first.
    #[error("{topic}, partition {partition}, offset {offset} cannot be read ({reason}), {count} such in all")]
    Unreadable {
        /// The topic of the first of them.
        topic: Topic,
        /// Its partition.
        partition: u32,
        /// Its offset.
        offset: u64,
        /// Why it cannot be read; never what it holds.
        reason: String,
        /// How many cannot be read.
        count: u64,
    },
    /// Records are gone from the middle of a topic: bring the log back from a copy first.
    #[error("{count} records of {topic} are gone")]
    Missing {
        /// The topic.
        topic: Topic,
        /// How many.
        count: u64,
    },
    /// The log could not be read through: try again.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// Reads all that a rebuild of these projections would fold, and refuses a log of which some cannot be read: what a
/// damaged record said is still in the read models, and is nowhere else. `progress` hears how many records were read.
pub async fn refuse_damage(
    log: &EventLog,
    projections: &[Projection],
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<(), Refused> {
    let (mut unreadable, mut first, mut missing) = (0, None, None);
    scan(log, &folded_topics(projections), progress, &mut |seen| match seen {
        // No fold reads an alert: one that the topic does not tell is derived again, and published again under its id.
        Seen::Event(..) | Seen::Unreadable(Position { topic: Topic::Alert, .. }, _) => {}
        Seen::Unreadable(position, reason) => {
            unreadable += 1;
            first.get_or_insert((position, reason));
        }
        Seen::Missing(topic, count) => {
            missing.get_or_insert(Refused::Missing { topic, count });
        }
    })
    .await?;
    if let Some((Position { topic, partition, offset }, reason)) = first {
        return Err(Refused::Unreadable { topic, partition, offset, reason, count: unreadable });
    }
    missing.map_or(Ok(()), Err)
}

/// The topic that tells what a projection has published. A rebuild reads it first, so that nothing is published anew.
fn published(projection: Projection) -> &'static [Topic] {
    match projection {
        Projection::Books => &[Topic::Ledger],
        Projection::Stock => &[Topic::Alert],
        Projection::People | Projection::Quarantine => &[],
    }
}

/// Every topic that a rebuild of these projections reads, once.
fn folded_topics(projections: &[Projection]) -> Vec<Topic> {
    let told = projections.iter().flat_map(|one| published(*one));
    let read: BTreeSet<Topic> = projections.iter().flat_map(|one| topics(*one)).chain(told).copied().collect();
    read.into_iter().collect()
}

/// Drops a projection and folds it again; ask [`refuse_damage`] first. The processor may run meanwhile: its batches are fenced
/// off until this is done.
pub async fn rebuild(
    config: Config,
    log: &EventLog,
    db: &Db,
    projection: Projection,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(), ProcessError> {
    let partitions = log.partitions();
    loop {
        // The ledger topic must have all of the journal before the journal is dropped. Alerts are derived again.
        relay_journal(log, db).await?;
        let dropped = db.run_tx("reset-projection", move |tx| {
            Box::pin(async move { books::reset(tx, projection, partitions, Stage::Rebuilding).await })
        });
        if dropped.await.map_err(|error: DbError| ProcessError::from(error))? {
            break;
        }
    }
    let context = Context { log: log.clone(), db: db.clone(), config, posted: Arc::default(), behind: Arc::default() };
    let mut told = |told: Told| {
        if let Told::Done(done) = told {
            progress(Progress { projection: projection.name(), done });
        }
    };
    for partition in 0..partitions {
        finish(&context, projection, partition, &mut Way::at_once(&mut told)).await?;
    }
    relay_all(log, db).await?;
    // The ledger topic and the log have brought back what was swept before.
    match projection {
        Projection::Books => totals::sweep(db).await.map(|_| ()),
        Projection::People => totals::sweep_again(db).await,
        Projection::Stock | Projection::Quarantine => Ok(()),
    }
}

/// Brings one partition that is being rebuilt to the end of the log, and makes it live. If somebody else works on it too,
/// whoever is fenced off goes on from what the other has done.
pub(crate) async fn finish(
    context: &Context,
    projection: Projection,
    partition: u32,
    way: &mut Way<'_>,
) -> Result<(), ProcessError> {
    loop {
        let stored = books::checkpoints(&context.db, projection.name()).await?.remove(&partition);
        let Some(stored) = stored.filter(|checkpoint| checkpoint.stage == Stage::Rebuilding) else { return Ok(()) };
        match finish_from(context, projection, partition, stored, way).await {
            Err(ProcessError::Fenced { .. }) => tokio::time::sleep(Duration::from_millis(100)).await,
            outcome => return outcome,
        }
    }
}

async fn finish_from(
    context: &Context,
    projection: Projection,
    partition: u32,
    stored: Checkpoint,
    way: &mut Way<'_>,
) -> Result<(), ProcessError> {
    let mut held = Held::from([(partition, stored)]);
    fold_topics(context, projection, &mut held, published(projection), way).await?;
    if projection == Projection::Books {
        // Which detail was replaced is known before any of it comes: so what came too late can be told.
        fold_topics(context, projection, &mut held, &[Topic::Voucher], way).await?;
    }
    fold_topics(context, projection, &mut held, topics(projection), way).await?;
    let Some(from) = held.remove(&partition) else { return Ok(()) };
    if projection == Projection::Books {
        stock::note_all(context, partition, &from, way).await?;
        stock::value_all(context, partition, &from, way).await?;
        settle_all(context, partition, &from, Stage::Live, way).await?;
    }
    let to = Checkpoint { stage: Stage::Live, ..from.clone() };
    let live = context.db.run_tx("rebuilt", move |tx| {
        let (from, to) = (from.clone(), to.clone());
        Box::pin(async move {
            books::lock(tx, projection.name(), partition, &from).await?;
            books::save_checkpoint(tx, projection.name(), partition, &to).await?;
            books::save_version(tx, projection, Some(partition)).await.map_err(Fenced::from)
        })
    });
    live.await.map_err(ProcessError::from)
}

async fn fold_topics(
    context: &Context,
    projection: Projection,
    held: &mut Held,
    topics: &[Topic],
    way: &mut Way<'_>,
) -> Result<(), ProcessError> {
    let mut reader = context.reader(held, topics)?;
    while !at_end(&context.log, held, topics).await? {
        let work = decode(reader.next_batch(context.config.batch, context.config.wait).await?);
        let (done, began) = (work.len() as u64, Instant::now());
        write(context, projection, held, work).await?;
        way.done(done, began).await?;
    }
    Ok(())
}

/// Settles every case of a partition, or as a shadow shows it, a page of parts at a time, each page under the partition's lock.
async fn settle_all(
    context: &Context,
    partition: u32,
    from: &Checkpoint,
    stage: Stage,
    way: &mut Way<'_>,
) -> Result<(), ProcessError> {
    let (recorded, mut after) = (now(), None);
    loop {
        let keys = books::all_keys(&context.db, after.take(), PAGE).await?;
        let Some(last) = keys.last().cloned() else { return Ok(()) };
        let mine: BTreeSet<(TenantId, PartKey)> =
            keys.into_iter().filter(|(tenant, _)| context.log.partition_of(tenant) == partition).collect();
        let (looked_at, began) = (mine.len() as u64, Instant::now());
        let shared = Arc::new((tenants_in(partition, &mine), mine, from.clone()));
        let settled = context.db.run_tx("settle-rebuilt", move |tx| {
            let shared = Arc::clone(&shared);
            Box::pin(async move {
                let (partitions, keys, from) = &*shared;
                books::lock(tx, Projection::Books.name(), partition, from).await?;
                bookkeeper::settle(tx, partitions, keys, recorded, stage).await.map_err(Fenced::from)
            })
        });
        settled.await.map_err(ProcessError::from)?;
        way.done(looked_at, began).await?;
        after = Some(last);
    }
}

/// The tenants of these parts, all of which lie in one partition.
fn tenants_in(partition: u32, keys: &BTreeSet<(TenantId, PartKey)>) -> BTreeMap<TenantId, u32> {
    keys.iter().map(|(tenant, _)| (tenant.clone(), partition)).collect()
}
