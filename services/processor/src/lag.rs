//! How far behind the log the projections are: over all partitions, or for one tenant.

use std::time::Duration;

use commerce::TenantId;
use event_log::{EventLog, ReadFrom};
use events::Event;
use ledger::Timestamp;
use store::books::{self, Checkpoint, Ends, Projection, Stage};
use store::db::Db;

use crate::ProcessError;
use crate::worker::{Held, read_from, topics};

/// How long the log may take to give the oldest record that waits.
const ONE_RECORD: Duration = Duration::from_secs(2);

/// How many records the projections have yet to fold, added up.
pub async fn lag(log: &EventLog, db: &Db) -> Result<u64, ProcessError> {
    Ok(lags(log, db).await?.into_iter().fold(0, |sum, (_, lag)| lag.saturating_add(sum)))
}

/// How many records each projection has yet to fold, with its name: over all partitions, whoever holds them.
pub async fn lags(log: &EventLog, db: &Db) -> Result<Vec<(&'static str, u64)>, ProcessError> {
    let mut lags = Vec::with_capacity(Projection::ALL.len());
    for projection in Projection::ALL {
        let from = places(log, db, projection).await?;
        lags.push((projection.name(), log.lag(&from).await?));
    }
    Ok(lags)
}

/// How far behind a projection is with one tenant. Its records lie among those of the other tenants of its partition, and are
/// not told apart without being read: so this is the most that it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantLag {
    /// Which projection.
    pub projection: &'static str,
    /// Records of the tenant's partition that wait; the tenant's own are among them, or none.
    pub records: u64,
    /// When the oldest of them was recorded: whatever was recorded before is folded. None if none waits, or if the first that
    /// waits cannot be read.
    pub oldest: Option<Timestamp>,
}

/// How far behind each projection is with a tenant. Where something waits it reads one record of each topic, and no more,
/// however much waits.
pub async fn tenant_lag(log: &EventLog, db: &Db, tenant: &TenantId) -> Result<Vec<TenantLag>, ProcessError> {
    let (partition, mut lags) = (log.partition_of(tenant), Vec::with_capacity(Projection::ALL.len()));
    for projection in Projection::ALL {
        let mut from = places(log, db, projection).await?;
        from.retain(|place| place.partition == partition);
        let (mut records, mut firsts) = (0_u64, Vec::new());
        for place in from {
            let waiting = log.lag(&[place]).await?;
            records = records.saturating_add(waiting);
            if waiting > 0 {
                firsts.push(first_recorded(log, place).await?);
            }
        }
        // One that cannot be read may be the oldest.
        let oldest = firsts.into_iter().collect::<Option<Vec<_>>>().and_then(|firsts| firsts.into_iter().min());
        lags.push(TenantLag { projection: projection.name(), records, oldest });
    }
    Ok(lags)
}

/// Where the topics that a projection folds end.
pub async fn ends(log: &EventLog, projection: Projection) -> Result<Ends, ProcessError> {
    let mut ends = Ends::new();
    for topic in topics(projection) {
        ends.insert(*topic, log.end_offsets(*topic).await?);
    }
    Ok(ends)
}

/// When the record at this place was recorded; None if it cannot be read.
async fn first_recorded(log: &EventLog, place: ReadFrom) -> Result<Option<Timestamp>, ProcessError> {
    let batch = log.reader(&[place])?.next_batch(1, ONE_RECORD).await?;
    Ok(batch.records.first().and_then(|stored| Event::decode(&stored.record).ok()).map(|event| event.recorded_at))
}

/// Where a projection reads on, in every partition.
async fn places(log: &EventLog, db: &Db, projection: Projection) -> Result<Vec<ReadFrom>, ProcessError> {
    let mut stored = books::checkpoints(db, projection.name()).await?;
    let start = |p| (p, stored.remove(&p).unwrap_or_else(|| Checkpoint::start(Stage::Live)));
    let held: Held = (0..log.partitions()).map(start).collect();
    Ok(read_from(&held, topics(projection)))
}
