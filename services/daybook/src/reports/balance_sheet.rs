//! `report balance-sheet`.

use std::collections::BTreeMap;

use anyhow::Result;
use ledger::Currency;
use ledger::statements::{BalanceSheet, balance_sheet};
use serde::Serialize;
use store::books::totals;

use super::{Books, Of, section};
use crate::output::{Answer, Table};

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    of: Of<'a>,
    currencies: BTreeMap<&'a str, &'a BalanceSheet>,
    holds: bool,
}

/// Runs the command.
pub(super) async fn run(books: &Books) -> Result<Answer> {
    let found = balance_sheet(&totals(&books.db, &books.row.tenant, books.to_date()).await?)?;
    let holds = found.values().all(|sheet| sheet.holds);
    let mut text = books.heading("balance sheet");
    for (currency, sheet) in &found {
        text.push_str(&format!("\n{}", table(sheet, *currency)));
    }
    if !holds {
        text.push_str("assets are not liabilities, equity and retained result: run `daybook verify`\n");
    }
    let currencies = found.iter().map(|(currency, sheet)| (currency.code(), sheet)).collect();
    Ok(Answer::new(&Shown { of: books.said(), currencies, holds }, text).with_verdict(holds))
}

fn table(sheet: &BalanceSheet, currency: Currency) -> Table {
    let mut table = section::table();
    section::add(&mut table, "assets", &sheet.assets, currency);
    table.rule();
    section::add(&mut table, "liabilities", &sheet.liabilities, currency);
    section::add(&mut table, "equity", &sheet.equity, currency);
    section::sum(&mut table, "retained result", sheet.retained, currency);
    table.rule();
    section::sum(&mut table, "liabilities, equity and retained result", sheet.claims, currency);
    table
}
