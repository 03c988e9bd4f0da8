//! Words for telling what happened to an order, and for reading the books that follow from it.
//!
//! Times are Karachi's clock in 2026: `03-05` is noon of 5 March, `03-05 23:59` a minute. Amounts are decimals, in
//! rupees unless a code follows. A parcel is `courier/number`.

#![expect(clippy::unwrap_used, reason = "stories are written by hand: a word that cannot be read fails its test")]

use std::fmt::Write;

use chrono::{NaiveDate, NaiveDateTime};
use commerce::ParcelState::{Delivered, Returned};
use commerce::{
    ChargebackOutcome, ChargebackRecorded, CodChargesReported, CodPartSettled, CodPosition, CodWrittenOff, Courier,
    Fact, FulfilmentId, FulfilmentRecorded, LineId, LineItem, OrderCancelled, OrderId, OrderName, OrderPlaced,
    OrderRevised, ParcelBooked, ParcelScanned, ParcelState, PaymentState, PayoutBanked, Policy, ReceiptNumber,
    RefundId, RefundIssued, SettlementPart, StockReceived, TrackedParcel, TrackingNumber, VariantId, WriteOffKind,
};
use ledger::{Currency, Day, Journal, Layer, Money, Side, Timestamp, Transaction};

use crate::books::{Books, merge_all};

/// The facts must lead to this journal and this cash, whatever the layout of the two texts.
#[track_caller]
pub(crate) fn expect(facts: &[Fact], journal: &str, cash: &str) {
    expect_under(&Policy::default(), facts, journal, cash);
}

/// The facts must lead to this journal and this cash for a tenant of this policy.
#[track_caller]
pub(crate) fn expect_under(policy: &Policy, facts: &[Fact], journal: &str, cash: &str) {
    let books = Books::under(policy, &merge_all(facts));
    assert_eq!(books.parked, vec![], "every case can be posted");
    let posted: String = books.journal.values().map(transaction_text).collect();
    assert_same_words(&posted, journal, "journal");
    let positions: String = books.cash.iter().map(cash_text).collect();
    assert_same_words(&positions, cash, "cash");
    assert_eq!(books.held_by_sub_ledger(), books.held_by_ledger(), "the sub-ledger is the ledger's receivable");
    assert_eq!(books.stock_by_cards(), books.stock_by_ledger(), "the cards are the ledger's inventory");
    expect_told_once(policy, facts);
}

/// Told in this order, nothing that was posted is ever reversed, unless terms or tracking numbers change on the way.
#[track_caller]
fn expect_told_once(policy: &Policy, facts: &[Fact]) {
    let revisions = facts.iter().filter(|fact| matches!(fact, Fact::OrderRevised(_))).count();
    let orders = facts.iter().filter(|fact| matches!(fact, Fact::OrderPlaced(_))).count().max(1);
    if revisions <= orders {
        expect_no_reversal(policy, facts);
    }
}

/// Told in the order in which they happened, the facts reverse nothing that was posted.
#[track_caller]
pub(crate) fn expect_no_reversal(policy: &Policy, facts: &[Fact]) {
    let (mut told, mut stands) = (facts.to_vec(), Journal::new());
    told.sort_by_key(day_of);
    for count in 1..=told.len() {
        let now = Books::under(policy, &merge_all(&told[..count])).journal;
        for (key, transaction) in &stands {
            assert_eq!(now.get(key), Some(transaction), "{key} is reversed by {:?}", told[count - 1]);
        }
        stands = now;
    }
}

/// When a fact is told. What couriers book and charge is known before it happens.
fn day_of(fact: &Fact) -> Timestamp {
    let noon = |day: Day| Timestamp(i64::from(day.0) * 86_400_000_000 + 25_200_000_000);
    match fact {
        Fact::OrderRevised(f) => f.version,
        Fact::OrderCancelled(f) => f.cancelled_at,
        Fact::RefundIssued(f) => f.refunded_at,
        Fact::FulfilmentRecorded(f) => f.version,
        Fact::ParcelScanned(f) => f.scanned_at,
        Fact::CodPartSettled(f) => noon(f.settled_on),
        Fact::PayoutBanked(f) => noon(f.banked_on),
        Fact::CodWrittenOff(f) => noon(f.on),
        Fact::ChargebackRecorded(f) => noon(f.on),
        Fact::StockReceived(f) => f.received_at,
        _ => Timestamp(0),
    }
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
        let layer = if entry.layer == Layer::Pending { "pending " } else { "" };
        writeln!(text, "    {layer}{side} {} {}", entry.account, money_text(entry.amount)).unwrap();
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
        ("written off", cash.written_off),
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
        duties: 0,
        rounding: 0,
        gift_card_paid: 0,
        gift_cards_sold: 0,
        no_gift_card: false,
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

    /// Already taken off the total.
    pub(crate) fn discounts(self, amount: &str) -> Terms {
        Terms(OrderRevised { discounts: money(amount).minor, ..self.0 })
    }

    /// Of the total, import duties.
    pub(crate) fn duties(self, amount: &str) -> Terms {
        Terms(OrderRevised { duties: money(amount).minor, ..self.0 })
    }

    /// The till rounds the total by this much.
    pub(crate) fn rounding(self, amount: &str) -> Terms {
        Terms(OrderRevised { rounding: money(amount).minor, ..self.0 })
    }

    /// Of what is paid, with gift cards.
    pub(crate) fn by_gift_card(self, amount: &str) -> Terms {
        Terms(OrderRevised { gift_card_paid: money(amount).minor, ..self.0 })
    }

    /// The shop names how this was paid, and no gift card is among it.
    pub(crate) fn without_gift_card(self) -> Terms {
        Terms(OrderRevised { no_gift_card: true, ..self.0 })
    }

    /// Of the total, gift cards that are sold.
    pub(crate) fn gift_cards(self, amount: &str) -> Terms {
        Terms(OrderRevised { gift_cards_sold: money(amount).minor, ..self.0 })
    }

    /// What is bought: this many pieces of each of these items, one line each, numbered from 1.
    pub(crate) fn goods(self, goods: &[(u64, i64)]) -> Terms {
        let line = |(number, &(item, quantity))| LineItem {
            line: LineId(number),
            variant: Some(VariantId(item)),
            sku: None,
            quantity,
            unit_price: 0,
            discount: 0,
        };
        Terms(OrderRevised { lines: (1..).zip(goods).map(line).collect(), ..self.0 })
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

/// These goods (line, pieces) left in these parcels, or without any.
pub(crate) fn sent_goods(order: u64, fulfilment: u64, at: &str, parcels: &[&str], goods: &[(u64, i64)]) -> Fact {
    let lines = goods.iter().map(|&(line, pieces)| (LineId(line), pieces)).collect();
    Fact::FulfilmentRecorded(FulfilmentRecorded { lines, ..fulfilled(order, fulfilment, at, parcels) })
}

/// Goods of an item came in under a receipt, each piece at this cost.
pub(crate) fn came_in(receipt: &str, at: &str, item: u64, quantity: i64, unit_cost: &str) -> Fact {
    Fact::StockReceived(StockReceived {
        received_at: time(at),
        receipt: receipt.parse().unwrap(),
        variant: VariantId(item),
        item: None,
        sku: None,
        location: None,
        quantity,
        unit_cost: money(unit_cost),
        by: "warehouse".parse().unwrap(),
    })
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
        gift_card: 0,
        unsent: vec![],
    })
}

/// The shop gave money back, some of it onto the gift card that had paid it.
pub(crate) fn refunded_onto_gift_card(order: u64, refund: u64, at: &str, amount: &str, gift_card: &str) -> Fact {
    let Fact::RefundIssued(issued) = refunded(order, refund, at, amount, "0") else { unreachable!() };
    Fact::RefundIssued(RefundIssued { gift_card: money(gift_card).minor, ..issued })
}

/// The shop gave money back and took so many pieces of the first line back into stock.
pub(crate) fn restocked(order: u64, refund: u64, at: &str, amount: &str, pieces: i64) -> Fact {
    let Fact::RefundIssued(issued) = refunded(order, refund, at, amount, "0") else { unreachable!() };
    Fact::RefundIssued(RefundIssued { restocked: vec![(LineId(1), pieces)], ..issued })
}

/// Somebody gave up cash of a parcel, or claims it of the courier.
pub(crate) fn written_off(text: &str, kind: WriteOffKind, key: &str, on: &str, amount: &str) -> Fact {
    let (courier, tracking) = parcel(text);
    Fact::CodWrittenOff(CodWrittenOff {
        on: day(on),
        courier,
        tracking,
        key: key.parse().unwrap(),
        amount: money(amount),
        kind,
        by: "accounts-2".parse().unwrap(),
        reason: "checked".parse().unwrap(),
        approved_by: None,
    })
}

/// The buyer's bank disputes a payment: 2,000 of an order, for a fee of 1,500.
pub(crate) fn disputed(order: u64, outcome: ChargebackOutcome, on: &str) -> Fact {
    Fact::ChargebackRecorded(ChargebackRecorded {
        version: time(on),
        order: OrderId(order),
        key: "dispute-1".parse().unwrap(),
        on: day(on),
        amount: money("2,000").minor,
        fee: money("1,500").minor,
        currency: Currency::PKR,
        outcome,
    })
}

/// A payout, `courier/receipt`, reached the bank.
pub(crate) fn banked(text: &str, on: &str, amount: &str) -> Fact {
    let (courier, receipt) = text.split_once('/').unwrap();
    let (courier, receipt) = (courier.parse().unwrap(), receipt.parse::<ReceiptNumber>().unwrap());
    Fact::PayoutBanked(PayoutBanked { banked_on: day(on), courier, receipt, amount: money(amount) })
}
