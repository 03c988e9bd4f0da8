//! Authentic input that was not understood, sealed, waiting for a fix and a redrive.

use commerce::{SubjectId, TenantId};
use ledger::Timestamp;

use super::tables::QUARANTINE;
use super::{corrupt, parsed};
use crate::db::{Db, DbError, Keys, Row, Rows, Tx};

/// One quarantined payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineRow {
    /// Whose.
    pub tenant: TenantId,
    /// The event's id, to which the box is bound.
    pub event: uuid::Uuid,
    /// Which sender: `shopify`, `postex`.
    pub origin: String,
    /// The sender's topic, if it named one.
    pub topic: String,
    /// `unreadable_json`, `unknown_topic` or `field`.
    pub reason: String,
    /// Where in the payload, if it was a field.
    pub path: String,
    /// What is wrong there; never the value.
    pub problem: String,
    /// When it arrived.
    pub received_at: Timestamp,
    /// Whose key seals it: a random subject per tenant and month.
    pub subject: SubjectId,
    /// The raw body, sealed.
    pub sealed: Vec<u8>,
}

/// Stores quarantined payloads.
pub async fn save_quarantined(tx: &mut Tx, quarantined: &[QuarantineRow]) -> Result<(), DbError> {
    let mut rows = Rows::new(&QUARANTINE);
    for row in quarantined {
        rows.push([
            row.tenant.as_str().into(),
            row.event.to_string().into(),
            row.origin.as_str().into(),
            row.topic.as_str().into(),
            row.reason.as_str().into(),
            row.path.as_str().into(),
            row.problem.as_str().into(),
            row.received_at.0.into(),
            row.subject.to_string().into(),
            row.sealed.as_slice().into(),
        ]);
    }
    tx.upsert(&rows).await.map(|_| ())
}

/// Removes a payload that was redriven with success.
pub async fn remove_quarantined(tx: &mut Tx, tenant: &TenantId, event: uuid::Uuid) -> Result<(), DbError> {
    let mut keys = Keys::new(&QUARANTINE);
    keys.push([tenant.as_str().into(), event.to_string().into()]);
    tx.delete_by_keys(&keys).await.map(|_| ())
}

/// A tenant's quarantined payloads, oldest first.
pub async fn quarantined(db: &Db, tenant: &TenantId) -> Result<Vec<QuarantineRow>, DbError> {
    let sql = "SELECT tenant, event, origin, topic, reason, path, problem, received_at, subject, sealed FROM quarantine \
               WHERE tenant = $1 ORDER BY received_at, event";
    db.query(sql, vec![tenant.as_str().into()]).await?.iter().map(read).collect()
}

/// How many of a tenant's payloads are quarantined.
pub async fn count_quarantined(db: &Db, tenant: &TenantId) -> Result<i64, DbError> {
    let rows = db.query("SELECT COUNT(*) FROM quarantine WHERE tenant = $1", vec![tenant.as_str().into()]).await?;
    rows.first().map_or(Ok(0), |row| row.int(0))
}

fn read(row: &Row) -> Result<QuarantineRow, DbError> {
    Ok(QuarantineRow {
        tenant: parsed("quarantine.tenant", row.text(0)?)?,
        event: row.text(1)?.parse().map_err(|_| corrupt("quarantine.event"))?,
        origin: row.text(2)?.to_owned(),
        topic: row.text(3)?.to_owned(),
        reason: row.text(4)?.to_owned(),
        path: row.text(5)?.to_owned(),
        problem: row.text(6)?.to_owned(),
        received_at: Timestamp(row.int(7)?),
        subject: SubjectId(row.text(8)?.parse().map_err(|_| corrupt("quarantine.subject"))?),
        sealed: row.blob(9)?.to_vec(),
    })
}
