//! An item's card, line by line.

use std::collections::BTreeMap;

use ledger::Timestamp;

use super::{Issue, Movement, Origin, Stock, Value, value};
use crate::{Costing, PartKey};

/// One line of an item's card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardLine {
    /// When it happened.
    pub at: Timestamp,
    /// Where it comes from.
    pub origin: Origin,
    /// The part whose journal it is posted in: an order or a receipt. None when only a cost is told.
    pub part: Option<PartKey>,
    /// What moved.
    pub movement: Movement,
    /// What it costs; None when it has no value, or none yet.
    pub value: Option<Value>,
    /// What is in stock after it; None when it has not been valued yet.
    pub after: Option<Stock>,
}

impl CardLine {
    /// A line that has not been valued.
    pub fn new(at: Timestamp, origin: Origin, part: Option<PartKey>, movement: Movement) -> CardLine {
        CardLine { at, origin, part, movement, value: None, after: None }
    }

    /// True when both tell of the same movement, whatever it costs.
    pub fn is_same_movement(&self, other: &CardLine) -> bool {
        (self.at, &self.origin, &self.part, &self.movement) == (other.at, &other.origin, &other.part, &other.movement)
    }

    /// By how much it raises what is in stock, minor units of its value's currency; negative when goods go out.
    pub fn raises_stock_by(&self) -> i64 {
        match (&self.movement, self.value) {
            (Movement::Received { .. } | Movement::Returned { .. }, Some(value)) => value.raises(),
            (Movement::Issued { .. } | Movement::Lost { issue: None, .. }, Some(value)) => value.cost.saturating_neg(),
            (Movement::CostNoted { .. } | Movement::Lost { issue: Some(_), .. }, _) | (_, None) => 0,
        }
    }

    /// What its pieces cost, if it is an issue, for what comes back of it.
    pub fn issue(&self) -> Option<Issue> {
        match self.movement {
            Movement::Issued { quantity } => Some(Issue { quantity, value: self.value }),
            _ => None,
        }
    }
}

/// Issues by origin.
pub type Issues = BTreeMap<Origin, Issue>;

/// Values lines in their order, from the stock before the first of them. `issues` are those before them at whose cost
/// some of them go on; issues among the lines are added.
pub fn revalue<'l>(
    costing: Costing,
    before: Stock,
    lines: impl IntoIterator<Item = &'l mut CardLine>,
    issues: &mut Issues,
) -> Stock {
    let mut stock = before;
    for line in lines {
        let of = line.movement.of_issue().and_then(|issue| issues.get(issue)).copied();
        (stock, line.value) = value(costing, &stock, &line.movement, of);
        line.after = Some(stock.clone());
        if let Some(issue) = line.issue() {
            issues.insert(line.origin.clone(), issue);
        }
    }
    stock
}
