//! What happened to an order and when, over all its parts.

use commerce::{Order, Parcel, Part, PartKey, SettlementPart};
use ledger::{BusinessZone, Day, Money, Timestamp};
use store::books::{PartRow, parcel_state};

use super::super::clock;
use super::super::{amount, words};

/// One step of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// By the tenant's clock; a day alone where that is all the source says.
    pub(super) when: String,
    /// RFC 3339 instant or ISO 8601 day.
    pub(super) machine: String,
    pub(super) what: String,
    pub(super) detail: String,
}

/// When, as far as the source says.
enum When {
    At(Timestamp),
    On(Day),
}

struct Happened {
    when: When,
    what: String,
    detail: String,
}

/// Everything that happened, earliest first.
pub(super) fn steps(parts: &[PartRow], zone: BusinessZone) -> Vec<Step> {
    let mut happened: Vec<Happened> = parts.iter().flat_map(of_part).collect();
    happened.sort_by_key(|step| place(&step.when, zone));
    happened.into_iter().map(|step| told(step, zone)).collect()
}

/// A step of which only the day is known stands at that day's end.
fn place(when: &When, zone: BusinessZone) -> (Day, Timestamp) {
    match when {
        When::At(at) => (at.day(zone), *at),
        When::On(day) => (*day, Timestamp(i64::MAX)),
    }
}

fn told(step: Happened, zone: BusinessZone) -> Step {
    let (when, machine) = match step.when {
        When::At(at) => {
            let moment = clock::moment(at, zone);
            (moment.text, moment.machine)
        }
        When::On(day) => (clock::date(day), day.to_string()),
    };
    Step { when, machine, what: step.what, detail: step.detail }
}

fn of_part(row: &PartRow) -> Vec<Happened> {
    match (&row.key, &row.part) {
        (_, Part::Order(order)) => of_order(order),
        (PartKey::Parcel(courier, tracking), Part::Parcel(parcel)) => {
            of_parcel(&format!("{courier} {tracking}"), parcel)
        }
        _ => Vec::new(),
    }
}

fn at(at: Timestamp, what: impl Into<String>, detail: impl Into<String>) -> Happened {
    Happened { when: When::At(at), what: what.into(), detail: detail.into() }
}

fn money(minor: i64, currency: ledger::Currency) -> String {
    format!("{} {currency}", amount::text(minor, currency))
}

fn of_order(order: &Order) -> Vec<Happened> {
    let mut steps: Vec<Happened> = Vec::new();
    steps.extend(order.placed.as_ref().map(|fact| at(fact.placed_at, "Order placed", "")));
    steps.extend(
        order
            .terms
            .as_ref()
            .map(|fact| at(fact.version, "Latest terms from the shop", money(fact.total, fact.currency))),
    );
    steps.extend(order.paid_at.map(|paid| at(paid, "Paid in full, says the shop", "")));
    steps.extend(order.fulfilments.values().map(|fact| {
        let what = if fact.stands { "Goods sent" } else { "Fulfilment called off" };
        let parcels: Vec<String> = fact.parcels.iter().map(|p| format!("{} {}", p.courier, p.tracking)).collect();
        at(fact.fulfilled_at, what, parcels.join(", "))
    }));
    steps.extend(
        order.refunds.values().map(|fact| at(fact.refunded_at, "Refund issued", money(fact.amount, fact.currency))),
    );
    steps.extend(order.cancelled.as_ref().map(|fact| {
        let reason = fact.reason.as_ref().map(|reason| format!("reason: {reason}"));
        at(fact.cancelled_at, "Order cancelled", reason.unwrap_or_default())
    }));
    steps.extend(order.deleted.as_ref().map(|fact| at(fact.deleted_at, "Order deleted in the shop", "")));
    steps
}

fn of_parcel(name: &str, parcel: &Parcel) -> Vec<Happened> {
    let mut steps: Vec<Happened> = Vec::new();
    if let Some(fact) = &parcel.booked {
        let cash = |money: Money| format!("{name}, {} to collect", self::money(money.minor, money.currency));
        let detail = fact.cod.filter(|cod| !cod.is_zero()).map_or_else(|| name.to_owned(), cash);
        steps.push(at(fact.booked_at.unwrap_or(fact.version), "Booked with the courier", detail));
    }
    steps.extend(parcel.scans.iter().map(|scan| {
        let what = format!("Parcel {}", words(parcel_state(scan.state)));
        at(scan.at, what, format!("{name}, scan {}", scan.code))
    }));
    steps.extend(parcel.settled.values().map(|fact| {
        let what = match fact.part {
            SettlementPart::Upfront => "First part of the cash settled",
            SettlementPart::Reserve => "Rest of the cash settled",
        };
        let receipt = fact.receipt.as_ref().map(|receipt| format!(", receipt {receipt}")).unwrap_or_default();
        Happened { when: When::On(fact.settled_on), what: what.to_owned(), detail: format!("{name}{receipt}") }
    }));
    steps
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use commerce::{CodPartSettled, Fact, OrderPlaced, ParcelScanned, ParcelState};

    use super::*;

    fn row(key: &str, facts: &[Fact]) -> PartRow {
        let key: PartKey = key.parse().unwrap();
        let mut part = key.empty();
        for fact in facts {
            part.merge(fact);
        }
        let tenant = "lahore-loom".parse().unwrap();
        PartRow { tenant, key, part, posted: BTreeMap::new(), parked: None }
    }

    #[test]
    fn steps_of_all_parts_are_in_order() {
        let hour = |hours: i64| Timestamp(hours * 3_600_000_000);
        let (courier, tracking) = ("postex".parse().unwrap(), "PX1".parse().unwrap());
        let scan = ParcelScanned {
            scanned_at: hour(30),
            courier,
            tracking,
            state: ParcelState::OutForDelivery,
            code: "0035".to_owned(),
            reference: None,
        };
        let settled = CodPartSettled {
            settled_on: Day(1),
            courier: scan.courier.clone(),
            tracking: scan.tracking.clone(),
            part: SettlementPart::Upfront,
            receipt: Some("CPR-7".parse().unwrap()),
        };
        let placed = OrderPlaced { order: "7".parse().unwrap(), name: None, placed_at: hour(1), customer: None };
        let parts = [
            row("parcel/postex/PX1", &[Fact::CodPartSettled(settled), Fact::ParcelScanned(scan)]),
            row("order/7", &[Fact::OrderPlaced(placed)]),
        ];
        let told: Vec<_> = steps(&parts, BusinessZone::UTC).into_iter().map(|s| (s.when, s.what, s.detail)).collect();
        let expected = [
            ("1 Jan 1970, 01:00", "Order placed", ""),
            ("2 Jan 1970, 06:00", "Parcel out for delivery", "postex PX1, scan 0035"),
            ("2 Jan 1970", "First part of the cash settled", "postex PX1, receipt CPR-7"),
        ];
        assert_eq!(told, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
    }
}
