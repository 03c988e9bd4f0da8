//! Goods in stock: what moves them, and what they cost when they leave.
//!
//! Every item has a *card*: its movements in the order in which they happened (`Movement`, by instant and then by
//! origin). Which movements there are is a function of the facts ([`movements`] of a case, [`cost_noted`] of a
//! product); what each of them costs is a function of the card from its beginning ([`value`], [`revalue`]), by the
//! tenant's [`Costing`](crate::Costing). So a receipt that is entered late changes what was sold since, as it must, and
//! nothing depends on the order of arrival.
//!
//! Amounts are whole minor units, and none is lost: what came in, less what went out, is what is in stock, on every
//! line of every card. More may go out than is known to have come in. Such pieces cost what the item was last known to
//! cost, and make pieces and value negative; what comes in later fills that hole first, and what the pieces then turn
//! out to have cost more, or less, is the *correction* of what came in. An item whose cost nobody has told yet costs
//! nothing, and its movements are left out of the card until somebody does.
//!
//! Beside the cards, the shop counts what is where. When such a level is low there is an *alert* ([`StockAlert`]).

mod alert;
mod card;
mod goods;
mod movement;
mod valuation;

pub use alert::{AlertKind, StockAlert};
pub use card::{CardLine, Issues, revalue};
pub use goods::{cost_noted, movements};
pub use movement::{Movement, Origin};
pub use valuation::{Issue, Lot, Stock, Value, value};
