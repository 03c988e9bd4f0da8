//! Alerts of stock. They follow from the counts of an item and location in the order of the log, of which those that are
//! older than one before them are passed by. All counts of a merchant lie in one partition of one topic, so neither the size
//! of batches nor a rebuild changes which alerts there are or a byte of them, and their ids follow from what they say. The
//! order of *arrival* does: a count that comes late is in no alert. What stands in the end is the same for every order.

use std::collections::BTreeMap;

use commerce::stock::StockAlert;
use commerce::{InventoryItemId, LocationId, StockCounted, TenantId};
use events::{Event, Payload};
use ledger::Timestamp;
use store::books::{self, AlertRow, StockRow, WaitingAlert};
use store::db::{DbError, Tx};

use crate::work::Work;

/// The last count of each item and location.
pub(crate) type Levels = BTreeMap<(TenantId, InventoryItemId, LocationId), StockCounted>;

/// A count as the log has it.
#[derive(Debug, Clone)]
pub(crate) struct Count {
    /// Whose.
    pub(crate) tenant: TenantId,
    /// Its offset in its partition.
    pub(crate) offset: u64,
    /// When it was recorded.
    pub(crate) recorded: Timestamp,
    /// What was counted.
    pub(crate) count: StockCounted,
}

/// An alert that the relay has to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    tenant: TenantId,
    offset: u64,
    recorded: Timestamp,
    alert: StockAlert,
}

/// A stored count under its key.
pub(crate) fn keyed((tenant, count): StockRow) -> ((TenantId, InventoryItemId, LocationId), StockCounted) {
    ((tenant, count.item, count.location), count)
}

/// Brings the levels up to these counts, which come in the order of the log, and says what there is to tell. No two of these
/// alerts are the same, nor the same as one before: a level only ever moves to a greater count.
pub(crate) fn follow(levels: &mut Levels, counts: Vec<Count>) -> Vec<Told> {
    let mut alerts = Vec::new();
    for Count { tenant, offset, recorded, count } in counts {
        let key = (tenant.clone(), count.item, count.location);
        let known = levels.get(&key);
        if known.is_some_and(|known| *known >= count) {
            continue;
        }
        let alert = StockAlert::between(known.and_then(|known| known.available), &count);
        alerts.extend(alert.map(|alert| Told { tenant, offset, recorded, alert }));
        levels.insert(key, count);
    }
    alerts
}

/// Writes alerts for the relay. Those that are known already stay as they are. What an item is called is not among it: that
/// would be what was known of it when this batch was written, and so depend on where the batch was cut.
pub(crate) async fn save(tx: &mut Tx, told: Vec<Told>) -> Result<usize, DbError> {
    let rows = told.into_iter().filter_map(|Told { tenant, offset, recorded, alert }| {
        row(&Event::stock_alerted(tenant, recorded, alert), offset)
    });
    let rows: Vec<AlertRow> = rows.collect();
    books::save_alerts(tx, &rows, false).await?;
    Ok(rows.len())
}

/// Notes which alerts the alert topic has; only a rebuild reads it. One that the relay repeated is noted once.
pub(crate) async fn note_published(tx: &mut Tx, work: &Work) -> Result<(), DbError> {
    let rows = work.events().filter_map(|(_, event)| row(event, 0));
    let rows: BTreeMap<_, _> = rows.map(|row| ((row.tenant.clone(), row.event), row)).collect();
    books::save_alerts(tx, &rows.into_values().collect::<Vec<_>>(), true).await
}

/// A row of the outbox with its event, if it reads as the alert under whose id it is kept, written as ids are: under any other
/// writing it would be noted as told in another row, and told for ever in this one.
pub(crate) fn sound(waiting: &WaitingAlert) -> Option<(&AlertRow, Event)> {
    let row = waiting.row.as_ref()?;
    let alert = events::stock_alert_from_bytes(&row.body).ok()?;
    let event = Event::stock_alerted(row.tenant.clone(), row.recorded, alert);
    (event.id == row.event && event.id.to_string() == waiting.key.event).then_some((row, event))
}

fn row(event: &Event, position: u64) -> Option<AlertRow> {
    let Payload::StockAlerted(alert) = &event.payload else { return None };
    Some(AlertRow {
        tenant: event.tenant.clone(),
        event: event.id,
        position,
        recorded: event.recorded_at,
        body: events::stock_alert_bytes(alert),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn count(offset: u64, (version, available): (i64, Option<i64>)) -> Count {
        let (item, location) = (InventoryItemId(301), LocationId(17));
        let count = StockCounted { version: Timestamp(version), item, location, available };
        Count { tenant: "acme".parse().unwrap(), offset, recorded: Timestamp(0), count }
    }

    /// An alert: name, version and level.
    type Said = (&'static str, i64, Option<i64>);

    /// What is told of these counts in batches of that size.
    fn told(counts: &[(i64, Option<i64>)], batch: usize) -> (Levels, Vec<Said>) {
        let counts: Vec<Count> = (0..).zip(counts).map(|(offset, one)| count(offset, *one)).collect();
        let (mut levels, mut alerts) = (Levels::new(), Vec::new());
        counts.chunks(batch).for_each(|batch| alerts.extend(follow(&mut levels, batch.to_vec())));
        let say = |told: Told| (told.alert.kind().as_str(), told.alert.counted_at.0, told.alert.available);
        (levels, alerts.into_iter().map(say).collect())
    }

    #[test]
    fn what_is_told_has_a_row_for_each_order_of_arrival() {
        let [five, none, below, three] = [(1, Some(5)), (2, Some(0)), (3, Some(-2)), (4, Some(3))];
        let (out, over, again) = (("stocked-out", 2, Some(0)), ("oversold", 3, Some(-2)), ("restocked", 4, Some(3)));
        for (counts, expected) in [
            (vec![five, none, below, three], vec![out, over, again]),
            (vec![five, five, none, none, below, none, below, three, five], vec![out, over, again]),
            (vec![five, below, none, three], vec![over, again]),
            (vec![three, below, none, five], vec![]),
            (vec![below, three, none, five], vec![over, again]),
            // One version with two contents: the greater stands, and each is told once.
            (vec![(3, Some(-2)), (3, Some(-1)), (3, Some(-2))], vec![over, ("oversold", 3, Some(-1))]),
            (vec![below, (4, None), (5, None)], vec![over, ("restocked", 4, None)]),
        ] {
            for batch in 1..=counts.len() {
                assert_eq!(told(&counts, batch).1, expected, "{counts:?} in batches of {batch}");
            }
        }
    }

    #[test]
    fn in_any_order_the_same_stands_and_nothing_is_told_twice() {
        // A prime number of counts, so that every stride through them is another order. Two counts a version.
        const COUNTS: usize = 41;
        let level = |n: i64| Some(n * 7 % 11 - 5).filter(|level| *level != 4);
        let counts: Vec<(i64, Option<i64>)> = (0..41).map(|n| (n / 2, level(n))).collect();
        let stands = told(&counts, 1).0;
        for (stride, begin) in (1..COUNTS).flat_map(|stride| [0, 7, 40].map(|begin| (stride, begin))) {
            let shuffled: Vec<_> = (0..COUNTS).map(|n| counts[(begin + n * stride) % COUNTS]).collect();
            let (levels, alerts) = told(&shuffled, 3);
            assert_eq!(levels, stands);
            assert_eq!(alerts.iter().collect::<BTreeSet<_>>().len(), alerts.len());
            let last = alerts.last().filter(|(kind, ..)| *kind != "restocked").map(|(.., level)| *level);
            let low = levels.values().filter_map(StockAlert::standing).next();
            assert_eq!(last, low.map(|low| low.available), "the last that was told is what stands");
        }
    }
}
