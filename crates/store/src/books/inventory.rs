//! Stock by location and costs by variant; the later version stands.

use std::collections::BTreeSet;

use commerce::{ProductCosted, StockCounted, TenantId};

use super::tables::{PRODUCT_COST, STOCK};
use super::{corrupt, parsed};
use crate::db::{DbError, Keys, Row, Rows, Tx};
use ledger::{Money, Timestamp};

/// A tenant's stock count.
pub type StockRow = (TenantId, StockCounted);

/// A tenant's product cost.
pub type CostRow = (TenantId, ProductCosted);

/// The stored counts for the items and locations of these.
pub async fn stock(tx: &mut Tx, like: &[StockRow]) -> Result<Vec<StockRow>, DbError> {
    let mut keys = Keys::new(&STOCK);
    for (tenant, item, location) in like.iter().map(|(t, c)| (t, c.item, c.location)).collect::<BTreeSet<_>>() {
        keys.push([tenant.as_str().into(), item.to_string().into(), location.to_string().into()]);
    }
    tx.select_by_keys(&keys).await?.iter().map(stock_row).collect()
}

/// Stores counts.
pub async fn save_stock(tx: &mut Tx, counts: &[StockRow]) -> Result<(), DbError> {
    let mut rows = Rows::new(&STOCK);
    for (tenant, count) in counts {
        rows.push([
            tenant.as_str().into(),
            count.item.to_string().into(),
            count.location.to_string().into(),
            count.available.into(),
            count.version.0.into(),
        ]);
    }
    tx.upsert(&rows).await.map(|_| ())
}

/// The stored costs of the variants of these.
pub async fn costs(tx: &mut Tx, like: &[CostRow]) -> Result<Vec<CostRow>, DbError> {
    let mut keys = Keys::new(&PRODUCT_COST);
    for (tenant, variant) in like.iter().map(|(t, c)| (t, c.variant)).collect::<BTreeSet<_>>() {
        keys.push([tenant.as_str().into(), variant.to_string().into()]);
    }
    tx.select_by_keys(&keys).await?.iter().map(cost_row).collect()
}

/// Stores costs.
pub async fn save_costs(tx: &mut Tx, costs: &[CostRow]) -> Result<(), DbError> {
    let mut rows = Rows::new(&PRODUCT_COST);
    for (tenant, cost) in costs {
        rows.push([
            tenant.as_str().into(),
            cost.variant.to_string().into(),
            cost.item.map(|item| item.to_string()).into(),
            cost.sku.as_ref().map(|sku| sku.as_str()).into(),
            cost.cost.map(|money| money.minor).into(),
            cost.cost.map(|money| money.currency.to_string()).into(),
            cost.version.0.into(),
        ]);
    }
    tx.upsert(&rows).await.map(|_| ())
}

pub(super) fn stock_row(row: &Row) -> Result<StockRow, DbError> {
    let count = StockCounted {
        version: Timestamp(row.int(4)?),
        item: parsed("stock.item", row.text(1)?)?,
        location: parsed("stock.location", row.text(2)?)?,
        available: row.opt_int(3)?,
    };
    Ok((parsed("stock.tenant", row.text(0)?)?, count))
}

fn cost_row(row: &Row) -> Result<CostRow, DbError> {
    let cost = match (row.opt_int(4)?, row.opt_text(5)?) {
        (Some(minor), Some(currency)) => {
            Some(Money::new(minor, currency.parse().map_err(|_| corrupt("product_cost.currency"))?))
        }
        _ => None,
    };
    let product = ProductCosted {
        version: Timestamp(row.int(6)?),
        variant: parsed("product_cost.variant", row.text(1)?)?,
        item: row.opt_text(2)?.map(|item| parsed("product_cost.item", item)).transpose()?,
        sku: row.opt_text(3)?.map(|sku| parsed("product_cost.sku", sku)).transpose()?,
        cost,
    };
    Ok((parsed("product_cost.tenant", row.text(0)?)?, product))
}
