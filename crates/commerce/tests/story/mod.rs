//! Words for telling what happened to an order, and for reading the books that follow from it.
//!
//! Times are Karachi's clock in 2026: `03-05` is noon of 5 March, `03-05 23:59` a minute. Amounts are decimals, in rupees
//! unless a code follows. A parcel is `courier/number`.

#![expect(clippy::unwrap_used, reason = "stories are written by hand: a word that cannot be read fails its test")]

use std::fmt::Write;

use chrono::{NaiveDate, NaiveDateTime};
use commerce::ParcelState::{Delivered, Returned};
use commerce::{
    CodChargesReported, CodPartSettled, CodPosition, Courier, Fact, FulfilmentId, FulfilmentRecorded, OrderCancelled,
    OrderId, OrderName, OrderPlaced, OrderRevised, ParcelBooked, ParcelScanned, ParcelState, PaymentState,
    PayoutBanked, ReceiptNumber, RefundId, RefundIssued, SettlementPart, TrackedParcel, TrackingNumber,
};
use ledger::{Currency, Day, Money, Side, Timestamp, Transaction};

use crate::books::{Books, merge_all};

/// The facts must lead to this journal and this cash, whatever the layout of the two texts.
#[track_caller]
pub(crate) fn expect(facts: &[Fact], journal: &str, cash: &str) {
    let books = Books::of(&merge_all(facts));
    assert_eq!(books.parked, vec![], "every case can be posted");
    let posted: String = books.journal.values().map(transaction_text).collect();
    assert_same_words(&posted, journal, "journal");
    let positions: String = books.cash.iter().map(cash_text).collect();
    assert_same_words(&positions, cash, "cash");
    assert_eq!(books.held_by_sub_ledger(), books.held_by_ledger(), "the sub-ledger is the ledger's receivable");
}

#[track_caller]
fn assert_same_words(actual: &str, expected: &str, what: &str) {
    let same = actual.split_whitespace().eq(expected.split_whitespace());
    assert!(same, "the {what} is\n{actual}\nand not\n{expected}");
}

fn transaction_text(transaction: &Transaction) -> String {
    let mut text = format!("{} {}\n", transaction.effective(), transaction.key());
    for entry in transaction.entries() {
        let side = if entry.side == Side::Debit { "Dr" } else { "Cr" };
        writeln!(text, "    {side} {} {}", entry.account, money_text(entry.amount)).unwrap();
    }
    text
}

fn cash_text(cash: &CodPosition) -> String {
    let mut text = format!("{}/{} {:?}", cash.courier, cash.tracking, cash.state).to_lowercase();
    let amounts = [
        ("on the way", cash.on_the_way),
        ("expected", cash.expected),
        ("remitted", cash.remitted),
        ("fees", cash.fees),
        ("outstanding", cash.outstanding),
    ];
    for (name, minor) in amounts.into_iter().filter(|(_, minor)| *minor != 0) {
        write!(text, ", {name} {}", money_text(Money::new(minor, cash.currency))).unwrap();
    }
    text + "\n"
}

/// `2,750.00`, with the code behind it when it is not rupees.
fn money_text(amount: Money) -> String {
    let plain = amount.to_string();
    let number = plain.split(' ').next().unwrap();
    let (whole, decimals) = number.split_once('.').map_or((number, String::new()), |(w, d)| (w, format!(".{d}")));
    let digits = whole.len();
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (digits - index).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    let code = if amount.currency == Currency::PKR { String::new() } else { format!(" {}", amount.currency) };
    text + &decimals + &code
}

/// `2,750`, or `23,600 JPY`.
pub(crate) fn money(text: &str) -> Money {
    let (number, code) = text.split_once(' ').unwrap_or((text, "PKR"));
    Money::parse(number, code.parse().unwrap()).unwrap()
}

/// `03-05 14:30`, or `03-05` for noon.
pub(crate) fn time(text: &str) -> Timestamp {
    let text = if text.contains(':') { text.to_owned() } else { format!("{text} 12:00") };
    let wall_clock = NaiveDateTime::parse_from_str(&format!("2026-{text} +0500"), "%Y-%m-%d %H:%M +0500").unwrap();
    (wall_clock - chrono::TimeDelta::hours(5)).and_utc().into()
}

fn day(text: &str) -> Day {
    Day::from_date(NaiveDate::parse_from_str(&format!("2026-{text}"), "%Y-%m-%d").unwrap())
}

fn parcel(text: &str) -> (Courier, TrackingNumber) {
    let (courier, tracking) = text.split_once('/').unwrap();
    (courier.parse().unwrap(), tracking.parse().unwrap())
}

/// An order and its printed name.
pub(crate) fn placed(order: u64, name: &str) -> Fact {
    let name = Some(name.parse::<OrderName>().unwrap());
    Fact::OrderPlaced(OrderPlaced { order: OrderId(order), name, placed_at: time("03-01"), customer: None })
}

/// The terms of an order, prepaid by card and not yet paid unless said otherwise.
pub(crate) struct Terms(OrderRevised);

/// Begins an order's terms.
pub(crate) fn order(order: u64, total: &str) -> Terms {
    Terms(OrderRevised {
        version: time("03-01"),
        order: OrderId(order),
        currency: money(total).currency,
        total: money(total).minor,
        shipping: 0,
        tax: 0,
        tip: 0,
        discounts: 0,
        taxes_included: true,
        presentment: None,
        cash_on_delivery: false,
        payment: PaymentState::Unpaid,
        paid: 0,
        test: false,
        city: Some("Karachi".to_owned()),
        country: Some("PK".to_owned()),
        lines: vec![],
    })
}

impl Terms {
    /// The buyer pays at the door.
    pub(crate) fn cash_on_delivery(self) -> Terms {
        Terms(OrderRevised { cash_on_delivery: true, ..self.0 })
    }

    /// Of the total, shipping.
    pub(crate) fn shipping(self, amount: &str) -> Terms {
        Terms(OrderRevised { shipping: money(amount).minor, ..self.0 })
    }

    /// Of the total, tax.
    pub(crate) fn tax(self, amount: &str) -> Terms {
        Terms(OrderRevised { tax: money(amount).minor, ..self.0 })
    }

    /// Of the total, a tip.
    pub(crate) fn tip(self, amount: &str) -> Terms {
        Terms(OrderRevised { tip: money(amount).minor, ..self.0 })
    }

    /// The shop has all the money.
    pub(crate) fn paid(self) -> Terms {
        Terms(OrderRevised { payment: PaymentState::Paid, paid: self.0.total, ..self.0 })
    }

    /// The shop has some of the money.
    pub(crate) fn advance(self, amount: &str) -> Terms {
        Terms(OrderRevised { payment: PaymentState::PartlyPaid, paid: money(amount).minor, ..self.0 })
    }

    /// Somebody is trying the shop out.
    pub(crate) fn test(self) -> Terms {
        Terms(OrderRevised { test: true, ..self.0 })
    }

    /// The terms stand since then.
    pub(crate) fn since(self, at: &str) -> Fact {
        Fact::OrderRevised(OrderRevised { version: time(at), ..self.0 })
    }
}

/// An order was called off.
pub(crate) fn cancelled(order: u64, at: &str) -> Fact {
    Fact::OrderCancelled(OrderCancelled { cancelled_at: time(at), order: OrderId(order), reason: None })
}

/// Goods left in these parcels, or without any.
pub(crate) fn sent(order: u64, fulfilment: u64, at: &str, parcels: &[&str]) -> Fact {
    Fact::FulfilmentRecorded(fulfilled(order, fulfilment, at, parcels))
}

/// The shop says that a fulfilment reached the buyer.
pub(crate) fn shop_says_delivered(order: u64, fulfilment: u64, at: &str, parcels: &[&str]) -> Fact {
    Fact::FulfilmentRecorded(FulfilmentRecorded { delivered: true, ..fulfilled(order, fulfilment, at, parcels) })
}

fn fulfilled(order: u64, fulfilment: u64, at: &str, parcels: &[&str]) -> FulfilmentRecorded {
    let tracked =
        parcels.iter().map(|text| parcel(text)).map(|(courier, tracking)| TrackedParcel { courier, tracking });
    FulfilmentRecorded {
        version: time(at),
        order: OrderId(order),
        fulfilment: FulfilmentId(fulfilment),
        fulfilled_at: time(at),
        stands: true,
        delivered: false,
        parcels: tracked.collect(),
        lines: vec![],
    }
}

/// The courier is to collect this much.
pub(crate) fn booked(text: &str, cod: &str) -> Fact {
    Fact::ParcelBooked(booking(text, cod))
}

/// The courier is to collect this much, and quotes the order's printed name.
pub(crate) fn booked_for(text: &str, cod: &str, name: &str) -> Fact {
    Fact::ParcelBooked(ParcelBooked { reference: Some(name.parse().unwrap()), ..booking(text, cod) })
}

fn booking(text: &str, cod: &str) -> ParcelBooked {
    let (courier, tracking) = parcel(text);
    ParcelBooked { version: time("03-02"), courier, tracking, reference: None, cod: Some(money(cod)), booked_at: None }
}

/// The rider handed it over.
pub(crate) fn delivered(text: &str, at: &str) -> Fact {
    scanned(text, Delivered, at)
}

/// It is back with the shipper.
pub(crate) fn returned(text: &str, at: &str) -> Fact {
    scanned(text, Returned, at)
}

/// The courier scanned it.
pub(crate) fn scanned(text: &str, state: ParcelState, at: &str) -> Fact {
    let (courier, tracking) = parcel(text);
    let code = format!("{state:?}");
    Fact::ParcelScanned(ParcelScanned { scanned_at: time(at), courier, tracking, state, code, reference: None })
}

/// What the courier charges and pays for a parcel. Amounts, all of one currency.
pub(crate) struct Charges {
    /// For delivering it.
    pub(crate) fee: &'static str,
    /// Tax on that.
    pub(crate) fee_tax: &'static str,
    /// For bringing it back.
    pub(crate) return_fee: &'static str,
    /// Tax on that.
    pub(crate) return_fee_tax: &'static str,
    /// Paid first.
    pub(crate) upfront: &'static str,
    /// Paid later.
    pub(crate) reserve: &'static str,
}

impl Charges {
    /// The fees most stories have, and no word on what was paid.
    pub(crate) const USUAL: Charges =
        Charges { fee: "150", fee_tax: "24", return_fee: "75", return_fee_tax: "12", upfront: "0", reserve: "0" };
}

/// The courier stated its charges.
pub(crate) fn charged(text: &str, charges: Charges) -> Fact {
    let (courier, tracking) = parcel(text);
    let minor = |text: &str| money(text).minor;
    Fact::CodChargesReported(CodChargesReported {
        version: time("03-08"),
        courier,
        tracking,
        currency: money(charges.fee).currency,
        fee: minor(charges.fee),
        fee_tax: minor(charges.fee_tax),
        return_fee: minor(charges.return_fee),
        return_fee_tax: minor(charges.return_fee_tax),
        upfront: minor(charges.upfront),
        reserve: minor(charges.reserve),
    })
}

/// The courier settled a part of the cash.
pub(crate) fn settled(text: &str, part: SettlementPart, on: &str) -> Fact {
    let (courier, tracking) = parcel(text);
    Fact::CodPartSettled(CodPartSettled { settled_on: day(on), courier, tracking, part, receipt: None })
}

/// The shop gave money back; `tax` is the tax in it.
pub(crate) fn refunded(order: u64, refund: u64, at: &str, amount: &str, tax: &str) -> Fact {
    Fact::RefundIssued(RefundIssued {
        refunded_at: time(at),
        order: OrderId(order),
        refund: RefundId(refund),
        currency: money(amount).currency,
        amount: money(amount).minor,
        tax: money(tax).minor,
        restocked: vec![],
    })
}

/// A payout, `courier/receipt`, reached the bank.
pub(crate) fn banked(text: &str, on: &str, amount: &str) -> Fact {
    let (courier, receipt) = text.split_once('/').unwrap();
    let (courier, receipt) = (courier.parse().unwrap(), receipt.parse::<ReceiptNumber>().unwrap());
    Fact::PayoutBanked(PayoutBanked { banked_on: day(on), courier, receipt, amount: money(amount) })
}
