//! Random histories: few ids, few instants and few amounts, so that facts meet, tie and contradict each other.

#![expect(clippy::expect_used, reason = "the ids below are literals that their types accept")]

use commerce::ParcelState::{
    Attempted, Booked, Cancelled, Delivered, InTransit, Lost, OutForDelivery, PickedUp, ReturnInTransit, Returned,
    UnderReview, Unknown,
};
use commerce::{
    ChargebackOutcome, ChargebackRecorded, ClaimKey, CodChargesReported, CodPartSettled, CodWrittenOff, Courier, Fact,
    FulfilmentId, FulfilmentRecorded, LineId, LineItem, OrderCancelled, OrderDeleted, OrderId, OrderName, OrderPlaced,
    OrderRevised, ParcelBooked, ParcelScanned, ParcelState, PaymentState, PayoutBanked, ReceiptNumber, RefundId,
    RefundIssued, SettlementPart, StockReceived, TrackedParcel, TrackingNumber, VariantId, WriteOffKind,
};
use ledger::{Currency, Day, Money, Timestamp};
use proptest::collection::{SizeRange, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// Facts about up to three orders, four parcels and two payouts; most of them about one order and one parcel.
pub(crate) fn history(size: impl Into<SizeRange>) -> impl Strategy<Value = Vec<Fact>> {
    vec(fact(), size)
}

fn fact() -> impl Strategy<Value = Fact> {
    prop_oneof![
        1 => (order(), option::of(name()), time()).prop_map(placed),
        4 => terms().prop_map(Fact::OrderRevised),
        1 => (order(), time()).prop_map(|(order, cancelled_at)| {
            Fact::OrderCancelled(OrderCancelled { cancelled_at, order, reason: None })
        }),
        1 => (order(), time()).prop_map(|(order, deleted_at)| Fact::OrderDeleted(OrderDeleted { deleted_at, order })),
        2 => (order(), 1..3_u64, time(), amount(), (0..3_i64, 0..3_i64)).prop_map(refunded),
        4 => (order(), time(), any::<bool>(), any::<bool>(), vec(parcel(), 0..3), 0..3_i64).prop_map(fulfilled),
        2 => (1..4_u8, time(), 1..6_i64, amount()).prop_map(came_in),
        3 => (parcel(), time(), option::of(name()), option::of(amount()), currency()).prop_map(booked),
        6 => (parcel(), time(), state(), option::of(name())).prop_map(scanned),
        2 => charges().prop_map(Fact::CodChargesReported),
        3 => (parcel(), day(), part(), option::of(receipt())).prop_map(settled),
        2 => (parcel(), day(), claim_key(), amount(), currency(), kind()).prop_map(written_off),
        2 => (order(), time(), day(), claim_key(), amount(), outcome()).prop_map(disputed),
        1 => (courier(), receipt(), day(), amount()).prop_map(|(courier, receipt, banked_on, minor)| {
            Fact::PayoutBanked(PayoutBanked { banked_on, courier, receipt, amount: Money::new(minor, Currency::PKR) })
        }),
    ]
}

/// Order 7 most of the time.
fn order() -> impl Strategy<Value = OrderId> {
    prop_oneof![4 => Just(OrderId(7)), 1 => Just(OrderId(8)), 1 => Just(OrderId(9))]
}

/// Names that do not come in the order of the ids; two orders may bear one.
fn name() -> impl Strategy<Value = OrderName> {
    select(vec!["1003", "1002", "1001"]).prop_map(|text| text.parse().expect("an order name"))
}

fn courier() -> impl Strategy<Value = Courier> {
    let slug = prop_oneof![3 => Just("postex"), 1 => Just("leopards")];
    slug.prop_map(|text| text.parse().expect("a courier"))
}

fn parcel() -> impl Strategy<Value = TrackedParcel> {
    let tracking = prop_oneof![3 => Just("111"), 1 => Just("112")];
    let tracking = tracking.prop_map(|text| text.parse::<TrackingNumber>().expect("a number"));
    (courier(), tracking).prop_map(|(courier, tracking)| TrackedParcel { courier, tracking })
}

fn receipt() -> impl Strategy<Value = ReceiptNumber> {
    select(vec!["CPR-1", "CPR-2"]).prop_map(|text| text.parse().expect("a receipt"))
}

/// One of eight instants, two and a half hours apart, around a midnight of Karachi.
fn time() -> impl Strategy<Value = Timestamp> {
    (0..8_i64).prop_map(|step| Timestamp(1_772_640_000_000_000 + step * 9_000_000_000))
}

fn day() -> impl Strategy<Value = Day> {
    (20_516..20_519).prop_map(Day)
}

fn amount() -> impl Strategy<Value = i64> {
    select(vec![0, 1, 17_400, 90_000, 225_000, 275_000])
}

fn currency() -> impl Strategy<Value = Currency> {
    prop_oneof![9 => Just(Currency::PKR), 1 => Just(Currency::USD)]
}

fn part() -> impl Strategy<Value = SettlementPart> {
    select(vec![SettlementPart::Upfront, SettlementPart::Reserve])
}

/// Pick-ups, deliveries, returns and losses more often than the rest.
fn state() -> impl Strategy<Value = ParcelState> {
    let all = [
        Unknown,
        Booked,
        PickedUp,
        InTransit,
        OutForDelivery,
        Attempted,
        UnderReview,
        ReturnInTransit,
        Delivered,
        Returned,
        Cancelled,
        Lost,
    ];
    prop_oneof![2 => select(all.to_vec()), 3 => Just(Delivered), 2 => Just(Returned), 2 => Just(PickedUp), 1 => Just(Lost)]
}

fn placed((order, name, placed_at): (OrderId, Option<OrderName>, Timestamp)) -> Fact {
    Fact::OrderPlaced(OrderPlaced { order, name, placed_at, customer: None })
}

prop_compose! {
    fn terms()(
        version in time(),
        order in order(),
        total in amount(),
        (shipping, tax, tip) in (0..3_i64, 0..3_i64, 0..3_i64),
        cash_on_delivery in prop::bool::weighted(0.7),
        payment in select(vec![
            PaymentState::Unknown, PaymentState::Unpaid, PaymentState::PartlyPaid, PaymentState::Paid,
        ]),
        test in prop::bool::weighted(0.05),
        quantity in 1..4_i64,
        extras in select(vec![(0, 0, 0, 0), (0, 0, 0, 0), (100, 5, 17_400, 1_000), (0, -3, 100, 0)]),
        no_gift_card in any::<bool>(),
    ) -> OrderRevised {
        let paid = match payment {
            PaymentState::Unknown | PaymentState::Unpaid => 0,
            PaymentState::PartlyPaid => total / 5,
            PaymentState::Paid => total,
        };
        let line = LineItem { line: LineId(1), variant: Some(ITEM), sku: None, quantity, unit_price: total, discount: 0 };
        OrderRevised {
            version,
            order,
            currency: Currency::PKR,
            total,
            shipping: total * shipping / 10,
            tax: total * tax / 10,
            tip: total * tip / 10,
            discounts: 0,
            taxes_included: true,
            presentment: None,
            cash_on_delivery,
            payment,
            paid,
            test,
            city: None,
            country: None,
            lines: vec![line],
            duties: extras.0.min(total),
            rounding: extras.1,
            gift_card_paid: extras.2,
            gift_cards_sold: extras.3.min(total),
            no_gift_card,
        }
    }
}

type Refund = (OrderId, u64, Timestamp, i64, (i64, i64));

fn refunded((order, refund, refunded_at, amount, (tenths, pieces)): Refund) -> Fact {
    Fact::RefundIssued(RefundIssued {
        refunded_at,
        order,
        refund: RefundId(refund),
        currency: Currency::PKR,
        amount,
        tax: amount * tenths / 10,
        restocked: if pieces > 0 { vec![(LineId(1), pieces)] } else { vec![] },
        gift_card: if refund > 1 { amount * tenths / 3 } else { 0 },
        unsent: if tenths > 0 && pieces > 1 { vec![(LineId(1), tenths)] } else { vec![] },
    })
}

/// Two fulfilments an order, whose tracking numbers are corrected as versions follow each other.
fn fulfilled(
    (order, version, stands, delivered, parcels, pieces): (OrderId, Timestamp, bool, bool, Vec<TrackedParcel>, i64),
) -> Fact {
    Fact::FulfilmentRecorded(FulfilmentRecorded {
        version,
        order,
        fulfilment: FulfilmentId(order.0 * 10 + u64::from(delivered)),
        fulfilled_at: version,
        stands,
        delivered,
        parcels,
        lines: if pieces > 0 { vec![(LineId(1), pieces)] } else { vec![] },
    })
}

/// The one item that everybody buys.
const ITEM: VariantId = VariantId(3);

fn came_in((receipt, received_at, quantity, unit_cost): (u8, Timestamp, i64, i64)) -> Fact {
    Fact::StockReceived(StockReceived {
        received_at,
        receipt: format!("grn-{receipt}").parse().expect("a receipt"),
        variant: ITEM,
        item: None,
        sku: None,
        location: None,
        quantity,
        unit_cost: Money::new(unit_cost, Currency::PKR),
        by: "warehouse".parse().expect("a slug"),
    })
}

type Booking = (TrackedParcel, Timestamp, Option<OrderName>, Option<i64>, Currency);

fn booked((parcel, version, reference, cod, currency): Booking) -> Fact {
    Fact::ParcelBooked(ParcelBooked {
        version,
        courier: parcel.courier,
        tracking: parcel.tracking,
        reference,
        cod: cod.map(|minor| Money::new(minor, currency)),
        booked_at: None,
    })
}

fn scanned((parcel, scanned_at, state, reference): (TrackedParcel, Timestamp, ParcelState, Option<OrderName>)) -> Fact {
    let (courier, tracking) = (parcel.courier, parcel.tracking);
    Fact::ParcelScanned(ParcelScanned { scanned_at, courier, tracking, state, code: format!("{state:?}"), reference })
}

prop_compose! {
    fn charges()(
        version in time(),
        parcel in parcel(),
        currency in currency(),
        (fee, fee_tax, return_fee, return_fee_tax) in (amount(), 0..9_i64, 0..9_i64, 0..9_i64),
        (upfront, reserve) in (amount(), amount()),
    ) -> CodChargesReported {
        let TrackedParcel { courier, tracking } = parcel;
        CodChargesReported {
            version, courier, tracking, currency, fee, fee_tax, return_fee, return_fee_tax, upfront, reserve,
        }
    }
}

fn settled((parcel, settled_on, part, receipt): (TrackedParcel, Day, SettlementPart, Option<ReceiptNumber>)) -> Fact {
    let (courier, tracking) = (parcel.courier, parcel.tracking);
    Fact::CodPartSettled(CodPartSettled { settled_on, courier, tracking, part, receipt })
}

fn claim_key() -> impl Strategy<Value = ClaimKey> {
    select(vec!["first", "second"]).prop_map(|text| text.parse().expect("a key"))
}

fn kind() -> impl Strategy<Value = WriteOffKind> {
    select(vec![WriteOffKind::Shortfall, WriteOffKind::Lost, WriteOffKind::Claim])
}

fn outcome() -> impl Strategy<Value = ChargebackOutcome> {
    select(vec![ChargebackOutcome::Open, ChargebackOutcome::Won, ChargebackOutcome::Lost])
}

type WriteOff = (TrackedParcel, Day, ClaimKey, i64, Currency, WriteOffKind);

fn written_off((parcel, on, key, minor, currency, kind): WriteOff) -> Fact {
    Fact::CodWrittenOff(CodWrittenOff {
        on,
        courier: parcel.courier,
        tracking: parcel.tracking,
        key,
        amount: Money::new(minor, currency),
        kind,
        by: "accounts-2".parse().expect("a slug"),
        reason: "checked".parse().expect("a slug"),
        approved_by: None,
    })
}

fn disputed(
    (order, version, on, key, amount, outcome): (OrderId, Timestamp, Day, ClaimKey, i64, ChargebackOutcome),
) -> Fact {
    let (fee, currency) = (amount / 10, Currency::PKR);
    Fact::ChargebackRecorded(ChargebackRecorded { version, order, key, on, amount, fee, currency, outcome })
}
