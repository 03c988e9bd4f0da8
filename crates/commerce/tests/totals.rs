//! Totals are the sums of what they stand for, whatever that is; a part that totals stand for is a stub, in whatever order it and its
//! facts become known; and whatever totals are on the log, in whatever order, each part counts once.

#![expect(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use commerce::totals::{DetailReplaced, FoldedTo, Months, Replacing, by_month};
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
        let fact = DetailReplaced::of(parts, months, Day(18_992), Timestamp(9), None);
        let mut found = Sums::new();
        for (key, part) in fact.standing().into_iter().filter(|(key, _)| fact.keys().contains(key)) {
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

/// What each of the parts came to, in minor units: of their sum each can be told.
const AMOUNTS: [i64; 4] = [1, 100, 10_000, 1_000_000];

/// Totals of some of the parts, of which at least one is named; decided at `at`.
fn replaced(at: i64, named: u8, folded: Option<FoldedTo>) -> DetailReplaced {
    let is_named = |place: usize| named >> place & 1 == 1;
    let parts: BTreeSet<PartKey> =
        (0..PARTS.len()).filter(|place| is_named(*place)).map(|place| PARTS[place].parse().unwrap()).collect();
    let sum = (0..PARTS.len()).filter(|place| is_named(*place)).map(|place| AMOUNTS[place]).sum();
    let amount = Money::new(sum, Currency::PKR);
    let (debit, credit) = ("assets:bank".parse().unwrap(), "income:sales".parse().unwrap());
    let months =
        Months::from([((Day(17_986), None), vec![Entry::debit(debit, amount), Entry::credit(credit, amount)])]);
    DetailReplaced::of(parts, months, Day(18_992), Timestamp(at), folded)
}

/// What is told of the parts: totals for some of them, or that the order was cancelled.
#[derive(Debug, Clone)]
enum Told {
    Replaced(DetailReplaced),
    Cancelled(Timestamp),
}

fn told() -> impl Strategy<Value = Told> {
    let folded = prop_oneof![Just(None), (0..9_u64).prop_map(|order| Some(FoldedTo { order, ..FoldedTo::default() }))];
    prop_oneof![
        3 => (0..3_i64, 1..16_u8, folded).prop_map(|(at, named, folded)| Told::Replaced(replaced(at, named, folded))),
        1 => (1..9_i64).prop_map(|at| Told::Cancelled(Timestamp(at))),
    ]
}

type World = BTreeMap<PartKey, Part>;

fn fold(world: &mut World, told: &Told) -> Option<Replacing> {
    match told {
        Told::Replaced(fact) => {
            let replacing = fact.meets(|key| world.get(key));
            if replacing == Replacing::Now {
                world.extend(fact.standing());
            }
            Some(replacing)
        }
        Told::Cancelled(cancelled_at) => {
            let fact = OrderCancelled { cancelled_at: *cancelled_at, order: OrderId(7), reason: None };
            let key = PartKey::Order(OrderId(7));
            world.entry(key).or_insert_with_key(PartKey::empty).merge(&Fact::OrderCancelled(fact));
            None
        }
    }
}

fn folded<'a>(told: impl IntoIterator<Item = &'a Told>) -> World {
    let mut world = World::new();
    for one in told {
        fold(&mut world, one);
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_totals_are_on_the_log_each_part_counts_once(told in vec(told(), 0..12)) {
        let world = folded(&told);
        let totals = world.values().filter_map(|part| match part {
            Part::Totals(totals) => totals.replaced.as_ref(),
            _ => None,
        });
        let totals: Vec<&DetailReplaced> = totals.collect();
        let mut named = BTreeSet::new();
        for fact in &totals {
            for part in &fact.parts {
                prop_assert!(named.insert(part.clone()), "{part} is in two of the totals");
                let stub = world[part].replaced().map(|stub| (&stub.totals, stub.at, stub.folded));
                prop_assert_eq!(stub, Some((&fact.totals, fact.replaced_at, fact.folded)));
            }
        }
        let stubs = world.values().filter(|part| part.replaced().is_some()).count();
        prop_assert_eq!(stubs, named.len(), "a stub has totals that stand for it");
        let posted: i64 = world.iter().map(|(key, part)| {
            let journals = postings(&BTreeMap::from([(key.clone(), part)]), &Policy::default(), &[]).unwrap();
            let entries = journals.values().flat_map(|journal| journal.values()).flat_map(|one| one.entries().to_vec());
            entries.filter(|entry| entry.side == Side::Debit).map(|entry| entry.amount.minor).sum::<i64>()
        }).sum();
        let amount = |key: &PartKey| AMOUNTS[PARTS.iter().position(|part| *part == key.to_string()).unwrap()];
        prop_assert_eq!(posted, named.iter().map(amount).sum::<i64>());
    }

    /// The same again changes nothing, wherever it comes; and what is in other topics may come before, between or behind.
    #[test]
    fn repetitions_and_other_topics_do_not_matter(told in vec(told(), 0..12), again in vec((0..12_usize, 0..24_usize), 0..6)) {
        let world = folded(&told);
        let mut repeated: Vec<Told> = told.clone();
        for (which, behind) in again {
            if let Some(one) = told.get(which) {
                // Somewhere behind its first time.
                let first = repeated.iter().position(|other| format!("{other:?}") == format!("{one:?}")).unwrap();
                repeated.insert((first + 1 + behind).min(repeated.len()), one.clone());
            }
        }
        prop_assert_eq!(&folded(&repeated), &world);
        let (totals, others): (Vec<&Told>, Vec<&Told>) = told.iter().partition(|one| matches!(one, Told::Replaced(_)));
        prop_assert_eq!(&folded(totals.iter().chain(&others).copied()), &world);
        prop_assert_eq!(&folded(others.iter().chain(&totals).copied()), &world);
        // Declined is declined for good.
        let mut once = World::new();
        let first: Vec<_> = told.iter().map(|one| fold(&mut once, one)).collect();
        for (one, first) in told.iter().zip(first) {
            let expected = first.map(|first| if first == Replacing::Now { Replacing::Already } else { first });
            prop_assert_eq!(fold(&mut once, one), expected);
        }
    }
}

#[test]
fn nothing_is_merged_into_a_stub() {
    let placed =
        Fact::OrderPlaced(OrderPlaced { order: OrderId(7), name: None, placed_at: Timestamp(1), customer: None });
    let stub = replaced(5, 1, None).standing().remove(&PartKey::Order(OrderId(7))).unwrap();
    let mut part = stub.clone();
    assert!(!part.merge(&placed));
    assert_eq!(part, stub);
    assert!(part.replaced().is_some());
}

#[test]
fn of_totals_that_name_the_same_part_the_first_stand() {
    let (order, both, payout) = (replaced(5, 0b0001, None), replaced(4, 0b0011, None), replaced(4, 0b0100, None));
    let mut world = World::new();
    let mut fold = |fact: &DetailReplaced| fold(&mut world, &Told::Replaced(fact.clone())).unwrap();
    assert_eq!(fold(&order), Replacing::Now);
    assert_eq!(fold(&both), Replacing::Declined, "one of its parts has totals");
    assert_eq!(fold(&order), Replacing::Already);
    assert_eq!(fold(&replaced(6, 0b0001, None)), Replacing::Declined, "the same parts, decided on at another time");
    assert_eq!(fold(&payout), Replacing::Now, "nothing of it has totals");
    assert_eq!(fold(&both), Replacing::Declined, "as it was");
    let calendar = DetailReplaced::of([PartKey::Calendar].into(), Months::new(), Day(18_992), Timestamp(4), None);
    assert_eq!(fold(&calendar), Replacing::Declined, "nothing stands for a calendar");
}

#[test]
fn the_same_parts_have_the_same_totals_whenever_they_are_decided_on() {
    let id = |at, named| replaced(at, named, None).totals.to_string();
    assert_eq!(id(4, 1), id(5, 1));
    assert_ne!(id(4, 1), id(4, 3));
    let key: PartKey = format!("totals/{}/postex", id(4, 1)).parse().unwrap();
    assert_eq!(key.to_string().parse(), Ok(key));
}
