//! Authentic input that was not understood, sealed, waiting for a fix and a redrive; and what has been redriven.

use std::collections::BTreeSet;
use std::fmt;

use commerce::{SubjectId, TenantId};
use ledger::Timestamp;

use super::tables::{QUARANTINE, REDRIVEN};
use super::{corrupt, parsed};
use crate::db::{Db, DbError, Keys, Row, Rows, Tx};

/// One quarantined payload.
#[derive(Clone, PartialEq, Eq)]
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
    /// Whose key seals it: a random subject of its own; one per tenant and month where an earlier version took it in.
    pub subject: SubjectId,
    /// The raw body, sealed.
    pub sealed: Vec<u8>,
}

/// Shows the box's length, not its bytes: they are personal data.
impl fmt::Debug for QuarantineRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let QuarantineRow { tenant, event, origin, topic, reason, sealed, .. } = self;
        write!(f, "QuarantineRow({tenant}, {event}, {origin} {topic}, {reason}, {} bytes)", sealed.len())
    }
}

/// A payload's tenant, and the event that quarantined it.
pub type QuarantineKey = (TenantId, uuid::Uuid);

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

/// Notes which payloads have left the quarantine, and drops those that are stored.
pub async fn save_redriven(tx: &mut Tx, left: &BTreeSet<QuarantineKey>) -> Result<(), DbError> {
    let (mut rows, mut stored) = (Rows::new(&REDRIVEN), Keys::new(&QUARANTINE));
    for (tenant, event) in left {
        rows.push([tenant.as_str().into(), event.to_string().into()]);
        stored.push([tenant.as_str().into(), event.to_string().into()]);
    }
    tx.upsert(&rows).await?;
    tx.delete_by_keys(&stored).await.map(|_| ())
}

/// Which of these payloads have left the quarantine.
pub async fn redriven(tx: &mut Tx, payloads: &BTreeSet<QuarantineKey>) -> Result<BTreeSet<QuarantineKey>, DbError> {
    let mut wanted = Keys::new(&REDRIVEN);
    for (tenant, event) in payloads {
        wanted.push([tenant.as_str().into(), event.to_string().into()]);
    }
    let rows = tx.select_by_keys(&wanted).await?;
    let key = |row: &Row| {
        let event = row.text(1)?.parse().map_err(|_| corrupt("redriven.event"))?;
        Ok((parsed("redriven.tenant", row.text(0)?)?, event))
    };
    rows.iter().map(key).collect()
}

/// A tenant's quarantined payloads, oldest first.
pub async fn quarantined(db: &Db, tenant: &TenantId) -> Result<Vec<QuarantineRow>, DbError> {
    let sql = "SELECT tenant, event, origin, topic, reason, path, problem, received_at, subject, sealed FROM quarantine \
               WHERE tenant = $1 ORDER BY received_at, event";
    db.query(sql, vec![tenant.as_str().into()]).await?.iter().map(quarantine_row).collect()
}

/// How many of a tenant's payloads are quarantined.
pub async fn count_quarantined(db: &Db, tenant: &TenantId) -> Result<i64, DbError> {
    let rows = db.query("SELECT COUNT(*) FROM quarantine WHERE tenant = $1", vec![tenant.as_str().into()]).await?;
    rows.first().map_or(Ok(0), |row| row.int(0))
}

/// What waits in quarantine for one reason, of all tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingInputs {
    /// As in [`QuarantineRow::reason`].
    pub reason: String,
    /// How many.
    pub inputs: u64,
    /// When the first of them arrived.
    pub oldest: Timestamp,
}

/// What waits in quarantine, by reason: one query, which an index answers alone.
pub async fn waiting_inputs(db: &Db) -> Result<Vec<WaitingInputs>, DbError> {
    let sql = "SELECT reason, COUNT(*), MIN(received_at) FROM quarantine GROUP BY reason ORDER BY reason";
    let waiting = |row: &Row| {
        let (inputs, oldest) = (row.int(1)?.unsigned_abs(), Timestamp(row.int(2)?));
        Ok(WaitingInputs { reason: row.text(0)?.to_owned(), inputs, oldest })
    };
    db.query(sql, vec![]).await?.iter().map(waiting).collect()
}

pub(super) fn quarantine_row(row: &Row) -> Result<QuarantineRow, DbError> {
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
