//! Totals are the sums of what they stand for, whatever that is; and a part that totals stand for is a stub, in whatever order it and
//! its facts become known.

#![expect(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use commerce::totals::{DetailReplaced, by_month};
use commerce::{Fact, OrderCancelled, OrderId, OrderPlaced, Part, PartKey, Policy, postings};
use ledger::{Currency, Day, Entry, EntryKey, Layer, Live, Money, Reference, Side, Timestamp, Transaction};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const ACCOUNTS: [&str; 4] = ["assets:bank", "assets:cod-receivable:postex", "income:sales", "expenses:courier-fees"];
const PARTS: [&str; 4] = ["order/7", "parcel/postex/PX-7", "payout/leopards/L-1", "voucher/rent-1"];

/// A transaction that stands for one of the parts: a day from 2019 to 2021, two accounts, an amount, and whether it is a promise.
fn standing() -> impl Strategy<Value = (PartKey, Live)> {
    let accounts = (select(&ACCOUNTS[..]), select(&ACCOUNTS[..]));
    let currency = select(vec![Currency::PKR, Currency::USD]);
    (select(&PARTS[..]), 17_897..18_992_i32, accounts, 1..1_000_000_000_i64, currency, any::<bool>()).prop_map(
        |(part, day, (debit, credit), minor, currency, promised)| {
            let amount = Money::new(minor, currency);
            let pair =
                vec![Entry::debit(debit.parse().unwrap(), amount), Entry::credit(credit.parse().unwrap(), amount)];
            let entries = if promised { pair.into_iter().map(Entry::pending).collect() } else { pair };
            let about = Reference::try_from(part.to_owned()).unwrap();
            let key = EntryKey::try_from(format!("{part}/posted")).unwrap();
            let transaction = Transaction::new(key, about, Day(day), entries).unwrap();
            (part.parse().unwrap(), Live { number: 1, transaction })
        },
    )
}

/// By month, courier, layer, side, account and currency.
type Sums = BTreeMap<(String, String, Layer, Side, String, Currency), i64>;

fn add(sums: &mut Sums, month: String, courier: String, entry: &Entry) {
    let Entry { layer, side, account, amount } = entry;
    *sums.entry((month, courier, *layer, *side, account.to_string(), amount.currency)).or_default() += amount.minor;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn totals_are_the_sums_of_what_stood(standing in vec(standing(), 0..40)) {
        let mut expected = Sums::new();
        for (part, live) in &standing {
            let courier = match part {
                PartKey::Parcel(courier, _) | PartKey::Payout(courier, _) => courier.to_string(),
                _ => String::new(),
            };
            for entry in live.transaction.entries() {
                add(&mut expected, live.transaction.effective().month().to_string(), courier.clone(), entry);
            }
        }
        let months = by_month(standing.iter().map(|(part, live)| (part, live))).unwrap();
        let parts: BTreeSet<PartKey> = standing.iter().map(|(part, _)| part.clone()).collect();
        let fact = DetailReplaced::of(parts, months, Day(18_992), Timestamp(9));
        let mut found = Sums::new();
        for key in fact.keys() {
            let mut part = key.empty();
            part.merge(&Fact::DetailReplaced(fact.clone()));
            let case = BTreeMap::from([(key.clone(), &part)]);
            let posted = postings(&case, &Policy::default(), &[]).unwrap();
            let courier = match &key {
                PartKey::Totals(_, Some(courier)) => courier.to_string(),
                _ => String::new(),
            };
            for transaction in posted[&key].values() {
                let day = transaction.effective();
                prop_assert_ne!(day.month(), Day(day.0 + 1).month(), "it counts on the last day of its month");
                for entry in transaction.entries() {
                    add(&mut found, day.month().to_string(), courier.clone(), entry);
                }
            }
        }
        prop_assert_eq!(found, expected);
    }
}

fn replaced(at: i64, others: &[&str]) -> Fact {
    let parts = others.iter().chain(&["order/7"]).map(|key| key.parse().unwrap()).collect();
    Fact::DetailReplaced(DetailReplaced::of(parts, BTreeMap::new(), Day(18_992), Timestamp(at)))
}

fn merged(facts: &[&Fact]) -> Part {
    let mut part = PartKey::Order(OrderId(7)).empty();
    for fact in facts {
        part.merge(fact);
    }
    part
}

#[test]
fn a_part_that_is_replaced_is_a_stub_in_any_order() {
    let placed =
        Fact::OrderPlaced(OrderPlaced { order: OrderId(7), name: None, placed_at: Timestamp(1), customer: None });
    let cancelled =
        Fact::OrderCancelled(OrderCancelled { cancelled_at: Timestamp(2), order: OrderId(7), reason: None });
    // Two that name it: what is said of it does not depend on which came first.
    let (one, other) = (replaced(5, &[]), replaced(4, &["voucher/rent-1"]));
    let expected = merged(&[&placed, &cancelled, &one, &other]);
    assert!(expected.replaced().is_some());
    for facts in [
        [&one, &other, &placed, &cancelled],
        [&other, &placed, &one, &cancelled],
        [&cancelled, &one, &placed, &other],
        [&other, &one, &one, &other],
    ] {
        assert_eq!(merged(&facts), expected);
    }
}

#[test]
fn the_same_parts_have_the_same_totals_whenever_they_are_decided_on() {
    let id = |fact: &Fact| match fact {
        Fact::DetailReplaced(fact) => fact.totals.to_string(),
        _ => String::new(),
    };
    assert_eq!(id(&replaced(4, &[])), id(&replaced(5, &[])));
    assert_ne!(id(&replaced(4, &[])), id(&replaced(4, &["voucher/rent-1"])));
    let key: PartKey = format!("totals/{}/postex", id(&replaced(4, &[]))).parse().unwrap();
    assert_eq!(key.to_string().parse(), Ok(key));
}
