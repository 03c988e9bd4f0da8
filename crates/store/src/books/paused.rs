//! Projections that an operator has paused. It is no lock: a batch that was begun before is finished. Only the comparison of
//! checkpoints says who may write.

use std::collections::BTreeMap;

use events::Topic;
use ledger::Timestamp;

use super::{Projection, checkpoints, corrupt};
use crate::db::{Db, DbError};

/// Where the log ended, by topic: the next offset of each partition, from partition 0.
pub type Ends = BTreeMap<Topic, Vec<u64>>;

/// What is paused, and since when.
pub async fn paused(db: &Db) -> Result<BTreeMap<Projection, Timestamp>, DbError> {
    let mut found = BTreeMap::new();
    for row in db.query("SELECT consumer, paused_at FROM paused WHERE until IS NULL", vec![]).await? {
        // One that only a later version has is none that is folded here.
        if let Some(projection) = named(row.text(0)?) {
            found.insert(projection, Timestamp(row.int(1)?));
        }
    }
    Ok(found)
}

/// Pauses a projection; false if it was paused before, and since then.
pub async fn pause(db: &Db, projection: Projection, at: Timestamp) -> Result<bool, DbError> {
    let sql = "INSERT INTO paused (consumer, paused_at) VALUES ($1, $2) \
               ON CONFLICT (consumer) DO UPDATE SET paused_at = excluded.paused_at, until = NULL \
               WHERE paused.until IS NOT NULL";
    let changed = db.run_tx("pause", move |tx| {
        Box::pin(async move { tx.execute(sql, vec![projection.name().into(), at.0.into()]).await })
    });
    Ok(changed.await? == 1)
}

/// Has a projection folded again; false if it was not paused. `ends` is where the log ends now: until that is folded, nothing is
/// decided by it ([`are_whole`](super::are_whole)).
pub async fn resume(db: &Db, projection: Projection, ends: &Ends) -> Result<bool, DbError> {
    let sql = "UPDATE paused SET until = $2 WHERE consumer = $1 AND until IS NULL";
    let named: BTreeMap<&str, &Vec<u64>> = ends.iter().map(|(topic, ends)| (topic.name(), ends)).collect();
    // Names and numbers: that cannot fail.
    let until = serde_json::to_string(&named).unwrap_or_default();
    let changed = db.run_tx("resume", move |tx| {
        let until = until.clone();
        Box::pin(async move { tx.execute(sql, vec![projection.name().into(), until.into()]).await })
    });
    Ok(changed.await? == 1)
}

/// Whether a projection has folded what came while it was paused; true if it never was, false while it is.
pub(super) async fn has_caught_up(db: &Db, projection: Projection) -> Result<bool, DbError> {
    let sql = "SELECT until FROM paused WHERE consumer = $1";
    let rows = db.query(sql, vec![projection.name().into()]).await?;
    let Some(row) = rows.first() else { return Ok(true) };
    let Some(until) = row.opt_text(0)? else { return Ok(false) };
    let until: BTreeMap<String, Vec<u64>> = serde_json::from_str(until).map_err(|_| corrupt("paused.until"))?;
    let stored = checkpoints(db, projection.name()).await?;
    let is_folded = |topic: Topic, partition: u32, end: u64| {
        end == 0 || stored.get(&partition).is_some_and(|checkpoint| checkpoint.next(topic) >= end)
    };
    Ok(until
        .iter()
        .filter_map(|(name, ends)| Some((Topic::from_name(name)?, ends)))
        .all(|(topic, ends)| (0..).zip(ends).all(|(partition, end)| is_folded(topic, partition, *end))))
}

fn named(name: &str) -> Option<Projection> {
    Projection::ALL.into_iter().find(|one| one.name() == name)
}
