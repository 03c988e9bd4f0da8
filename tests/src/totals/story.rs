//! Seven years of a shop, as facts: what is finished, what is open, and what is not old enough.

use commerce::{
    CodChargesReported, CodPartSettled, Courier, Fact, FulfilmentId, FulfilmentRecorded, LineId, LineItem, OrderId,
    OrderPlaced, OrderRevised, ParcelBooked, ParcelScanned, ParcelState, PaymentState, PayoutBanked, PeriodClosed,
    RefundId, RefundIssued, SettlementPart, StockReceived, TrackedParcel, TrackingNumber, VariantId, VoucherEntered,
    VoucherKind,
};
use events::{Event, Source};
use ledger::{Currency, Day, Entry, Money, Timestamp};

use super::tenant;

pub(super) fn day(date: &str) -> Day {
    Day::from_date(date.parse().unwrap())
}

/// Late in the morning of a day in Karachi.
pub(super) fn at(date: &str) -> Timestamp {
    Timestamp(i64::from(day(date).0) * 86_400_000_000 + 6 * 3_600_000_000)
}

fn rupees(minor: i64) -> Money {
    Money::new(minor, Currency::PKR)
}

fn postex() -> Courier {
    "postex".parse().unwrap()
}

fn tracking(order: u64) -> TrackingNumber {
    format!("PX-{order}").parse().unwrap()
}

fn terms(order: u64, date: &str, total: i64, payment: PaymentState) -> OrderRevised {
    let paid = if payment == PaymentState::Paid { total } else { 0 };
    OrderRevised {
        version: at(date),
        order: OrderId(order),
        currency: Currency::PKR,
        total,
        shipping: 0,
        tax: 0,
        tip: 0,
        discounts: 0,
        taxes_included: false,
        presentment: None,
        cash_on_delivery: payment == PaymentState::Unpaid,
        payment,
        paid,
        test: false,
        city: None,
        country: None,
        lines: Vec::new(),
        duties: 0,
        rounding: 0,
        gift_card_paid: 0,
        gift_cards_sold: 0,
        no_gift_card: false,
    }
}

/// What happened, and on which day it was recorded.
pub(super) type Told = (String, Fact);

fn placed(order: u64, date: &str, total: i64, payment: PaymentState) -> Vec<Told> {
    let name = Some(format!("{order}").parse().unwrap());
    let placed = OrderPlaced { order: OrderId(order), name, placed_at: at(date), customer: None };
    vec![
        (date.to_owned(), Fact::OrderPlaced(placed)),
        (date.to_owned(), Fact::OrderRevised(terms(order, date, total, payment))),
    ]
}

fn sent(order: u64, date: &str, by_parcel: bool, lines: &[(u64, i64)]) -> Told {
    let parcel = TrackedParcel { courier: postex(), tracking: tracking(order) };
    let fact = FulfilmentRecorded {
        version: at(date),
        order: OrderId(order),
        fulfilment: FulfilmentId(order * 10),
        fulfilled_at: at(date),
        stands: true,
        delivered: false,
        parcels: by_parcel.then_some(parcel).into_iter().collect(),
        lines: lines.iter().map(|(line, pieces)| (LineId(*line), *pieces)).collect(),
    };
    (date.to_owned(), Fact::FulfilmentRecorded(fact))
}

pub(super) fn scanned(order: u64, date: &str, state: ParcelState) -> Told {
    let (courier, tracking, code) = (postex(), tracking(order), format!("{state:?}"));
    let fact = ParcelScanned { scanned_at: at(date), courier, tracking, state, code, reference: None };
    (date.to_owned(), Fact::ParcelScanned(fact))
}

fn booked(order: u64, date: &str, cod: i64) -> Told {
    let fact = ParcelBooked {
        version: at(date),
        courier: postex(),
        tracking: tracking(order),
        reference: None,
        cod: Some(rupees(cod)),
        booked_at: Some(at(date)),
    };
    (date.to_owned(), Fact::ParcelBooked(fact))
}

/// Cash on delivery of Rs 2,750 that came on the 14th.
fn delivered(order: u64, month: &str) -> Vec<Told> {
    let on = |day: u32| format!("{month}-{day:02}");
    let mut told = placed(order, &on(10), 275_000, PaymentState::Unpaid);
    told.extend([
        sent(order, &on(11), true, &[]),
        booked(order, &on(11), 275_000),
        scanned(order, &on(12), ParcelState::InTransit),
        scanned(order, &on(14), ParcelState::Delivered),
    ]);
    told
}

/// The courier paid Rs 2,550 of it into the bank on a day, and kept Rs 200.
pub(super) fn settled(order: u64, date: &str) -> Vec<Told> {
    let (courier, tracking) = (postex(), tracking(order));
    let charges = CodChargesReported {
        version: at(date),
        courier: courier.clone(),
        tracking: tracking.clone(),
        currency: Currency::PKR,
        fee: 20_000,
        fee_tax: 0,
        return_fee: 0,
        return_fee_tax: 0,
        upfront: 255_000,
        reserve: 0,
    };
    let receipt = format!("CPR-{order}").parse().unwrap();
    let (settled_on, part) = (day(date), SettlementPart::Upfront);
    let settled = CodPartSettled { settled_on, courier: courier.clone(), tracking, part, receipt: Some(receipt) };
    let receipt = format!("CPR-{order}").parse().unwrap();
    let banked = PayoutBanked { banked_on: day(date), courier, receipt, amount: rupees(255_000) };
    [Fact::CodChargesReported(charges), Fact::CodPartSettled(settled), Fact::PayoutBanked(banked)]
        .map(|fact| (date.to_owned(), fact))
        .to_vec()
}

pub(super) fn refunded(order: u64, date: &str, amount: i64) -> Told {
    let fact = RefundIssued {
        refunded_at: at(date),
        order: OrderId(order),
        refund: RefundId(order * 100),
        currency: Currency::PKR,
        amount,
        tax: 0,
        restocked: Vec::new(),
        gift_card: 0,
        unsent: Vec::new(),
    };
    (date.to_owned(), Fact::RefundIssued(fact))
}

/// Money from the bank for rent, or that taken back.
pub(super) fn voucher(id: &str, date: &str, minor: i64, reverses: Option<&str>, needs_approval: bool) -> Told {
    let (rent, bank) = ("expenses:rent".parse().unwrap(), "assets:bank".parse().unwrap());
    let entries = match reverses {
        None => vec![Entry::debit(rent, rupees(minor)), Entry::credit(bank, rupees(minor))],
        Some(_) => vec![Entry::debit(bank, rupees(minor)), Entry::credit(rent, rupees(minor))],
    };
    let fact = VoucherEntered {
        entered_at: at(date),
        voucher: id.parse().unwrap(),
        kind: VoucherKind::Expense,
        day: day(date),
        entries,
        reverses: reverses.map(|id| id.parse().unwrap()),
        by: "finance-2".parse().unwrap(),
        reason: "monthly-rent".parse().unwrap(),
        attachments: Vec::new(),
        needs_approval,
    };
    (date.to_owned(), Fact::VoucherEntered(fact))
}

/// An order of one piece whose cost is on a card of stock.
fn of_stock(order: u64, month: &str) -> Vec<Told> {
    let mut told = delivered(order, month);
    for (_, fact) in &mut told {
        if let Fact::OrderRevised(terms) = fact {
            terms.lines = vec![LineItem {
                line: LineId(1),
                variant: Some(VariantId(31)),
                sku: None,
                quantity: 1,
                unit_price: 275_000,
                discount: 0,
            }];
        }
        if let Fact::FulfilmentRecorded(fulfilment) = fact {
            fulfilment.lines = vec![(LineId(1), 1)];
        }
    }
    told.extend(settled(order, &format!("{month}-28")));
    told
}

fn received() -> Told {
    let fact = StockReceived {
        received_at: at("2019-01-05"),
        receipt: "grn-1".parse().unwrap(),
        variant: VariantId(31),
        item: None,
        sku: None,
        location: None,
        quantity: 10,
        unit_cost: rupees(100_000),
        by: "warehouse".parse().unwrap(),
    };
    ("2019-01-05".to_owned(), Fact::StockReceived(fact))
}

/// Seven years of a shop. In November 2026 what counted before November 2021 is past its time.
pub(super) fn story() -> Vec<Told> {
    let mut told = vec![received()];
    // Each March one parcel that is settled in April; the one of 2022 and later are not old enough.
    for year in 2019..=2025 {
        told.extend(delivered(year, &format!("{year}-03")));
        told.extend(settled(year, &format!("{year}-04-02")));
    }
    // Delivered in May 2019, and the courier has the cash still.
    told.extend(delivered(91, "2019-05"));
    // Came back; nothing was owed for it.
    told.extend(placed(92, "2019-06-10", 90_000, PaymentState::Unpaid));
    told.extend([sent(92, "2019-06-11", true, &[]), booked(92, "2019-06-11", 90_000)]);
    told.extend([
        scanned(92, "2019-06-12", ParcelState::InTransit),
        scanned(92, "2019-06-20", ParcelState::ReturnInTransit),
        scanned(92, "2019-07-01", ParcelState::Returned),
    ]);
    // On its way since August 2019, and nobody says more.
    told.extend(placed(93, "2019-08-10", 80_000, PaymentState::Unpaid));
    told.extend([sent(93, "2019-08-11", true, &[]), booked(93, "2019-08-11", 80_000)]);
    told.push(scanned(93, "2019-08-12", ParcelState::InTransit));
    // Paid by card, handed over, and partly refunded in 2020.
    told.extend(placed(94, "2020-02-01", 50_000, PaymentState::Paid));
    told.extend([sent(94, "2020-02-02", false, &[]), refunded(94, "2020-03-05", 10_000)]);
    // Paid and never sent.
    told.extend(placed(95, "2020-06-01", 40_000, PaymentState::Paid));
    // An old order with a refund this year.
    told.extend(placed(96, "2020-09-01", 70_000, PaymentState::Paid));
    told.extend([sent(96, "2020-09-02", false, &[]), refunded(96, "2026-02-05", 5_000)]);
    // Never sent, never paid.
    told.extend(placed(97, "2020-12-01", 30_000, PaymentState::Unpaid));
    told.extend(of_stock(98, "2019-10"));
    told.push(voucher("rent-2019-03", "2019-03-01", 4_500_000, None, false));
    told.push(voucher("rent-2019-06", "2019-06-01", 4_500_000, None, false));
    told.push(voucher("rent-2019-06.reversed", "2019-07-04", 4_500_000, Some("rent-2019-06"), false));
    told.push(voucher("rent-2020-01", "2020-01-01", 4_600_000, None, true));
    told.push(voucher("rent-2022-01", "2022-01-01", 4_700_000, None, false));
    told.sort_by(|a, b| a.0.cmp(&b.0));
    told
}

pub(super) fn event((date, fact): Told) -> Event {
    Event::fact(tenant(), Source::SHOPIFY, at(&date), fact, Vec::new())
}

/// The books were closed at the end of 2023.
pub(super) fn closed() -> Event {
    let (by, reason) = ("owner".parse().unwrap(), "year-end-2023".parse().unwrap());
    let fact = PeriodClosed { decided_at: at("2024-01-10"), through: day("2023-12-31"), by, reason };
    event(("2024-01-10".to_owned(), Fact::PeriodClosed(fact)))
}
