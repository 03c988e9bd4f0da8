//! The shop itself: its deliveries as a stream, or all at once as they arrive.

use std::collections::VecDeque;

use chrono::{NaiveDateTime, TimeDelta};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use crate::catalogue::variants;
use crate::expected::{Expected, Payouts};
use crate::life::live;
use crate::malformed::spoil;
use crate::order::Order;
use crate::people::Person;
use crate::plan::Plan;
use crate::render::{Message, render};
use crate::shopify::stock;
use crate::{postex, receipts};

/// Pakistan's distance from UTC.
const OFFSET: TimeDelta = TimeDelta::hours(5);

/// Where a delivery goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// To the endpoint for the shop's platform.
    Shopify {
        /// The webhook's topic, such as `orders/create`.
        topic: &'static str,
    },
    /// To the endpoint for a courier.
    Courier {
        /// The courier's slug.
        courier: &'static str,
    },
}

/// One webhook delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Where it goes.
    pub endpoint: Endpoint,
    /// The message's id, a UUID in text; a repeat has the same.
    pub webhook_id: String,
    /// When it was triggered, RFC 3339 in UTC.
    pub triggered_at: String,
    /// The body, exactly as it is to be signed and sent.
    pub body: Vec<u8>,
}

/// A whole plan's deliveries, as they arrive, with what must come of them.
#[derive(Debug, Clone)]
pub struct Workload {
    /// In no order, with repeats and malformed ones.
    pub deliveries: Vec<Delivery>,
    /// What the books must say.
    pub expected: Expected,
    /// Everybody who stands in a body, once for each order: to search for where they must not be found.
    pub people: Vec<Planted>,
}

/// An invented person in an order's bodies, as the texts stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planted {
    /// First and last name.
    pub name: String,
    /// As typed, `03` and nine digits. Some bodies write `+92` instead of the leading zero.
    pub phone: String,
    /// None for those who gave none.
    pub email: Option<String>,
    /// House and street.
    pub address_line: String,
    /// The order.
    pub order_id: u64,
    /// The shop's customer record; None for buyers by form, and for those to whom somebody else's order is sent.
    pub customer_id: Option<u64>,
}

/// The shop's deliveries in the order of business: the catalogue, then order by order, then the courier's receipts.
/// Keeps one order in memory.
#[derive(Debug)]
pub struct Shop {
    plan: Plan,
    rng: StdRng,
    next: Next,
    /// How many people have ordered so far.
    customers: u32,
    /// When stock was last counted.
    counted_at: NaiveDateTime,
    payouts: Payouts,
    expected: Expected,
    people: Vec<Planted>,
    ready: VecDeque<Delivery>,
}

#[derive(Debug, Clone, Copy)]
enum Next {
    Catalogue,
    Order(u32),
    Receipts,
    Nothing,
}

/// Makes everything that the plan asks for, shuffled.
pub fn generate(plan: &Plan) -> Workload {
    let mut shop = stream(plan);
    let (mut deliveries, mut people) = (Vec::new(), Vec::new());
    while shop.advance() {
        deliveries.extend(shop.ready.drain(..));
        people.append(&mut shop.people);
    }
    deliveries.shuffle(&mut StdRng::seed_from_u64(plan.seed.wrapping_add(1)));
    Workload { deliveries, expected: shop.expected, people }
}

/// Makes the same deliveries one after the other, in the order of business; a repeat follows its original.
pub fn stream(plan: &Plan) -> Shop {
    Shop {
        plan: plan.clone(),
        rng: StdRng::seed_from_u64(plan.seed),
        next: Next::Catalogue,
        customers: 0,
        counted_at: plan.begins_at(),
        payouts: Payouts::new(),
        expected: Expected::default(),
        people: Vec::new(),
        ready: VecDeque::new(),
    }
}

impl Iterator for Shop {
    type Item = Delivery;

    fn next(&mut self) -> Option<Delivery> {
        while self.ready.is_empty() && self.advance() {}
        self.ready.pop_front()
    }
}

impl Shop {
    /// What the books must say after the deliveries made so far; complete once the last one is taken.
    pub fn expected(&self) -> &Expected {
        &self.expected
    }

    /// Makes the next deliveries. False when there are no more.
    fn advance(&mut self) -> bool {
        self.people.clear();
        self.next = match self.next {
            Next::Catalogue => {
                self.show_catalogue();
                Next::Order(0)
            }
            Next::Order(number) if number < self.plan.orders => {
                self.take_order(number);
                Next::Order(number + 1)
            }
            Next::Order(_) => Next::Receipts,
            Next::Receipts => {
                self.show_receipts();
                Next::Nothing
            }
            Next::Nothing => return false,
        };
        true
    }

    fn show_catalogue(&mut self) {
        let at = self.plan.begins_at();
        for product in variants().chunks(2) {
            if let Some(body) = stock::product(product, at) {
                self.send(Message { endpoint: Endpoint::Shopify { topic: "products/update" }, at, body });
            }
        }
        self.count_stock(at);
    }

    fn count_stock(&mut self, at: NaiveDateTime) {
        self.counted_at = at;
        for variant in variants() {
            // Now and then more is sold than there is.
            let body = stock::level(variant, self.rng.random_range(0..400) - 8, at);
            self.send(Message { endpoint: Endpoint::Shopify { topic: "inventory_levels/update" }, at, body });
        }
    }

    fn take_order(&mut self, number: u32) {
        let every = self.plan.seconds_between_orders();
        let seconds = i64::from(number) * every + self.rng.random_range(0..every);
        let placed_at = self.plan.begins_at() + TimeDelta::seconds(seconds);
        if placed_at - self.counted_at >= TimeDelta::days(7) {
            self.count_stock(self.counted_at + TimeDelta::days(7));
        }
        let (buyer, newcomer) = self.next_buyer();
        let order = Order::draw(&mut self.rng, self.plan.seed, number, buyer, placed_at);
        let events = live(&mut self.rng, &order, newcomer, self.plan.ends_at());
        self.expected.count(&order, &events, self.plan.ends_at(), &mut self.payouts);
        self.people.extend(planted(&order));
        for message in render(&order, &events, self.plan.size) {
            self.send(message);
        }
    }

    /// A new customer, or one of the latest two thousand again.
    fn next_buyer(&mut self) -> (Person, bool) {
        let newcomer = self.customers == 0 || !self.rng.random_ratio(15, 100);
        let number = if newcomer {
            self.customers += 1;
            self.customers - 1
        } else {
            self.rng.random_range(self.customers.saturating_sub(2_000)..self.customers)
        };
        (Person::customer(self.plan.seed, number), newcomer)
    }

    fn show_receipts(&mut self) {
        for list in receipts::lists(&self.payouts) {
            let at = list.shown_on.and_hms_opt(18, 0, 0).unwrap_or_default();
            self.send(Message { endpoint: Endpoint::Courier { courier: "postex" }, at, body: postex::receipts(&list) });
        }
        let approved = receipts::approved(&self.payouts);
        self.expected.payouts = approved.len() as u64;
        self.expected.banked_minor = approved.iter().map(|receipt| receipt.net).sum();
        self.expected.payouts_pending = (self.payouts.len() - approved.len()) as u64;
    }

    /// Puts a message on its way, some of them twice, some followed by a malformed one.
    fn send(&mut self, message: Message) {
        self.expected.deliveries += 1;
        let spoilt = self.happens(self.plan.malformed_percent).then(|| {
            let (endpoint, body) = spoil(&mut self.rng, message.endpoint, &message.body);
            Message { endpoint, at: message.at, body }
        });
        let delivery = self.deliver(message);
        if self.happens(self.plan.duplicates_percent) {
            self.expected.duplicates += 1;
            self.ready.push_back(delivery.clone());
        }
        self.ready.push_back(delivery);
        if let Some(spoilt) = spoilt {
            self.expected.malformed += 1;
            let delivery = self.deliver(spoilt);
            self.ready.push_back(delivery);
        }
    }

    fn deliver(&mut self, message: Message) -> Delivery {
        let nanos = TimeDelta::nanoseconds(self.rng.random_range(0..1_000_000_000));
        let triggered_at = format!("{:?}Z", message.at - OFFSET + nanos);
        let webhook_id = uuid::Builder::from_random_bytes(self.rng.random()).into_uuid();
        Delivery {
            endpoint: message.endpoint,
            webhook_id: Uuid::to_string(&webhook_id),
            triggered_at,
            body: message.body,
        }
    }

    fn happens(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }
}

fn planted(order: &Order) -> impl Iterator<Item = Planted> {
    let planted = |person: &Person| Planted {
        name: person.name(),
        phone: person.phone.clone(),
        email: person.email.clone(),
        address_line: person.street.clone(),
        order_id: order.id,
        customer_id: person.customer,
    };
    std::iter::once(&order.buyer).chain(&order.recipient).map(planted)
}
