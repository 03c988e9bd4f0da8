//! What happened to an order and its parcels, in the order of time.

use chrono::{NaiveDateTime, NaiveTime, TimeDelta};
use commerce::{Order, Parcel, Part, PartKey, SettlementPart};
use ledger::{BusinessZone, Day, Timestamp};
use serde::Serialize;
use store::books::{PartRow, parcel_state};

use crate::output::amount;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Moment {
    /// When: an instant in UTC, or a day where the source names only a day.
    pub(crate) at: String,
    /// The same on the shop's clocks, for people.
    #[serde(skip)]
    pub(crate) local: String,
    /// `placed`, `paid`, `fulfilled`, `scan`, `settled`, `refunded`, `cancelled`, `deleted`, `booked`.
    pub(crate) what: &'static str,
    /// Ids, amounts and states.
    pub(crate) details: String,
}

/// Everything that the parts of a case tell, oldest first.
pub(crate) fn timeline(parts: &[PartRow], zone: BusinessZone) -> Vec<Moment> {
    let mut moments = Moments { zone, list: Vec::new() };
    for row in parts {
        match (&row.key, &row.part) {
            (_, Part::Order(order)) => of_order(order, &mut moments),
            (PartKey::Parcel(courier, tracking), Part::Parcel(parcel)) => {
                of_parcel(&format!("{courier} {tracking}"), parcel, &mut moments);
            }
            _ => {}
        }
    }
    moments.list.sort();
    moments.list.into_iter().map(|(_, moment)| moment).collect()
}

/// What was found so far, sorted by the shop's clocks: sources that name only a day mean the shop's day.
struct Moments {
    zone: BusinessZone,
    list: Vec<(NaiveDateTime, Moment)>,
}

impl Moments {
    fn at(&mut self, at: Timestamp, what: &'static str, details: String) {
        let shown = at.wall_clock(self.zone);
        let local = shown.format("%Y-%m-%d %H:%M:%S").to_string();
        self.list.push((shown, Moment { at: at.to_string(), local, what, details }));
    }

    /// A day without a time of day is listed after what happened on it.
    fn on(&mut self, day: Day, what: &'static str, details: String) {
        let last = day.date().succ_opt().unwrap_or_default().and_time(NaiveTime::MIN) - TimeDelta::nanoseconds(1);
        self.list.push((last, Moment { at: day.to_string(), local: day.to_string(), what, details }));
    }
}

fn of_order(order: &Order, moments: &mut Moments) {
    if let Some(placed) = &order.placed {
        moments.at(placed.placed_at, "placed", placed.customer.map(|id| format!("customer {id}")).unwrap_or_default());
    }
    if let Some(at) = order.paid_at {
        moments.at(at, "paid", String::new());
    }
    for fulfilment in order.fulfilments.values() {
        let parcels: Vec<String> = fulfilment.parcels.iter().map(|p| format!("{} {}", p.courier, p.tracking)).collect();
        let void = if fulfilment.stands { "" } else { " (called off)" };
        moments.at(fulfilment.fulfilled_at, "fulfilled", format!("{}{void}", parcels.join(", ")));
    }
    for refund in order.refunds.values() {
        let money = amount(refund.amount, refund.currency.code());
        moments.at(refund.refunded_at, "refunded", format!("{money} {}", refund.currency));
    }
    if let Some(cancelled) = &order.cancelled {
        moments.at(cancelled.cancelled_at, "cancelled", cancelled.reason.clone().unwrap_or_default());
    }
    if let Some(deleted) = &order.deleted {
        moments.at(deleted.deleted_at, "deleted", String::new());
    }
}

fn of_parcel(name: &str, parcel: &Parcel, moments: &mut Moments) {
    if let Some(at) = parcel.booked.as_ref().and_then(|booked| booked.booked_at) {
        moments.at(at, "booked", name.to_owned());
    }
    for scan in &parcel.scans {
        moments.at(scan.at, "scan", format!("{name}: {} ({})", parcel_state(scan.state), scan.code));
    }
    for settled in parcel.settled.values() {
        let receipt = settled.receipt.as_ref().map(|receipt| format!(", receipt {receipt}")).unwrap_or_default();
        let details = format!("{name}: {} part{receipt}", part_name(settled.part));
        moments.on(settled.settled_on, "settled", details);
    }
}

fn part_name(part: SettlementPart) -> &'static str {
    match part {
        SettlementPart::Upfront => "upfront",
        SettlementPart::Reserve => "reserve",
    }
}
