//! Which reversal of a voucher stands. A voucher is taken back once: of the reversals to which nothing is missing, the
//! one that was entered first, and of two at one instant the one with the smaller id. That is asked of all that are
//! known, whenever one more becomes known, so the order in which they arrive decides nothing.

use std::collections::BTreeMap;

use ledger::Timestamp;

use super::{Voucher, VoucherState};
use crate::VoucherId;

/// For each voucher that is taken back, the reversal that does it.
#[derive(Debug, Clone, Default)]
pub struct StandingReversals<'a>(BTreeMap<&'a VoucherId, (Timestamp, &'a VoucherId)>);

impl<'a> StandingReversals<'a> {
    /// Those among these vouchers. They have to hold all reversals of whatever is asked about; others do no harm.
    pub fn among(vouchers: impl IntoIterator<Item = &'a Voucher>) -> StandingReversals<'a> {
        let mut first = BTreeMap::new();
        for voucher in vouchers {
            if let (Some(reversed), Some((at, VoucherState::Posted))) = (voucher.reverses(), voucher.state_alone()) {
                let candidate = (at, &voucher.id);
                let slot = first.entry(reversed).or_insert(candidate);
                *slot = candidate.min(*slot);
            }
        }
        StandingReversals(first)
    }

    /// The reversal that takes a voucher back.
    pub fn of(&self, reversed: &VoucherId) -> Option<&'a VoucherId> {
        self.0.get(reversed).map(|(_, reversal)| *reversal)
    }
}
