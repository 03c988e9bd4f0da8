//! Stock and costs: the later version stands, equal versions are decided by content.

use std::collections::BTreeMap;

use commerce::Fact;
use events::Payload;
use store::books::{self, CostRow, StockRow};
use store::db::{DbError, Tx};

use crate::work::Work;

/// Folds a batch: two look-ups and two writes.
pub(crate) async fn fold(tx: &mut Tx, work: &Work) -> Result<(), DbError> {
    let (mut counts, mut costs): (Vec<StockRow>, Vec<CostRow>) = (Vec::new(), Vec::new());
    for event in work.events().map(|(_, event)| event) {
        match &event.payload {
            Payload::Fact { fact: Fact::StockCounted(count), .. } => counts.push((event.tenant.clone(), count.clone())),
            Payload::Fact { fact: Fact::ProductCosted(cost), .. } => costs.push((event.tenant.clone(), cost.clone())),
            _ => {}
        }
    }
    let stored = books::stock(tx, &counts).await?;
    let counts = greatest(stored.into_iter().chain(counts), |(tenant, c)| (tenant.clone(), c.item, c.location));
    books::save_stock(tx, &counts).await?;
    let stored = books::costs(tx, &costs).await?;
    let costs = greatest(stored.into_iter().chain(costs), |(tenant, c)| (tenant.clone(), c.variant));
    books::save_costs(tx, &costs).await
}

fn greatest<K: Ord, T: Ord>(all: impl Iterator<Item = T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut kept: BTreeMap<K, T> = BTreeMap::new();
    for one in all {
        let key = key(&one);
        if kept.get(&key).is_none_or(|known| *known < one) {
            kept.insert(key, one);
        }
    }
    kept.into_values().collect()
}
