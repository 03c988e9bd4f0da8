//! What moves an item's stock, and where a movement comes from.

use std::fmt;

use ledger::Money;
use serde::{Deserialize, Serialize};

use crate::{LineId, OrderId, PartKey, RefundId, VariantId};

/// Where a movement comes from: its name on the card, and its place among movements of one instant. In the order of the
/// text a cost is told first (`cost/…`), then goods come in (`in/…`), then they go out and come back (`out/…`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin(String);

/// One movement of an item. Pieces are more than none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Movement {
    /// The shop says what a piece costs: for pieces that go out when none is in stock.
    CostNoted {
        /// What one piece costs.
        unit_cost: Money,
    },
    /// Goods came in.
    Received {
        /// Pieces.
        quantity: i64,
        /// What one piece cost.
        unit_cost: Money,
    },
    /// Goods were sold.
    Issued {
        /// Pieces.
        quantity: i64,
    },
    /// Goods came back, at what they cost when they were sold.
    Returned {
        /// Pieces.
        quantity: i64,
        /// Pieces of the same issue that came back before.
        earlier: i64,
        /// The issue that is undone.
        issue: Origin,
    },
    /// Goods were lost on the way to the buyer.
    Lost {
        /// Pieces.
        quantity: i64,
        /// The issue that had taken them out of stock, where goods are sold when they leave: they are lost at what they
        /// cost then, and nothing more leaves the stock.
        issue: Option<Origin>,
    },
}

impl Origin {
    /// An origin as it was stored.
    pub fn stored(text: String) -> Origin {
        Origin(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A cost that the shop told. The cost stands in it, so that of two at one instant the greater is the later.
    pub(super) fn cost(variant: VariantId, unit_cost: Money) -> Origin {
        Origin(format!("cost/{variant}/{}/{:020}", unit_cost.currency, unit_cost.minor))
    }

    /// A receipt of goods.
    pub(super) fn receipt(part: &PartKey) -> Origin {
        Origin(format!("in/{part}"))
    }

    /// Goods of one line of an order that left together, under the name of what they left with.
    pub(super) fn goods(order: OrderId, sending: &str, line: LineId) -> Origin {
        Origin(format!("out/order/{order}/{sending}/{line}"))
    }

    /// What became of them: `issued`, `lost`, `returned`.
    pub(super) fn then(&self, word: &str) -> Origin {
        Origin(format!("{}/{word}", self.0))
    }

    /// What came back of them with a refund.
    pub(super) fn refunded(&self, refund: RefundId) -> Origin {
        self.then(&format!("refund/{refund}"))
    }

    /// The name of the posting it is part of, below its part: movements of one sending and one event are posted
    /// together. `cost/5501/issued`, `cost/5501/refund/31`; `in` for a receipt.
    pub(crate) fn posting(&self, part: &PartKey) -> Option<String> {
        let PartKey::Order(order) = part else { return Some("in".to_owned()) };
        let rest = self.0.strip_prefix(&format!("out/order/{order}/"))?;
        let mut pieces = rest.splitn(3, '/');
        let (sending, _line, event) = (pieces.next()?, pieces.next()?, pieces.next()?);
        Some(format!("cost/{sending}/{event}"))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Movement {
    /// Its pieces; none when only a cost is told.
    pub fn quantity(&self) -> i64 {
        match self {
            Movement::CostNoted { .. } => 0,
            Movement::Received { quantity, .. }
            | Movement::Issued { quantity }
            | Movement::Returned { quantity, .. }
            | Movement::Lost { quantity, .. } => *quantity,
        }
    }

    /// The issue at whose cost it goes on: what comes back, or is lost, after it was sold.
    pub fn of_issue(&self) -> Option<&Origin> {
        match self {
            Movement::Returned { issue, .. } => Some(issue),
            Movement::Lost { issue, .. } => issue.as_ref(),
            Movement::CostNoted { .. } | Movement::Received { .. } | Movement::Issued { .. } => None,
        }
    }
}
