//! Exports that were changed by hand: each is found, and the first line that is wrong is named.

use ledger::{Currency, Day, Entry, EntryKey, GENESIS, Money, Posted, Reference, Timestamp, Transaction};

use super::*;
use crate::Removed;

/// Three transactions: a sale, its reversal, a smaller sale.
fn journal() -> Vec<Record> {
    let mut link = GENESIS;
    let mut records = vec![Record::Journal(Header {
        format: FORMAT.to_owned(),
        tenant: "kohsar".to_owned(),
        exported_at: "2026-03-31T00:00:00Z".to_owned(),
        from: None,
        to: None,
    })];
    for (number, minor, reverses) in [(1, 27_500, None), (2, 27_500, Some(1)), (3, 25_000, None)] {
        let posted = Posted { number, reverses, previous: link, ..sale(minor, reverses.is_some()) };
        let body = events::posted_bytes(&posted);
        link = link.then(&body);
        records.push(Record::Transaction(Line::of(&posted, &body, link)));
    }
    records.push(Record::End(End { transactions: 3, number: 3, link: link.to_string() }));
    records
}

fn sale(minor: i64, undone: bool) -> Posted {
    let amount = Money::new(minor, Currency::PKR);
    let entries = vec![
        Entry::debit("assets:bank".parse().unwrap(), amount),
        Entry::credit("income:sales".parse().unwrap(), amount),
    ];
    let about = Reference::try_from("order/1".to_owned()).unwrap();
    let key = EntryKey::try_from("order/1/captured".to_owned()).unwrap();
    let sale = Transaction::new(key, about.clone(), Day(20_000), entries).unwrap();
    let transaction = if undone { sale.reversal() } else { sale };
    Posted { number: 0, part: about, recorded: Timestamp(9), reverses: None, previous: GENESIS, transaction }
}

fn text(records: &[Record]) -> String {
    records.iter().map(|record| serde_json::to_string(record).unwrap() + "\n").collect()
}

fn audited(text: &str) -> Result<Audited, AuditError> {
    audit(text.as_bytes(), &mut |_, _| {})
}

fn told(text: &str) -> String {
    audited(text).unwrap_err().to_string()
}

#[test]
fn a_whole_journal_holds() {
    let mut seen = Vec::new();
    let audited = audit(text(&journal()).as_bytes(), &mut |posted, _| seen.push(posted.number)).unwrap();
    assert_eq!((audited.transactions, audited.counts, seen), (3, (1, 1), vec![1, 2, 3]));
    let rows: Vec<_> = audited.trial.rows.iter().map(|row| (row.account.as_str(), row.debit, row.credit)).collect();
    assert_eq!(rows, [("assets:bank", 25_000, 0), ("income:sales", 0, 25_000)]);
}

#[test]
fn what_was_changed_is_named() {
    let changed = |index: usize, change: &dyn Fn(&mut Line)| {
        let mut records = journal();
        let Record::Transaction(line) = &mut records[index] else { panic!("{index} is no transaction") };
        change(line);
        told(&text(&records))
    };
    for (index, change, expected) in [
        (2, (&|line: &mut Line| line.entries[0].minor += 1) as &dyn Fn(&mut Line), "line 3, number 2: what it says"),
        (1, &|line| line.about.push('2'), "line 2, number 1: what it says"),
        (1, &|line| line.body.replace_range(2..3, "f"), "line 2, number 1: the stored bytes do not match"),
        (3, &|line| line.number = 4, "line 4, number 4: number 3 should be here"),
        (3, &|line| line.link = "0".repeat(64), "line 4, number 3: the stored bytes do not match"),
        (3, &|line| line.link.clear(), "line 4, number 3: the line cannot be read as a link"),
    ] {
        let told = changed(index, change);
        assert!(told.starts_with(expected), "{told}");
    }
}

#[test]
fn what_is_missing_or_added_is_named() {
    let without = |index: usize| {
        let mut records = journal();
        records.remove(index);
        told(&text(&records))
    };
    assert!(without(0).contains("no exported journal"));
    assert!(without(1).starts_with("line 2, number 2: number 1 should be here"));
    assert!(without(3).starts_with("line 4: the last line does not say"));
    assert!(without(4).starts_with("line 5: the file ends without"));
    assert!(told(&(text(&journal()) + "{}\n")).starts_with("line 6: there is something behind"));
    assert!(told("Dear auditor,\n").contains("no exported journal"));
    let cut = text(&journal());
    assert!(told(&cut[..cut.len() / 2]).contains("cannot be read"), "{}", told(&cut[..cut.len() / 2]));
}

#[test]
fn an_extract_is_not_audited() {
    let mut records = journal();
    let Record::Journal(header) = &mut records[0] else { panic!("no header") };
    header.from = Some("2026-01-01".to_owned());
    let error = audited(&text(&records)).unwrap_err();
    assert!(matches!(error, AuditError::Extract) && !error.is_finding());
}

/// The chain is recomputed by whoever wrote the file; what the bytes say must hold all the same.
#[test]
fn a_reversal_of_nothing_is_named_though_the_chain_holds() {
    let posted = Posted { number: 1, reverses: Some(7), ..sale(100, true) };
    let body = events::posted_bytes(&posted);
    let link = GENESIS.then(&body);
    let records = [journal()[0].clone(), Record::Transaction(Line::of(&posted, &body, link))];
    assert!(told(&text(&records)).starts_with("line 2, number 1: it reverses number 7"));
}

#[test]
fn every_flipped_bit_of_a_transactions_line_is_found() {
    let whole = text(&journal()).into_bytes();
    let ends: Vec<usize> = (0..whole.len()).filter(|index| whole[*index] == b'\n').collect();
    for at in ends[0] + 1..whole.len() - 1 {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            // Hexadecimal digits say the same in capitals; no other change may pass.
            let same = bytes[at].eq_ignore_ascii_case(&whole[at]);
            assert!(same || audit(bytes.as_slice(), &mut |_, _| {}).is_err(), "byte {at}, bit {bit}");
        }
    }
}

/// The sale and its reversal were taken out: what is left of them is their place, and the chain goes on.
fn with_removed() -> Vec<Record> {
    let place = |record: Record| match record {
        Record::Transaction(Line { number, link, .. }) if number < 3 => Record::Removed(Removed { number, link }),
        Record::Journal(header) => Record::Journal(Header { format: FORMAT_WITH_REMOVED.to_owned(), ..header }),
        other => other,
    };
    journal().into_iter().map(place).collect()
}

#[test]
fn what_was_taken_out_keeps_its_place_in_the_chain() {
    let audited = audited(&text(&with_removed())).unwrap();
    assert_eq!((audited.transactions, audited.removed, audited.counts), (3, 2, (1, 0)));
    let rows: Vec<_> = audited.trial.rows.iter().map(|row| (row.account.as_str(), row.debit, row.credit)).collect();
    assert_eq!(rows, [("assets:bank", 25_000, 0), ("income:sales", 0, 25_000)], "the balances are what they were");
}

#[test]
fn a_place_that_is_missing_or_changed_is_named() {
    let mut missing = with_removed();
    missing.remove(2);
    assert!(told(&text(&missing)).starts_with("line 3, number 3: number 2 should be here"));
    let mut changed = with_removed();
    changed[2] = Record::Removed(Removed { number: 2, link: "0".repeat(64) });
    assert!(told(&text(&changed)).starts_with("line 4, number 3: the stored bytes do not match"));
    let mut older = with_removed();
    older[0] = journal()[0].clone();
    assert!(told(&text(&older)).starts_with("line 2: the line cannot be read as a transaction"));
}
