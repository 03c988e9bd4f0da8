//! Every refusal has a row, in the order of the checks. Each row is wrong in its own way and in every later one that it can
//! be, so the order is tested too.

use super::*;
use crate::{Money, Side};

const PKR: Currency = Currency::PKR;
const USD: Currency = Currency::USD;

fn account(path: &str) -> Account {
    path.parse().unwrap()
}

fn entry((path, side, minor, currency): (&str, Side, i64, Currency)) -> Entry {
    let amount = Money::new(minor, currency);
    match side {
        Side::Debit => Entry::debit(account(path), amount),
        Side::Credit => Entry::credit(account(path), amount),
    }
}

/// Rs 500.00 in the till, a bank account for dollars, no overdraft of the deposits, and days closed up to 100.
fn standing() -> Standing {
    let (free, guarded) = (AccountRule::default(), AccountRule { never_negative: true, ..AccountRule::default() });
    let accounts = [
        ("assets:cash", guarded),
        ("liabilities:vault", guarded),
        ("expenses:general", free),
        ("assets:bank", free),
        ("assets:bank-usd", AccountRule { currency: Some(USD), ..free }),
        ("assets:cod-receivable:postex", AccountRule { control: true, ..free }),
    ];
    Standing {
        tenant_closed: false,
        closed_through: Some(Day(100)),
        accounts: accounts.map(|(path, rule)| (account(path), rule)).into(),
        balances: [
            ((account("assets:cash"), PKR), 50_000),
            ((account("liabilities:vault"), PKR), -700),
            ((account("assets:bank"), USD), i64::MAX - 10),
        ]
        .into(),
    }
}

/// Account, side, minor units and currency.
type Line = (&'static str, Side, i64, Currency);

#[test]
fn every_refusal_has_a_row_in_order() {
    use Side::{Credit, Debit};
    let (much, unknown, cod) = (Money::LARGEST + 1, "assets:unknown", "assets:cod-receivable:postex");
    let expense = |minor| [("expenses:general", Debit, minor, PKR), ("assets:cash", Credit, minor, PKR)];
    let (bad_day, bad_key) = (Day(100), Earlier::Different);
    let rows: Vec<(Vec<Line>, Refused)> = vec![
        (vec![(unknown, Debit, 0, PKR)], Refused::TooFewEntries),
        (
            vec![("assets:cash", Debit, much, USD), (unknown, Credit, -5, PKR), (cod, Credit, 0, PKR)],
            Refused::AmountNotPositive { index: 1 },
        ),
        (
            vec![(cod, Debit, much, PKR), ("assets:bank-usd", Credit, 5, PKR), (unknown, Credit, 1, PKR)],
            Refused::UnknownAccount { index: 2 },
        ),
        (vec![("assets:bank-usd", Debit, much, PKR), (cod, Credit, 5, PKR)], Refused::ControlAccount { index: 1 }),
        (
            vec![("assets:cash", Credit, much, PKR), ("assets:bank-usd", Debit, 5, PKR)],
            Refused::WrongCurrency { index: 1 },
        ),
        (
            vec![("assets:cash", Credit, 900_000, PKR), ("assets:bank", Debit, much, PKR)],
            Refused::Overflow { index: 1 },
        ),
        (vec![("assets:cash", Credit, 900_000, PKR), ("assets:bank", Debit, 11, USD)], Refused::Overflow { index: 1 }),
        (
            vec![("assets:cash", Credit, 900_000, PKR), ("assets:bank", Debit, 899_999, PKR)],
            Refused::EntriesDoNotBalance { currency: PKR, debits: 899_999, credits: 900_000 },
        ),
    ];
    for (entries, refused) in rows {
        let entries: Vec<Entry> = entries.iter().copied().map(entry).collect();
        let proposal = Proposal { day: bad_day, entries: &entries, earlier: bad_key, undoes: Undoes::Unknown };
        assert_eq!(admit(&proposal, &standing()), Err(refused), "{}", refused.name());
        let closed = Standing { tenant_closed: true, ..standing() };
        assert_eq!(admit(&proposal, &closed), Err(Refused::TenantClosed));
    }
    let closed_period = Refused::ClosedPeriod { day: bad_day, closed_through: Day(100) };
    for (minor, day, earlier, undoes, answer) in [
        (50_001, bad_day, bad_key, Undoes::Reversal, Err(Refused::WouldGoNegative { index: 1 })),
        (50_000, bad_day, bad_key, Undoes::Reversal, Err(closed_period)),
        (50_000, Day(101), bad_key, Undoes::Reversal, Err(Refused::DuplicateKey)),
        (50_000, Day(101), Earlier::Nothing, Undoes::Reversal, Err(Refused::ReversalOfReversal)),
        (50_000, Day(101), Earlier::Nothing, Undoes::Unknown, Err(Refused::UnknownReversed)),
        (50_000, Day(101), Earlier::Nothing, Undoes::Undone, Err(Refused::AlreadyReversed)),
        (50_000, Day(101), Earlier::Nothing, Undoes::Standing, Ok(Admitted::New)),
        (50_000, Day(101), Earlier::Nothing, Undoes::Nothing, Ok(Admitted::New)),
        (50_001, bad_day, Earlier::Same, Undoes::Undone, Ok(Admitted::Already)),
    ] {
        let entries: Vec<Entry> = expense(minor).into_iter().map(entry).collect();
        let proposal = Proposal { day, entries: &entries, earlier, undoes };
        assert_eq!(admit(&proposal, &standing()), answer);
    }
}

#[test]
fn a_guarded_account_may_be_filled_and_is_seen_from_its_normal_side() {
    use Side::{Credit, Debit};
    let check = |given: [(&str, Side, i64, Currency); 2], before: i64| {
        let entries = given.map(entry);
        let proposal =
            Proposal { day: Day(101), entries: &entries, earlier: Earlier::Nothing, undoes: Undoes::Nothing };
        let mut standing = standing();
        standing.balances.insert((account("assets:cash"), PKR), before);
        admit(&proposal, &standing)
    };
    // What is below zero already may be filled up, though it stays below.
    assert_eq!(check([("assets:cash", Debit, 5, PKR), ("assets:bank", Credit, 5, PKR)], -50), Ok(Admitted::New));
    let other_currency = [("assets:cash", Credit, 5, USD), ("expenses:general", Debit, 5, USD)];
    assert_eq!(check(other_currency, 50), Err(Refused::WouldGoNegative { index: 0 }));
    let credit_side = |minor| [("liabilities:vault", Debit, minor, PKR), ("assets:bank", Credit, minor, PKR)];
    assert_eq!(check(credit_side(700), 0), Ok(Admitted::New));
    assert_eq!(check(credit_side(701), 0), Err(Refused::WouldGoNegative { index: 0 }));
    let overflow = Refused::Overflow { index: 1 };
    assert_eq!((overflow.index(), overflow.name()), (Some(1), "overflow"));
    assert_eq!(Refused::DuplicateKey.index(), None);
}
