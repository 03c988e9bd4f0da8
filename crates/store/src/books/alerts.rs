//! Alerts of stock: their outbox, and those that stand now, which follow from the stored levels alone.

use std::collections::BTreeMap;

use commerce::stock::StockAlert;
use commerce::{Sku, TenantId, VariantId};
use ledger::Timestamp;
use uuid::Uuid;

use super::inventory::{StockRow, stock_row};
use super::tables::STOCK_ALERT;
use super::{parsed, signed, unsigned};
use crate::db::{Db, DbError, Row, Rows, Tx};

/// An alert as the outbox keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    /// Whose.
    pub tenant: TenantId,
    /// The id of its event.
    pub event: Uuid,
    /// The offset of the count that shows it; 0 when it was read from the alert topic.
    pub position: u64,
    /// When that count was recorded.
    pub recorded: Timestamp,
    /// The bytes of `daybook.alert.v1.StockAlerted`.
    pub body: Vec<u8>,
}

/// The key of a row of the outbox as it is stored, in whatever state the rest of the row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertKey {
    /// Whose.
    pub tenant: String,
    /// The id of its event.
    pub event: String,
}

/// A row of the outbox that the alert topic may not have yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingAlert {
    /// Its key.
    pub key: AlertKey,
    /// True once it was found not to read as an alert: the relay passes it by.
    pub set_aside: bool,
    /// The row; None when its columns do not read. Whether its body reads is for the caller to see.
    pub row: Option<AlertRow>,
}

/// Stores alerts, each id once among them. `published` says that the alert topic has them: that is never taken back by deriving
/// the same alert again, whose row stays as it was.
pub async fn save_alerts(tx: &mut Tx, alerts: &[AlertRow], published: bool) -> Result<(), DbError> {
    let mut rows = Rows::new(&STOCK_ALERT);
    for alert in alerts {
        rows.push([
            alert.tenant.as_str().into(),
            alert.event.to_string().into(),
            signed("stock_alert.position", alert.position)?.into(),
            alert.recorded.0.into(),
            alert.body.as_slice().into(),
            i64::from(published).into(),
        ]);
    }
    tx.upsert(&rows).await.map(|_| ())
}

/// Up to `limit` alerts that the relay has to publish, of all partitions; those of one partition in order.
pub async fn unpublished_alerts(db: &Db, limit: u32) -> Result<Vec<WaitingAlert>, DbError> {
    let sql = "SELECT tenant, event, position, recorded, body, published FROM stock_alert \
               WHERE published = 0 ORDER BY position LIMIT $1";
    db.query(sql, vec![limit.into()]).await?.iter().map(waiting_alert).collect()
}

/// Up to `limit` alerts behind this key that the alert topic may not have, those set aside among them, by key.
pub async fn untold_alerts(db: &Db, after: Option<AlertKey>, limit: u32) -> Result<Vec<WaitingAlert>, DbError> {
    // No tenant is empty, so an empty key lies before every other.
    let (tenant, event) = after.map_or_else(Default::default, |key| (key.tenant, key.event));
    let sql = "SELECT tenant, event, position, recorded, body, published FROM stock_alert \
               WHERE published <= 0 AND (tenant, event) > ($1, $2) ORDER BY tenant, event LIMIT $3";
    let rows = db.query(sql, vec![tenant.as_str().into(), event.as_str().into(), limit.into()]).await?;
    rows.iter().map(waiting_alert).collect()
}

/// Sets rows aside that do not read as alerts, until a rebuild of stock derives them again. A statement for each: there are none
/// unless the database was damaged. Answers how many were found by their keys.
pub async fn set_alerts_aside(tx: &mut Tx, damaged: &[AlertKey]) -> Result<u64, DbError> {
    let sql = "UPDATE stock_alert SET published = -1 WHERE tenant = $1 AND event = $2 AND published = 0";
    let mut set_aside = 0;
    for AlertKey { tenant, event } in damaged {
        set_aside += tx.execute(sql, vec![tenant.as_str().into(), event.as_str().into()]).await?;
    }
    Ok(set_aside)
}

/// How many alerts the relay has yet to publish.
pub async fn waiting_alerts(db: &Db) -> Result<i64, DbError> {
    let rows = db.query("SELECT COUNT(*) FROM stock_alert WHERE published = 0", vec![]).await?;
    rows.first().map_or(Ok(0), |row| row.int(0))
}

/// A tenant's alerts that stand now, by item and location, with what the items are called: of several variants the
/// smallest. One statement.
pub async fn standing_alerts(db: &Db, tenant: &TenantId) -> Result<Vec<StockAlert>, DbError> {
    let sql = "SELECT stock.tenant, stock.item, stock.location, stock.available, stock.version, \
               product_cost.variant, product_cost.sku FROM stock \
               LEFT JOIN product_cost ON product_cost.tenant = stock.tenant AND product_cost.item = stock.item \
               WHERE stock.tenant = $1 AND stock.available <= 0";
    let mut standing: BTreeMap<_, StockAlert> = BTreeMap::new();
    for row in db.query(sql, vec![tenant.as_str().into()]).await? {
        let (_, count) = stock_row(&row)?;
        let Some(alert) = StockAlert::standing(&count) else { continue };
        let variant: Option<VariantId> = row.opt_text(5)?.map(|id| parsed("product_cost.variant", id)).transpose()?;
        let sku: Option<Sku> = row.opt_text(6)?.map(|sku| parsed("product_cost.sku", sku)).transpose()?;
        let alert = StockAlert { variant, sku, ..alert };
        let known = standing.entry((count.item, count.location)).or_insert_with(|| alert.clone());
        if alert.variant < known.variant {
            *known = alert;
        }
    }
    Ok(standing.into_values().collect())
}

/// Every tenant's levels that are low now.
pub async fn low_levels(db: &Db) -> Result<Vec<StockRow>, DbError> {
    let sql = "SELECT tenant, item, location, available, version FROM stock WHERE available <= 0";
    db.query(sql, vec![]).await?.iter().map(stock_row).collect()
}

fn waiting_alert(row: &Row) -> Result<WaitingAlert, DbError> {
    let key = AlertKey { tenant: row.text(0)?.to_owned(), event: row.text(1)?.to_owned() };
    Ok(WaitingAlert { key, set_aside: row.int(5)? < 0, row: alert_row(row).ok() })
}

fn alert_row(row: &Row) -> Result<AlertRow, DbError> {
    Ok(AlertRow {
        tenant: parsed("stock_alert.tenant", row.text(0)?)?,
        event: parsed("stock_alert.event", row.text(1)?)?,
        position: unsigned("stock_alert.position", row.int(2)?)?,
        recorded: Timestamp(row.int(3)?),
        body: row.blob(4)?.to_vec(),
    })
}
