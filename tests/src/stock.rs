//! Goods at cost over a real log and a real database, on both back ends: what is sold costs what its item's card says, whatever
//! the order of arrival, late facts correct what was posted, and a rebuild posts nothing new.

mod at_fulfilment;

use std::collections::BTreeMap;

use commerce::{
    Fact, FulfilmentId, FulfilmentRecorded, InventoryItemId, LineId, LineItem, OrderId, OrderRevised, ParcelScanned,
    ParcelState, PaymentState, ProductCosted, RefundId, RefundIssued, StockReceived, TenantId, TrackedParcel,
    VariantId,
};
use events::{Event, Source};
use ledger::{Currency, Money, Timestamp};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use store::books::{self, Projection};
use store::db::{Db, DbError};

use crate::backend::{Backend, Kind};
use crate::books::{append, config, findings, open_hash};

const HOUR: i64 = 3_600_000_000;
const BOTH: [Kind; 2] = [Kind::Embedded, Kind::Servers];

fn at(hour: i64) -> Timestamp {
    Timestamp(1_770_000_000_000_000 + hour * HOUR)
}

fn shop() -> TenantId {
    "stock-shop".parse().unwrap()
}

fn rupees(minor: i64) -> Money {
    Money::new(minor, Currency::PKR)
}

fn received(receipt: &str, hour: i64, variant: u64, quantity: i64, unit_cost: i64) -> Fact {
    Fact::StockReceived(StockReceived {
        received_at: at(hour),
        receipt: receipt.parse().unwrap(),
        variant: VariantId(variant),
        item: Some(InventoryItemId(variant + 1_000)),
        sku: None,
        location: None,
        quantity,
        unit_cost: rupees(unit_cost),
        by: "warehouse".parse().unwrap(),
    })
}

fn costed(hour: i64, variant: u64, cost: i64) -> Fact {
    let (variant, cost) = (VariantId(variant), Some(rupees(cost)));
    Fact::ProductCosted(ProductCosted { version: at(hour), variant, item: None, sku: None, cost })
}

/// An order of some pieces of each of these variants; its lines are numbered from 1.
fn ordered(order: u64, hour: i64, goods: &[(u64, i64)]) -> Fact {
    let line = |(number, (variant, quantity)): (u64, &(u64, i64))| LineItem {
        line: LineId(number),
        variant: Some(VariantId(*variant)),
        sku: None,
        quantity: *quantity,
        unit_price: 1_000,
        discount: 0,
    };
    Fact::OrderRevised(OrderRevised {
        version: at(hour),
        order: OrderId(order),
        currency: Currency::PKR,
        total: goods.iter().map(|(_, quantity)| quantity * 1_000).sum(),
        shipping: 0,
        tax: 0,
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
        lines: (1..).zip(goods).map(line).collect(),
        duties: 0,
        rounding: 0,
        gift_card_paid: 0,
        gift_cards_sold: 0,
        no_gift_card: false,
    })
}

fn tracked(order: u64) -> TrackedParcel {
    TrackedParcel { courier: "postex".parse().unwrap(), tracking: format!("PX-{order}").parse().unwrap() }
}

/// All goods of an order left, in the parcel that bears its number or in none.
fn sent(order: u64, hour: i64, by_parcel: bool, goods: &[(u64, i64)]) -> Fact {
    Fact::FulfilmentRecorded(FulfilmentRecorded {
        version: at(hour),
        order: OrderId(order),
        fulfilment: FulfilmentId(order * 10),
        fulfilled_at: at(hour),
        stands: true,
        delivered: false,
        parcels: by_parcel.then(|| tracked(order)).into_iter().collect(),
        lines: (1..).zip(goods).map(|(number, (_, quantity))| (LineId(number), *quantity)).collect(),
    })
}

fn scanned(order: u64, hour: i64, state: ParcelState) -> Fact {
    let TrackedParcel { courier, tracking } = tracked(order);
    let code = format!("{state:?}");
    Fact::ParcelScanned(ParcelScanned { scanned_at: at(hour), courier, tracking, state, code, reference: None })
}

fn restocked(order: u64, hour: i64, pieces: i64) -> Fact {
    Fact::RefundIssued(RefundIssued {
        refunded_at: at(hour),
        order: OrderId(order),
        refund: RefundId(order * 100 + 1),
        currency: Currency::PKR,
        amount: pieces * 1_000,
        tax: 0,
        restocked: vec![(LineId(1), pieces)],
        gift_card: 0,
        unsent: vec![],
    })
}

/// A fortnight of three items, in the order in which things happened.
fn fortnight() -> Vec<Fact> {
    use ParcelState::{Delivered, Lost, Returned};
    vec![
        received("grn-1", 0, 1, 10, 100),
        costed(1, 2, 50),
        ordered(1, 2, &[(1, 4)]),
        sent(1, 3, true, &[(1, 4)]),
        // 4 of 10 pieces worth 1000: 400.
        scanned(1, 24, Delivered),
        received("grn-2", 48, 1, 10, 120),
        ordered(2, 49, &[(1, 10), (2, 3)]),
        sent(2, 50, true, &[(1, 10), (2, 3)]),
        // 10 of 16 pieces worth 1800: 1125. Three of the other item at 50 each, of which none had come in: 150.
        scanned(2, 72, Delivered),
        ordered(3, 73, &[(1, 2)]),
        // Handed over: 2 of 6 worth 675: 225.
        sent(3, 96, false, &[(1, 2)]),
        ordered(4, 97, &[(1, 1)]),
        sent(4, 98, true, &[(1, 1)]),
        // 1 of 4 worth 450 is lost: 112, a half to the even.
        scanned(4, 120, Lost),
        ordered(5, 121, &[(1, 1)]),
        sent(5, 122, true, &[(1, 1)]),
        // 1 of 3 worth 338: 113, and back at that.
        scanned(5, 144, Delivered),
        scanned(5, 168, Returned),
        // One of the ten that went out for 1125: 112.
        restocked(2, 170, 1),
        // Three of these five had gone out for 50 each: 30 more.
        received("grn-3", 192, 2, 5, 60),
        ordered(6, 193, &[(3, 7)]),
        sent(6, 194, true, &[(3, 7)]),
        // Nobody has told what it costs.
        scanned(6, 200, Delivered),
        ordered(7, 201, &[(1, 1)]),
        sent(7, 202, true, &[(1, 1)]),
        // Back without having been delivered: it was never out of stock.
        scanned(7, 230, Returned),
    ]
}

fn events(facts: &[Fact]) -> Vec<Event> {
    let event = |fact: &Fact| Event::fact(shop(), Source::DAYBOOK, Timestamp(0), fact.clone(), Vec::new());
    facts.iter().map(event).collect()
}

async fn fold(backend: &Backend, facts: &[Fact], batch: usize) {
    append(&backend.log, &events(facts)).await;
    processor::catch_up(config(batch), &backend.log, &backend.db).await.unwrap();
}

/// The accounts of goods that are not zero.
async fn goods(db: &Db) -> BTreeMap<String, i64> {
    let trial = books::trial_balance(db, &shop()).await.unwrap();
    let accounts =
        ["assets:inventory", "expenses:cost-of-goods-sold", "expenses:lost-goods", "liabilities:goods-received"];
    let nets = trial.rows.into_iter().map(|row| (row.account.to_string(), row.debit - row.credit));
    nets.filter(|(account, net)| *net != 0 && accounts.contains(&account.as_str())).collect()
}

async fn count(db: &Db, sql: &str) -> i64 {
    db.query(sql, vec![]).await.unwrap()[0].int(0).unwrap()
}

fn nets(list: &[(&str, i64)]) -> BTreeMap<String, i64> {
    list.iter().map(|(account, net)| ((*account).to_owned(), *net)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn goods_cost_what_their_cards_say_on_both_back_ends_and_after_a_rebuild() {
    let expected = nets(&[
        ("assets:inventory", 450 + 120),
        ("expenses:cost-of-goods-sold", 400 + 1_125 + 225 - 112 + 150 + 30),
        ("expenses:lost-goods", 112),
        ("liabilities:goods-received", -2_500),
    ]);
    let mut hashes = Vec::new();
    for kind in BOTH {
        let backend = Backend::fresh(kind, 2).await;
        fold(&backend, &fortnight(), 4).await;
        assert_eq!(goods(&backend.db).await, expected, "{kind:?}");
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}");
        let (hash, posted) = (open_hash(&backend.db).await, count(&backend.db, "SELECT COUNT(*) FROM journal").await);
        processor::rebuild(config(5), &backend.log, &backend.db, Projection::Books, &mut |_| {}).await.unwrap();
        assert_eq!(open_hash(&backend.db).await, hash, "{kind:?}");
        assert_eq!(
            count(&backend.db, "SELECT COUNT(*) FROM journal").await,
            posted,
            "{kind:?}: nothing is posted again"
        );
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}");
        hashes.push(hash);
    }
    assert_eq!(hashes[0], hashes[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_in_the_order_in_which_it_happened_is_never_corrected() {
    for batch in [1, 3, 100] {
        let backend = Backend::fresh(Kind::Embedded, 1).await;
        fold(&backend, &fortnight(), batch).await;
        let posted = count(&backend.db, "SELECT COUNT(*) FROM journal").await;
        let keys = "SELECT COUNT(*) FROM stock_movement WHERE cost IS NOT NULL";
        assert_eq!(count(&backend.db, keys).await, 11, "every movement of an item whose cost is known has a value");
        let trial = books::recent_journal(&backend.db, &shop(), 1_000).await.unwrap();
        let reversals = trial.iter().filter(|line| line.posted.reverses.is_some()).count();
        assert_eq!((reversals, trial.len()), (0, usize::try_from(posted).unwrap()), "batches of {batch}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_receipt_corrects_what_was_sold_since() {
    for kind in BOTH {
        let backend = Backend::fresh(kind, 2).await;
        let (late, rest): (Vec<Fact>, Vec<Fact>) = fortnight()
            .into_iter()
            .partition(|fact| matches!(fact, Fact::StockReceived(f) if f.receipt.as_str() == "grn-2"));
        fold(&backend, &rest, 100).await;
        let early = goods(&backend.db).await;
        fold(&backend, &late, 100).await;
        assert_ne!(goods(&backend.db).await, early, "{kind:?}");
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}");
        let in_order = Backend::fresh(Kind::Embedded, 2).await;
        fold(&in_order, &fortnight(), 100).await;
        assert_eq!(open_hash(&backend.db).await, open_hash(&in_order.db).await, "{kind:?}");
    }
}

/// Facts of some items and orders that meet, tie and contradict each other.
fn wild(seed: u64) -> Vec<Fact> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut facts = Vec::new();
    for receipt in 0..12 {
        let (variant, hour) = (rng.random_range(1..4), rng.random_range(0..200));
        facts.push(received(
            &format!("grn-{receipt}"),
            hour,
            variant,
            rng.random_range(1..30),
            rng.random_range(0..300),
        ));
        facts.push(costed(rng.random_range(0..200), variant, rng.random_range(0..300)));
    }
    for order in 1..40 {
        let goods: Vec<(u64, i64)> =
            (1..4).map(|variant| (variant, rng.random_range(-2..6))).filter(|(_, pieces)| *pieces > 0).collect();
        let hour = rng.random_range(0..180);
        facts.push(ordered(order, hour, &goods));
        facts.push(sent(order, hour + 1, rng.random_bool(0.8), &goods));
        let ends = [ParcelState::Delivered, ParcelState::Delivered, ParcelState::Lost, ParcelState::Returned];
        facts.extend((0..rng.random_range(0..3)).map(|later| {
            scanned(order, hour + 4 + later * rng.random_range(0..20), ends[rng.random_range(0..ends.len())])
        }));
        if rng.random_bool(0.3) {
            facts.push(restocked(order, hour + rng.random_range(0..40), rng.random_range(1..4)));
        }
    }
    facts
}

#[tokio::test(flavor = "multi_thread")]
async fn order_of_arrival_and_batch_size_do_not_matter_to_what_goods_cost() {
    for seed in 1..6 {
        let mut facts = wild(seed);
        let mut hashes = Vec::new();
        for batch in [10_000, 13, 5] {
            facts.shuffle(&mut StdRng::seed_from_u64(seed + batch as u64));
            let backend = Backend::fresh(Kind::Embedded, 1).await;
            fold(&backend, &facts, batch).await;
            assert_eq!(findings(&backend).await, Vec::<String>::new(), "seed {seed}, batches of {batch}");
            hashes.push((open_hash(&backend.db).await, goods(&backend.db).await));
        }
        assert!(hashes.iter().all(|hash| *hash == hashes[0]), "seed {seed}: {hashes:?}");
        assert!(hashes[0].1.len() >= 3, "much is sold and lost: {:?}", hashes[0].1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_cost_is_named() {
    let backend = Backend::fresh(Kind::Embedded, 1).await;
    fold(&backend, &fortnight(), 100).await;
    let damage = backend.db.run_tx("damage", |tx| {
        let sql = "UPDATE stock_movement SET cost = cost + 1 WHERE origin = 'out/order/1/10/1/issued'";
        Box::pin(async move { tx.execute(sql, vec![]).await })
    });
    let _: u64 = damage.await.map_err(|error: DbError| error).unwrap();
    let findings = findings(&backend).await;
    assert!(findings.iter().any(|f| f.contains("out/order/1/10/1/issued")), "{findings:?}");
    assert!(findings.iter().any(|f| f.contains("by the cards")), "{findings:?}");
}
