//! What the books must say, counted from the shop's story.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveDateTime};

use crate::life::{Event, Part, Scan, Step, reserve_day};
use crate::order::Order;

/// What the books must say once everything has been delivered. Amounts in paisa, as of the plan's last midnight.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Different well-formed deliveries.
    pub deliveries: u64,
    /// Deliveries that arrive a second time.
    pub duplicates: u64,
    /// Authentic deliveries that cannot be understood; none of them is repeated.
    pub malformed: u64,
    /// Orders placed.
    pub orders: u64,
    /// Of them cash on delivery.
    pub cod_orders: u64,
    /// Orders cancelled; none of them was handed to the courier.
    pub cancelled: u64,
    /// Parcels handed to the courier.
    pub parcels: u64,
    /// Parcels delivered; none of them comes back.
    pub delivered: u64,
    /// Parcels that came back without having been delivered.
    pub returned: u64,
    /// Refunds issued.
    pub refunds: u64,
    /// Money given back by them.
    pub refunded_minor: i64,
    /// Money captured by the gateway, before refunds.
    pub captured_minor: i64,
    /// Cash collected for delivered parcels.
    pub cod_expected_minor: i64,
    /// Cash paid out, net of fees.
    pub cod_remitted_net_minor: i64,
    /// Fees and their tax kept back from parcels of which a part was paid.
    pub cod_fees_minor: i64,
    /// Cash collected and neither paid out nor kept back.
    pub cod_outstanding_minor: i64,
    /// Fees, return fees and their tax that no cash covers: owed to the courier.
    pub courier_payable_minor: i64,
    /// Parcels whose second part was paid short.
    pub short_parcels: u64,
    /// Delivered parcels of which nothing was paid by the day of the second part.
    pub missing_parcels: u64,
    /// Receipts that are approved: the payouts that reached the bank.
    pub payouts: u64,
    /// What reached the bank.
    pub banked_minor: i64,
    /// Receipts that are not approved yet.
    pub payouts_pending: u64,
}

/// What each receipt pays out, by the day it is written, paisa.
pub(crate) type Payouts = BTreeMap<NaiveDate, i64>;

impl Expected {
    /// Counts one order's life, and adds what the courier pays for it to the receipts.
    pub(crate) fn count(&mut self, order: &Order, events: &[Event], end: NaiveDateTime, payouts: &mut Payouts) {
        for event in events {
            self.count_step(order, event.step);
            match event.step {
                Step::Settled(part) => *payouts.entry(event.at.date()).or_default() += paid(order, part),
                Step::Charged => self.courier_payable_minor += uncovered_fees(order, events),
                _ => {}
            }
        }
        let delivered = events.iter().find(|event| event.step == Step::Scanned(Scan::Delivered));
        let overdue = delivered.is_some_and(|event| reserve_day(event.at.date()) < end.date());
        self.missing_parcels += u64::from(overdue && order.cod && order.carriage.forgotten);
    }

    fn count_step(&mut self, order: &Order, step: Step) {
        match step {
            Step::Placed => {
                self.orders += 1;
                self.cod_orders += u64::from(order.cod);
            }
            Step::Paid => self.captured_minor += order.total(),
            Step::Cancelled => self.cancelled += 1,
            Step::Refunded(refund) => {
                self.refunds += 1;
                self.refunded_minor += refund.amount(order);
            }
            Step::Fulfilled => self.parcels += 1,
            Step::Scanned(Scan::Delivered) => {
                self.delivered += 1;
                self.cod_expected_minor += order.cash();
                self.cod_outstanding_minor += order.cash();
            }
            Step::Scanned(Scan::Returned) => self.returned += 1,
            Step::Settled(part) => self.count_settled(order, part),
            Step::Registered | Step::Scanned(_) | Step::Charged | Step::Forgotten => {}
        }
    }

    fn count_settled(&mut self, order: &Order, part: Part) {
        let kept_back = match part {
            Part::Upfront => order.carriage.fee + order.carriage.fee_tax(),
            Part::Reserve => 0,
        };
        self.cod_fees_minor += kept_back;
        self.cod_remitted_net_minor += paid(order, part);
        self.cod_outstanding_minor -= kept_back + paid(order, part);
        self.short_parcels += u64::from(part == Part::Reserve && order.carriage.short_percent > 0);
    }
}

/// What the courier pays in one part, paisa.
fn paid(order: &Order, part: Part) -> i64 {
    match part {
        Part::Upfront => order.upfront(),
        Part::Reserve => order.reserve(),
    }
}

/// What the courier charges for a parcel without cash to keep it back from: one that came back, or was paid already.
fn uncovered_fees(order: &Order, events: &[Event]) -> i64 {
    let carriage = &order.carriage;
    let came_back = events.iter().any(|event| event.step == Step::Scanned(Scan::Returned));
    match (came_back, order.cod) {
        (true, _) => carriage.return_fee + carriage.return_fee_tax(),
        (false, true) => 0,
        (false, false) => carriage.fee + carriage.fee_tax(),
    }
}
