//! One fixed event of each type: what the golden vectors are made of. An example never changes; a new shape of a type is
//! a new example under a new name.

use commerce::stock::StockAlert;
use commerce::*;
use events::{Event, Quarantined, Reason, SealedBox, Source};
use ledger::{ChainHash, Currency, Day, Entry, Money, Posted, Timestamp, Transaction};
use uuid::{Uuid, uuid};

const ORDER: OrderId = OrderId(9_007_199_254_740_993);
const BUYER: SubjectId = SubjectId(uuid!("5d0c7a9e-41b3-4c58-9f5e-6a2b8d1e3f70"));
/// 2026-03-31T18:59:59.000001Z.
pub(crate) const EVENING: Timestamp = Timestamp(1_774_983_599_000_001);
const RECORDED: Timestamp = Timestamp(1_774_983_600_250_000);

pub(crate) fn id<T: TryFrom<String>>(text: &str) -> T {
    T::try_from(text.to_owned()).ok().unwrap()
}

pub(crate) fn sealed(label: &str) -> SealedBox {
    SealedBox { subject: BUYER, label: label.to_owned(), sealed: vec![1, 0, 255, 128] }
}

pub(crate) fn from(source: Source, fact: Fact, boxes: Vec<SealedBox>) -> Event {
    Event::fact(id("zaynab-textiles"), source, RECORDED, fact, boxes)
}

/// Every example with its name: the type's, unless the type has several.
pub(crate) fn examples() -> Vec<(&'static str, Event)> {
    let shop =
        [placed(), revised(), cancelled(), deleted(), refund(), fulfilment(), stock(), cost(), received(), customer()];
    let notices = [redaction(), data_request(), shop_redaction()];
    let courier = [booked(), scanned(), charges(), settled(), banked()];
    let claims = [written_off(), chargeback()];
    let ours = [erased(), posted(), quarantined(), redriven(), stock_alert()];
    let all = shop.into_iter().chain(notices).chain(courier).chain(claims).chain(ours);
    let all = all.chain(crate::vouchers::examples());
    let named = all.map(|event| (event.event_type().rsplit('.').next().unwrap(), event));
    let named = named.chain([("RefundIssuedOntoGiftCard", refund_onto_gift_card())]);
    let named = named.chain([("RefundIssued-unsent", refund_of_unsent())]);
    let named = named.chain([("OrderRevised-no-gift-card", revised_without_gift_card())]);
    named.chain(crate::vouchers::later_examples()).chain([("CodWrittenOff-of-two", write_off_of_two())]).collect()
}

pub(crate) fn placed() -> Event {
    let fact = OrderPlaced {
        order: ORDER,
        name: Some(id("ZT-10471")),
        placed_at: EVENING,
        customer: Some(CustomerId(7_700_000_000_123)),
    };
    from(Source::SHOPIFY, Fact::OrderPlaced(fact), vec![sealed("buyer"), sealed("recipient")])
}

fn revised() -> Event {
    let scarf = LineItem {
        line: LineId(11),
        variant: Some(VariantId(4_401)),
        sku: Some(id("SCARF/SILK:R+1#2")),
        quantity: 2,
        unit_price: 145_000,
        discount: 10_000,
    };
    let gone = LineItem { line: LineId(12), variant: None, sku: None, quantity: 1, unit_price: 50_000, discount: 0 };
    let fact = OrderRevised {
        version: EVENING,
        order: ORDER,
        currency: Currency::PKR,
        total: 355_000,
        shipping: 25_000,
        tax: 17_300,
        tip: 0,
        discounts: 10_000,
        taxes_included: true,
        presentment: Some(Money::new(1_275, Currency::USD)),
        cash_on_delivery: true,
        payment: PaymentState::Unpaid,
        paid: 0,
        test: false,
        city: Some("لاہور".to_owned()),
        country: Some("PK".to_owned()),
        lines: vec![scarf, gone],
        duties: 0,
        rounding: 0,
        gift_card_paid: 0,
        gift_cards_sold: 0,
        no_gift_card: false,
    };
    from(Source::SHOPIFY, Fact::OrderRevised(fact), vec![sealed("buyer")])
}

fn cancelled() -> Event {
    let fact = OrderCancelled { cancelled_at: EVENING, order: ORDER, reason: Some("inventory".to_owned()) };
    from(Source::SHOPIFY, Fact::OrderCancelled(fact), vec![])
}

fn deleted() -> Event {
    from(Source::SHOPIFY, Fact::OrderDeleted(OrderDeleted { deleted_at: EVENING, order: ORDER }), vec![])
}

fn refund() -> Event {
    let fact = RefundIssued {
        refunded_at: EVENING,
        order: ORDER,
        refund: RefundId(880_001),
        currency: Currency::PKR,
        amount: 135_000,
        tax: 6_500,
        restocked: vec![(LineId(11), 1), (LineId(12), 1)],
        gift_card: 0,
        unsent: vec![],
    };
    from(Source::SHOPIFY, Fact::RefundIssued(fact), vec![])
}

fn refund_onto_gift_card() -> Event {
    let fact = RefundIssued {
        refunded_at: EVENING,
        order: ORDER,
        refund: RefundId(880_002),
        currency: Currency::PKR,
        amount: 135_000,
        tax: 6_500,
        restocked: vec![],
        gift_card: 75_000,
        unsent: vec![],
    };
    from(Source::SHOPIFY, Fact::RefundIssued(fact), vec![])
}

fn refund_of_unsent() -> Event {
    let Event { payload: events::Payload::Fact { fact: Fact::RefundIssued(fact), .. }, .. } = refund() else {
        panic!()
    };
    let fact = RefundIssued { refund: RefundId(880_003), unsent: vec![(LineId(12), 1)], ..fact };
    from(Source::SHOPIFY, Fact::RefundIssued(fact), vec![])
}

fn revised_without_gift_card() -> Event {
    let Event { payload: events::Payload::Fact { fact: Fact::OrderRevised(fact), .. }, .. } = revised() else {
        panic!()
    };
    let fact = OrderRevised { payment: PaymentState::Paid, paid: 355_000, no_gift_card: true, ..fact };
    from(Source::SHOPIFY, Fact::OrderRevised(fact), vec![])
}

fn fulfilment() -> Event {
    let parcel = |courier, tracking| TrackedParcel { courier: id(courier), tracking: id(tracking) };
    let fact = FulfilmentRecorded {
        version: EVENING,
        order: ORDER,
        fulfilment: FulfilmentId(660_002),
        fulfilled_at: Timestamp(EVENING.0 - 3_600_000_000),
        stands: true,
        delivered: false,
        parcels: vec![parcel("postex", "PX-7719042"), parcel("blue-ex", "5500019")],
        lines: vec![(LineId(11), 2)],
    };
    from(Source::SHOPIFY, Fact::FulfilmentRecorded(fact), vec![sealed("recipient")])
}

fn booked() -> Event {
    let fact = ParcelBooked {
        version: EVENING,
        courier: id("postex"),
        tracking: id("PX-7719042"),
        reference: Some(id("ZT-10471")),
        cod: Some(Money::new(355_000, Currency::PKR)),
        booked_at: Some(Timestamp(EVENING.0 - 60_000_000)),
    };
    from(Source::POSTEX, Fact::ParcelBooked(fact), vec![sealed("recipient")])
}

fn scanned() -> Event {
    let fact = ParcelScanned {
        scanned_at: EVENING,
        courier: id("postex"),
        tracking: id("PX-7719042"),
        state: ParcelState::OutForDelivery,
        code: "0004".to_owned(),
        reference: None,
    };
    from(Source::POSTEX, Fact::ParcelScanned(fact), vec![])
}

fn charges() -> Event {
    let fact = CodChargesReported {
        version: EVENING,
        courier: id("postex"),
        tracking: id("PX-7719042"),
        currency: Currency::PKR,
        fee: 21_000,
        fee_tax: 3_360,
        return_fee: 0,
        return_fee_tax: 0,
        upfront: 200_000,
        reserve: 130_640,
    };
    from(Source::POSTEX, Fact::CodChargesReported(fact), vec![])
}

fn settled() -> Event {
    let fact = CodPartSettled {
        settled_on: Day(20_550),
        courier: id("postex"),
        tracking: id("PX-7719042"),
        part: SettlementPart::Reserve,
        receipt: Some(id("CPR-2026/0415")),
    };
    from(Source::POSTEX, Fact::CodPartSettled(fact), vec![])
}

fn banked() -> Event {
    let amount = Money::new(8_812_345, Currency::PKR);
    let fact = PayoutBanked { banked_on: Day(20_552), courier: id("postex"), receipt: id("CPR-2026/0415"), amount };
    from(Source::POSTEX, Fact::PayoutBanked(fact), vec![])
}

fn write_off() -> CodWrittenOff {
    CodWrittenOff {
        on: Day(20_560),
        courier: id("postex"),
        tracking: id("PX-7719042"),
        key: id("short-april"),
        amount: Money::new(4_360, Currency::PKR),
        kind: WriteOffKind::Shortfall,
        by: id("accounts-2"),
        reason: id("short-paid"),
        approved_by: None,
    }
}

fn written_off() -> Event {
    from(Source::DAYBOOK, Fact::CodWrittenOff(write_off()), vec![])
}

fn write_off_of_two() -> Event {
    let fact = CodWrittenOff { approved_by: Some(id("owner")), ..write_off() };
    from(Source::DAYBOOK, Fact::CodWrittenOff(fact), vec![])
}

fn chargeback() -> Event {
    let fact = ChargebackRecorded {
        version: EVENING,
        order: ORDER,
        key: id("dispute-1"),
        on: Day(20_561),
        amount: 355_000,
        fee: 150_000,
        currency: Currency::PKR,
        outcome: ChargebackOutcome::Open,
    };
    from(Source::DAYBOOK, Fact::ChargebackRecorded(fact), vec![])
}

fn stock() -> Event {
    let fact =
        StockCounted { version: EVENING, item: InventoryItemId(301), location: LocationId(17), available: Some(-3) };
    from(Source::SHOPIFY, Fact::StockCounted(fact), vec![])
}

fn cost() -> Event {
    let fact = ProductCosted {
        version: EVENING,
        variant: VariantId(4_401),
        item: Some(InventoryItemId(301)),
        sku: Some(id("SCARF/SILK:R+1#2")),
        cost: Some(Money::new(61_250, Currency::PKR)),
    };
    from(Source::SHOPIFY, Fact::ProductCosted(fact), vec![])
}

fn received() -> Event {
    let fact = StockReceived {
        received_at: EVENING,
        receipt: id("grn-17"),
        variant: VariantId(4_401),
        item: Some(InventoryItemId(301)),
        sku: Some(id("SCARF/SILK:R+1#2")),
        location: Some(LocationId(17)),
        quantity: 24,
        unit_cost: Money::new(61_250, Currency::PKR),
        by: id("warehouse"),
    };
    from(Source::DAYBOOK, Fact::StockReceived(fact), vec![])
}

fn customer() -> Event {
    let fact = CustomerRecorded { version: EVENING, customer: CustomerId(7_700_000_000_123) };
    from(Source::SHOPIFY, Fact::CustomerRecorded(fact), vec![sealed("customer")])
}

fn redaction() -> Event {
    let fact = RedactionRequested {
        requested_at: EVENING,
        customer: Some(CustomerId(7_700_000_000_123)),
        subject: Some(BUYER),
        orders: vec![ORDER, OrderId(5)],
    };
    from(Source::SHOPIFY, Fact::RedactionRequested(fact), vec![])
}

fn data_request() -> Event {
    let fact = DataRequested {
        requested_at: EVENING,
        customer: None,
        subject: Some(BUYER),
        orders: vec![ORDER],
        request: Some(9_999),
    };
    from(Source::SHOPIFY, Fact::DataRequested(fact), vec![sealed("customer")])
}

fn shop_redaction() -> Event {
    let fact = ShopRedactionRequested { requested_at: EVENING, shop: 54_321_098_765 };
    from(Source::SHOPIFY, Fact::ShopRedactionRequested(fact), vec![])
}

fn erased() -> Event {
    let fact = SubjectErased { erased_at: EVENING, subject: BUYER };
    from(Source::DAYBOOK, Fact::SubjectErased(fact), vec![])
}

pub(crate) fn posted() -> Event {
    let amount = |minor| Money::new(minor, Currency::PKR);
    let entries = vec![
        Entry::debit(id("assets:cod-receivable:postex"), amount(355_000)),
        Entry::credit(id("income:sales"), amount(330_000)),
        Entry::credit(id("income:shipping"), amount(25_000)),
    ];
    let key = id("parcel/postex/PX-7719042/delivered");
    let posted = Posted {
        number: 42,
        part: id("parcel/postex/PX-7719042"),
        recorded: RECORDED,
        reverses: Some(41),
        previous: ChainHash([7; 32]),
        transaction: Transaction::new(key, id("order/9007199254740993"), Day(20_543), entries).unwrap(),
    };
    Event::posted(id("zaynab-textiles"), posted)
}

pub(crate) fn quarantined() -> Event {
    let input = Quarantined {
        reason: Reason::Field { path: "refunds[0].amount".to_owned(), problem: "missing".to_owned() },
        origin: Source::SHOPIFY,
        topic: "orders/updated".to_owned(),
        received_at: RECORDED,
        digest: Uuid::new_v5(&Uuid::NAMESPACE_OID, b"the raw body"),
        content: sealed("input"),
    };
    Event::quarantined(id("zaynab-textiles"), input)
}

pub(crate) fn redriven() -> Event {
    Event::redriven(id("zaynab-textiles"), quarantined().id, RECORDED)
}

pub(crate) fn stock_alert() -> Event {
    let alert = StockAlert {
        counted_at: EVENING,
        item: InventoryItemId(301),
        location: LocationId(17),
        available: Some(-3),
        variant: Some(VariantId(4_401)),
        sku: Some(id("SCARF/SILK:R+1#2")),
    };
    Event::stock_alerted(id("zaynab-textiles"), RECORDED, alert)
}
