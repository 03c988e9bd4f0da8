//! The tables of the books, as the bulk statements see them. Columns stand in the order of `migrations/books`.

use crate::db::Kind::{Blob, Int, Text};
use crate::db::{Column, Table};

pub(crate) static TENANT: Table = Table {
    name: "tenant",
    columns: &[
        Column::key("tenant", Text),
        Column::replace("zone", Text),
        Column::replace("cod_gateways", Text),
        Column::keep("created_at", Int),
        Column::replace("policy", Text),
    ],
};

pub(crate) static PART: Table = Table {
    name: "part",
    columns: &[
        Column::key("tenant", Text),
        Column::key("part", Text),
        Column::replace("order_name", Text),
        Column::replace("quoted_name", Text),
        Column::replace("state", Blob),
        Column::replace("posted", Blob),
        Column::replace("parked", Text),
    ],
};

/// [`PART`], written without a look at the names.
pub(crate) static PART_NAMED_AS_STORED: Table = Table {
    name: "part",
    columns: &[
        Column::key("tenant", Text),
        Column::key("part", Text),
        Column::keep("order_name", Text),
        Column::keep("quoted_name", Text),
        Column::replace("state", Blob),
        Column::replace("posted", Blob),
        Column::replace("parked", Text),
    ],
};

pub(crate) static JOURNAL: Table = Table {
    name: "journal",
    columns: &[
        Column::key("tenant", Text),
        Column::key("number", Int),
        Column::keep("partition_no", Int),
        Column::keep("position", Int),
        Column::keep("part", Text),
        Column::keep("effective", Int),
        Column::keep("recorded", Int),
        Column::keep("entries", Text),
        Column::keep("body", Blob),
        Column::keep("link", Blob),
    ],
};

pub(crate) static RELAY: Table = Table {
    name: "relay",
    columns: &[Column::key("partition_no", Int), Column::replace("position", Int), Column::keep("relayed", Int)],
};

pub(crate) static JOURNAL_HEAD: Table = Table {
    name: "journal_head",
    columns: &[Column::key("tenant", Text), Column::replace("number", Int), Column::replace("link", Blob)],
};

/// A balance by day, and the same of what was removed.
static BALANCE_COLUMNS: [Column; 9] = [
    Column::key("tenant", Text),
    Column::key("account", Text),
    Column::key("currency", Text),
    Column::key("day", Int),
    Column::key("known", Int),
    Column::add("debits"),
    Column::add("credits"),
    Column::add("pending_debits"),
    Column::add("pending_credits"),
];

pub(crate) static BALANCE: Table = Table { name: "balance", columns: &BALANCE_COLUMNS };

pub(crate) static BALANCE_MONTH: Table = Table {
    name: "balance_month",
    columns: &[
        Column::key("tenant", Text),
        Column::key("account", Text),
        Column::key("currency", Text),
        Column::key("month", Int),
        Column::key("known_month", Int),
        Column::add("debits"),
        Column::add("credits"),
        Column::add("pending_debits"),
        Column::add("pending_credits"),
    ],
};

pub(crate) static ORDER_VIEW: Table = Table {
    name: "order_view",
    columns: &[
        Column::key("tenant", Text),
        Column::key("order_id", Text),
        Column::replace("name", Text),
        Column::replace("placed_at", Int),
        Column::replace("currency", Text),
        Column::replace("total", Int),
        Column::replace("cod", Int),
        Column::replace("status", Text),
        Column::replace("refunded", Int),
        Column::replace("parcels", Int),
        Column::replace("city", Text),
        Column::replace("country", Text),
    ],
};

pub(crate) static SHIPMENT: Table = Table {
    name: "shipment",
    columns: &[
        Column::key("tenant", Text),
        Column::key("courier", Text),
        Column::key("tracking", Text),
        Column::replace("order_id", Text),
        Column::replace("state", Text),
        Column::replace("attempts", Int),
        Column::replace("last_scan_at", Int),
        Column::replace("last_code", Text),
        Column::replace("delivered_at", Int),
        Column::replace("returned_at", Int),
    ],
};

pub(crate) static COD_POSITION: Table = Table {
    name: "cod_position",
    columns: &[
        Column::key("tenant", Text),
        Column::key("courier", Text),
        Column::key("tracking", Text),
        Column::replace("order_id", Text),
        Column::replace("currency", Text),
        Column::replace("expected", Int),
        Column::replace("remitted", Int),
        Column::replace("fees", Int),
        Column::replace("written_off", Int),
        Column::replace("outstanding", Int),
        Column::replace("on_the_way", Int),
        Column::replace("state", Text),
        Column::replace("delivered_on", Int),
    ],
};

pub(crate) static PERSON: Table = Table {
    name: "person",
    columns: &[
        Column::key("tenant", Text),
        Column::key("about", Text),
        Column::key("role", Text),
        Column::replace("subject", Text),
        Column::replace("event", Text),
        Column::replace("version", Int),
        Column::replace("sealed", Blob),
    ],
};

pub(crate) static ERASED_SUBJECT: Table = Table {
    name: "erased_subject",
    columns: &[Column::key("tenant", Text), Column::key("subject", Text), Column::keep("erased_at", Int)],
};

pub(crate) static PRIVACY_REQUEST: Table = Table {
    name: "privacy_request",
    columns: &[
        Column::key("tenant", Text),
        Column::key("request", Text),
        Column::keep("kind", Text),
        Column::keep("subject", Text),
        Column::keep("requested_at", Int),
    ],
};

pub(crate) static STOCK: Table = Table {
    name: "stock",
    columns: &[
        Column::key("tenant", Text),
        Column::key("item", Text),
        Column::key("location", Text),
        Column::replace("available", Int),
        Column::replace("version", Int),
    ],
};

pub(crate) static PRODUCT_COST: Table = Table {
    name: "product_cost",
    columns: &[
        Column::key("tenant", Text),
        Column::key("variant", Text),
        Column::replace("item", Text),
        Column::replace("sku", Text),
        Column::replace("cost", Int),
        Column::replace("currency", Text),
        Column::replace("version", Int),
    ],
};

pub(crate) static STOCK_ALERT: Table = Table {
    name: "stock_alert",
    columns: &[
        Column::key("tenant", Text),
        Column::key("event", Text),
        Column::keep("position", Int),
        Column::keep("recorded", Int),
        Column::keep("body", Blob),
        // Read by its sign alone: above 0 the topic has the alert, at 0 the relay has yet to publish it, below 0 it is damaged and
        // set aside. It is a number because a row is written by adding to it: the relay adds 1, an alert that is derived again
        // adds nothing, and so takes back nothing. How often it was published is of no interest.
        Column::add("published"),
    ],
};

pub(crate) static STOCK_MOVEMENT: Table = Table {
    name: "stock_movement",
    columns: &[
        Column::key("tenant", Text),
        Column::key("item", Text),
        Column::key("occurred", Int),
        Column::key("origin", Text),
        Column::replace("part", Text),
        Column::replace("kind", Text),
        Column::replace("quantity", Int),
        Column::replace("unit_cost", Int),
        Column::replace("unit_currency", Text),
        Column::replace("issue", Text),
        Column::replace("earlier", Int),
        Column::replace("cost", Int),
        Column::replace("correction", Int),
        Column::replace("currency", Text),
        Column::replace("state", Blob),
    ],
};

pub(crate) static QUARANTINE: Table = Table {
    name: "quarantine",
    columns: &[
        Column::key("tenant", Text),
        Column::key("event", Text),
        Column::keep("origin", Text),
        Column::keep("topic", Text),
        Column::keep("reason", Text),
        Column::keep("path", Text),
        Column::keep("problem", Text),
        Column::keep("received_at", Int),
        Column::keep("subject", Text),
        Column::keep("sealed", Blob),
    ],
};

pub(crate) static REDRIVEN: Table =
    Table { name: "redriven", columns: &[Column::key("tenant", Text), Column::key("event", Text)] };

pub(crate) static POISON: Table = Table {
    name: "poison",
    columns: &[
        Column::key("consumer", Text),
        Column::key("topic", Text),
        Column::key("partition_no", Int),
        Column::key("record_offset", Int),
        Column::keep("reason", Text),
    ],
};

pub(crate) static REPLACED_PART: Table = Table {
    name: "replaced_part",
    columns: &[Column::key("tenant", Text), Column::key("part", Text), Column::replace("swept", Int)],
};

pub(crate) static JOURNAL_REMOVED: Table = Table {
    name: "journal_removed",
    columns: &[
        Column::key("tenant", Text),
        Column::key("number", Int),
        Column::keep("partition_no", Int),
        Column::keep("position", Int),
        Column::keep("link", Blob),
    ],
};

pub(crate) static BALANCE_REMOVED: Table = Table { name: "balance_removed", columns: &BALANCE_COLUMNS };

pub(crate) static DECLINED_TOTALS: Table = Table {
    name: "declined_totals",
    columns: &[
        Column::key("tenant", Text),
        Column::key("event", Text),
        Column::keep("totals", Text),
        Column::keep("recorded", Int),
    ],
};

pub(crate) static LATE_FACT: Table = Table {
    name: "late_fact",
    columns: &[
        Column::key("tenant", Text),
        Column::key("event", Text),
        Column::key("part", Text),
        Column::keep("recorded", Int),
    ],
};
