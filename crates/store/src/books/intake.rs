//! How a tenant's webhooks are taken: turned away while it is paused, and not more in a second than it may send.

use std::collections::BTreeMap;

use commerce::TenantId;
use ledger::Timestamp;

use super::tenants::{self, TenantRow};
use super::{corrupt, parsed};
use crate::db::{Db, DbError, Row};

/// How a tenant's webhooks are taken, where that is not as usual.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Intake {
    /// Since when they are turned away.
    pub paused_at: Option<Timestamp>,
    /// How many each process takes in a second, 0 being as many as come; None leaves it to the process's setting.
    pub per_second: Option<u32>,
}

/// A tenant and how its webhooks are taken, if it was added: one query.
pub async fn tenant_and_intake(db: &Db, tenant: &TenantId) -> Result<Option<(TenantRow, Intake)>, DbError> {
    let sql = "SELECT tenant.tenant, zone, cod_gateways, created_at, policy, paused_at, per_second FROM tenant \
               LEFT JOIN intake ON intake.tenant = tenant.tenant WHERE tenant.tenant = $1";
    let found = db.query(sql, vec![tenant.as_str().into()]).await?;
    found.first().map(|row| Ok((tenants::read(row)?, intake(row, 5)?))).transpose()
}

/// Of every tenant whose webhooks are not taken as usual, how they are.
pub async fn intakes(db: &Db) -> Result<BTreeMap<TenantId, Intake>, DbError> {
    let found = db.query("SELECT tenant, paused_at, per_second FROM intake", vec![]).await?;
    found.iter().map(|row| Ok((parsed("intake.tenant", row.text(0)?)?, intake(row, 1)?))).collect()
}

/// Turns a tenant's webhooks away; false if that is so already, and since then.
pub async fn pause_tenant(db: &Db, tenant: &TenantId, at: Timestamp) -> Result<bool, DbError> {
    let sql = "INSERT INTO intake (tenant, paused_at) VALUES ($1, $2) ON CONFLICT (tenant) \
               DO UPDATE SET paused_at = excluded.paused_at WHERE intake.paused_at IS NULL";
    let tenant = tenant.to_string();
    let changed = db.run_tx("pause-tenant", move |tx| {
        let args = vec![tenant.as_str().into(), at.0.into()];
        Box::pin(async move { tx.execute(sql, args).await })
    });
    Ok(changed.await? == 1)
}

/// Takes a tenant's webhooks again; false if they are taken.
pub async fn resume_tenant(db: &Db, tenant: &TenantId) -> Result<bool, DbError> {
    let sql = "UPDATE intake SET paused_at = NULL WHERE tenant = $1 AND paused_at IS NOT NULL";
    let tenant = tenant.to_string();
    let changed = db.run_tx("resume-tenant", move |tx| {
        let args = vec![tenant.as_str().into()];
        Box::pin(async move { tx.execute(sql, args).await })
    });
    Ok(changed.await? == 1)
}

/// Sets how many of a tenant's webhooks each process takes in a second, or leaves it to the setting again.
pub async fn save_rate(db: &Db, tenant: &TenantId, per_second: Option<u32>) -> Result<(), DbError> {
    let sql = "INSERT INTO intake (tenant, per_second) VALUES ($1, $2) ON CONFLICT (tenant) \
               DO UPDATE SET per_second = excluded.per_second";
    let tenant = tenant.to_string();
    db.run_tx("save-rate", move |tx| {
        let args = vec![tenant.as_str().into(), per_second.map(i64::from).into()];
        Box::pin(async move { tx.execute(sql, args).await.map(|_| ()) })
    })
    .await
}

/// The two columns from this one on.
fn intake(row: &Row, from: usize) -> Result<Intake, DbError> {
    let per_second = row.opt_int(from.saturating_add(1))?;
    let per_second =
        per_second.map(|many| u32::try_from(many).map_err(|_| corrupt("intake.per_second"))).transpose()?;
    Ok(Intake { paused_at: row.opt_int(from)?.map(Timestamp), per_second })
}
