//! Where a row stands among those that the relay publishes. Places in a partition are gapless and given out in order, so
//! any that was changed lies outside of what was given out, or out of order.

use std::collections::BTreeMap;

use commerce::TenantId;
use store::books::{JournalRow, Relay};

/// The places given out, and the last one met.
pub(super) struct Places {
    relays: BTreeMap<u32, Relay>,
    last: Option<(TenantId, u32, u64)>,
}

impl Places {
    pub(super) fn new(relays: BTreeMap<u32, Relay>) -> Places {
        Places { relays, last: None }
    }

    /// What is wrong with the place of the next row, in the order of tenants and numbers.
    pub(super) fn problem(&mut self, row: &JournalRow) -> Option<&'static str> {
        let given = self.relays.get(&row.partition).map_or(0, |relay| relay.position);
        let last = self.last.replace((row.tenant.clone(), row.partition, row.position));
        let before = last.filter(|(tenant, ..)| *tenant == row.tenant);
        match before {
            _ if !(1..=given).contains(&row.position) => Some("its partition has not given out its position"),
            Some((_, partition, _)) if partition != row.partition => {
                Some("its partition is not that of the one before it")
            }
            Some((_, _, position)) if position >= row.position => {
                Some("its position is not behind that of the one before it")
            }
            _ => None,
        }
    }
}
