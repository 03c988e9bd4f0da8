//! What folding takes by itself, on one processor and without a disk, a database or a network: records are decoded, merged into
//! parts, cases are posted, and the difference to what stands is taken, by the same functions as the bookkeeper's. Not in it
//! are goods at cost, read models, and the bytes of what is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use commerce::{Case, Order, OrderId, Part, PartKey, Policy, TenantId, owner};
use events::{Event, Payload, Record};
use ledger::{Change, EntryKey, Live};

use crate::report::{Measure, Report};
use crate::rounds;
use crate::workload::Feed;

/// Events that are folded.
const EVENTS: u32 = 200_000;

/// Records in a batch, as the processor takes them by default.
const BATCH: usize = 4_000;

/// Events a second on one processor.
const FLOOR: f64 = 500_000.0;

/// The parts of one tenant, with what stands for each.
#[derive(Default)]
struct Shelf {
    parts: BTreeMap<PartKey, (Part, BTreeMap<EntryKey, Live>)>,
    posted: u64,
}

/// Measures decoding alone, and everything.
pub(crate) fn measure(report: &mut Report) -> anyhow::Result<()> {
    let records: Vec<Record> = Feed::new(EVENTS)?.collect();
    let count = f64::from(u32::try_from(records.len())?);
    for _ in 0..rounds(0) {
        let started = Instant::now();
        for record in &records {
            std::hint::black_box(Event::decode(record)?);
        }
        let decoding = started.elapsed().as_secs_f64();
        report.add(Measure::new("fold only: decoded".to_owned(), count / decoding, "events/s"));
        let (mut shelves, started) = (BTreeMap::new(), Instant::now());
        for batch in records.chunks(BATCH) {
            fold(&mut shelves, batch)?;
        }
        let seconds = started.elapsed().as_secs_f64();
        report
            .add(Measure::new("fold only: merged and posted".to_owned(), count / seconds, "events/s").at_least(FLOOR));
        let posted: u64 = shelves.values().map(|shelf| shelf.posted).sum();
        anyhow::ensure!(posted > 0, "nothing was posted");
    }
    Ok(())
}

fn fold(shelves: &mut BTreeMap<TenantId, Shelf>, batch: &[Record]) -> anyhow::Result<()> {
    let mut touched: BTreeMap<TenantId, BTreeSet<PartKey>> = BTreeMap::new();
    for record in batch {
        let event = Event::decode(record)?;
        let Payload::Fact { fact, .. } = &event.payload else { continue };
        let keys = PartKey::of(fact);
        if keys.is_empty() {
            continue;
        }
        if !shelves.contains_key(&event.tenant) {
            shelves.insert(event.tenant.clone(), Shelf::default());
        }
        let Some(shelf) = shelves.get_mut(&event.tenant) else { continue };
        let changed = touched.entry(event.tenant).or_default();
        for key in keys {
            let (part, _) = shelf.parts.entry(key.clone()).or_insert_with_key(|key| (key.empty(), BTreeMap::new()));
            if part.merge(fact) {
                changed.insert(key);
            }
        }
    }
    for (tenant, changed) in touched {
        if let Some(shelf) = shelves.get_mut(&tenant) {
            shelf.settle(&changed)?;
        }
    }
    Ok(())
}

impl Shelf {
    /// Brings what stands to what the cases of these parts imply.
    fn settle(&mut self, changed: &BTreeSet<PartKey>) -> anyhow::Result<()> {
        let policy = Policy::default();
        for keys in self.cases(changed) {
            let case: Case<'_> =
                keys.into_iter().filter_map(|key| self.parts.get(&key).map(|(part, _)| (key, part))).collect();
            for (key, desired) in commerce::postings(&case, &policy, &[])? {
                let Some((_, posted)) = self.parts.get_mut(&key) else { continue };
                for change in ledger::diff(&desired, posted) {
                    self.posted += 1;
                    match change {
                        Change::Reverse { reversal, .. } => drop(posted.remove(reversal.key())),
                        Change::Post(transaction) => {
                            let live = Live { number: self.posted, transaction };
                            posted.insert(live.transaction.key().clone(), live);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Each order that has a changed part, with the parcels that are its own, and each part of no order.
    fn cases(&self, changed: &BTreeSet<PartKey>) -> Vec<BTreeSet<PartKey>> {
        let mut cases: BTreeMap<PartKey, BTreeSet<PartKey>> = BTreeMap::new();
        for key in changed {
            let first = self.owner_of(key).map_or_else(|| key.clone(), PartKey::Order);
            cases.entry(first.clone()).or_insert_with(|| self.case_of(&first));
        }
        cases.into_values().collect()
    }

    fn case_of(&self, key: &PartKey) -> BTreeSet<PartKey> {
        let mut case = BTreeSet::from([key.clone()]);
        if let PartKey::Order(id) = key
            && let Some(order) = self.order(*id)
        {
            let parcels = order.claims.iter().map(|p| PartKey::Parcel(p.courier.clone(), p.tracking.clone()));
            case.extend(parcels.filter(|parcel| self.owner_of(parcel) == Some(*id)));
        }
        case
    }

    fn owner_of(&self, key: &PartKey) -> Option<OrderId> {
        let PartKey::Parcel(courier, tracking) = key else { return None };
        let (Part::Parcel(parcel), _) = self.parts.get(key)? else { return None };
        owner((courier, tracking), parcel, |id| self.order(id), |_| None)
    }

    fn order(&self, id: OrderId) -> Option<&Order> {
        match self.parts.get(&PartKey::Order(id)) {
            Some((Part::Order(order), _)) => Some(order),
            _ => None,
        }
    }
}
