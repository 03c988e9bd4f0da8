//! What people enter: when a voucher stands in the books, that its facts merge in any order, and which days a calendar
//! closes.

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

/// An approval of whatever stands under the id.
fn approved(at: i64, by: &str) -> Fact {
    approved_as(at, by, None)
}

/// An approval of this content, or of whatever stands under the id.
fn approved_as(at: i64, by: &str, seen: Option<&VoucherEntered>) -> Fact {
    let (approved_at, digest) = (Timestamp(at), seen.map(VoucherEntered::digest));
    Fact::VoucherApproved(VoucherApproved { approved_at, voucher: id("rent-03"), by: id(by), digest })
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
        // what was approved is what stands
        (vec![enter.clone(), approved_as(2, "owner", Some(&rent(1, 4_500)))], stands.clone()),
        // something else was approved: another amount, or the same entered at another instant
        (vec![enter.clone(), approved_as(2, "owner", Some(&rent(1, 4_400)))], vec![]),
        (vec![enter.clone(), approved_as(2, "owner", Some(&rent(2, 4_500)))], vec![]),
        (vec![enter.clone(), approved_as(2, "owner", Some(&rent(2, 4_500))), approved(3, "auditor")], stands.clone()),
        // and then what stands, by the same person
        (
            vec![
                enter.clone(),
                approved_as(2, "owner", Some(&rent(2, 4_500))),
                approved_as(3, "owner", Some(&rent(1, 4_500))),
            ],
            stands.clone(),
        ),
        // it was approved, and then a smaller one under its id took its place
        (
            vec![
                Fact::VoucherEntered(rent(2, 99)),
                approved_as(3, "owner", Some(&rent(2, 99))),
                Fact::VoucherEntered(rent(1, 4_500)),
            ],
            vec![],
        ),
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
        approved_as(3, "owner", Some(&rent(1, 4_400))),
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
    assert_eq!(voucher.approvals[&(id("owner"), None)].approved_at, Timestamp(2));
    assert_eq!(voucher.approvals[&(id("owner"), Some(rent(1, 4_400).digest()))].approved_at, Timestamp(3));
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
    // Two that wait: neither stands in the other's way, and a third is not entered beside them.
    let [one, other] = ["a", "b"].map(|name| VoucherEntered { needs_approval: true, ..reversal(name) });
    let all = [entered(&free), entered(&one), entered(&other)];
    let both_wait = BTreeMap::from(["rent-03", "a", "b"].map(|name| voucher(&all, name)));
    assert_eq!([&one, &other].map(|one| propose_approval(one, &both_wait).undoes), [Undoes::Standing; 2]);
    assert_eq!(propose(&reversal("c"), &both_wait).undoes, Undoes::Undone);
    let (approved_at, by) = (Timestamp(4), id("owner"));
    let approved = Fact::VoucherApproved(VoucherApproved { approved_at, voucher: id("b"), by, digest: None });
    let mut one_stands = both_wait.clone();
    one_stands.extend([voucher(&[all[2].clone(), approved], "b")]);
    assert_eq!(propose_approval(&one, &one_stands).undoes, Undoes::Undone, "the other has taken it back meanwhile");
    assert_eq!(propose_approval(&other, &one_stands).undoes, Undoes::Standing);
    let nothing = Standing::default();
    assert_eq!(ledger::admit(&propose(&again, &known), &nothing), Ok(Admitted::Already));
    assert_eq!(ledger::admit(&propose(&free, &BTreeMap::new()), &nothing), Err(Refused::UnknownAccount { index: 0 }));
}

#[test]
fn a_digest_binds_every_field() {
    let body = rent(1, 4_500);
    let other = |change: &dyn Fn(&mut VoucherEntered)| {
        let mut other = body.clone();
        change(&mut other);
        other.digest()
    };
    let digests = [
        body.digest(),
        other(&|body| body.entered_at = Timestamp(2)),
        other(&|body| body.voucher = id("rent-04")),
        other(&|body| body.kind = VoucherKind::Claim),
        other(&|body| body.day = Day(-1)),
        other(&|body| body.entries = entries(4_500, 4_501)),
        other(&|body| body.entries.reverse()),
        other(&|body| body.entries[0].account = account("expenses:rent")),
        other(&|body| body.entries[0].amount.currency = Currency::USD),
        other(&|body| body.entries[0].layer = ledger::Layer::Pending),
        other(&|body| body.entries[0].side = ledger::Side::Credit),
        other(&|body| body.reverses = Some(id("rent-02"))),
        other(&|body| body.by = id("owner")),
        other(&|body| body.reason = id("office-fuel")),
        other(&|body| body.attachments = vec!["scan-1".to_owned().try_into().unwrap()]),
        other(&|body| body.needs_approval = false),
    ];
    let different: std::collections::BTreeSet<_> = digests.iter().collect();
    assert_eq!(different.len(), digests.len());
    let text = body.digest().to_string();
    assert_eq!(text.parse(), Ok(body.digest()));
    for wrong in [&text.to_uppercase(), &text[1..], &format!("{text}00"), "", &text.replace(&text[..1], "g")] {
        assert!(wrong.parse::<VoucherDigest>().is_err(), "{wrong}");
    }
}

#[test]
fn an_approval_says_why_it_does_not_count() {
    let facts = [
        Fact::VoucherEntered(rent(1, 4_500)),
        approved_as(2, "finance-2", Some(&rent(1, 4_500))),
        approved_as(2, "owner", Some(&rent(1, 4_400))),
        approved_as(3, "auditor", Some(&rent(1, 4_500))),
        approved(3, "chair"),
    ];
    let Part::Voucher(voucher) = part(&facts) else { panic!("a voucher") };
    let judged: Vec<_> = voucher.judged_approvals().map(|(one, why)| (one.by.as_str().to_owned(), why)).collect();
    assert_eq!(
        judged,
        [
            ("auditor".to_owned(), None),
            ("chair".to_owned(), None),
            ("finance-2".to_owned(), Some(Discounted::OwnVoucher)),
            ("owner".to_owned(), Some(Discounted::OtherContent)),
        ]
    );
    let Part::Voucher(unheard) = part(&facts[1..]) else { panic!("a voucher") };
    assert_eq!(unheard.judged_approvals().count(), 0, "nothing stands under the id yet");
}

/// A reversal of `rent-03`.
fn back(name: &str, at: i64) -> VoucherEntered {
    let (voucher, reverses) = (id(name), Some(id("rent-03")));
    VoucherEntered { voucher, reverses, needs_approval: false, entries: entries(45, 45), ..rent(at, 45) }
}

#[test]
fn a_reversal_names_in_the_journal_what_it_reverses() {
    let key = PartKey::Voucher(id("r"));
    let mut part = key.empty();
    part.merge(&Fact::VoucherEntered(back("r", 2)));
    let posted = postings(&[(key.clone(), &part)].into(), &Policy::default(), &[]).unwrap();
    let keys: Vec<&str> = posted[&key].keys().map(|key| key.as_str()).collect();
    assert_eq!(keys, ["voucher/r/reverses/rent-03"]);
}

#[test]
fn of_several_reversals_of_one_voucher_the_first_stands() {
    use VoucherState::{Declined, Posted, Waiting, Withdrawn};
    let enter = |entered: VoucherEntered| Fact::VoucherEntered(entered);
    let waits = |name, at| VoucherEntered { needs_approval: true, ..back(name, at) };
    let gave_up = |name: &str| {
        let (voucher, by, reason) = (id(name), id("owner"), id("oops"));
        Fact::VoucherWithdrawn(VoucherWithdrawn { withdrawn_at: Timestamp(9), voucher, by, reason })
    };
    let of_other = VoucherEntered { reverses: Some(id("fuel-01")), ..back("a", 0) };
    for (facts, states) in [
        (vec![enter(back("a", 5))], vec![("a", Posted)]),
        // at one instant the smaller id; else the earlier, whatever its id
        (vec![enter(back("a", 5)), enter(back("b", 5))], vec![("a", Posted), ("b", Declined)]),
        (vec![enter(back("a", 5)), enter(back("b", 4))], vec![("a", Declined), ("b", Posted)]),
        // one that waits, or that was withdrawn, does not stand in the way
        (vec![enter(waits("a", 5)), enter(back("b", 6))], vec![("a", Waiting), ("b", Posted)]),
        (vec![enter(back("a", 5)), enter(back("b", 6)), gave_up("a")], vec![("a", Withdrawn), ("b", Posted)]),
        // one that was entered anew as the reversal of something else neither
        (vec![enter(back("a", 5)), enter(back("b", 6)), enter(of_other)], vec![("a", Posted), ("b", Posted)]),
        (
            vec![enter(back("c", 7)), enter(back("b", 6)), enter(back("a", 8))],
            vec![("a", Declined), ("b", Posted), ("c", Declined)],
        ),
    ] {
        for order in orders(&facts) {
            let mut parts: BTreeMap<PartKey, Part> = BTreeMap::new();
            for fact in &order {
                for key in PartKey::of(fact) {
                    parts.entry(key).or_insert_with_key(PartKey::empty).merge(fact);
                }
            }
            let case: Case<'_> = parts.iter().map(|(key, part)| (key.clone(), part)).collect();
            let reversals = StandingReversals::among(parts.values().filter_map(Part::voucher));
            let posted = postings(&case, &Policy::default(), &[]).unwrap();
            for (name, state) in &states {
                let key = PartKey::Voucher(id(name));
                assert_eq!(parts[&key].voucher().unwrap().state(&reversals), Some(*state), "{name}: {order:?}");
                assert_eq!(posted[&key].len(), usize::from(*state == Posted), "{name}: {order:?}");
            }
        }
    }
}
