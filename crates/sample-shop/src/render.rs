//! From an order's life to what is sent about it.

use chrono::{NaiveDateTime, TimeDelta};

use crate::life::{Event, Refund, Scan, Step};
use crate::order::Order;
use crate::plan::BodySize;
use crate::postex;
use crate::shop::Endpoint;
use crate::shopify::{self, customer, fulfilment, refund, snapshot::Snapshot};

/// Something to be sent.
pub(crate) struct Message {
    pub(crate) endpoint: Endpoint,
    /// Pakistan wall clock.
    pub(crate) at: NaiveDateTime,
    pub(crate) body: Vec<u8>,
}

/// Everything that is sent about an order, in the order it happens.
pub(crate) fn render(order: &Order, events: &[Event], size: BodySize) -> Vec<Message> {
    let mut writer =
        Writer { order, snapshot: Snapshot::placed(order, size), sent: false, messages: Vec::with_capacity(16) };
    for (index, event) in events.iter().enumerate() {
        let (so_far, to_come) = events.split_at(index + 1);
        writer.write(*event, so_far, to_come);
    }
    writer.messages
}

struct Writer<'a> {
    order: &'a Order,
    snapshot: Snapshot,
    /// The goods have left.
    sent: bool,
    messages: Vec<Message>,
}

impl Writer<'_> {
    fn write(&mut self, event: Event, so_far: &[Event], to_come: &[Event]) {
        let at = event.at;
        match event.step {
            Step::Registered => self.shopify("customers/create", at, customer::created(&self.order.buyer, at)),
            Step::Placed => self.snapshot("orders/create", at),
            Step::Paid => {
                self.snapshot.pay();
                self.snapshot("orders/paid", at);
            }
            Step::Cancelled => {
                self.snapshot.cancel(self.order, at);
                self.snapshot("orders/cancelled", at);
            }
            Step::Refunded(how) => self.refund(how, at),
            Step::Fulfilled => self.fulfil(at),
            Step::Scanned(scan) if is_pushed(self.order, scan) => self.courier(at, postex::push(self.order, scan, at)),
            Step::Scanned(_) => {}
            Step::Charged => self.courier(at, postex::tracking(self.order, so_far, at)),
            Step::Settled(_) | Step::Forgotten => self.payment(at, so_far, to_come),
        }
    }

    fn fulfil(&mut self, at: NaiveDateTime) {
        self.sent = true;
        let body = fulfilment::fulfilment(self.order, at);
        let own_body = (self.order.number % 2 == 1).then(|| shopify::bytes(&body));
        self.snapshot.fulfil(body);
        match own_body {
            Some(body) => self.shopify("fulfillments/create", at, body),
            None => self.snapshot("orders/fulfilled", at),
        }
    }

    fn refund(&mut self, how: Refund, at: NaiveDateTime) {
        let body = refund::refund(self.order, how, self.sent, at);
        self.shopify("refunds/create", at, shopify::bytes(&body));
        let whole = how.amount(self.order) == self.order.total();
        self.snapshot.refund(body, whole);
        self.snapshot("orders/updated", at);
    }

    /// The courier's word on a payment; with the last one, all its figures.
    fn payment(&mut self, at: NaiveDateTime, so_far: &[Event], to_come: &[Event]) {
        self.courier(at, postex::payment(self.order, so_far));
        if !to_come.iter().any(|event| matches!(event.step, Step::Settled(_))) {
            let at = at + TimeDelta::minutes(10);
            self.courier(at, postex::tracking(self.order, so_far, at));
        }
    }

    fn snapshot(&mut self, topic: &'static str, at: NaiveDateTime) {
        let body = self.snapshot.bytes(at);
        self.shopify(topic, at, body);
    }

    fn shopify(&mut self, topic: &'static str, at: NaiveDateTime, body: Vec<u8>) {
        self.messages.push(Message { endpoint: Endpoint::Shopify { topic }, at, body });
    }

    fn courier(&mut self, at: NaiveDateTime, body: Vec<u8>) {
        self.messages.push(Message { endpoint: Endpoint::Courier { courier: "postex" }, at, body });
    }
}

/// The courier does not push every scan; the ones that matter for money always.
fn is_pushed(order: &Order, scan: Scan) -> bool {
    match scan {
        Scan::Booked => order.number % 5 < 3,
        Scan::AtWarehouse => order.number.is_multiple_of(2),
        Scan::PickedUp
        | Scan::OutForDelivery
        | Scan::Attempted
        | Scan::Delivered
        | Scan::OutForReturn
        | Scan::Returned => true,
    }
}
