//! Facts merge: any order, any number of times, gives the same parts and the same books, and the books agree with
//! themselves. `PROPTEST_CASES` sets how many histories each property sees, `PROPTEST_RNG_SEED` repeats a run.

mod books;
mod histories;
mod voucher_histories;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

use books::{Books, Parts, cases, merge_all};
use commerce::{Case, Fact, Parcel, Part, PartKey, Policy, StandingReversals, Voucher};
use histories::history;
use ledger::{Balances, Change, EntryKey, Journal, Layer, Live, TrialBalance, diff};
use proptest::collection::SizeRange;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestCaseResult};
use voucher_histories::vouchers;

/// This many cases unless the environment says otherwise, with a seed that a failing run prints.
#[expect(clippy::print_stdout, reason = "the harness shows it when the property fails")]
fn config(cases: u32) -> ProptestConfig {
    let from_environment = ProptestConfig::default();
    let seed = match from_environment.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => RandomState::new().hash_one(0),
    };
    println!("PROPTEST_RNG_SEED={seed}");
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { from_environment.cases } else { cases };
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..from_environment }
}

/// Every order of the facts (Heap's algorithm).
fn each_permutation(
    facts: &mut [Fact],
    length: usize,
    check: &mut impl FnMut(&[Fact]) -> TestCaseResult,
) -> TestCaseResult {
    if length <= 1 {
        return check(facts);
    }
    for index in 0..length {
        each_permutation(facts, length - 1, check)?;
        facts.swap(if length.is_multiple_of(2) { index } else { 0 }, length - 1);
    }
    Ok(())
}

/// A history, and the same facts shuffled with some of them told twice.
fn retold(size: impl Into<SizeRange>) -> impl Strategy<Value = (Vec<Fact>, Vec<Fact>)> {
    shuffled(history(size))
}

fn shuffled(facts: impl Strategy<Value = Vec<Fact>>) -> impl Strategy<Value = (Vec<Fact>, Vec<Fact>)> {
    facts.prop_flat_map(|facts| {
        let repeats = proptest::sample::subsequence(facts.clone(), 0..=facts.len());
        let twice = repeats.prop_map({
            let facts = facts.clone();
            move |repeats| [facts.clone(), repeats].concat()
        });
        (Just(facts), twice.prop_shuffle())
    })
}

fn posted(journal: &Journal) -> BTreeMap<EntryKey, Live> {
    let live = |(number, (key, transaction)): (u64, (&EntryKey, &ledger::Transaction))| {
        (key.clone(), Live { number, transaction: transaction.clone() })
    };
    (1..).zip(journal).map(live).collect()
}

fn is_balanced(balances: &Balances) -> bool {
    let totals = balances.iter().map(|((account, currency, _), total)| (account.clone(), *currency, *total));
    TrialBalance::from_totals(totals).is_ok_and(|trial| trial.is_balanced())
}

/// What is promised and neither kept nor voided, by account.
fn pending(journal: &Journal) -> BTreeMap<String, i64> {
    let mut nets = BTreeMap::new();
    let entries = journal.values().flat_map(|transaction| transaction.entries());
    for entry in entries.filter(|entry| entry.layer == Layer::Pending) {
        let sign = if entry.side == ledger::Side::Debit { 1 } else { -1 };
        *nets.entry(entry.account.to_string()).or_default() += sign * entry.amount.minor;
    }
    nets
}

fn has_ended(parcel: &Parcel) -> bool {
    parcel.delivered_at().is_some() || parcel.state().is_nothing()
}

/// Policies that differ in everything that decides an amount.
#[expect(clippy::expect_used, reason = "the text is a policy, whatever is chosen")]
fn policies() -> impl Strategy<Value = Policy> {
    let rates = || proptest::sample::select(vec!["[]", r#"[{"from":"2026-03-05","basis_points":200}]"#]);
    let kept = proptest::sample::select(vec![
        ("delivery", "moving-average"),
        ("delivery", "fifo"),
        ("fulfilment", "moving-average"),
        ("fulfilment", "fifo"),
    ]);
    (kept, rates(), rates(), rates(), any::<bool>()).prop_map(|((sold, costing), output, income, sales, included)| {
        let text = format!(
            r#"{{"recognition":"{sold}","costing":"{costing}","prices_include_tax":{included},"output_tax":{output},
                "withholding":{{"income_tax":{income},"sales_tax":{sales}}}}}"#
        );
        serde_json::from_str(&text).expect("a policy")
    })
}

/// What is left of an order's deposits once all of it was sold.
fn deposits_left(case: &Case<'_>) -> i64 {
    let Ok(postings) = commerce::postings(case, &Policy::default(), &[]) else { return 0 };
    let journal: Journal = postings.into_values().flatten().collect();
    let is_sale = |key: &EntryKey| key.as_str().ends_with("/sold") || key.as_str().ends_with("/delivered");
    if !journal.keys().any(is_sale) {
        return 0;
    }
    let entries = journal.values().flat_map(|transaction| transaction.entries());
    let deposits = entries.filter(|entry| entry.account.as_str() == "liabilities:customer-deposits");
    deposits.map(|e| if e.side == ledger::Side::Credit { e.amount.minor } else { -e.amount.minor }).sum()
}

proptest! {
    #![proptest_config(config(100))]

    #[test]
    fn every_permutation_gives_the_same_books(facts in history(1..=6)) {
        let parts = merge_all(&facts);
        let books = Books::of(&parts);
        let check = &mut |permuted: &[Fact]| {
            let again = merge_all(permuted);
            prop_assert_eq!(&again, &parts);
            prop_assert_eq!(&Books::of(&again), &books);
            Ok(())
        };
        each_permutation(&mut facts.clone(), facts.len(), check)?;
    }
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn shuffled_and_repeated_facts_give_the_same_books((facts, retold) in retold(20..=20), policy in policies()) {
        let (parts, again) = (merge_all(&facts), merge_all(&retold));
        prop_assert_eq!(&again, &parts);
        prop_assert_eq!(Books::under(&policy, &again), Books::under(&policy, &parts));
    }
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn merging_says_whether_anything_changed(facts in history(1..=40)) {
        let mut parts = Parts::new();
        for fact in &facts {
            for key in PartKey::of(fact) {
                let part = parts.entry(key).or_insert_with_key(PartKey::empty);
                let before = part.clone();
                let changed = part.merge(fact);
                prop_assert_eq!(changed, *part != before, "{:?}", fact);
                let once = part.clone();
                prop_assert!(!part.merge(fact), "a fact that is known changes nothing: {fact:?}");
                prop_assert_eq!(&*part, &once);
            }
        }
        for fact in &facts {
            for key in PartKey::of(fact) {
                let part = parts.get_mut(&key).unwrap();
                prop_assert!(!part.merge(fact), "a late repeat changes nothing: {fact:?}");
            }
        }
    }

    #[test]
    fn a_stored_part_is_the_same_part(facts in history(1..=40)) {
        for part in merge_all(&facts).into_values() {
            let stored = postcard::to_stdvec(&part).unwrap();
            prop_assert_eq!(postcard::from_bytes::<Part>(&stored).unwrap(), part);
        }
    }

    #[test]
    fn a_stored_part_merges_on(facts in history(1..=40), cut in 0..40_usize) {
        let (before, after) = facts.split_at(cut.min(facts.len()));
        let stored = |part: &Part| postcard::from_bytes::<Part>(&postcard::to_stdvec(part).unwrap()).unwrap();
        let mut parts: Parts = merge_all(before).iter().map(|(key, part)| (key.clone(), stored(part))).collect();
        for fact in after {
            for key in PartKey::of(fact) {
                parts.entry(key).or_insert_with_key(PartKey::empty).merge(fact);
            }
        }
        prop_assert_eq!(parts, merge_all(&facts));
    }

    #[test]
    fn every_part_is_in_exactly_one_case(facts in history(1..=40)) {
        let parts = merge_all(&facts);
        let mut in_cases: Vec<PartKey> = cases(&parts).iter().flat_map(|case| case.keys().cloned()).collect();
        in_cases.sort();
        prop_assert_eq!(in_cases, parts.keys().cloned().collect::<Vec<_>>());
    }

    #[test]
    fn postings_stay_with_their_part(facts in history(1..=40)) {
        let parts = merge_all(&facts);
        for case in cases(&parts) {
            let Ok(postings) = commerce::postings(&case, &Policy::default(), &[]) else { continue };
            prop_assert!(postings.keys().eq(case.keys()));
            for (part, journal) in &postings {
                let prefix = format!("{part}/");
                for (key, transaction) in journal {
                    prop_assert_eq!(key, transaction.key());
                    prop_assert!(key.as_str().starts_with(&prefix));
                }
            }
        }
    }

    #[test]
    fn debits_equal_credits(facts in history(1..=40)) {
        let books = Books::of(&merge_all(&facts));
        prop_assert!(is_balanced(&books.balances()));
    }

    #[test]
    fn the_sub_ledger_is_the_ledgers_receivable(facts in history(1..=40)) {
        let books = Books::of(&merge_all(&facts));
        prop_assert_eq!(books.held_by_sub_ledger(), books.held_by_ledger());
        for cash in &books.cash {
            prop_assert_eq!(cash.expected, cash.remitted + cash.fees + cash.written_off + cash.outstanding, "{:?}", cash);
        }
    }

    #[test]
    fn nothing_stays_promised_of_a_parcel_at_its_end(facts in history(1..=40)) {
        let parts = merge_all(&facts);
        for case in cases(&parts) {
            let Ok(postings) = commerce::postings(&case, &Policy::default(), &[]) else { continue };
            for (key, part) in &case {
                let Part::Parcel(parcel) = part else { continue };
                let promised = pending(&postings[key]);
                prop_assert!(!has_ended(parcel) || promised.values().all(|net| *net == 0), "{key}: {promised:?}");
            }
        }
    }

    #[test]
    fn every_policy_balances_and_agrees(facts in history(1..=40), policy in policies()) {
        let books = Books::under(&policy, &merge_all(&facts));
        prop_assert!(is_balanced(&books.balances()));
        prop_assert_eq!(books.held_by_sub_ledger(), books.held_by_ledger());
        prop_assert_eq!(books.stock_by_cards(), books.stock_by_ledger());
    }

    #[test]
    fn nothing_is_left_of_deposits_once_it_is_sold(facts in history(1..=40)) {
        for case in cases(&merge_all(&facts)) {
            prop_assert_eq!(deposits_left(&case), 0, "{:?}", case);
        }
    }

    #[test]
    fn the_difference_leads_from_any_books_to_any_books(earlier in history(1..=20), later in history(1..=20)) {
        let before = Books::of(&merge_all(&earlier));
        let after = Books::of(&merge_all(earlier.iter().chain(&later)));
        let (mut live, mut balances) = (posted(&before.journal), before.balances());
        for change in diff(&after.journal, &live) {
            match change {
                Change::Reverse { number, reversal } => {
                    prop_assert_eq!(live.remove(reversal.key()).map(|l| l.number), Some(number));
                    balances.add(&reversal).unwrap();
                }
                Change::Post(transaction) => {
                    balances.add(&transaction).unwrap();
                    let replaced = live.insert(transaction.key().clone(), Live { number: 0, transaction });
                    prop_assert!(replaced.is_none(), "what stands is reversed before it is replaced");
                }
            }
        }
        let stands: Journal = live.iter().map(|(key, live)| (key.clone(), live.transaction.clone())).collect();
        prop_assert_eq!(&stands, &after.journal);
        prop_assert_eq!(diff(&after.journal, &live), vec![]);
        prop_assert_eq!(balances.nets().unwrap(), after.balances().nets().unwrap());
        prop_assert!(is_balanced(&balances));
    }

    #[test]
    fn a_reversal_leaves_nothing_on_any_day(facts in history(1..=40)) {
        let journal = Books::of(&merge_all(&facts)).journal;
        let mut balances = Balances::default();
        for transaction in journal.values() {
            balances.add(transaction).unwrap();
            balances.add(&transaction.reversal()).unwrap();
            prop_assert_eq!(&transaction.reversal().reversal(), transaction);
        }
        prop_assert!(balances.nets().unwrap().is_empty());
    }
}

proptest! {
    #![proptest_config(config(10_000))]

    #[test]
    fn ten_thousand_retold_histories_give_the_same_balances((facts, retold) in retold(1..=30)) {
        let nets = |facts: &[Fact]| Books::of(&merge_all(facts)).balances().nets().unwrap();
        prop_assert_eq!(nets(&retold), nets(&facts));
    }
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn what_people_enter_gives_the_same_books_in_any_order((facts, retold) in shuffled(vouchers())) {
        let (parts, again) = (merge_all(&facts), merge_all(&retold));
        prop_assert_eq!(&again, &parts);
        let books = Books::of(&parts);
        prop_assert_eq!(&Books::of(&again), &books);
        let mut reversed = BTreeSet::new();
        for (key, part) in &parts {
            let posted = books.journal.keys().any(|posted| posted.as_str() == format!("{key}/entered"));
            if let Some(taken_back) = part.voucher().and_then(Voucher::reverses).filter(|_| posted) {
                prop_assert!(reversed.insert(taken_back.clone()), "{taken_back} is taken back twice");
            }
        }
    }

    #[test]
    fn merging_vouchers_says_whether_anything_changed(facts in vouchers()) {
        let mut parts = Parts::new();
        for fact in facts.iter().chain(&facts) {
            for key in PartKey::of(fact) {
                let part = parts.entry(key).or_insert_with_key(PartKey::empty);
                let before = part.clone();
                prop_assert_eq!(part.merge(fact), *part != before, "{:?}", fact);
            }
        }
        for part in parts.into_values() {
            prop_assert_eq!(postcard::from_bytes::<Part>(&postcard::to_stdvec(&part).unwrap()).unwrap(), part);
        }
    }
}

/// What the properties of vouchers are about happens in their histories.
#[test]
fn the_voucher_histories_are_eventful() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..300 {
        let parts = merge_all(&vouchers().new_tree(&mut runner).unwrap().current());
        let reversals = StandingReversals::among(parts.values().filter_map(Part::voucher));
        for voucher in parts.values().filter_map(Part::voucher) {
            *seen.entry(format!("{:?}", voucher.state(&reversals))).or_default() += 1;
            for (_, discounted) in voucher.judged_approvals() {
                *seen.entry(format!("{discounted:?}")).or_default() += 1;
            }
        }
    }
    for word in ["Some(Waiting)", "Some(Posted)", "Some(Withdrawn)", "Some(Declined)", "None"] {
        assert!(seen.get(word).is_some_and(|times| *times > 20), "{word}: {seen:?}");
    }
    for word in ["Some(OwnVoucher)", "Some(OtherContent)"] {
        assert!(seen.get(word).is_some_and(|times| *times > 20), "{word}: {seen:?}");
    }
}

/// The properties above would hold of histories in which nothing happens. Here much does.
#[test]
fn the_histories_are_eventful() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..1_800 {
        let facts = history(1..=40).new_tree(&mut runner).unwrap().current();
        let books = Books::of(&merge_all(&facts));
        let named = ["written-off", "chargeback"];
        let word = |key: &str| named.into_iter().find(|w| key.contains(&format!("/{w}/")) && !key.ends_with("/won"));
        let last = |key: &EntryKey| key.as_str().rsplit('/').next().unwrap_or_default().to_owned();
        let posted = books.journal.keys().map(|key| word(key.as_str()).map_or_else(|| last(key), str::to_owned));
        for word in posted.chain(books.cash.iter().map(|cash| format!("{:?}", cash.state))) {
            *seen.entry(word).or_default() += 1;
        }
        *seen.entry("parked".to_owned()).or_default() += books.parked.len();
    }
    for word in [
        "captured",
        "sold",
        "paid",
        "delivered",
        "taken-back",
        "upfront",
        "reserve",
        "fees",
        "banked",
        "promised",
        "voided",
        "written-off",
        "chargeback",
        "won",
        "in",
        "issued",
        "returned",
        "lost",
        "parked",
        "None",
        "Expected",
        "Collected",
        "PartlyRemitted",
        "Remitted",
        "Returned",
    ] {
        assert!(seen.get(word).is_some_and(|times| *times >= 5), "{word} in {seen:?}");
    }
}
