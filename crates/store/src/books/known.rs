//! What the read models know of many people at once, and what waits in quarantine piece by piece: for who looks for the one in the
//! other.

use std::collections::BTreeSet;

use commerce::{OrderId, SubjectId, TenantId};
use ledger::Timestamp;
use uuid::Uuid;

use super::people::person_row;
use super::quarantine::quarantine_row;
use super::tables::{ORDER_VIEW, PERSON};
use super::{PersonRow, Projection, QuarantineRow, corrupt};
use crate::beside::hold_still;
use crate::db::{Db, DbError, Keys, Row};

/// Everything sealed that is held about these subjects: a bulk statement.
pub async fn people_of_all(
    db: &Db,
    tenant: &TenantId,
    subjects: &BTreeSet<SubjectId>,
) -> Result<Vec<PersonRow>, DbError> {
    let mut keys = Keys::by(&PERSON, &["tenant", "subject"]);
    subjects.iter().for_each(|subject| keys.push([tenant.as_str().into(), subject.to_string().into()]));
    select(db, keys).await?.iter().map(person_row).collect()
}

/// The names printed on these orders, without their `#`, each with its order: a bulk statement. Orders without a name are left out.
pub async fn order_names(
    db: &Db,
    tenant: &TenantId,
    orders: &BTreeSet<OrderId>,
) -> Result<Vec<(String, String)>, DbError> {
    let mut keys = Keys::new(&ORDER_VIEW);
    orders.iter().for_each(|order| keys.push([tenant.as_str().into(), order.to_string().into()]));
    let mut names = Vec::new();
    for row in &select(db, keys).await? {
        if let Some(name) = row.opt_text(2)? {
            names.push((row.text(1)?.to_owned(), name.to_owned()));
        }
    }
    Ok(names)
}

async fn select(db: &Db, keys: Keys) -> Result<Vec<Row>, DbError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let keys = std::sync::Arc::new(keys);
    let unit = db.run_read("known-of", move |tx| {
        let keys = std::sync::Arc::clone(&keys);
        Box::pin(async move {
            for projection in [Projection::Books, Projection::People] {
                hold_still(tx, projection).await?;
            }
            tx.select_by_keys(&keys).await
        })
    });
    unit.await
}

/// At most `most` of a tenant's quarantined payloads, by their events' ids, those after one of them: all of them, piece by piece,
/// while others may come and go.
pub async fn quarantined_after(
    db: &Db,
    tenant: &TenantId,
    after: Option<Uuid>,
    most: u32,
) -> Result<Vec<QuarantineRow>, DbError> {
    let sql = "SELECT tenant, event, origin, topic, reason, path, problem, received_at, subject, sealed FROM quarantine \
               WHERE tenant = $1 AND event > $2 ORDER BY event LIMIT $3";
    let after = after.map(|event| event.to_string()).unwrap_or_default();
    db.query(sql, vec![tenant.as_str().into(), after.into(), most.into()]).await?.iter().map(quarantine_row).collect()
}

/// Under whose keys a tenant's quarantined payloads are sealed, how many each, and when the last of them arrived.
pub async fn quarantined_by_subject(db: &Db, tenant: &TenantId) -> Result<Vec<(SubjectId, u64, Timestamp)>, DbError> {
    let sql = "SELECT subject, COUNT(*), MAX(received_at) FROM quarantine WHERE tenant = $1 GROUP BY subject";
    let read = |row: &Row| {
        let subject = row.text(0)?.parse().map(SubjectId).map_err(|_| corrupt("quarantine.subject"))?;
        Ok((subject, row.int(1)?.unsigned_abs(), Timestamp(row.int(2)?)))
    };
    db.query(sql, vec![tenant.as_str().into()]).await?.iter().map(read).collect()
}
