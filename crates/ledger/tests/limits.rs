//! Limits, and answers that only another crate reads: the largest amount, the longest key, subtotals, how much was undone.

#![expect(clippy::unwrap_used, reason = "the values are literals")]

use ledger::statements::{AccountTotals, balance_sheet};
use ledger::{
    Account, AccountRule, Admitted, Currency, Day, Earlier, Entry, EntryKey, GENESIS, Money, Posted, Proposal,
    Reference, Refused, ReversalError, Reversals, Standing, Timestamp, Total, Transaction, Undoes, admit,
};

fn account(path: &str) -> Account {
    path.parse().unwrap()
}

fn expense(minor: i64) -> [Entry; 2] {
    let amount = Money::new(minor, Currency::PKR);
    [Entry::debit(account("expenses:rent"), amount), Entry::credit(account("assets:bank"), amount)]
}

fn posted(number: u64, reverses: Option<u64>, entries: impl Into<Vec<Entry>>) -> Posted {
    let (key, about) = ("order/1/captured".to_owned(), "order/1".to_owned());
    let (key, about) = (EntryKey::try_from(key).unwrap(), Reference::try_from(about).unwrap());
    let transaction = Transaction::new(key, about.clone(), Day(3), entries.into()).unwrap();
    Posted { number, part: about, recorded: Timestamp(0), reverses, previous: GENESIS, transaction }
}

#[test]
fn an_entry_holds_ten_trillion_rupees_and_no_more() {
    let free = AccountRule::default();
    let accounts = [(account("expenses:rent"), free), (account("assets:bank"), free)].into();
    let standing = Standing { accounts, ..Standing::default() };
    let most = 1_000_000_000_000_000;
    let most_first = Err(Refused::Overflow { index: 0 });
    for (minor, answer) in [(most - 1, Ok(Admitted::New)), (most, Ok(Admitted::New)), (most + 1, most_first)] {
        let entries = expense(minor);
        let (earlier, undoes) = (Earlier::Nothing, Undoes::Nothing);
        assert_eq!(admit(&Proposal { day: Day(1), entries: &entries, earlier, undoes }, &standing), answer, "{minor}");
    }
}

#[test]
fn keys_are_two_hundred_characters_at_the_most() {
    for (length, is_key) in [(0, false), (1, true), (200, true), (201, false)] {
        assert_eq!(EntryKey::try_from("a".repeat(length)).is_ok(), is_key, "{length}");
        assert_eq!(Reference::try_from("a".repeat(length)).is_ok(), is_key, "{length}");
    }
}

#[test]
fn a_line_says_whether_lines_below_it_add_up_to_it() {
    let line = |path: &str, minor: i64| ((account(path), Currency::PKR), Total::posted(minor, 0));
    let totals: AccountTotals = [
        line("assets:bank", 900),
        line("assets:cod-receivable:postex", 50),
        line("assets:cod-receivable:tcs:lahore", 20),
        line("assets:stock", 400),
        line("assets:stock:kurtas", 300),
    ]
    .into();
    let sheet = &balance_sheet(&totals).unwrap()[&Currency::PKR];
    let lines: Vec<_> = sheet.assets.lines.iter().map(|line| (&*line.account, line.amount, line.subtotal)).collect();
    assert_eq!(
        lines,
        [
            ("assets:bank", 900, false),
            ("assets:cod-receivable", 70, true),
            ("assets:cod-receivable:postex", 50, false),
            ("assets:cod-receivable:tcs:lahore", 20, false),
            ("assets:stock", 700, true),
            ("assets:stock:kurtas", 300, false),
        ]
    );
}

#[test]
fn what_stands_and_what_was_undone_is_counted() {
    let (one, other) = (expense(500), expense(70));
    let undone = one.clone().map(|entry| entry.opposite());
    let mut reversals = Reversals::default();
    let journal = [
        (posted(1, None, one.clone()), Ok(()), (1, 0)),
        (posted(2, None, other.clone()), Ok(()), (2, 0)),
        (posted(3, None, other), Ok(()), (3, 0)),
        (posted(4, Some(1), undone.clone()), Ok(()), (2, 1)),
        (posted(5, Some(1), undone), Err(ReversalError::Again(1)), (2, 1)),
        (posted(6, None, one), Ok(()), (3, 1)),
    ];
    for (posted, answer, counts) in journal {
        assert_eq!((reversals.take(&posted), reversals.counts()), (answer, counts), "number {}", posted.number);
    }
}

#[test]
fn a_promise_is_undone_by_a_promise_alone() {
    let promised = expense(500).map(Entry::pending);
    let taken_back = promised.clone().map(|entry| entry.opposite());
    let posted_back = expense(500).map(|entry| entry.opposite());
    for (entries, answer) in [(taken_back, Ok(())), (posted_back, Err(ReversalError::NotOpposite(1)))] {
        let mut reversals = Reversals::default();
        reversals.take(&posted(1, None, promised.clone())).unwrap();
        assert_eq!(reversals.take(&posted(2, Some(1), entries)), answer);
    }
}
