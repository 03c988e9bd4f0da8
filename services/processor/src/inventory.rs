//! Stock and costs: the later version stands, equal versions are decided by content. What counts of stock give reason to say
//! is written with them, for the relay.

use std::collections::BTreeMap;

use commerce::Fact;
use events::Payload;
use store::books::{self, CostRow};
use store::db::{DbError, Tx};

use crate::alerts::{self, Count, Levels};
use crate::work::Work;

/// Folds a batch: two look-ups and two writes, and one write more when there are alerts. Returns how many alerts it has
/// for the relay.
pub(crate) async fn fold(tx: &mut Tx, work: &Work) -> Result<usize, DbError> {
    let (mut counts, mut costs): (Vec<Count>, Vec<CostRow>) = (Vec::new(), Vec::new());
    for (position, event) in work.placed() {
        match &event.payload {
            Payload::Fact { fact: Fact::StockCounted(count), .. } => counts.push(Count {
                tenant: event.tenant.clone(),
                offset: position.offset,
                recorded: event.recorded_at,
                count: count.clone(),
            }),
            Payload::Fact { fact: Fact::ProductCosted(cost), .. } => costs.push((event.tenant.clone(), cost.clone())),
            _ => {}
        }
    }
    let stored = books::costs(tx, &costs).await?;
    let costs = greatest(stored.into_iter().chain(costs), |(tenant, c)| (tenant.clone(), c.variant));
    books::save_costs(tx, &costs).await?;
    let like: Vec<_> = counts.iter().map(|one| (one.tenant.clone(), one.count.clone())).collect();
    let mut levels: Levels = books::stock(tx, &like).await?.into_iter().map(alerts::keyed).collect();
    let told = alerts::follow(&mut levels, counts);
    let levels: Vec<_> = levels.into_iter().map(|((tenant, ..), count)| (tenant, count)).collect();
    books::save_stock(tx, &levels).await?;
    alerts::note_published(tx, work).await?;
    alerts::save(tx, told).await
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
