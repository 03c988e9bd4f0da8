//! Statements as an accountant reads them: an account's movements and receivables by age as tables, and what must hold between
//! the statements for any journal.

#![expect(clippy::unwrap_used, reason = "a value that cannot be built fails its test")]

use std::collections::BTreeMap;

use ledger::statements::{
    AccountTotals, OpenItems, account_statement, balance_sheet, balances, profit_and_loss, trial,
};
use ledger::{
    Account, Currency, Day, Entry, EntryKey, GENESIS, Money, Posted, Reference, Timestamp, Total, Transaction,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn account(path: &str) -> Account {
    path.parse().unwrap()
}

/// What moved `rupees` from `credit` to `debit` on `day`, about `part`.
fn posted(number: u64, day: i32, part: &str, (debit, credit, rupees): (&str, &str, i64)) -> Posted {
    let amount = Money::new(rupees * 100, Currency::PKR);
    let entries = vec![Entry::debit(account(debit), amount), Entry::credit(account(credit), amount)];
    let (key, about) = (format!("{part}/{number}").try_into().unwrap(), Reference::try_from(part.to_owned()).unwrap());
    let transaction = Transaction::new(EntryKey::clone(&key), about.clone(), Day(day), entries).unwrap();
    Posted { number, part: about, recorded: Timestamp(0), reverses: None, previous: GENESIS, transaction }
}

fn reversal(number: u64, of: &Posted) -> Posted {
    Posted { number, reverses: Some(of.number), transaction: of.transaction.reversal(), ..of.clone() }
}

fn counting_on(day: i32, posted: Posted) -> Posted {
    Posted { transaction: posted.transaction.effective_on(Day(day)), ..posted }
}

fn totals<'a>(journal: impl IntoIterator<Item = &'a Posted>) -> AccountTotals {
    let mut totals = AccountTotals::new();
    for entry in journal.into_iter().flat_map(|posted| posted.transaction.entries()) {
        let total = totals.entry((entry.account.clone(), entry.amount.currency)).or_default();
        *total = total.checked_add(Total::of(entry)).unwrap();
    }
    totals
}

const COD: &str = "assets:cod-receivable:postex";
const BANK: &str = "assets:bank";
const SALES: &str = "income:sales";

#[test]
fn a_couriers_statement() {
    let before = [posted(1, 10, "parcel/a", (COD, SALES, 500))];
    let wrong = posted(3, 22, "parcel/c", (COD, SALES, 80));
    let period = [
        posted(2, 21, "parcel/b", (COD, SALES, 300)),
        wrong.clone(),
        reversal(4, &wrong),
        counting_on(23, posted(5, 12, "parcel/d", (COD, SALES, 40))),
        posted(6, 25, "parcel/a", (BANK, COD, 450)),
        posted(7, 25, "parcel/a", ("expenses:courier-fees", COD, 50)),
        posted(8, 26, "parcel/e", (BANK, SALES, 1_000)),
    ];
    let found = account_statement(&account("assets:cod-receivable"), &totals(&before), &period).unwrap();
    let found = &found[&Currency::PKR];
    let lines: Vec<String> = found
        .lines
        .iter()
        .map(|line| {
            let [debit, credit, balance] = [line.debit, line.credit, line.balance].map(|minor| minor / 100);
            let undoes = line.reverses.map_or(String::new(), |number| format!(" reverses {number}"));
            let (day, fact, about) = (line.effective.0, line.occurred.0, &line.about);
            format!("no. {}  day {day}  fact {fact}  {about}  {debit}  {credit}  {balance}{undoes}", line.number)
        })
        .collect();
    assert_eq!(
        lines,
        [
            "no. 2  day 21  fact 21  parcel/b  300  0  800",
            "no. 3  day 22  fact 22  parcel/c  80  0  880",
            "no. 4  day 22  fact 22  parcel/c  0  80  800 reverses 3",
            "no. 5  day 23  fact 12  parcel/d  40  0  840",
            "no. 6  day 25  fact 25  parcel/a  0  450  390",
            "no. 7  day 25  fact 25  parcel/a  0  50  340",
        ]
    );
    let sums = [found.opening, found.debits, found.credits, found.closing];
    assert_eq!(sums, [50_000, 42_000, 58_000, 34_000]);
    let sales = &account_statement(&account(SALES), &totals(&before), &period).unwrap()[&Currency::PKR];
    assert_eq!((sales.opening, sales.closing), (50_000, 184_000), "income grows on the credit side");
}

#[test]
fn receivables_by_age() {
    let wrong = posted(8, 60, "parcel/replaced", (COD, SALES, 999));
    let journal = [
        posted(1, 10, "parcel/old", (COD, SALES, 100)),
        posted(2, 39, "parcel/61", (COD, SALES, 61)),
        posted(3, 40, "parcel/60", (COD, SALES, 60)),
        posted(4, 70, "parcel/30", (COD, SALES, 30)),
        posted(5, 86, "parcel/14", (COD, SALES, 14)),
        posted(6, 93, "parcel/7", (COD, SALES, 7)),
        posted(7, 50, "parcel/paid", (COD, SALES, 500)),
        wrong.clone(),
        posted(9, 90, "parcel/paid", (BANK, COD, 500)),
        posted(10, 95, "parcel/old", (BANK, COD, 60)),
        reversal(11, &wrong),
        posted(12, 99, "parcel/replaced", (COD, SALES, 5)),
        posted(13, 88, "payout/unmatched", (BANK, COD, 3)),
    ];
    let mut items = OpenItems::default();
    for one in &journal {
        items.add(&account("assets:cod-receivable"), one).unwrap();
    }
    let found = items.aged(Day(100)).unwrap();
    let found = &found[&(account(COD), Currency::PKR)];
    let open: Vec<String> =
        found.items.iter().map(|item| format!("day {}  {}  {}", item.since.0, item.part, item.open / 100)).collect();
    assert_eq!(
        open,
        [
            "day 10  parcel/old  40",
            "day 39  parcel/61  61",
            "day 40  parcel/60  60",
            "day 70  parcel/30  30",
            "day 86  parcel/14  14",
            "day 88  payout/unmatched  -3",
            "day 93  parcel/7  7",
            "day 99  parcel/replaced  5",
        ]
    );
    let b = found.buckets;
    let buckets = [b.days_0_7, b.days_8_14, b.days_15_30, b.days_31_60, b.days_61_up].map(|minor| minor / 100);
    assert_eq!(buckets, [12, 11, 30, 60, 101]);
    let balance = balances(&account(COD), &totals(&journal)).unwrap();
    assert_eq!(found.total, balance[&Currency::PKR], "what is open is the account's balance");
}

fn journal() -> impl Strategy<Value = Vec<Posted>> {
    let paths = ["assets:bank", COD, "assets:cod-receivable:tcs", "liabilities:output-tax", "equity:opening"];
    let paths =
        [&paths[..], &[SALES, "income:shipping", "expenses:courier-fees:tcs", "expenses:courier-fees"]].concat();
    let one = (select(paths.clone()), select(paths), 1..1_000_000_i64, 0..60_i32, 0..9_u8);
    vec(one, 0..60).prop_map(|all| {
        let mut days: Vec<_> = all;
        days.sort_by_key(|(_, _, _, day, _)| *day);
        let transaction = |(index, (debit, credit, rupees, day, part)): (usize, (&str, &str, i64, i32, u8))| {
            posted(index as u64 + 1, day, &format!("parcel/{part}"), (debit, credit, rupees))
        };
        days.into_iter().enumerate().map(transaction).collect()
    })
}

/// What the journal says up to a day.
fn up_to(journal: &[Posted], day: i32) -> AccountTotals {
    totals(journal.iter().filter(|posted| posted.transaction.effective() <= Day(day)))
}

proptest! {
    #[test]
    fn a_periods_result_is_what_the_sheet_retains_more(journal in journal(), from in 0..60_i32, days in 0..60_i32) {
        let through = from + days;
        let period = totals(journal.iter().filter(|one| (from..=through).contains(&one.transaction.effective().0)));
        let result = profit_and_loss(&period).unwrap().get(&Currency::PKR).map_or(0, |profit| profit.result);
        let retained = |day| {
            let sheets: BTreeMap<_, _> = balance_sheet(&up_to(&journal, day)).unwrap();
            assert!(sheets.values().all(|sheet| sheet.holds));
            sheets.get(&Currency::PKR).map_or(0, |sheet| sheet.retained)
        };
        prop_assert_eq!(result, retained(through) - retained(from - 1));
    }

    #[test]
    fn a_statement_closes_at_the_balance_and_opens_at_the_one_before(
        journal in journal(),
        from in 0..60_i32,
        days in 0..60_i32,
        root in select(vec!["assets:cod-receivable", "assets:bank", "income:sales", "expenses:courier-fees"]),
    ) {
        let (root, through) = (account(root), from + days);
        let days = from..=through;
        let period: Vec<Posted> =
            journal.iter().filter(|one| days.contains(&one.transaction.effective().0)).cloned().collect();
        let found = account_statement(&root, &up_to(&journal, from - 1), &period).unwrap();
        let closing: BTreeMap<Currency, i64> = found.iter().map(|(currency, one)| (*currency, one.closing)).collect();
        prop_assert_eq!(closing, balances(&root, &up_to(&journal, through)).unwrap());
    }

    #[test]
    fn every_trial_balance_balances_and_ages_to_the_balance(journal in journal(), day in 0..60_i32) {
        let books = up_to(&journal, day);
        prop_assert!(trial(&books).unwrap().is_balanced());
        let (root, mut items) = (account("assets:cod-receivable"), OpenItems::default());
        for one in journal.iter().filter(|one| one.transaction.effective() <= Day(day)) {
            items.add(&root, one).unwrap();
        }
        let aged = items.aged(Day(day)).unwrap();
        let open: i64 = aged.values().map(|one| one.total).sum();
        let balance = balances(&root, &books).unwrap().get(&Currency::PKR).copied().unwrap_or(0);
        prop_assert_eq!(open, balance);
    }
}
