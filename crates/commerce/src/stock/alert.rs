//! Alerts: what two counts of an item's stock at a location, one after the other, give reason to say.

use ledger::Timestamp;

use crate::{InventoryItemId, LocationId, Sku, StockCounted, VariantId};

/// What a level of stock means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertKind {
    /// Nothing is left.
    StockedOut,
    /// More was sold than there is.
    Oversold,
    /// There is some again, or the shop no longer tracks it.
    Restocked,
}

impl AlertKind {
    /// The kind of an alert at this level; None is a level that the shop does not track.
    pub fn at(available: Option<i64>) -> AlertKind {
        match available {
            Some(0) => AlertKind::StockedOut,
            Some(i64::MIN..0) => AlertKind::Oversold,
            _ => AlertKind::Restocked,
        }
    }

    /// Its name: `stocked-out`, `oversold`, `restocked`.
    pub fn as_str(self) -> &'static str {
        match self {
            AlertKind::StockedOut => "stocked-out",
            AlertKind::Oversold => "oversold",
            AlertKind::Restocked => "restocked",
        }
    }
}

/// An item's stock at a location has run out, is oversold by another number than before, or is there again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockAlert {
    /// The version of the count that shows it.
    pub counted_at: Timestamp,
    /// The item.
    pub item: InventoryItemId,
    /// Where.
    pub location: LocationId,
    /// Pieces available by that count; None when the shop does not track it. Below zero: so many were sold too many.
    pub available: Option<i64>,
    /// The item's variant, if it is known.
    pub variant: Option<VariantId>,
    /// Its SKU, if it is known.
    pub sku: Option<Sku>,
}

impl StockAlert {
    /// What there is to say when the level was `before`, and a later count shows another. None is a level that nobody
    /// has counted, or that the shop does not track; neither is low.
    ///
    /// Levels above zero are all alike. Below it each number is told, so that the last alert always says how many.
    pub fn between(before: Option<i64>, count: &StockCounted) -> Option<StockAlert> {
        (low(before) != low(count.available)).then(|| StockAlert::of(count))
    }

    /// What stands as long as this count does; None when nothing is wrong.
    pub fn standing(count: &StockCounted) -> Option<StockAlert> {
        StockAlert::between(None, count)
    }

    /// What it means.
    pub fn kind(&self) -> AlertKind {
        AlertKind::at(self.available)
    }

    fn of(count: &StockCounted) -> StockAlert {
        let StockCounted { version: counted_at, item, location, available } = *count;
        StockAlert { counted_at, item, location, available, variant: None, sku: None }
    }
}

/// The level, if it is low.
fn low(available: Option<i64>) -> Option<i64> {
    available.filter(|pieces| *pieces <= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_stands_as_long_as_it_is_low() {
        for (available, stands) in [(Some(0), Some("stocked-out")), (Some(-3), Some("oversold")), (Some(2), None)] {
            let (item, location) = (InventoryItemId(301), LocationId(17));
            let standing = StockAlert::standing(&StockCounted { version: Timestamp(7), item, location, available });
            assert_eq!(standing.map(|alert| alert.kind().as_str()), stands);
        }
        assert_eq!(AlertKind::Restocked.as_str(), "restocked");
    }

    #[test]
    fn every_change_of_a_level_has_a_row() {
        use AlertKind::{Oversold, Restocked, StockedOut};
        for (before, after, expected) in [
            // Never counted, or not tracked until now.
            (None, Some(5), None),
            (None, Some(0), Some(StockedOut)),
            (None, Some(-2), Some(Oversold)),
            (None, None, None),
            // There is some.
            (Some(5), Some(3), None),
            (Some(5), Some(5), None),
            (Some(1), Some(0), Some(StockedOut)),
            (Some(1), Some(-1), Some(Oversold)),
            (Some(1), None, None),
            // Nothing is left.
            (Some(0), Some(0), None),
            (Some(0), Some(-1), Some(Oversold)),
            (Some(0), Some(1), Some(Restocked)),
            (Some(0), None, Some(Restocked)),
            // Oversold: each number is told.
            (Some(-2), Some(-2), None),
            (Some(-2), Some(-3), Some(Oversold)),
            (Some(-2), Some(-1), Some(Oversold)),
            (Some(-2), Some(0), Some(StockedOut)),
            (Some(-2), Some(3), Some(Restocked)),
            (Some(-2), None, Some(Restocked)),
            (Some(i64::MIN), Some(i64::MAX), Some(Restocked)),
        ] {
            let (item, location) = (InventoryItemId(301), LocationId(17));
            let count = StockCounted { version: Timestamp(7), item, location, available: after };
            let alert = StockAlert::between(before, &count);
            assert_eq!(alert.as_ref().map(StockAlert::kind), expected, "{before:?} -> {after:?}");
            if let Some(alert) = alert {
                assert_eq!((alert.counted_at, alert.item, alert.available), (Timestamp(7), item, after));
            }
        }
    }
}
