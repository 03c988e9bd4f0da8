//! Merges the facts of a batch, and tells those that change nothing: facts that came for parts whose detail was replaced, and totals that
//! were declined because others stand for a part that they name.

use commerce::Fact;
use commerce::totals::{FoldedTo, Replaced, Replacing};
use event_log::Position;
use events::{Payload, Topic};
use ledger::Timestamp;
use store::books::{Checkpoint, DeclinedTotals, LateFact, ReplacedRows, Stage};

use super::Tenancies;
use crate::work::Work;

/// Merges every fact of a batch, each topic's in the order of the log, and gives what changes nothing.
pub(super) fn merge(tenancies: &mut Tenancies, work: &Work, stage: Stage) -> ReplacedRows {
    let mut rows = ReplacedRows::default();
    for (position, event) in work.placed() {
        let (Payload::Fact { fact, .. }, Some(tenancy)) = (&event.payload, tenancies.get_mut(&event.tenant)) else {
            continue;
        };
        let (tenant, event, recorded) = (event.tenant.clone(), event.id, event.recorded_at);
        if let Fact::DetailReplaced(fact) = fact {
            if tenancy.desk.replace(fact) == Replacing::Declined {
                rows.add_declined(DeclinedTotals { tenant, event, totals: fact.totals.clone(), recorded });
            }
            continue;
        }
        for (part, stub) in tenancy.desk.merge(fact) {
            if is_late(&stub, position, recorded, stage) {
                rows.add_late(LateFact { tenant: tenant.clone(), event, part, recorded });
            } else if stage == Stage::Live {
                // A row about a person may have come with it, and after the part was swept.
                rows.add(&tenant, &part);
            }
        }
    }
    rows
}

/// Whether the totals do not have what comes for a stub. Totals that do not say up to where the log was folded have, in a rebuild,
/// what was recorded before they were decided on; and else what came before they were folded.
fn is_late(stub: &Replaced, position: Position, recorded: Timestamp, stage: Stage) -> bool {
    match stub.folded.and_then(|folded| next(&folded, position.topic)) {
        Some(next) => position.offset >= next,
        None => stage == Stage::Live || recorded >= stub.at,
    }
}

fn next(folded: &FoldedTo, topic: Topic) -> Option<u64> {
    match topic {
        Topic::Order => Some(folded.order),
        Topic::Shipment => Some(folded.shipment),
        Topic::Cod => Some(folded.cod),
        Topic::Inventory => Some(folded.inventory),
        Topic::Voucher => Some(folded.voucher),
        Topic::Ledger | Topic::Privacy | Topic::Quarantine | Topic::Alert => None,
    }
}

/// What a checkpoint of the books comes to for totals that are decided on there.
pub(super) fn folded_to(checkpoint: &Checkpoint) -> FoldedTo {
    FoldedTo {
        order: checkpoint.next(Topic::Order),
        shipment: checkpoint.next(Topic::Shipment),
        cod: checkpoint.next(Topic::Cod),
        inventory: checkpoint.next(Topic::Inventory),
        voucher: checkpoint.next(Topic::Voucher),
    }
}
