//! The generated messages, and how each becomes a domain value and back. Writing cannot fail; reading checks every id,
//! currency, enum value and length, and says which field is wrong, never what stood there.

mod alert;
mod cod;
mod fact;
mod field;
mod inventory;
mod ledger;
mod order;
mod privacy;
mod quarantine;
mod shipment;
#[cfg(test)]
mod tests;
mod voucher;

pub(crate) use self::ledger::POSTED_TYPE;
pub use self::ledger::{posted_bytes, posted_from_bytes};
pub(crate) use alert::{STOCK_ALERTED_TYPE, stock_alert_identity};
pub use alert::{stock_alert_bytes, stock_alert_from_bytes};
pub(crate) use fact::{append_boxes, fact_bytes, fact_from_bytes, fact_topic, fact_type};
pub(crate) use quarantine::{
    QUARANTINED_TYPE, REDRIVEN_TYPE, quarantined_bytes, quarantined_from_bytes, redriven_bytes, redriven_from_bytes,
};

/// What prost generates from `proto/`, one module per package.
#[allow(unreachable_pub, missing_docs, clippy::all, reason = "generated code, private to this crate")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/contract.rs"));
}

use generated::daybook as v1;
