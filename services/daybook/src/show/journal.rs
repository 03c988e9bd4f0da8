//! The transactions of an order, with what was undone.

use std::collections::BTreeMap;

use ledger::{Layer, Posted, Side};
use serde::Serialize;

use crate::output::{Align, Table, amount, strong};

/// A posted transaction as shown. Amounts in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    /// Its number in the tenant's journal.
    pub(crate) number: u64,
    /// The business day on which it counts.
    pub(crate) effective: String,
    /// Which posting it is.
    pub(crate) key: String,
    /// The number it undoes.
    pub(crate) reverses: Option<u64>,
    /// The number that undoes it.
    pub(crate) reversed_by: Option<u64>,
    /// The currency of all entries.
    pub(crate) currency: String,
    /// Debits first.
    pub(crate) entries: Vec<Entry>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    /// Where.
    pub(crate) account: String,
    /// Amount, if it is a debit.
    pub(crate) debit: Option<i64>,
    /// Amount, if it is a credit.
    pub(crate) credit: Option<i64>,
    /// Only promised: it counts in no balance.
    pub(crate) pending: bool,
}

/// The transactions in the order of their numbers.
pub(crate) fn lines(mut posted: Vec<Posted>) -> Vec<Line> {
    posted.sort_by_key(|one| one.number);
    let undone: BTreeMap<u64, u64> = posted.iter().filter_map(|one| Some((one.reverses?, one.number))).collect();
    posted.iter().map(|one| line(one, undone.get(&one.number).copied())).collect()
}

fn line(posted: &Posted, reversed_by: Option<u64>) -> Line {
    let transaction = &posted.transaction;
    let entry = |entry: &ledger::Entry| {
        let (minor, account) = (entry.amount.minor, entry.account.to_string());
        let pending = entry.layer == Layer::Pending;
        match entry.side {
            Side::Debit => Entry { account, debit: Some(minor), credit: None, pending },
            Side::Credit => Entry { account, debit: None, credit: Some(minor), pending },
        }
    };
    Line {
        number: posted.number,
        effective: transaction.effective().to_string(),
        key: transaction.key().to_string(),
        reverses: posted.reverses,
        reversed_by,
        currency: transaction.currency().code().to_owned(),
        entries: transaction.entries().iter().map(entry).collect(),
    }
}

/// The transactions for people.
pub(crate) fn text(lines: &[Line]) -> String {
    let mut table = Table::plain([Align::Left, Align::Right, Align::Right]).indented(6);
    for entry in lines.iter().flat_map(|line| line.entries.iter().map(move |entry| (entry, &line.currency))) {
        let side = |minor: Option<i64>| minor.map_or(String::new(), |minor| amount(minor, entry.1));
        let promised = if entry.0.pending { " (promised)" } else { "" };
        table.row([format!("{}{promised}", entry.0.account), side(entry.0.debit), side(entry.0.credit)]);
    }
    // One table for all entries, so that the columns of all transactions line up.
    let (mut text, all) = (String::new(), table.to_string());
    let mut rows = all.lines();
    for line in lines {
        let undone = match (line.reverses, line.reversed_by) {
            (Some(number), _) => format!("   reverses no. {number}"),
            (None, Some(number)) => format!("   reversed by no. {number}"),
            (None, None) => String::new(),
        };
        let number = strong(&format!("no. {}", line.number));
        text.push_str(&format!("  {number}  {}  {}{undone}\n", line.effective, line.key));
        for row in rows.by_ref().take(line.entries.len()) {
            text.push_str(&format!("{row}\n"));
        }
    }
    text
}
