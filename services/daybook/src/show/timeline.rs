//! What happened to an order and its parcels, in the order of time.

use commerce::{Order, Parcel, Part, PartKey, SettlementPart};
use ledger::{Day, Timestamp};
use serde::Serialize;
use store::books::{PartRow, parcel_state};

use crate::output::amount;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Moment {
    /// When: an instant in UTC, or a day where the source names only a day.
    pub(crate) at: String,
    /// `placed`, `paid`, `fulfilled`, `scan`, `settled`, `refunded`, `cancelled`, `deleted`, `booked`.
    pub(crate) what: &'static str,
    /// Ids, amounts and states.
    pub(crate) details: String,
}

/// Everything that the parts of a case tell, oldest first.
pub(crate) fn timeline(parts: &[PartRow]) -> Vec<Moment> {
    let mut moments: Vec<(Timestamp, Moment)> = Vec::new();
    for row in parts {
        match (&row.key, &row.part) {
            (_, Part::Order(order)) => of_order(order, &mut moments),
            (PartKey::Parcel(courier, tracking), Part::Parcel(parcel)) => {
                of_parcel(&format!("{courier} {tracking}"), parcel, &mut moments);
            }
            _ => {}
        }
    }
    moments.sort();
    moments.into_iter().map(|(_, moment)| moment).collect()
}

type Moments = Vec<(Timestamp, Moment)>;

fn of_order(order: &Order, moments: &mut Moments) {
    let mut add =
        |at: Timestamp, what, details: String| moments.push((at, Moment { at: at.to_string(), what, details }));
    if let Some(placed) = &order.placed {
        add(placed.placed_at, "placed", placed.customer.map(|id| format!("customer {id}")).unwrap_or_default());
    }
    if let Some(at) = order.paid_at {
        add(at, "paid", String::new());
    }
    for fulfilment in order.fulfilments.values() {
        let parcels: Vec<String> = fulfilment.parcels.iter().map(|p| format!("{} {}", p.courier, p.tracking)).collect();
        let void = if fulfilment.stands { "" } else { " (called off)" };
        add(fulfilment.fulfilled_at, "fulfilled", format!("{}{void}", parcels.join(", ")));
    }
    for refund in order.refunds.values() {
        let money = amount(refund.amount, refund.currency.code());
        add(refund.refunded_at, "refunded", format!("{money} {}", refund.currency));
    }
    if let Some(cancelled) = &order.cancelled {
        add(cancelled.cancelled_at, "cancelled", cancelled.reason.clone().unwrap_or_default());
    }
    if let Some(deleted) = &order.deleted {
        add(deleted.deleted_at, "deleted", String::new());
    }
}

fn of_parcel(name: &str, parcel: &Parcel, moments: &mut Moments) {
    let mut add = |at: Timestamp, shown: String, what, details: String| {
        moments.push((at, Moment { at: shown, what, details }));
    };
    if let Some(at) = parcel.booked.as_ref().and_then(|booked| booked.booked_at) {
        add(at, at.to_string(), "booked", name.to_owned());
    }
    for scan in &parcel.scans {
        add(scan.at, scan.at.to_string(), "scan", format!("{name}: {} ({})", parcel_state(scan.state), scan.code));
    }
    for settled in parcel.settled.values() {
        let receipt = settled.receipt.as_ref().map(|receipt| format!(", receipt {receipt}")).unwrap_or_default();
        let details = format!("{name}: {} part{receipt}", part_name(settled.part));
        add(end_of(settled.settled_on), settled.settled_on.to_string(), "settled", details);
    }
}

/// A day without a time of day is listed after what happened on it.
fn end_of(day: Day) -> Timestamp {
    let midnight = day.date().succ_opt().unwrap_or_default().and_time(chrono::NaiveTime::MIN).and_utc();
    Timestamp(Timestamp::from(midnight).0.saturating_sub(1))
}

fn part_name(part: SettlementPart) -> &'static str {
    match part {
        SettlementPart::Upfront => "upfront",
        SettlementPart::Reserve => "reserve",
    }
}
