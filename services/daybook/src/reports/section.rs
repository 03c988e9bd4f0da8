//! Sections of statements for people: accounts below their branches, then the sum.

use ledger::Currency;
use ledger::statements::Section;

use crate::output::{Align, Table, amount};

/// Columns of a statement that is made of sections.
pub(super) fn table() -> Table {
    Table::plain([Align::Left, Align::Right])
}

/// Adds a section and its sum.
pub(super) fn add(table: &mut Table, name: &str, section: &Section, currency: Currency) {
    table.row([format!("{name} ({currency})"), String::new()]);
    for line in &section.lines {
        let indent = "  ".repeat(line.depth.saturating_add(1));
        table.row([format!("{indent}{}", line.account), amount(line.amount, currency.code())]);
    }
    sum(table, &format!("total {name}"), section.total, currency);
}

/// Adds one figure.
pub(super) fn sum(table: &mut Table, name: &str, minor: i64, currency: Currency) {
    table.row([name.to_owned(), amount(minor, currency.code())]);
}
