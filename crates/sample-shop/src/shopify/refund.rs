//! Money given back, as the platform shows it.

use chrono::NaiveDateTime;
use serde_json::{Value, json};

use super::{money_set, snapshot, stamp};
use crate::life::Refund;
use crate::order::{Line, Order};
use crate::paisa;

/// The one refund of an order, as its own body or nested in the order's. `sent`: the goods had left.
pub(crate) fn refund(order: &Order, how: Refund, sent: bool, at: NaiveDateTime) -> Value {
    let id = 890_000_000_041 + u64::from(order.number);
    let lines = match how {
        Refund::Whole => &order.lines[..],
        Refund::FirstLine => &order.lines[..1],
    };
    json!({
        "id": id,
        "order_id": order.id,
        "created_at": stamp(at),
        "processed_at": stamp(at),
        "note": if sent { "Buyer sent it back" } else { "" },
        "user_id": null,
        "restock": true,
        "duties": [],
        "order_adjustments": [],
        "refund_line_items": lines.iter().map(|line| refund_line(line, sent)).collect::<Value>(),
        "transactions": [transaction(order, how, id, at)],
        "admin_graphql_api_id": format!("gid://shopify/Refund/{id}"),
    })
}

fn refund_line(line: &Line, sent: bool) -> Value {
    json!({
        "id": line.id + 1_000_000_000,
        "line_item_id": line.id,
        "location_id": crate::catalogue::LOCATION,
        "quantity": line.quantity,
        "restock_type": if sent { "return" } else { "cancel" },
        "subtotal": paisa::text(line.net()),
        "total_tax": paisa::text(line.tax),
        "subtotal_set": money_set(line.net()),
        "total_tax_set": money_set(line.tax),
    })
}

fn transaction(order: &Order, how: Refund, refund: u64, at: NaiveDateTime) -> Value {
    json!({
        "id": refund + 6_000_000_000_000,
        "order_id": order.id,
        "kind": "refund",
        "status": "success",
        "gateway": snapshot::gateway(order),
        "amount": paisa::text(how.amount(order)),
        "currency": "PKR",
        "created_at": stamp(at),
        "processed_at": stamp(at),
        "test": false,
        "parent_id": null,
        "message": null,
        "error_code": null,
    })
}
