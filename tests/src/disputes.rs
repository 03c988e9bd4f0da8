//! Facts that contradict each other: parcels two orders claim, names that change, amounts no ledger can hold. Whatever the
//! order of arrival and however they are cut into batches, the books and the read models are the same, a rebuild changes
//! nothing, and one bad input stops nobody.

use std::time::Duration;

use commerce::{
    CodPartSettled, Courier, Fact, FulfilmentId, FulfilmentRecorded, OrderId, OrderName, OrderPlaced, OrderRevised,
    ParcelBooked, ParcelScanned, ParcelState, PaymentState, SettlementPart, TenantId, TrackedParcel, TrackingNumber,
};
use events::{Event, Source};
use ledger::{Currency, Day, Money, Timestamp};
use store::books::{self, Projection};
use tokio_util::sync::CancellationToken;

use crate::backend::{Backend, Kind};
use crate::books::{append, config, findings, open_hash};

const HOUR: i64 = 3_600_000_000;

pub(crate) fn at(hour: i64) -> Timestamp {
    Timestamp(1_770_000_000_000_000 + hour * HOUR)
}

fn postex() -> Courier {
    "postex".parse().unwrap()
}

fn tracking(number: &str) -> TrackingNumber {
    number.parse().unwrap()
}

fn name(text: &str) -> Option<OrderName> {
    Some(text.parse().unwrap())
}

pub(crate) fn placed(order: u64, bears: &str) -> Fact {
    Fact::OrderPlaced(OrderPlaced { order: OrderId(order), name: name(bears), placed_at: at(0), customer: None })
}

pub(crate) fn revised(order: u64, hour: i64, total: i64, tax: i64) -> Fact {
    Fact::OrderRevised(OrderRevised {
        version: at(hour),
        order: OrderId(order),
        currency: Currency::PKR,
        total,
        shipping: 0,
        tax,
        tip: 0,
        discounts: 0,
        taxes_included: false,
        presentment: None,
        cash_on_delivery: true,
        payment: PaymentState::Unpaid,
        paid: 0,
        test: false,
        city: None,
        country: None,
        lines: Vec::new(),
        duties: 0,
        rounding: 0,
        gift_card_paid: 0,
        gift_cards_sold: 0,
        no_gift_card: false,
    })
}

pub(crate) fn fulfilled(order: u64, hour: i64, parcels: &[&str]) -> Fact {
    let parcel = |number: &&str| TrackedParcel { courier: postex(), tracking: tracking(number) };
    Fact::FulfilmentRecorded(FulfilmentRecorded {
        version: at(hour),
        order: OrderId(order),
        fulfilment: FulfilmentId(order * 10),
        fulfilled_at: at(1),
        stands: true,
        delivered: false,
        parcels: parcels.iter().map(parcel).collect(),
        lines: Vec::new(),
    })
}

pub(crate) fn scanned(number: &str, hour: i64, state: ParcelState, quotes: Option<OrderName>) -> Fact {
    let code = format!("{state:?}");
    Fact::ParcelScanned(ParcelScanned {
        scanned_at: at(hour),
        courier: postex(),
        tracking: tracking(number),
        state,
        code,
        reference: quotes,
    })
}

pub(crate) fn booked(number: &str, quotes: Option<OrderName>, cod: Money) -> Fact {
    Fact::ParcelBooked(ParcelBooked {
        version: at(1),
        courier: postex(),
        tracking: tracking(number),
        reference: quotes,
        cod: Some(cod),
        booked_at: None,
    })
}

pub(crate) fn settled(number: &str) -> Fact {
    Fact::CodPartSettled(CodPartSettled {
        settled_on: Day(20_600),
        courier: postex(),
        tracking: tracking(number),
        part: SettlementPart::Upfront,
        receipt: None,
    })
}

fn tenant() -> TenantId {
    "disputes".parse().unwrap()
}

fn event(fact: Fact) -> Event {
    Event::fact(tenant(), Source::SHOPIFY, Timestamp(0), fact, Vec::new())
}

/// Every way two orders and their couriers can disagree about who sent what.
fn disputes() -> Vec<Fact> {
    let rupees = |amount: i64| Money::new(amount * 100, Currency::PKR);
    vec![
        // One parcel, two claimants: order 1 corrects itself, the parcel is order 2's.
        placed(1, "1001"),
        revised(1, 0, 90_000, 5_000),
        fulfilled(1, 1, &["P1"]),
        placed(2, "1002"),
        revised(2, 0, 70_000, 0),
        fulfilled(2, 1, &["P1"]),
        scanned("P1", 5, ParcelState::Delivered, name("1001")),
        fulfilled(1, 9, &["P2"]),
        scanned("P2", 6, ParcelState::Delivered, None),
        settled("P1"),
        // A parcel that nobody claims, whose courier quotes first one name and then a smaller one.
        placed(3, "1003"),
        revised(3, 0, 50_000, 0),
        booked("P3", name("1003"), rupees(500)),
        scanned("P3", 7, ParcelState::Delivered, name("1003")),
        scanned("P3", 8, ParcelState::Delivered, name("0999")),
        placed(4, "0999"),
        revised(4, 0, 50_000, 0),
        // Two orders of one name: the smaller one owns what quotes it.
        placed(6, "1005"),
        revised(6, 0, 30_000, 0),
        placed(5, "1005"),
        revised(5, 0, 30_000, 0),
        booked("P5", name("1005"), rupees(300)),
        scanned("P5", 4, ParcelState::Delivered, name("1005")),
        // Cash in another currency than the order: cannot be posted.
        placed(7, "1007"),
        revised(7, 0, 40_000, 0),
        fulfilled(7, 1, &["P7"]),
        scanned("P7", 5, ParcelState::Delivered, None),
        booked("P7", None, Money::new(40_000, Currency::USD)),
        // More money than there is.
        placed(8, "1008"),
        revised(8, 0, i64::MAX, 0),
        fulfilled(8, 1, &["P8"]),
        scanned("P8", 5, ParcelState::Delivered, None),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn disputes_end_the_same_whatever_comes_first_and_however_it_is_cut() {
    use rand::SeedableRng;
    use rand::seq::SliceRandom;

    let mut expected = None;
    for seed in 0..14_u64 {
        let kind = if seed < 12 { Kind::Embedded } else { Kind::Servers };
        let mut facts = disputes();
        facts.shuffle(&mut rand::rngs::StdRng::seed_from_u64(seed));
        let backend = Backend::fresh(kind, 1).await;
        let events: Vec<Event> = facts.into_iter().map(event).collect();
        append(&backend.log, &events).await;
        let batch = [1, 2, 3, 5, 8, 100][usize::try_from(seed).unwrap() % 6];
        processor::catch_up(config(batch), &backend.log, &backend.db).await.unwrap();
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "seed {seed}, batches of {batch}");
        let hash = open_hash(&backend.db).await;
        assert_eq!(*expected.get_or_insert(hash.clone()), hash, "seed {seed}, batches of {batch}");
        processor::rebuild(config(4), &backend.log, &backend.db, Projection::Books, &mut |_| {}).await.unwrap();
        assert_eq!(open_hash(&backend.db).await, hash, "seed {seed}: rebuilt");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn disputes_are_settled_as_an_accountant_would() {
    let backend = Backend::fresh(Kind::Embedded, 1).await;
    append(&backend.log, &disputes().into_iter().map(event).collect::<Vec<_>>()).await;
    processor::catch_up(config(3), &backend.log, &backend.db).await.unwrap();
    let orders = books::orders(&backend.db, &tenant(), 20).await.unwrap();
    let told: Vec<(u64, &str, i64)> = orders.iter().map(|o| (o.order.0, o.status.as_str(), o.parcels)).collect();
    let mut told: Vec<_> = told.into_iter().collect();
    told.sort_unstable();
    let expected = vec![
        (1, "delivered", 1),
        (2, "delivered", 1),
        (3, "open", 0),
        (4, "delivered", 1),
        (5, "delivered", 1),
        (6, "open", 0),
        (7, "delivered", 1),
        (8, "delivered", 1),
    ];
    assert_eq!(told, expected);
    let parked: Vec<String> =
        books::parked(&backend.db, &tenant()).await.unwrap().into_iter().map(|(part, _)| part).collect();
    assert_eq!(parked, ["order/7", "order/8", "parcel/postex/P7", "parcel/postex/P8"]);
    let sales = books::trial_balance(&backend.db, &tenant()).await.unwrap();
    let sold = sales.rows.iter().find(|row| row.account.as_str() == "income:sales").unwrap();
    assert_eq!(sold.credit, 85_000 + 70_000 + 50_000 + 30_000, "each parcel is sold once, by its owner");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_typed_as_tracking_number_belongs_to_nobody() {
    let mut facts = Vec::new();
    for order in 100..=140_u64 {
        facts.extend([
            placed(order, &order.to_string()),
            revised(order, 0, 10_000, 0),
            fulfilled(order, 1, &["HANDED"]),
        ]);
    }
    facts.insert(4, scanned("HANDED", 5, ParcelState::Delivered, None));
    let events: Vec<Event> = facts.into_iter().map(event).collect();
    let mut hashes = Vec::new();
    for batch in [1, 2, 1_000] {
        let backend = Backend::fresh(Kind::Embedded, 1).await;
        append(&backend.log, &events).await;
        processor::catch_up(config(batch), &backend.log, &backend.db).await.unwrap();
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "batches of {batch}");
        hashes.push(open_hash(&backend.db).await);
    }
    assert_eq!(hashes[0], hashes[1]);
    assert_eq!(hashes[0], hashes[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_beside_a_live_processor_disturbs_neither() {
    for kind in [Kind::Embedded, Kind::Servers] {
        let (events, _) = crate::books::sample(100, 37);
        let calm = Backend::fresh(kind, 2).await;
        append(&calm.log, &events).await;
        processor::catch_up(config(500), &calm.log, &calm.db).await.unwrap();

        let busy = Backend::fresh(kind, 2).await;
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(processor::run(config(40), busy.log.clone(), busy.db.clone(), shutdown.clone()));
        for share in events.chunks(events.len().div_ceil(4)) {
            append(&busy.log, share).await;
            for projection in Projection::ALL {
                processor::rebuild(config(90), &busy.log, &busy.db, projection, &mut |_| {}).await.unwrap();
            }
        }
        let folded = async || processor::lag(&busy.log, &busy.db).await.is_ok_and(|lag| lag == 0);
        testkit::wait_until(Duration::from_secs(60), folded).await.unwrap();
        shutdown.cancel();
        running.await.unwrap().unwrap();
        processor::relay_all(&busy.log, &busy.db).await.unwrap();
        assert_eq!(findings(&busy).await, Vec::<String>::new(), "{kind:?}");
        assert_eq!(open_hash(&busy.db).await, open_hash(&calm.db).await, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_lost_its_end_is_not_passed_over() {
    let (events, _) = crate::books::sample(10, 41);
    let backend = Backend::fresh(Kind::Embedded, 1).await;
    append(&backend.log, &events).await;
    processor::catch_up(config(500), &backend.log, &backend.db).await.unwrap();
    let shorter = Backend::fresh(Kind::Embedded, 1).await;
    append(&shorter.log, &events[..events.len() / 2]).await;
    let refused = processor::catch_up(config(500), &shorter.log, &backend.db).await.unwrap_err();
    assert!(refused.to_string().contains("rebuild"), "{refused}");
}
