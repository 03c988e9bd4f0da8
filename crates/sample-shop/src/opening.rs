//! What is on the shelves before the first order: enough of everything for the whole plan.

use chrono::TimeDelta;

use crate::Plan;
use crate::catalogue::variants;

/// Goods of one variant that came in before the shop opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// When: microseconds since 1970-01-01T00:00:00Z, a day before the first order.
    pub at: i64,
    /// The variant's numeric id, as in the shop's webhooks.
    pub variant: u64,
    /// Pieces.
    pub quantity: i64,
    /// What one piece cost, paisa.
    pub unit_cost: i64,
}

/// Pakistan is five hours ahead of UTC, all year.
const AHEAD: TimeDelta = TimeDelta::hours(5);

/// One line a variant. A variant sells about a twentieth as often as there are orders.
pub fn opening_stock(plan: &Plan) -> Vec<Opening> {
    let at = (plan.begins_at() - TimeDelta::days(1) - AHEAD).and_utc().timestamp_micros();
    let quantity = i64::from(plan.orders / 10) + 20;
    let line =
        |variant: &crate::catalogue::Variant| Opening { at, variant: variant.id, quantity, unit_cost: variant.cost };
    variants().iter().map(line).collect()
}
