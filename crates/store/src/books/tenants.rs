//! Tenants and how they keep their books. The platform's own record: not on the log, and kept through a rebuild.

use std::collections::{BTreeMap, BTreeSet};

use commerce::{CodGateways, Policy, TenantId};
use ledger::{BusinessZone, Timestamp};

use super::tables::TENANT;
use super::{corrupt, parsed};
use crate::db::{Db, DbError, Keys, Row, Tx};

/// A merchant on the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRow {
    /// Who.
    pub tenant: TenantId,
    /// Whose midnight ends its business day.
    pub zone: BusinessZone,
    /// Which gateways mean cash on delivery.
    pub cod_gateways: CodGateways,
    /// Since when.
    pub created_at: Timestamp,
    /// What it wrote of how it keeps its books, but for zone and gateways.
    pub rules: Policy,
}

impl TenantRow {
    /// Its posting policy.
    pub fn policy(&self) -> Policy {
        Policy { zone: self.zone, cod_gateways: self.cod_gateways.clone(), ..self.rules.clone() }
    }
}

/// Adds a tenant or changes how it keeps its books.
pub async fn save_tenant(db: &Db, tenant: TenantRow) -> Result<(), DbError> {
    db.run_tx("save-tenant", move |tx| {
        let tenant = tenant.clone();
        Box::pin(async move {
            let sql = "INSERT INTO tenant (tenant, zone, cod_gateways, created_at, policy) VALUES ($1, $2, $3, $4, $5) \
                       ON CONFLICT (tenant) DO UPDATE SET zone = excluded.zone, cod_gateways = excluded.cod_gateways, \
                       policy = excluded.policy";
            let gateways = serde_json::to_string(tenant.cod_gateways.names()).unwrap_or_default();
            let created = tenant.created_at.0;
            let (name, zone) = (tenant.tenant.as_str().into(), tenant.zone.name().into());
            let args = vec![name, zone, gateways.into(), created.into(), rules_text(&tenant.rules).into()];
            tx.execute(sql, args).await.map(|_| ())
        })
    })
    .await
}

/// A tenant, if it was added.
pub async fn tenant(db: &Db, tenant: &TenantId) -> Result<Option<TenantRow>, DbError> {
    let sql = "SELECT tenant, zone, cod_gateways, created_at, policy FROM tenant WHERE tenant = $1";
    db.query(sql, vec![tenant.as_str().into()]).await?.first().map(read).transpose()
}

/// Every tenant, by name.
pub async fn tenants(db: &Db) -> Result<Vec<TenantRow>, DbError> {
    let sql = "SELECT tenant, zone, cod_gateways, created_at, policy FROM tenant ORDER BY tenant";
    db.query(sql, vec![]).await?.iter().map(read).collect()
}

/// The tenants that a second set of tables does not know as the first has them now, each with whether it keeps its books by other
/// rules there. Who is not known keeps them by the usual ones.
pub async fn tenants_behind(live: &Db, set: &Db) -> Result<Vec<(TenantRow, bool)>, DbError> {
    let known = tenants(set).await?.into_iter().map(|row| (row.tenant.clone(), row));
    let known: BTreeMap<TenantId, TenantRow> = known.collect();
    let behind = |row: TenantRow| {
        let before = known.get(&row.tenant);
        let by_other_rules = before.map_or_else(Policy::default, TenantRow::policy) != row.policy();
        (before != Some(&row)).then_some((row, by_other_rules))
    };
    Ok(tenants(live).await?.into_iter().filter_map(behind).collect())
}

/// The posting policies of these tenants. A tenant that was never added keeps its books by the default policy.
pub async fn policies(tx: &mut Tx, tenants: &BTreeSet<TenantId>) -> Result<BTreeMap<TenantId, Policy>, DbError> {
    let mut keys = Keys::new(&TENANT);
    for tenant in tenants {
        keys.push([tenant.as_str().into()]);
    }
    let mut policies: BTreeMap<_, _> = tenants.iter().map(|tenant| (tenant.clone(), Policy::default())).collect();
    for row in tx.select_by_keys(&keys).await? {
        let known = read(&row)?;
        policies.insert(known.tenant.clone(), known.policy());
    }
    Ok(policies)
}

/// As JSON; empty when it is the usual one, so that a tenant who changed nothing follows it.
fn rules_text(rules: &Policy) -> String {
    let usual = Policy { zone: rules.zone, cod_gateways: rules.cod_gateways.clone(), ..Policy::default() };
    if *rules == usual { String::new() } else { serde_json::to_string(rules).unwrap_or_default() }
}

/// A tenant from its first five columns.
pub(super) fn read(row: &Row) -> Result<TenantRow, DbError> {
    let names: Vec<String> = serde_json::from_str(row.text(2)?).map_err(|_| corrupt("tenant.cod_gateways"))?;
    Ok(TenantRow {
        tenant: parsed("tenant.tenant", row.text(0)?)?,
        zone: parsed("tenant.zone", row.text(1)?)?,
        cod_gateways: CodGateways::new(names),
        created_at: Timestamp(row.int(3)?),
        rules: match row.text(4)? {
            "" => Policy::default(),
            text => serde_json::from_str(text).map_err(|_| corrupt("tenant.policy"))?,
        },
    })
}
