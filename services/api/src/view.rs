//! What the pages say, as text: pure functions from rows to strings. Templates only place them.

mod amount;
mod books;
mod clock;
mod file;

pub(crate) use books::{BooksPage, rows_by_currency, sums};
pub(crate) use file::OrderPage;

use store::books::OrderView;

/// The colour that goes with a state; the word always stands beside it.
pub(crate) fn tone(state: &str) -> &'static str {
    match state {
        "delivered" | "paid" | "remitted" => "good",
        "returned" | "returning" | "return in transit" | "attempted" | "under review" | "partly remitted" => "warn",
        "cancelled" | "deleted" | "lost" => "bad",
        _ => "plain",
    }
}

/// `#9271`, or the id of an order without a printed name.
fn order_title(order: &OrderView) -> String {
    order.name.as_ref().map_or_else(|| order.order.to_string(), |name| format!("#{name}"))
}

fn payment(order: &OrderView) -> &'static str {
    if order.cod { "COD" } else { "Prepaid" }
}

/// An order's amount without its currency; a dash while its terms are unknown.
fn order_amount(order: &OrderView, minor: Option<i64>) -> String {
    let currency = order.currency.as_deref().and_then(|code| code.parse().ok());
    currency.zip(minor).map_or_else(|| amount::NOTHING.to_owned(), |(currency, minor)| amount::text(minor, currency))
}

/// `in_transit` as people write it.
fn words(state: &str) -> String {
    state.replace('_', " ")
}
