//! What people keep books by: their vouchers among the parts, the limits above which a second person is asked, and tenants
//! that are closed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use commerce::{PartKey, TenantId};
use ledger::{Currency, Timestamp};
use uuid::Uuid;

use super::parts::{PartRow, parts_by_key, row};
use super::{Projection, parsed};
use crate::beside::hold_still;
use crate::db::{Db, DbError};

/// The parts of a tenant with these keys that are stored: one query.
pub async fn parts_of(db: &Db, tenant: &TenantId, keys: BTreeSet<PartKey>) -> Result<Vec<PartRow>, DbError> {
    let keys: BTreeSet<(TenantId, PartKey)> = keys.into_iter().map(|key| (tenant.clone(), key)).collect();
    db.run_read("parts-of", move |tx| {
        let keys = keys.clone();
        Box::pin(async move {
            hold_still(tx, Projection::Books).await?;
            parts_by_key(tx, &keys).await
        })
    })
    .await
}

/// How long a turn at a tenant's counter lasts, if whoever has it does not end it.
pub const TURN: Duration = Duration::from_secs(10);

/// Takes the turn at a tenant's counter, unless somebody else has it. `now` is the caller's clock.
pub async fn take_turn(db: &Db, tenant: &TenantId, holder: Uuid, now: Timestamp) -> Result<bool, DbError> {
    let ends = now.0.saturating_add(i64::try_from(TURN.as_micros()).unwrap_or(i64::MAX));
    let (tenant, holder) = (tenant.clone(), holder.to_string());
    let sql = "INSERT INTO counter_turn (tenant, holder, ends) VALUES ($1, $2, $3) ON CONFLICT (tenant) \
               DO UPDATE SET holder = excluded.holder, ends = excluded.ends WHERE counter_turn.ends <= $4";
    let taken = db.run_tx("take-turn", move |tx| {
        let args = vec![tenant.as_str().into(), holder.as_str().into(), ends.into(), now.0.into()];
        Box::pin(async move { tx.execute(sql, args).await })
    });
    Ok(taken.await? == 1)
}

/// Ends a turn, if it has not ended by itself.
pub async fn end_turn(db: &Db, tenant: &TenantId, holder: Uuid) -> Result<(), DbError> {
    let (tenant, holder) = (tenant.clone(), holder.to_string());
    let sql = "DELETE FROM counter_turn WHERE tenant = $1 AND holder = $2";
    db.run_tx("end-turn", move |tx| {
        let args = vec![tenant.as_str().into(), holder.as_str().into()];
        Box::pin(async move { tx.execute(sql, args).await.map(|_| ()) })
    })
    .await
}

/// A tenant's vouchers, by id.
pub async fn vouchers(db: &Db, tenant: &TenantId) -> Result<Vec<PartRow>, DbError> {
    // What lies below `voucher/`: `0` follows `/`. A range of the key, on either database.
    let sql = "SELECT tenant, part, order_name, quoted_name, state, posted, parked FROM part \
               WHERE tenant = $1 AND part > 'voucher/' AND part < 'voucher0' ORDER BY part";
    db.query(sql, vec![tenant.as_str().into()]).await?.iter().map(row).collect()
}

/// By currency, the sum of debits above which a tenant's vouchers need a second person, minor units.
pub async fn approval_limits(db: &Db, tenant: &TenantId) -> Result<BTreeMap<Currency, i64>, DbError> {
    let sql = "SELECT currency, minor FROM approval_limit WHERE tenant = $1";
    let found = db.query(sql, vec![tenant.as_str().into()]).await?;
    found.iter().map(|row| Ok((parsed("approval_limit.currency", row.text(0)?)?, row.int(1)?))).collect()
}

/// Sets a limit, or lifts it with None. Vouchers that were entered before keep what was asked of them.
pub async fn save_approval_limit(
    db: &Db,
    tenant: &TenantId,
    currency: Currency,
    limit: Option<i64>,
) -> Result<(), DbError> {
    let (tenant, currency) = (tenant.to_string(), currency.to_string());
    let (sql, rest) = match limit {
        Some(minor) => (
            "INSERT INTO approval_limit (tenant, currency, minor) VALUES ($1, $2, $3) \
             ON CONFLICT (tenant, currency) DO UPDATE SET minor = excluded.minor",
            vec![minor],
        ),
        None => ("DELETE FROM approval_limit WHERE tenant = $1 AND currency = $2", vec![]),
    };
    db.run_tx("save-approval-limit", move |tx| {
        let mut args = vec![tenant.as_str().into(), currency.as_str().into()];
        args.extend(rest.iter().map(|minor| (*minor).into()));
        Box::pin(async move { tx.execute(sql, args).await.map(|_| ()) })
    })
    .await
}

/// Since when a tenant is closed, if it is.
pub async fn closed_since(db: &Db, tenant: &TenantId) -> Result<Option<Timestamp>, DbError> {
    let sql = "SELECT closed_at FROM tenant_closed WHERE tenant = $1";
    let found = db.query(sql, vec![tenant.as_str().into()]).await?;
    found.first().map(|row| row.int(0).map(Timestamp)).transpose()
}

/// Opens a tenant that was closed up to that time. Nothing if it is open.
pub async fn reopen_tenant(db: &Db, tenant: &TenantId, at: Timestamp) -> Result<(), DbError> {
    let tenant = tenant.to_string();
    db.run_tx("reopen-tenant", move |tx| {
        let args = vec![tenant.as_str().into(), at.0.into()];
        let sql = "DELETE FROM tenant_closed WHERE tenant = $1 AND closed_at <= $2";
        Box::pin(async move { tx.execute(sql, args).await.map(|_| ()) })
    })
    .await
}

/// Closes a tenant. Whoever was closed before stays so since then.
pub async fn close_tenant(db: &Db, tenant: &TenantId, at: Timestamp) -> Result<(), DbError> {
    let tenant = tenant.to_string();
    db.run_tx("close-tenant", move |tx| {
        let sql = "INSERT INTO tenant_closed (tenant, closed_at) VALUES ($1, $2) ON CONFLICT (tenant) DO NOTHING";
        let args = vec![tenant.as_str().into(), at.0.into()];
        Box::pin(async move { tx.execute(sql, args).await.map(|_| ()) })
    })
    .await
}
