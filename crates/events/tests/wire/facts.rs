//! Strategies: any fact, any posting, any unread input.

use commerce::stock::StockAlert;
use commerce::*;
use events::{Quarantined, Reason, SealedBox, Source};
use ledger::{ChainHash, Currency, Day, Entry, Money, Posted, Timestamp, Transaction};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;

use crate::examples::id;

pub(crate) fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp)
}

fn order() -> impl Strategy<Value = OrderId> {
    any::<u64>().prop_map(OrderId)
}

fn courier() -> impl Strategy<Value = Courier> {
    "[a-z0-9-]{1,40}".prop_map(|text| id(&text))
}

fn tracking() -> impl Strategy<Value = TrackingNumber> {
    "[A-Za-z0-9-]{1,40}".prop_map(|text| id(&text))
}

fn name() -> impl Strategy<Value = OrderName> {
    "[A-Za-z0-9_./-]{1,40}".prop_map(|text| id(&text))
}

fn receipt() -> impl Strategy<Value = ReceiptNumber> {
    "[A-Za-z0-9_./-]{1,60}".prop_map(|text| id(&text))
}

fn sku() -> impl Strategy<Value = Sku> {
    "[A-Za-z0-9_./:+#-]{1,80}".prop_map(|text| id(&text))
}

fn currency() -> impl Strategy<Value = Currency> {
    select(vec![Currency::PKR, Currency::USD, Currency::JPY, Currency::KWD])
}

pub(crate) fn money() -> impl Strategy<Value = Money> {
    (any::<i64>(), currency()).prop_map(|(minor, currency)| Money::new(minor, currency))
}

fn subject() -> impl Strategy<Value = SubjectId> {
    any::<u128>().prop_map(|bits| SubjectId(Uuid::from_u128(bits)))
}

fn quantities() -> impl Strategy<Value = Vec<(LineId, i64)>> {
    vec((any::<u64>().prop_map(LineId), any::<i64>()), 0..4)
}

/// Any box.
pub(crate) fn sealed() -> impl Strategy<Value = SealedBox> {
    (subject(), "\\PC{0,20}", vec(any::<u8>(), 0..100)).prop_map(|(subject, label, sealed)| SealedBox {
        subject,
        label,
        sealed,
    })
}

/// Any fact.
pub(crate) fn fact() -> impl Strategy<Value = Fact> {
    prop_oneof![
        orders(),
        revised(),
        fulfilled(),
        parcels(),
        cod(),
        claims(),
        stock(),
        notices(),
        crate::vouchers::facts()
    ]
}

fn orders() -> impl Strategy<Value = Fact> {
    let placed = (order(), of(name()), time(), of(any::<u64>())).prop_map(|(order, name, placed_at, customer)| {
        Fact::OrderPlaced(OrderPlaced { order, name, placed_at, customer: customer.map(CustomerId) })
    });
    let cancelled = (time(), order(), of("\\PC{0,20}"))
        .prop_map(|(cancelled_at, order, reason)| Fact::OrderCancelled(OrderCancelled { cancelled_at, order, reason }));
    let deleted =
        (time(), order()).prop_map(|(deleted_at, order)| Fact::OrderDeleted(OrderDeleted { deleted_at, order }));
    let refund = (time(), order(), any::<u64>(), money(), any::<[i64; 2]>(), [quantities(), quantities()]).prop_map(
        |(refunded_at, order, refund, money, [tax, gift_card], [restocked, unsent])| {
            let (refund, currency, amount) = (RefundId(refund), money.currency, money.minor);
            Fact::RefundIssued(RefundIssued {
                refunded_at,
                order,
                refund,
                currency,
                amount,
                tax,
                restocked,
                gift_card,
                unsent,
            })
        },
    );
    prop_oneof![placed, cancelled, deleted, refund]
}

fn lines() -> impl Strategy<Value = Vec<LineItem>> {
    let line = (any::<u64>(), of(any::<u64>()), of(sku()), any::<[i64; 3]>()).prop_map(
        |(line, variant, sku, [quantity, unit_price, discount])| LineItem {
            line: LineId(line),
            variant: variant.map(VariantId),
            sku,
            quantity,
            unit_price,
            discount,
        },
    );
    vec(line, 0..4)
}

fn revised() -> impl Strategy<Value = Fact> {
    use PaymentState::{Paid, PartlyPaid, Unknown, Unpaid};
    let payment = select(vec![Unknown, Unpaid, PartlyPaid, Paid]);
    let texts = (of("\\PC{0,20}"), of("[A-Z]{2}"));
    let numbers = (any::<[i64; 10]>(), any::<[bool; 4]>());
    (time(), order(), currency(), of(money()), payment, texts, numbers, lines()).prop_map(
        |(version, order, currency, presentment, payment, (city, country), (amounts, flags), lines)| {
            let [total, shipping, tax, tip, discounts, paid, duties, rounding, gift_card_paid, gift_cards_sold] =
                amounts;
            let [taxes_included, cash_on_delivery, test, no_gift_card] = flags;
            Fact::OrderRevised(OrderRevised {
                version,
                order,
                currency,
                total,
                shipping,
                tax,
                tip,
                discounts,
                taxes_included,
                presentment,
                cash_on_delivery,
                payment,
                paid,
                test,
                city,
                country,
                lines,
                duties,
                rounding,
                gift_card_paid,
                gift_cards_sold,
                no_gift_card,
            })
        },
    )
}

fn fulfilled() -> impl Strategy<Value = Fact> {
    let parcel = (courier(), tracking()).prop_map(|(courier, tracking)| TrackedParcel { courier, tracking });
    (time(), order(), any::<u64>(), time(), any::<[bool; 2]>(), vec(parcel, 0..3), quantities()).prop_map(
        |(version, order, fulfilment, fulfilled_at, [stands, delivered], parcels, lines)| {
            let fulfilment = FulfilmentId(fulfilment);
            Fact::FulfilmentRecorded(FulfilmentRecorded {
                version,
                order,
                fulfilment,
                fulfilled_at,
                stands,
                delivered,
                parcels,
                lines,
            })
        },
    )
}

fn state() -> impl Strategy<Value = ParcelState> {
    use ParcelState::*;
    select(vec![
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
    ])
}

fn parcels() -> impl Strategy<Value = Fact> {
    let booked = (time(), courier(), tracking(), of(name()), of(money()), of(time())).prop_map(
        |(version, courier, tracking, reference, cod, booked_at)| {
            Fact::ParcelBooked(ParcelBooked { version, courier, tracking, reference, cod, booked_at })
        },
    );
    let scanned = (time(), courier(), tracking(), state(), "\\PC{0,20}", of(name())).prop_map(
        |(scanned_at, courier, tracking, state, code, reference)| {
            Fact::ParcelScanned(ParcelScanned { scanned_at, courier, tracking, state, code, reference })
        },
    );
    prop_oneof![booked, scanned]
}

fn cod() -> impl Strategy<Value = Fact> {
    let charges = (time(), courier(), tracking(), currency(), any::<[i64; 6]>()).prop_map(
        |(version, courier, tracking, currency, [fee, fee_tax, return_fee, return_fee_tax, upfront, reserve])| {
            Fact::CodChargesReported(CodChargesReported {
                version,
                courier,
                tracking,
                currency,
                fee,
                fee_tax,
                return_fee,
                return_fee_tax,
                upfront,
                reserve,
            })
        },
    );
    let part = select(vec![SettlementPart::Upfront, SettlementPart::Reserve]);
    let settled = (any::<i32>(), courier(), tracking(), part, of(receipt())).prop_map(
        |(day, courier, tracking, part, receipt)| {
            Fact::CodPartSettled(CodPartSettled { settled_on: Day(day), courier, tracking, part, receipt })
        },
    );
    let banked = (any::<i32>(), courier(), receipt(), money()).prop_map(|(day, courier, receipt, amount)| {
        Fact::PayoutBanked(PayoutBanked { banked_on: Day(day), courier, receipt, amount })
    });
    prop_oneof![charges, settled, banked]
}

fn slug<T: TryFrom<String> + std::fmt::Debug>() -> impl Strategy<Value = T> {
    "[a-z0-9-]{1,40}".prop_map(|text| id(&text))
}

fn claims() -> impl Strategy<Value = Fact> {
    let kind = select(vec![WriteOffKind::Shortfall, WriteOffKind::Lost, WriteOffKind::Claim]);
    let written_off = (any::<i32>(), courier(), tracking(), slug(), money(), kind, slug(), slug(), of(slug()))
        .prop_map(|(day, courier, tracking, key, amount, kind, by, reason, approved_by)| {
            let on = Day(day);
            Fact::CodWrittenOff(CodWrittenOff { on, courier, tracking, key, amount, kind, by, reason, approved_by })
        });
    let outcome = select(vec![ChargebackOutcome::Open, ChargebackOutcome::Won, ChargebackOutcome::Lost]);
    let disputed = (time(), order(), slug(), any::<i32>(), any::<[i64; 2]>(), currency(), outcome).prop_map(
        |(version, order, key, day, [amount, fee], currency, outcome)| {
            let on = Day(day);
            Fact::ChargebackRecorded(ChargebackRecorded { version, order, key, on, amount, fee, currency, outcome })
        },
    );
    prop_oneof![written_off, disputed]
}

fn stock() -> impl Strategy<Value = Fact> {
    let counted = (time(), any::<[u64; 2]>(), of(any::<i64>())).prop_map(|(version, [item, location], available)| {
        let (item, location) = (InventoryItemId(item), LocationId(location));
        Fact::StockCounted(StockCounted { version, item, location, available })
    });
    let costed = (time(), any::<u64>(), of(any::<u64>()), of(sku()), of(money())).prop_map(
        |(version, variant, item, sku, cost)| {
            let (variant, item) = (VariantId(variant), item.map(InventoryItemId));
            Fact::ProductCosted(ProductCosted { version, variant, item, sku, cost })
        },
    );
    let ids = (any::<u64>(), of(any::<u64>()), of(any::<u64>()));
    let received = (time(), select(vec!["grn-17", "po.2026-4"]), ids, of(sku()), any::<i64>(), money()).prop_map(
        |(received_at, receipt, (variant, item, location), sku, quantity, unit_cost)| {
            Fact::StockReceived(StockReceived {
                received_at,
                receipt: receipt.parse().unwrap(),
                variant: VariantId(variant),
                item: item.map(InventoryItemId),
                sku,
                location: location.map(LocationId),
                quantity,
                unit_cost,
                by: "warehouse".parse().unwrap(),
            })
        },
    );
    prop_oneof![counted, costed, received]
}

fn notices() -> impl Strategy<Value = Fact> {
    let recorded = (time(), any::<u64>()).prop_map(|(version, customer)| {
        Fact::CustomerRecorded(CustomerRecorded { version, customer: CustomerId(customer) })
    });
    let customer = || of(any::<u64>().prop_map(CustomerId));
    let redaction = (time(), customer(), of(subject()), vec(order(), 0..4)).prop_map(
        |(requested_at, customer, subject, orders)| {
            Fact::RedactionRequested(RedactionRequested { requested_at, customer, subject, orders })
        },
    );
    let data = (time(), customer(), of(subject()), vec(order(), 0..4), of(any::<u64>())).prop_map(
        |(requested_at, customer, subject, orders, request)| {
            Fact::DataRequested(DataRequested { requested_at, customer, subject, orders, request })
        },
    );
    let shop = (time(), any::<u64>())
        .prop_map(|(requested_at, shop)| Fact::ShopRedactionRequested(ShopRedactionRequested { requested_at, shop }));
    let erased =
        (time(), subject()).prop_map(|(erased_at, subject)| Fact::SubjectErased(SubjectErased { erased_at, subject }));
    prop_oneof![recorded, redaction, data, shop, erased]
}

/// Any alert that a count may show.
pub(crate) fn stock_alert() -> impl Strategy<Value = StockAlert> {
    (time(), any::<[u64; 2]>(), of(any::<i64>()), of(any::<u64>()), of(sku())).prop_map(
        |(counted_at, [item, location], available, variant, sku)| {
            let (item, location, variant) = (InventoryItemId(item), LocationId(location), variant.map(VariantId));
            StockAlert { counted_at, item, location, available, variant, sku }
        },
    )
}

/// Any posting that balances.
pub(crate) fn posted() -> impl Strategy<Value = Posted> {
    let reference = "[A-Za-z0-9/._:#-]{1,200}";
    let amounts = (vec(1..1_000_000_i64, 1..5), currency());
    (any::<u64>(), reference, time(), of(any::<u64>()), any::<[u8; 32]>(), reference, any::<i32>(), amounts).prop_map(
        |(number, part, recorded, reverses, previous, key, day, (amounts, currency))| {
            let total = Money::new(amounts.iter().sum(), currency);
            let credits = amounts.iter().map(|&minor| Entry::credit(id("income:sales"), Money::new(minor, currency)));
            let entries = std::iter::once(Entry::debit(id("assets:bank"), total)).chain(credits).collect();
            let transaction = Transaction::new(id(&key), id(&part), Day(day), entries).unwrap();
            let previous = ChainHash(previous);
            Posted { number, part: id(&part), recorded, reverses, previous, transaction }
        },
    )
}

/// Any input that was not understood.
pub(crate) fn quarantined() -> impl Strategy<Value = Quarantined> {
    let field = ("\\PC{0,20}", "\\PC{0,20}").prop_map(|(path, problem)| Reason::Field { path, problem });
    let reason = prop_oneof![Just(Reason::UnreadableJson), Just(Reason::UnknownTopic), field];
    (reason, "\\PC{0,20}", time(), any::<u128>(), sealed()).prop_map(|(reason, topic, received_at, digest, content)| {
        let (origin, digest) = (Source::SHOPIFY, Uuid::from_u128(digest));
        Quarantined { reason, origin, topic, received_at, digest, content }
    })
}
