//! Checkpoints: how far a consumer has folded a partition. The row is locked and compared before a batch writes anything, so
//! of two processes that believe a partition is theirs only one commits. What was decided over a state in which the rows said
//! the same holds too: whoever changes what a batch of the books reads of a live partition moves its checkpoint.

use std::collections::BTreeMap;

use events::Topic;

use super::paused::has_caught_up;
use super::tables::POISON;
use super::{Projection, corrupt, signed, unsigned};
use crate::db::{Db, DbError, Dialect, Row, Rows, Tx};

/// Whether a consumer posts as it folds, or folds only, to post what differs at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Ordinary work.
    Live,
    /// Being rebuilt from the log.
    Rebuilding,
    /// Built beside the live tables: folds on and shows what it finds, and posts nothing, because the numbers are given out there.
    Shadow,
}

/// How far a consumer is in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The next offset to read, by topic; a topic that is absent is read from its start.
    pub offsets: BTreeMap<Topic, u64>,
    /// What it is doing.
    pub stage: Stage,
    /// How often its rows were changed otherwise than by folding on: emptied, replaced, or settled anew.
    pub edition: u64,
}

/// Why a batch was not written: read the checkpoints again and go on from there.
#[derive(Debug, thiserror::Error)]
pub enum Fenced {
    /// Somebody else has moved the checkpoint since this batch was read.
    #[error("the checkpoint of {consumer}, partition {partition}, was moved by another process")]
    Moved {
        /// Which consumer.
        consumer: &'static str,
        /// Which partition.
        partition: u32,
    },
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// A record that was skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poison {
    /// Where it lies.
    pub topic: Topic,
    /// In which partition.
    pub partition: u32,
    /// At which offset.
    pub offset: u64,
    /// Why it could not be read; never what it says.
    pub reason: String,
}

impl Checkpoint {
    /// Before anything is read.
    pub fn start(stage: Stage) -> Checkpoint {
        Checkpoint { offsets: BTreeMap::new(), stage, edition: 0 }
    }

    /// The next offset to read of a topic.
    pub fn next(&self, topic: Topic) -> u64 {
        self.offsets.get(&topic).copied().unwrap_or(0)
    }

    fn to_json(&self) -> String {
        let named: BTreeMap<&str, u64> = self.offsets.iter().map(|(topic, next)| (topic.name(), *next)).collect();
        serde_json::to_string(&named).unwrap_or_default()
    }
}

impl Stage {
    fn as_str(self) -> &'static str {
        match self {
            Stage::Live => "live",
            Stage::Rebuilding => "rebuilding",
            Stage::Shadow => "shadow",
        }
    }
}

const ALL: &str = "SELECT partition_no, offsets, stage, edition FROM checkpoint WHERE consumer = $1";

/// A consumer's checkpoints, by partition. Partitions it never committed for are absent.
pub async fn checkpoints(db: &Db, consumer: &'static str) -> Result<BTreeMap<u32, Checkpoint>, DbError> {
    let rows = db.query(ALL, vec![consumer.into()]).await?;
    rows.iter().map(read).collect()
}

/// Whether the read models of orders, parcels and people say all that the log does, but for what has just come: not while they are
/// folded anew, or paused, or behind since they were, when who is missing from them may be there all the same.
pub async fn are_whole(db: &Db) -> Result<bool, DbError> {
    for projection in [Projection::Books, Projection::People] {
        if !has_caught_up(db, projection).await? {
            return Ok(false);
        }
        if checkpoints(db, projection.name()).await?.values().any(|one| one.stage == Stage::Rebuilding) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A consumer's checkpoints in the state of the database that this transaction reads, by partition. Partitions it never committed for are
/// absent.
pub async fn reached(tx: &mut Tx, consumer: &'static str) -> Result<BTreeMap<u32, Checkpoint>, DbError> {
    tx.query(ALL, vec![consumer.into()]).await?.iter().map(read).collect()
}

/// Compares partitions' checkpoints with what a batch was read from, without locking them: what this transaction reads is the
/// state that these checkpoints tell of.
pub async fn compare(tx: &mut Tx, consumer: &'static str, expected: &BTreeMap<u32, Checkpoint>) -> Result<(), Fenced> {
    // Broken on purpose: nobody is fenced.
    fail::fail_point!("books::compare", |_| Ok(()));
    let stored = reached(tx, consumer).await?;
    let start = Checkpoint::start(Stage::Live);
    let moved = expected.iter().find(|(partition, expected)| stored.get(partition).unwrap_or(&start) != *expected);
    moved.map_or(Ok(()), |(partition, _)| Err(Fenced::Moved { consumer, partition: *partition }))
}

/// Locks a partition's checkpoint for this transaction and compares it with what the batch was read from.
pub async fn lock(tx: &mut Tx, consumer: &'static str, partition: u32, expected: &Checkpoint) -> Result<(), Fenced> {
    let locked = locked(tx, consumer, partition).await?;
    // Broken on purpose: nobody is fenced.
    fail::fail_point!("books::compare", |_| Ok(()));
    match locked {
        Some(stored) if stored == *expected => Ok(()),
        _ => Err(Fenced::Moved { consumer, partition }),
    }
}

async fn locked(tx: &mut Tx, consumer: &'static str, partition: u32) -> Result<Option<Checkpoint>, DbError> {
    // The row must exist to be locked; whoever comes second waits here on PostgreSQL, or at BEGIN on SQLite.
    let insert = "INSERT INTO checkpoint (consumer, partition_no, offsets, stage, version) \
                  VALUES ($1, $2, '{}', 'live', $3) ON CONFLICT (consumer, partition_no) DO NOTHING";
    tx.execute(insert, vec![consumer.into(), partition.into(), version_of(consumer).into()]).await?;
    let lock = if tx.dialect() == Dialect::Postgres { " FOR UPDATE" } else { "" };
    let rows = tx.query(&format!("{ALL} AND partition_no = $2{lock}"), vec![consumer.into(), partition.into()]).await?;
    Ok(rows.first().map(read).transpose()?.map(|(_, checkpoint)| checkpoint))
}

/// Locks all of a consumer's checkpoints, whatever they say: nobody folds until this transaction ends.
pub async fn lock_all(
    tx: &mut Tx,
    consumer: &'static str,
    partitions: u32,
) -> Result<BTreeMap<u32, Checkpoint>, DbError> {
    let mut stored = BTreeMap::new();
    for partition in 0..partitions {
        let checkpoint = locked(tx, consumer, partition).await?;
        stored.insert(partition, checkpoint.unwrap_or_else(|| Checkpoint::start(Stage::Live)));
    }
    Ok(stored)
}

/// Locks the checkpoint of a live partition and begins its next edition: for who changes its rows otherwise than by folding on.
/// What was decided over them before is fenced off.
pub async fn begin_edition(tx: &mut Tx, consumer: &'static str, partition: u32) -> Result<(), Fenced> {
    match locked(tx, consumer, partition).await? {
        Some(stored) if stored.stage == Stage::Live => {
            let next = Checkpoint { edition: stored.edition.saturating_add(1), ..stored };
            Ok(save_checkpoint(tx, consumer, partition, &next).await?)
        }
        _ => Err(Fenced::Moved { consumer, partition }),
    }
}

/// By which version of a projection's rules each partition was folded.
pub async fn versions(db: &Db, projection: Projection) -> Result<BTreeMap<u32, u64>, DbError> {
    let sql = "SELECT partition_no, version FROM checkpoint WHERE consumer = $1";
    let version = |row: &Row| {
        let partition = u32::try_from(row.int(0)?).map_err(|_| corrupt("checkpoint.partition_no"))?;
        Ok((partition, unsigned("checkpoint.version", row.int(1)?)?))
    };
    db.query(sql, vec![projection.name().into()]).await?.iter().map(version).collect()
}

/// Notes that a partition's rows, or with None those of all, were folded from the beginning by this program's rules.
pub async fn save_version(tx: &mut Tx, projection: Projection, partition: Option<u32>) -> Result<(), DbError> {
    let sql = "UPDATE checkpoint SET version = $2 WHERE consumer = $1 AND partition_no BETWEEN $3 AND $4";
    let (first, last) = partition.map_or((0, u32::MAX), |one| (one, one));
    let args = vec![projection.name().into(), projection.version().into(), first.into(), last.into()];
    tx.execute(sql, args).await.map(|_| ())
}

fn version_of(consumer: &str) -> u32 {
    Projection::ALL.into_iter().find(|one| one.name() == consumer).map_or(0, Projection::version)
}

/// Moves a partition's checkpoint.
pub async fn save_checkpoint(
    tx: &mut Tx,
    consumer: &'static str,
    partition: u32,
    to: &Checkpoint,
) -> Result<(), DbError> {
    let sql = "INSERT INTO checkpoint (consumer, partition_no, offsets, stage, edition, version) \
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (consumer, partition_no) DO UPDATE \
               SET offsets = excluded.offsets, stage = excluded.stage, edition = excluded.edition";
    let edition = signed("checkpoint.edition", to.edition)?;
    let (offsets, stage) = (to.to_json().into(), to.stage.as_str().into());
    let args = vec![consumer.into(), partition.into(), offsets, stage, edition.into(), version_of(consumer).into()];
    tx.execute(sql, args).await.map(|_| ())
}

/// Lists records that were skipped.
pub async fn save_poison(tx: &mut Tx, consumer: &'static str, poison: &[Poison]) -> Result<(), DbError> {
    let mut rows = Rows::new(&POISON);
    for record in poison {
        rows.push([
            consumer.into(),
            record.topic.name().into(),
            record.partition.into(),
            signed("poison.record_offset", record.offset)?.into(),
            record.reason.as_str().into(),
        ]);
    }
    tx.upsert(&rows).await.map(|_| ())
}

/// How many records each consumer has skipped; those that skipped none are absent.
pub async fn count_poison(db: &Db) -> Result<BTreeMap<String, u64>, DbError> {
    let rows = db.query("SELECT consumer, COUNT(*) FROM poison GROUP BY consumer", vec![]).await?;
    rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.int(1)?.unsigned_abs()))).collect()
}

fn read(row: &Row) -> Result<(u32, Checkpoint), DbError> {
    let partition = u32::try_from(row.int(0)?).map_err(|_| corrupt("checkpoint.partition_no"))?;
    let named: BTreeMap<String, u64> = serde_json::from_str(row.text(1)?).map_err(|_| corrupt("checkpoint.offsets"))?;
    let mut offsets = BTreeMap::new();
    for (name, next) in named {
        offsets.insert(Topic::from_name(&name).ok_or_else(|| corrupt("checkpoint.offsets"))?, next);
    }
    let stage = match row.text(2)? {
        "live" => Stage::Live,
        "rebuilding" => Stage::Rebuilding,
        "shadow" => Stage::Shadow,
        _ => return Err(corrupt("checkpoint.stage")),
    };
    Ok((partition, Checkpoint { offsets, stage, edition: unsigned("checkpoint.edition", row.int(3)?)? }))
}
