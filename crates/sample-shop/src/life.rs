//! What becomes of an order: one list of events, in the order they happen, cut off where the plan ends.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use rand::RngExt;
use rand::rngs::StdRng;

use crate::order::Order;

/// Something that happens to an order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Event {
    /// Pakistan wall clock.
    pub(crate) at: NaiveDateTime,
    pub(crate) step: Step,
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step {
    /// The buyer becomes a customer on record.
    Registered,
    Placed,
    /// The gateway has the money.
    Paid,
    Cancelled,
    Refunded(Refund),
    /// Handed to the courier under a tracking number.
    Fulfilled,
    Scanned(Scan),
    /// The courier states its fees.
    Charged,
    /// The courier pays a part of the cash.
    Settled(Part),
    /// The courier says that it has not paid, though it should have.
    Forgotten,
}

/// How much of an order is given back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Refund {
    /// All of it, shipping included.
    Whole,
    /// The first line.
    FirstLine,
}

/// Which part of the cash is paid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Part {
    Upfront,
    Reserve,
}

/// Where the courier sees the parcel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scan {
    Booked,
    PickedUp,
    AtWarehouse,
    OutForDelivery,
    Attempted,
    Delivered,
    OutForReturn,
    Returned,
}

impl Refund {
    /// Money given back, paisa.
    pub(crate) fn amount(self, order: &Order) -> i64 {
        match self {
            Refund::Whole => order.total(),
            Refund::FirstLine => order.lines.first().map_or(0, |line| line.net()),
        }
    }
}

/// The day on which the courier pays a first part for what was delivered on `day`: the next Friday.
pub(crate) fn upfront_day(delivered: NaiveDate) -> NaiveDate {
    let to_friday = (11 - i64::from(delivered.weekday().num_days_from_monday())) % 7;
    delivered + TimeDelta::days(if to_friday == 0 { 7 } else { to_friday })
}

/// The day on which the courier pays the rest: a week later.
pub(crate) fn reserve_day(delivered: NaiveDate) -> NaiveDate {
    upfront_day(delivered) + TimeDelta::days(7)
}

/// The life of `order`, until `end`. `newcomer`: the buyer has not ordered before.
pub(crate) fn live(rng: &mut StdRng, order: &Order, newcomer: bool, end: NaiveDateTime) -> Vec<Event> {
    let mut story = Story { now: order.placed_at, events: Vec::with_capacity(16) };
    if newcomer && order.buyer.customer.is_some() && rng.random_ratio(40, 100) {
        story.events.push(Event { at: order.placed_at - TimeDelta::seconds(30), step: Step::Registered });
    }
    story.then(0, Step::Placed);
    if !order.cod {
        story.then(60, Step::Paid);
    }
    match rng.random_range(0..100) {
        0..2 => {}
        2..6 => cancel(rng, order, &mut story),
        _ => ship(rng, order, &mut story),
    }
    story.events.sort_by_key(|event| event.at);
    story.events.retain(|event| event.at < end);
    story.events
}

/// The events so far and the clock.
struct Story {
    now: NaiveDateTime,
    events: Vec<Event>,
}

impl Story {
    fn then(&mut self, seconds: i64, step: Step) {
        self.now += TimeDelta::seconds(seconds);
        self.events.push(Event { at: self.now, step });
    }

    fn on(&mut self, day: NaiveDate, seconds: i64, step: Step) {
        let at = day.and_time(NaiveTime::MIN) + TimeDelta::seconds(seconds);
        self.events.push(Event { at, step });
    }
}

fn cancel(rng: &mut StdRng, order: &Order, story: &mut Story) {
    story.then(hours(rng, 2, 20), Step::Cancelled);
    if !order.cod {
        story.then(5, Step::Refunded(Refund::Whole));
    }
}

fn ship(rng: &mut StdRng, order: &Order, story: &mut Story) {
    story.then(hours(rng, 18, 30), Step::Fulfilled);
    story.then(600, Step::Scanned(Scan::Booked));
    story.then(hours(rng, 3, 8), Step::Scanned(Scan::PickedUp));
    story.then(hours(rng, 2, 9), Step::Scanned(Scan::AtWarehouse));
    story.then(hours(rng, 20, 60), Step::Scanned(Scan::OutForDelivery));
    let comes_back = rng.random_ratio(if order.cod { 14 } else { 3 }, 100);
    if comes_back || rng.random_ratio(8, 100) {
        story.then(hours(rng, 3, 7), Step::Scanned(Scan::Attempted));
        story.then(hours(rng, 18, 22), Step::Scanned(Scan::OutForDelivery));
    }
    if comes_back { bring_back(rng, order, story) } else { hand_over(rng, order, story) }
}

fn bring_back(rng: &mut StdRng, order: &Order, story: &mut Story) {
    story.then(hours(rng, 4, 8), Step::Scanned(Scan::Attempted));
    story.then(hours(rng, 20, 30), Step::Scanned(Scan::OutForReturn));
    story.then(hours(rng, 48, 96), Step::Scanned(Scan::Returned));
    story.then(hours(rng, 4, 8), Step::Charged);
    if !order.cod {
        story.then(hours(rng, 24, 48), Step::Refunded(Refund::Whole));
    }
}

fn hand_over(rng: &mut StdRng, order: &Order, story: &mut Story) {
    story.then(hours(rng, 2, 6), Step::Scanned(Scan::Delivered));
    let delivered = story.now.date();
    if !order.cod || rng.random_ratio(50, 100) {
        story.then(hours(rng, 3, 6), Step::Charged);
    }
    if order.cod && order.carriage.forgotten {
        story.on(reserve_day(delivered), 16 * 3_600, Step::Forgotten);
    } else if order.cod {
        story.on(upfront_day(delivered), 15 * 3_600, Step::Settled(Part::Upfront));
        story.on(reserve_day(delivered), 15 * 3_600, Step::Settled(Part::Reserve));
    }
    if rng.random_ratio(3, 100) {
        let how = if rng.random_ratio(1, 3) { Refund::Whole } else { Refund::FirstLine };
        story.then(hours(rng, 72, 190), Step::Refunded(how));
    }
}

/// Seconds, between `least` and `most` hours.
fn hours(rng: &mut StdRng, least: i64, most: i64) -> i64 {
    rng.random_range(least * 3_600..most * 3_600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payouts_are_made_on_the_next_friday_but_not_the_same_day() {
        let day = |d| NaiveDate::from_ymd_opt(2026, 10, d).unwrap();
        for (delivered, paid) in [(1, 2), (2, 9), (3, 9), (8, 9)] {
            assert_eq!(upfront_day(day(delivered)), day(paid), "delivered on {delivered}");
        }
        assert_eq!(reserve_day(day(1)), day(9));
    }
}
