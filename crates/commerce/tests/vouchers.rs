//! What people enter: when a voucher stands in the books, that its facts merge in any order, and which days a calendar closes.

#![expect(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

use std::collections::BTreeMap;

use commerce::*;
use ledger::{
    Account, AccountRule, Admitted, Currency, Day, Earlier, Entry, Money, Refused, Standing, Timestamp, Undoes,
};

const PKR: Currency = Currency::PKR;

fn id<T: std::str::FromStr>(text: &str) -> T {
    text.parse().ok().unwrap()
}

fn account(path: &str) -> Account {
    path.parse().unwrap()
}

fn entries(debit: i64, credit: i64) -> Vec<Entry> {
    vec![
        Entry::debit(account("expenses:general"), Money::new(debit, PKR)),
        Entry::credit(account("assets:cash"), Money::new(credit, PKR)),
    ]
}

fn rent(at: i64, minor: i64) -> VoucherEntered {
    VoucherEntered {
        entered_at: Timestamp(at),
        voucher: id("rent-03"),
        kind: VoucherKind::Expense,
        day: Day(20_543),
        entries: entries(minor, minor),
        reverses: None,
        by: id("finance-2"),
        reason: id("office-rent"),
        attachments: vec![],
        needs_approval: true,
    }
}

fn approved(at: i64, by: &str) -> Fact {
    Fact::VoucherApproved(VoucherApproved { approved_at: Timestamp(at), voucher: id("rent-03"), by: id(by) })
}

fn withdrawn() -> Fact {
    let (by, reason) = (id("finance-2"), id("typing-error"));
    Fact::VoucherWithdrawn(VoucherWithdrawn { withdrawn_at: Timestamp(9), voucher: id("rent-03"), by, reason })
}

fn key() -> PartKey {
    PartKey::Voucher(id("rent-03"))
}

fn part(facts: &[Fact]) -> Part {
    let mut part = key().empty();
    for fact in facts {
        assert!(PartKey::of(fact).contains(&key()));
        part.merge(fact);
    }
    part
}

/// The journal as `key day debit account, credit account`, or why it is parked.
fn journal(facts: &[Fact]) -> Result<Vec<String>, String> {
    let part = part(facts);
    let case: Case<'_> = [(key(), &part)].into();
    let postings = postings(&case, &Policy::default(), &[]).map_err(|unpostable| unpostable.to_string())?;
    let lines = postings.into_values().flatten().map(|(key, transaction)| {
        let sides = transaction.entries().iter().map(|e| format!("{} {}", e.account, e.amount.minor));
        format!("{key} {} {}", transaction.effective(), sides.collect::<Vec<_>>().join(" / "))
    });
    Ok(lines.collect())
}

#[test]
fn a_voucher_stands_once_nothing_is_missing_to_it() {
    let (enter, free) =
        (Fact::VoucherEntered(rent(1, 4_500)), VoucherEntered { needs_approval: false, ..rent(1, 4_500) });
    let stands = vec!["voucher/rent-03/entered 2026-03-31 expenses:general 4500 / assets:cash 4500".to_owned()];
    for (given, journal_of_it) in [
        // entered, and nobody else is asked
        (vec![Fact::VoucherEntered(free.clone())], stands.clone()),
        // a second person is asked
        (vec![enter.clone()], vec![]),
        // whoever entered it does not count as one
        (vec![enter.clone(), approved(2, "finance-2")], vec![]),
        (vec![enter.clone(), approved(2, "finance-2"), approved(3, "owner")], stands.clone()),
        // withdrawn before or after
        (vec![enter.clone(), withdrawn()], vec![]),
        (vec![enter.clone(), approved(2, "owner"), withdrawn()], vec![]),
        // approved, but by people who spoke of what was never entered
        (vec![approved(2, "owner")], vec![]),
        // the first of one id stands
        (vec![Fact::VoucherEntered(free), Fact::VoucherEntered(rent(2, 99))], stands),
    ] {
        assert_eq!(journal(&given), Ok(journal_of_it), "{given:?}");
    }
    let broken = VoucherEntered { needs_approval: false, entries: entries(5, 4), ..rent(1, 5) };
    let parked = journal(&[Fact::VoucherEntered(broken)]).unwrap_err();
    assert_eq!(parked, "voucher/rent-03/entered: debits 5 and credits 4 of PKR differ");
}

/// Every order of a few facts.
fn orders(facts: &[Fact]) -> Vec<Vec<Fact>> {
    if facts.is_empty() {
        return vec![vec![]];
    }
    let with_first = |index: usize| {
        let mut rest = facts.to_vec();
        let first = rest.remove(index);
        orders(&rest).into_iter().map(move |tail| [vec![first.clone(), first.clone()], tail].concat())
    };
    (0..facts.len()).flat_map(with_first).collect()
}

#[test]
fn facts_merge_in_any_order_and_any_number_of_times() {
    let reversal = VoucherEntered { voucher: id("rent-03.reversed"), reverses: Some(id("rent-03")), ..rent(7, 45) };
    let facts = [
        Fact::VoucherEntered(rent(1, 4_500)),
        Fact::VoucherEntered(rent(1, 4_400)),
        Fact::VoucherEntered(reversal),
        approved(3, "owner"),
        approved(2, "owner"),
        withdrawn(),
    ];
    let once = part(&facts);
    for order in orders(&facts) {
        assert_eq!(part(&order), once);
    }
    let Part::Voucher(voucher) = once else { panic!("a voucher") };
    assert_eq!(
        voucher.entered.map(|entered| entered.entries),
        Some(entries(4_400, 4_400)),
        "the smaller of two at once"
    );
    assert_eq!(voucher.approvals[&id("owner")].approved_at, Timestamp(2));
    assert!(voucher.reversed_by.contains(&id("rent-03.reversed")));
}

#[test]
fn the_latest_decision_says_which_days_are_closed() {
    let close = |at, through| {
        let (by, reason) = (id("owner"), id("month-end"));
        Fact::PeriodClosed(PeriodClosed { decided_at: Timestamp(at), through: Day(through), by, reason })
    };
    let reopen = |at, through: Option<i32>| {
        let (by, reason) = (id("owner"), id("late-invoice"));
        Fact::PeriodReopened(PeriodReopened { decided_at: Timestamp(at), through: through.map(Day), by, reason })
    };
    for (facts, closed) in [
        (vec![], None),
        (vec![close(1, 31)], Some(Day(31))),
        (vec![close(1, 31), close(2, 59)], Some(Day(59))),
        (vec![close(2, 31), close(1, 59)], Some(Day(31))),
        (vec![close(1, 31), reopen(2, Some(10))], Some(Day(10))),
        (vec![close(1, 31), reopen(2, None)], None),
        (vec![close(1, 31), reopen(2, None), close(3, 40)], Some(Day(40))),
        // two at one instant: the one that closes more
        (vec![close(1, 31), reopen(1, None)], Some(Day(31))),
    ] {
        for order in orders(&facts) {
            let mut part = PartKey::Calendar.empty();
            for fact in &order {
                part.merge(fact);
            }
            let Part::Calendar(calendar) = part else { panic!("a calendar") };
            assert_eq!(calendar.closed_through(), closed, "{order:?}");
        }
    }
}

#[test]
fn a_merchants_accounts_are_the_charts_the_couriers_and_its_own() {
    let (chart, mut part) = (Chart::default(), PartKey::Accounts.empty());
    let opened = |at, currency, never_negative| {
        let (account, by) = (account("assets:petty-cash"), id("owner"));
        Fact::AccountOpened(AccountOpened { opened_at: Timestamp(at), account, currency, never_negative, by })
    };
    assert!(part.merge(&opened(2, Some(PKR), true)));
    assert!(!part.merge(&opened(1, None, false)), "an older word");
    let Part::Accounts(accounts) = part else { panic!("accounts") };
    let free = AccountRule::default();
    for (path, rule) in [
        ("assets:petty-cash", Some(AccountRule { currency: Some(PKR), never_negative: true, ..free })),
        ("assets:cash", Some(AccountRule { never_negative: true, ..free })),
        ("assets:bank", Some(free)),
        ("equity:opening-balances", Some(free)),
        ("liabilities:courier-payable:tcs", Some(free)),
        ("assets:cod-receivable:tcs", Some(AccountRule { control: true, ..free })),
        ("assets:cod-receivable:ali-raza", None),
        ("assets:cod-receivable", None),
        ("expenses:rent", None),
    ] {
        assert_eq!(accounts.rule(&chart, &account(path)), rule, "{path}");
    }
    assert_eq!(accounts.listed(&chart).len(), 29 + 3 + 1);
}

#[test]
fn the_limit_is_of_the_debits_of_one_currency() {
    let limits = ApprovalLimits::from([(PKR, 100)]);
    let needs = |entries: &[Entry]| needs_approval(entries, &limits);
    assert_eq!(needs(&entries(100, 100)), Ok(false));
    assert_eq!(needs(&entries(101, 101)), Ok(true));
    assert_eq!(needs(&[entries(60, 60), entries(41, 41)].concat()), Ok(true));
    let dollars = [Entry::debit(account("assets:bank"), Money::new(999, Currency::USD))];
    assert_eq!(needs(&dollars), Ok(false), "no limit, no second person");
    assert!(needs(&[entries(i64::MAX, 1), entries(1, 1)].concat()).is_err());
    for (minor, currency, above) in [(100, PKR, false), (101, PKR, true), (999, Currency::USD, false)] {
        assert_eq!(is_above_limit(Money::new(minor, currency), &limits), above, "{minor} {currency}");
    }
}

#[test]
fn a_proposal_says_what_its_id_and_what_it_reverses_stand_for() {
    let voucher = |facts: &[Fact], name: &str| {
        let mut part = PartKey::Voucher(id(name)).empty();
        for fact in facts {
            part.merge(fact);
        }
        match part {
            Part::Voucher(voucher) => (id::<VoucherId>(name), voucher),
            _ => panic!("a voucher"),
        }
    };
    let free = VoucherEntered { needs_approval: false, ..rent(1, 45) };
    let reversal = |name: &str| {
        let (voucher, reverses) = (id(name), Some(id("rent-03")));
        VoucherEntered { voucher, reverses, ..free.clone() }
    };
    let entered = |one: &VoucherEntered| Fact::VoucherEntered(one.clone());
    let known: BTreeMap<_, _> = [voucher(&[entered(&free)], "rent-03")].into();
    let again = VoucherEntered { entered_at: Timestamp(99), needs_approval: true, ..free.clone() };
    assert_eq!(propose(&again, &known).earlier, Earlier::Same);
    assert_eq!(propose(&VoucherEntered { day: Day(1), ..free.clone() }, &known).earlier, Earlier::Different);
    assert_eq!(propose(&free, &BTreeMap::new()).earlier, Earlier::Nothing);

    let first = reversal("a");
    assert_eq!(propose(&first, &known).undoes, Undoes::Standing);
    assert_eq!(propose(&first, &BTreeMap::new()).undoes, Undoes::Unknown);
    let waiting = [voucher(&[Fact::VoucherEntered(rent(1, 45))], "rent-03")].into();
    assert_eq!(propose(&first, &waiting).undoes, Undoes::Unknown, "it does not stand in the books");
    let both = [entered(&free), entered(&first)];
    let taken_back = BTreeMap::from([voucher(&both, "rent-03"), voucher(&both, "a")]);
    assert_eq!(propose(&reversal("b"), &taken_back).undoes, Undoes::Undone);
    let of_reversal = VoucherEntered { reverses: Some(id("a")), ..reversal("b") };
    assert_eq!(propose(&of_reversal, &taken_back).undoes, Undoes::Reversal);
    let gave_up =
        VoucherWithdrawn { withdrawn_at: Timestamp(3), voucher: id("a"), by: id("owner"), reason: id("oops") };
    let with_gave_up = [entered(&first), Fact::VoucherWithdrawn(gave_up)];
    let given_up = BTreeMap::from([voucher(&both, "rent-03"), voucher(&with_gave_up, "a")]);
    assert_eq!(propose(&reversal("b"), &given_up).undoes, Undoes::Standing, "that reversal was withdrawn");
    let nothing = Standing::default();
    assert_eq!(ledger::admit(&propose(&again, &known), &nothing), Ok(Admitted::Already));
    assert_eq!(ledger::admit(&propose(&free, &BTreeMap::new()), &nothing), Err(Refused::UnknownAccount { index: 0 }));
}
