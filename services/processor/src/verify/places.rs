//! Where a row stands among those that the relay publishes. Places in a partition are gapless and given out in order, so
//! any that was changed lies outside of what was given out, or out of order.

use std::collections::BTreeMap;

use commerce::TenantId;
use store::books::Relay;

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
    pub(super) fn problem(&mut self, tenant: &TenantId, partition: u32, position: u64) -> Option<&'static str> {
        let given = self.relays.get(&partition).map_or(0, |relay| relay.position);
        let last = self.last.replace((tenant.clone(), partition, position));
        let before = last.filter(|(before, ..)| before == tenant);
        match before {
            _ if !(1..=given).contains(&position) => Some("its partition has not given out its position"),
            Some((_, before, _)) if before != partition => Some("its partition is not that of the one before it"),
            Some((_, _, before)) if before >= position => Some("its position is not behind that of the one before it"),
            _ => None,
        }
    }
}
