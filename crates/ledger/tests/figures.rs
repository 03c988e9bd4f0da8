//! What the ledger shows and adds up, in figures that a reader can check by hand.

#![expect(clippy::unwrap_used, reason = "the values are literals")]

use ledger::{
    Account, AccountError, Balances, BusinessZone, Currency, Day, Entry, EntryKey, GENESIS, Money, MoneyError,
    Reference, Timestamp, Total, Transaction, TrialBalance,
};

const RECEIVABLE: &str = "assets:cod-receivable:postex";
const SALES: &str = "income:sales";

fn account(path: &str) -> Account {
    path.parse().unwrap()
}

fn rupees(minor: i64) -> Money {
    Money::new(minor, Currency::PKR)
}

fn sale(minor: i64) -> [Entry; 2] {
    [Entry::debit(account(RECEIVABLE), rupees(minor)), Entry::credit(account(SALES), rupees(minor))]
}

fn transaction(day: Day, entries: impl Into<Vec<Entry>>) -> Transaction {
    let key = EntryKey::try_from("parcel/postex/111/delivered".to_owned()).unwrap();
    let about = Reference::try_from("order/1".to_owned()).unwrap();
    Transaction::new(key, about, day, entries.into()).unwrap()
}

#[test]
fn an_account_is_its_path() {
    let receivable = account(RECEIVABLE);
    assert_eq!(receivable.as_str(), RECEIVABLE);
    assert_eq!(receivable.to_string(), RECEIVABLE);
    assert_eq!(String::from(receivable), RECEIVABLE);
    let longest = format!("assets:{}", "a".repeat(113));
    assert_eq!((longest.len(), account(&longest).as_str()), (120, longest.as_str()));
    assert_eq!(format!("{longest}a").parse::<Account>(), Err(AccountError::BadSegment));
}

#[test]
fn values_print_as_a_person_reads_them() {
    assert_eq!(rupees(0).to_string(), "0.00 PKR");
    assert!(rupees(0).is_zero() && !rupees(-1).is_zero());
    assert_eq!(format!("{:?}", rupees(275_000)), "2750.00 PKR");
    assert_eq!(format!("{:?}", Currency::KWD), "KWD");
    assert_eq!(<[u8; 3]>::from(Currency::JPY), *b"JPY");
    assert_eq!(format!("{:?}", Day(20_543)), "2026-03-31");
    assert_eq!(Timestamp(1_774_958_400_000_000).to_string(), "2026-03-31T12:00:00Z");
    assert_eq!(BusinessZone::KARACHI.name(), "Asia/Karachi");
    let genesis = "0".repeat(64);
    assert_eq!((GENESIS.to_string(), format!("{GENESIS:?}")), (genesis.clone(), genesis));
    assert!(GENESIS.then(b"abc").to_string().starts_with(|digit: char| digit.is_ascii_hexdigit()));
}

#[test]
fn instants_before_the_calendar_read_as_its_first_days() {
    assert_eq!(Timestamp(i64::MIN).day(BusinessZone::UTC), Day(-586_579));
    assert_eq!(Day(-586_579).to_string(), "0364-01-02");
}

#[test]
fn a_promise_counts_apart_until_it_is_kept() {
    let promised = transaction(Day(1), sale(275_000).map(Entry::pending));
    let taken_back = sale(275_000).map(|entry| entry.pending().opposite());
    let kept = transaction(Day(3), [sale(275_000), taken_back].concat());
    let mut balances = Balances::default();
    balances.add(&promised).unwrap();
    let at = (account(RECEIVABLE), Currency::PKR, Day(1));
    let (_, total) = balances.iter().find(|(place, _)| **place == at).unwrap();
    assert_eq!((total.net(), total.pending()), (Ok(0), Ok(275_000)));
    assert_eq!(balances.iter().map(|(_, total)| total.pending().unwrap()).collect::<Vec<_>>(), [275_000, -275_000]);
    balances.add(&kept).unwrap();
    let sum = |path: &str| {
        let totals = balances.iter().filter(|((at, ..), _)| at.as_str() == path).map(|(_, total)| *total);
        totals.fold(Total::default(), |sum, more| sum.checked_add(more).unwrap())
    };
    let both = Total { debits: 275_000, credits: 0, pending_debits: 275_000, pending_credits: 275_000 };
    assert_eq!(sum(RECEIVABLE), both);
    assert_eq!((sum(SALES).net(), sum(SALES).pending()), (Ok(-275_000), Ok(0)));
}

#[test]
fn a_late_transaction_tells_both_its_days() {
    let late = transaction(Day(4), sale(100)).effective_on(Day(9));
    assert_eq!((late.occurred(), late.effective()), (Day(4), Day(9)));
    assert!(late.says_the_same(&transaction(Day(4), sale(100))));
    assert!(!late.says_the_same(&transaction(Day(9), sale(100))));
    let mut balances = Balances::default();
    balances.add(&late).unwrap();
    assert!(balances.iter().all(|((_, _, day), _)| *day == Day(9)));
}

#[test]
fn a_trial_balance_has_a_line_for_each_account_that_is_not_even() {
    let totals = [
        (account(SALES), Currency::PKR, Total::posted(0, 500)),
        (account(RECEIVABLE), Currency::PKR, Total::posted(700, 0)),
        (account(RECEIVABLE), Currency::PKR, Total::posted(0, 200)),
        (account("assets:bank"), Currency::PKR, Total::posted(40, 40)),
    ];
    let trial = TrialBalance::from_totals(totals).unwrap();
    let rows: Vec<_> = trial.rows.iter().map(|row| (row.account.as_str(), row.debit, row.credit)).collect();
    assert_eq!(rows, [(RECEIVABLE, 500, 0), (SALES, 0, 500)]);
    assert_eq!(trial.sums().unwrap().get(&Currency::PKR), Some(&Total::posted(500, 500)));
    assert!(trial.is_balanced());
    let off = TrialBalance::from_totals([(account(SALES), Currency::PKR, Total::posted(1, 0))]).unwrap();
    assert!(!off.is_balanced());
}

#[test]
fn no_total_wraps() {
    let most = Total::posted(i64::MAX, 0);
    assert_eq!(most.checked_add(Total::posted(1, 0)), Err(MoneyError::Overflow));
    let pending = Total { pending_credits: i64::MAX, ..Total::default() };
    assert_eq!(pending.checked_add(pending), Err(MoneyError::Overflow));
    assert_eq!(Total { pending_debits: -2, ..pending }.pending(), Err(MoneyError::Overflow));
    assert_eq!(Total { debits: -2, credits: i64::MAX, ..Total::default() }.net(), Err(MoneyError::Overflow));
}
