//! Projections that an operator has paused. It is no lock: a batch that was begun before is finished. Only the comparison of
//! checkpoints says who may write.

use std::collections::BTreeMap;

use ledger::Timestamp;

use super::Projection;
use crate::db::{Db, DbError};

/// What is paused, and since when.
pub async fn paused(db: &Db) -> Result<BTreeMap<Projection, Timestamp>, DbError> {
    let mut found = BTreeMap::new();
    for row in db.query("SELECT consumer, paused_at FROM paused", vec![]).await? {
        let name = row.text(0)?;
        // One that only a later version has is none that is folded here.
        if let Some(projection) = Projection::ALL.into_iter().find(|one| one.name() == name) {
            found.insert(projection, Timestamp(row.int(1)?));
        }
    }
    Ok(found)
}

/// Pauses a projection; false if it was paused before, and since then.
pub async fn pause(db: &Db, projection: Projection, at: Timestamp) -> Result<bool, DbError> {
    let sql = "INSERT INTO paused (consumer, paused_at) VALUES ($1, $2) ON CONFLICT (consumer) DO NOTHING";
    let changed = db.run_tx("pause", move |tx| {
        Box::pin(async move { tx.execute(sql, vec![projection.name().into(), at.0.into()]).await })
    });
    Ok(changed.await? == 1)
}

/// Has a projection folded again; false if it was not paused.
pub async fn resume(db: &Db, projection: Projection) -> Result<bool, DbError> {
    let sql = "DELETE FROM paused WHERE consumer = $1";
    let changed =
        db.run_tx("resume", move |tx| Box::pin(async move { tx.execute(sql, vec![projection.name().into()]).await }));
    Ok(changed.await? == 1)
}
