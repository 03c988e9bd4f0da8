//! A rebuild beside the live tables: they are read and folded on while a second set is folded from the beginning of the log.
//!
//! The set follows the live checkpoints, and never goes beyond them. It takes what was posted from the ledger topic, as a rebuild
//! in place does, and posts nothing itself: numbers are given out by the live journal alone. When it has caught up, all live
//! checkpoints of the projection are locked in one transaction. Under that lock what is posted and not yet published goes onto
//! the ledger topic, the set is brought to exactly where the checkpoints are, and takes the place of the live rows; they are of the
//! next edition then, so that nothing is written which was decided over the old ones. A crash before the commit leaves the live rows
//! as they were, and gives the lock back by itself; the set is gone on with when the rebuild is asked for again.
//!
//! Where a rule was corrected, the set stands by what was posted, as the live books did. What differs is posted after the swap, a
//! page of cases at a time, each in a transaction of its own under its partition's checkpoint, while others fold on.
//!
//! How long nobody else folds: as long as it takes to read what came since the last look, some hundred records; and on SQLite to copy
//! the rows. Locking the tables waits for who reads them for 300 ms, and is tried again later.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use commerce::{PartKey, TenantId};
use event_log::EventLog;
use events::Topic;
use store::beside::{Beside, Comparison, Differences, Found, SwapError};
use store::books::{self, Checkpoint, Fenced, Projection, Stage};
use store::db::{Db, DbError, OpenDbError, Tx};

use super::pace::{Courtesy, Pace};
use super::{PAGE, Told, Way, published, settle_all, stock, tenants_in};
use crate::relay::{publish_waiting, relay_all, relay_journal};
use crate::work::decode;
use crate::worker::{Held, not_beyond_the_log, topics, write};
use crate::{Config, Context, ProcessError, books as bookkeeper, now, totals};

/// Between two tries, when somebody else is at the same.
const PAUSE: Duration = Duration::from_millis(200);

/// How often the swap is tried while others read the tables for long.
const TRIES: u32 = 30;

/// What a rebuild has led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swapped {
    /// What was there of an earlier one.
    pub found: Found,
    /// For how long nobody else could fold.
    pub fenced: Duration,
    /// Rows that are otherwise than those they replaced; None if that could not be told.
    pub differs: Option<Differences>,
    /// Transactions that were posted because a rule was corrected.
    pub posted: u64,
}

/// Why a rebuild beside the live tables did not come to its end. Until the swap the live ones are as they were. After it the new rows
/// stand, and only what comes behind it may be missing: corrections by changed rules, which `verify` names, and a sweep.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// It is being rebuilt in place: there is nothing whole to stand beside.
    #[error("{0} is being rebuilt in place")]
    NotWhole(&'static str),
    /// The second set could not be opened or made.
    #[error("the second set of tables cannot be made: {0}")]
    Open(#[source] OpenDbError),
    /// It was built, and could not take the place of the live one.
    #[error(transparent)]
    Swap(#[from] SwapError),
    /// The log or the database.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

impl From<DbError> for RebuildError {
    fn from(error: DbError) -> RebuildError {
        RebuildError::Process(error.into())
    }
}

impl From<Fenced> for RebuildError {
    fn from(fenced: Fenced) -> RebuildError {
        RebuildError::Process(fenced.into())
    }
}

impl RebuildError {
    /// Whether the swap may do better in a moment: somebody folds the same set, reads the tables for long, or the lock was waited for
    /// too long.
    fn is_in_the_way(&self) -> bool {
        match self {
            RebuildError::Swap(SwapError::Db(DbError::Conflict { .. })) => true,
            RebuildError::Process(error) => error.is_passing(),
            RebuildError::NotWhole(_) | RebuildError::Open(_) | RebuildError::Swap(_) => false,
        }
    }
}

/// The live projection and the set beside it.
struct Both {
    live: Context,
    set: Context,
    beside: Beside,
    projection: Projection,
}

/// Rebuilds a projection beside the live one; ask [`refuse_damage`](super::refuse_damage) first. Goes on with what an earlier one
/// left half built.
pub async fn rebuild_beside(
    config: Config,
    log: &EventLog,
    db: &Db,
    projection: Projection,
    pace: Pace,
    told: &mut (dyn FnMut(Told) + Send),
) -> Result<Swapped, RebuildError> {
    let mut way = Way::with(Courtesy::new(pace, db.clone(), projection), told);
    require_whole(projection, &books::checkpoints(db, projection.name()).await?)?;
    let (beside, found) = Beside::open(db, projection, log.partitions()).await.map_err(RebuildError::Open)?;
    way.tell(Told::Found(found));
    let both =
        Arc::new(Both { live: context(&config, log, db), set: context(&config, log, beside.db()), beside, projection });
    let (fenced, comparison) = both.bring_in(&mut way).await?;
    way.tell(Told::Swapped(fenced));
    fail::fail_point!("rebuild::swapped");
    let differs = comparison.finish().await;
    both.beside.clone().remove().await?;
    let posted = both.finish_live(&mut way).await?;
    Ok(Swapped { found, fenced, differs, posted })
}

fn context(config: &Config, log: &EventLog, db: &Db) -> Context {
    let (log, db, config) = (log.clone(), db.clone(), config.clone());
    Context { log, db, config, posted: Arc::default(), behind: Arc::default() }
}

fn require_whole(projection: Projection, stored: &BTreeMap<u32, Checkpoint>) -> Result<(), RebuildError> {
    let is_whole = stored.values().all(|checkpoint| checkpoint.stage == Stage::Live);
    if is_whole { Ok(()) } else { Err(RebuildError::NotWhole(projection.name())) }
}

impl Both {
    /// Catches up and swaps, until nobody is in the way.
    async fn bring_in(self: &Arc<Both>, way: &mut Way<'_>) -> Result<(Duration, Comparison), RebuildError> {
        let (mut tries, mut is_known) = (1, false);
        loop {
            let outcome = match self.approach(way).await {
                Ok(()) if !is_known => self.beside.learn().await.map_err(RebuildError::from),
                approached => approached,
            };
            is_known |= outcome.is_ok();
            let outcome = match outcome {
                Ok(()) => Arc::clone(self).swap().await,
                Err(error) => Err(error),
            };
            match outcome {
                Err(error) if error.is_in_the_way() && tries < TRIES => {
                    tracing::debug!(%error, tries, "the swap is tried again");
                    way.tell(Told::Waits);
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Folds the set up to where the live checkpoints are, until no more than a batch comes meanwhile.
    async fn approach(&self, way: &mut Way<'_>) -> Result<(), RebuildError> {
        loop {
            if self.projection == Projection::Books {
                // What is posted shall not all be waited for under the fence.
                relay_journal(&self.live.log, &self.live.db).await?;
            }
            let live = books::checkpoints(&self.live.db, self.projection.name()).await?;
            require_whole(self.projection, &live)?;
            let folded = self.follow(&live, way).await?;
            let looked_over = self.look_over(way).await?;
            if !looked_over && folded <= self.set.config.batch as u64 {
                return Ok(());
            }
        }
    }

    /// Folds the set up to these live checkpoints; gives how many records that were.
    async fn follow(&self, live: &BTreeMap<u32, Checkpoint>, way: &mut Way<'_>) -> Result<u64, RebuildError> {
        let mut folded = 0;
        let told = published(self.projection);
        let mut ends = self.ends_of(told).await?;
        folded += self.fold(told, &ends, way).await?;
        not_beyond_the_log(&self.live, self.projection, live).await?;
        ends = live_ends(live, topics(self.projection));
        if self.projection == Projection::Books {
            // As in a rebuild in place: which detail was replaced is known before any of it comes.
            folded += self.fold(&[Topic::Voucher], &ends, way).await?;
        }
        Ok(folded + self.fold(topics(self.projection), &ends, way).await?)
    }

    /// Where these topics end now.
    async fn ends_of(&self, topics: &[Topic]) -> Result<Ends, ProcessError> {
        let mut ends = Ends::new();
        for topic in topics {
            let of_topic = (0..).zip(self.live.log.end_offsets(*topic).await?);
            ends.extend(of_topic.map(|(partition, end)| ((partition, *topic), end)));
        }
        Ok(ends)
    }

    /// Folds these topics into the set, up to these ends.
    async fn fold(&self, topics: &[Topic], ends: &Ends, way: &mut Way<'_>) -> Result<u64, RebuildError> {
        let mut held: Held = books::checkpoints(&self.set.db, self.projection.name()).await?;
        let left = missing(&held, topics, ends);
        if left == 0 {
            return Ok(0);
        }
        way.tell(Told::ToDo(left));
        let mut reader = self.set.reader(&held, topics)?;
        while missing(&held, topics, ends) > 0 {
            let batch =
                reader.next_batch(self.set.config.batch, self.set.config.wait).await.map_err(ProcessError::from)?;
            let (mut work, began) = (decode(batch), Instant::now());
            work.up_to(ends);
            let done = work.len() as u64;
            write(&self.set, self.projection, &mut held, work).await?;
            fail::fail_point!("rebuild::folded");
            way.done(done, began).await?;
        }
        Ok(left)
    }

    /// Books: values goods, and shows every case as far as it is folded, once; and once more when a merchant keeps its books by other
    /// rules than before. True if there was something to do.
    async fn look_over(&self, way: &mut Way<'_>) -> Result<bool, RebuildError> {
        self.take_tenants().await?;
        if self.projection != Projection::Books {
            return Ok(false);
        }
        let mut held = books::checkpoints(&self.set.db, self.projection.name()).await?;
        held.retain(|_, from| from.stage != Stage::Shadow);
        if held.is_empty() {
            return Ok(false);
        }
        // Goods are noted and cases shown; what is valued in between cannot be counted before.
        way.tell(Told::ToDo(books::count_parts(&self.set.db).await?.saturating_mul(2)));
        for (partition, from) in &held {
            stock::note_all(&self.set, *partition, from, way).await?;
            stock::value_all(&self.set, *partition, from, way).await?;
            settle_all(&self.set, *partition, from, Stage::Shadow, way).await?;
        }
        self.move_set(held, Stage::Shadow).await?;
        Ok(true)
    }

    /// Brings the merchants up to the live ones. Where one keeps its books by other rules now, all is to be looked over again.
    async fn take_tenants(&self) -> Result<(), RebuildError> {
        let behind = books::tenants_behind(&self.live.db, &self.set.db).await?;
        if behind.iter().any(|(_, by_other_rules)| *by_other_rules) {
            self.move_set(books::checkpoints(&self.set.db, self.projection.name()).await?, Stage::Rebuilding).await?;
        }
        for (tenant, _) in behind {
            books::save_tenant(&self.set.db, tenant).await?;
        }
        Ok(())
    }

    /// Moves all of the set's partitions at once: a batch is folded alike in all of them.
    async fn move_set(&self, held: Held, stage: Stage) -> Result<(), RebuildError> {
        let (name, held) = (self.projection.name(), Arc::new(held));
        let moved = self.set.db.run_tx("move-beside", move |tx| {
            let held = Arc::clone(&held);
            Box::pin(async move {
                for (partition, from) in held.iter() {
                    books::lock(tx, name, *partition, from).await?;
                    let to = Checkpoint { stage, ..from.clone() };
                    books::save_checkpoint(tx, name, *partition, &to).await?;
                }
                Ok::<_, Fenced>(())
            })
        });
        Ok(moved.await?)
    }

    /// Puts the set in the place of the live rows; gives for how long nobody else could fold.
    async fn swap(self: Arc<Both>) -> Result<(Duration, Comparison), RebuildError> {
        let db = self.live.db.clone();
        let swapped = db.run_tx("swap-rebuilt", move |tx| {
            let both = Arc::clone(&self);
            Box::pin(async move { both.swap_in(tx).await })
        });
        let (began, comparison) = swapped.await?;
        Ok((began.elapsed(), comparison))
    }

    async fn swap_in(&self, tx: &mut Tx) -> Result<(Instant, Comparison), RebuildError> {
        let (name, began) = (self.projection.name(), Instant::now());
        let live = books::lock_all(tx, name, self.live.log.partitions()).await?;
        require_whole(self.projection, &live)?;
        if self.projection == Projection::Books {
            publish_waiting(&self.live.log, &self.live.db).await?;
        }
        self.follow(&live, &mut Way::at_once(&mut |_| {})).await?;
        self.take_tenants().await?;
        let mut set = books::checkpoints(&self.set.db, name).await?;
        let ready = if self.projection == Projection::Books { Stage::Shadow } else { Stage::Rebuilding };
        if let Some((partition, _)) = set.iter().find(|(_, one)| one.stage != ready) {
            // A merchant has changed its rules just now: all is to be looked over again, and not under this lock.
            return Err(Fenced::Moved { consumer: name, partition: *partition }.into());
        }
        let comparison = self.beside.begin_comparing().await?;
        fail::fail_point!("rebuild::fenced");
        self.beside.swap(tx).await?;
        for (partition, was) in live {
            let offsets = set.remove(&partition).map(|one| one.offsets).unwrap_or_default();
            let to = Checkpoint { offsets, stage: Stage::Live, edition: was.edition.saturating_add(1) };
            books::save_checkpoint(tx, name, partition, &to).await?;
        }
        books::save_version(tx, self.projection, None).await?;
        fail::fail_point!("rebuild::swapping");
        Ok((began, comparison))
    }

    /// What comes after the swap, while others fold on: gives how many transactions were posted.
    async fn finish_live(&self, way: &mut Way<'_>) -> Result<u64, RebuildError> {
        let posted = if self.projection == Projection::Books { self.settle_live(way).await? } else { 0 };
        relay_all(&self.live.log, &self.live.db).await?;
        // The ledger topic and the log have brought back what was swept before.
        match self.projection {
            Projection::Books => drop(totals::sweep(&self.live.db).await?),
            Projection::People => totals::sweep_again(&self.live.db).await?,
            Projection::Stock | Projection::Quarantine => {}
        }
        Ok(posted)
    }

    /// Posts what differs, if a rule was corrected: every case is looked at, and only pages in which one differs are settled.
    async fn settle_live(&self, way: &mut Way<'_>) -> Result<u64, RebuildError> {
        let (mut posted, mut after) = (0, None);
        loop {
            let keys = books::all_keys(&self.live.db, after.take(), PAGE).await?;
            let Some(last) = keys.last().cloned() else { return Ok(posted) };
            let mut shares: BTreeMap<u32, BTreeSet<(TenantId, PartKey)>> = BTreeMap::new();
            for key in keys {
                shares.entry(self.live.log.partition_of(&key.0)).or_default().insert(key);
            }
            for (partition, keys) in shares {
                let (looked_at, began, keys) = (keys.len() as u64, Instant::now(), Arc::new(keys));
                while self.differs(partition, &keys).await? {
                    match self.settle_page(partition, &keys).await {
                        Ok(more) => posted += more as u64,
                        // An outage, or a rebuild in place, which settles all by itself.
                        Err(Fenced::Moved { .. }) => tokio::time::sleep(PAUSE).await,
                        Err(Fenced::Db(error)) => return Err(error.into()),
                    }
                }
                way.tell(Told::Settled(looked_at));
                way.done(0, began).await?;
            }
            after = Some(last);
        }
    }

    async fn differs(&self, partition: u32, keys: &Arc<BTreeSet<(TenantId, PartKey)>>) -> Result<bool, DbError> {
        let keys = Arc::clone(keys);
        let differing = self.live.db.run_read("look-for-unsettled", move |tx| {
            let keys = Arc::clone(&keys);
            Box::pin(async move {
                store::beside::hold_still(tx, Projection::Books).await?;
                bookkeeper::differing(tx, &tenants_in(partition, &keys), &keys).await
            })
        });
        Ok(!differing.await?.is_empty())
    }

    async fn settle_page(&self, partition: u32, keys: &Arc<BTreeSet<(TenantId, PartKey)>>) -> Result<usize, Fenced> {
        let (keys, recorded) = (Arc::clone(keys), now());
        let settled = self.live.db.run_tx("settle-swapped", move |tx| {
            let keys = Arc::clone(&keys);
            Box::pin(async move {
                books::begin_edition(tx, Projection::Books.name(), partition).await?;
                let posted =
                    bookkeeper::settle(tx, &tenants_in(partition, &keys), &keys, recorded, Stage::Live).await?;
                Ok::<_, Fenced>(posted)
            })
        });
        settled.await
    }
}

/// Where topics end for a rebuild, by partition.
type Ends = BTreeMap<(u32, Topic), u64>;

/// What the live set has folded of these topics.
fn live_ends(live: &BTreeMap<u32, Checkpoint>, topics: &[Topic]) -> Ends {
    let of = |(partition, stored): (&u32, &Checkpoint)| {
        topics.iter().map(|topic| ((*partition, *topic), stored.next(*topic))).collect::<Vec<_>>()
    };
    live.iter().flat_map(of).collect()
}

/// How many records lie between these checkpoints and the ends of these topics.
fn missing(held: &Held, topics: &[Topic], ends: &Ends) -> u64 {
    let next = |partition: u32, topic: Topic| held.get(&partition).map_or(0, |stored| stored.next(topic));
    let asked = ends.iter().filter(|((_, topic), _)| topics.contains(topic));
    asked.map(|((partition, topic), end)| end.saturating_sub(next(*partition, *topic))).sum()
}
