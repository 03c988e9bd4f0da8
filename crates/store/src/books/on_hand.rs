//! What a tenant has in stock, by item: what the shop counts where, and what the books say it is worth.

use std::collections::BTreeMap;

use commerce::stock::Stock;
use commerce::{InventoryItemId, LocationId, Sku, TenantId, VariantId};

use super::{decode, parsed};
use crate::db::{Db, DbError, Row};

/// One item in stock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OnHand {
    /// Its SKU, if the shop told it.
    pub sku: Option<Sku>,
    /// Its inventory item, if the shop told it.
    pub item: Option<InventoryItemId>,
    /// Pieces by location as the shop last counted them; None where it does not track them.
    pub levels: BTreeMap<LocationId, Option<i64>>,
    /// Pieces and value by its card.
    pub stock: Stock,
    /// Pieces that moved without a value: nobody has told what they cost.
    pub uncosted: i64,
}

/// Everything a tenant has, by variant. Four statements, of which one reads every line of its cards.
pub async fn on_hand(db: &Db, tenant: &TenantId) -> Result<BTreeMap<VariantId, OnHand>, DbError> {
    let ask = |sql: &'static str| db.query(sql, vec![tenant.as_str().into()]);
    let mut found: BTreeMap<VariantId, OnHand> = BTreeMap::new();
    for row in ask("SELECT variant, sku, item FROM product_cost WHERE tenant = $1").await? {
        let one = found.entry(parsed("product_cost.variant", row.text(0)?)?).or_default();
        one.sku = row.opt_text(1)?.map(|sku| parsed("product_cost.sku", sku)).transpose()?;
        one.item = row.opt_text(2)?.map(|item| parsed("product_cost.item", item)).transpose()?;
    }
    let last = "SELECT item, state FROM (SELECT item, state, ROW_NUMBER() OVER (PARTITION BY item ORDER BY occurred DESC, \
                origin DESC) AS place FROM stock_movement WHERE tenant = $1) AS line WHERE place = 1";
    for row in ask(last).await? {
        let one = found.entry(parsed("stock_movement.item", row.text(0)?)?).or_default();
        one.stock = row.opt_blob(1)?.map_or(Ok(Stock::default()), |state| decode("stock_movement.state", state))?;
    }
    let uncosted = "SELECT item, CAST(SUM(quantity) AS BIGINT) FROM stock_movement WHERE tenant = $1 AND kind <> 'cost' \
                    AND NOT (kind = 'lost' AND issue IS NOT NULL) AND cost IS NULL GROUP BY item";
    for row in ask(uncosted).await? {
        found.entry(parsed("stock_movement.item", row.text(0)?)?).or_default().uncosted = row.int(1)?;
    }
    let levels = levels(&ask("SELECT item, location, available FROM stock WHERE tenant = $1").await?)?;
    for one in found.values_mut() {
        one.levels = one.item.and_then(|item| levels.get(&item).cloned()).unwrap_or_default();
    }
    Ok(found)
}

type Levels = BTreeMap<InventoryItemId, BTreeMap<LocationId, Option<i64>>>;

fn levels(rows: &[Row]) -> Result<Levels, DbError> {
    let mut levels = Levels::new();
    for row in rows {
        let location = parsed("stock.location", row.text(1)?)?;
        levels.entry(parsed("stock.item", row.text(0)?)?).or_default().insert(location, row.opt_int(2)?);
    }
    Ok(levels)
}
