//! `report profit-and-loss`.

use std::collections::BTreeMap;

use anyhow::Result;
use ledger::Currency;
use ledger::statements::{Profit, profit_and_loss};
use serde::Serialize;
use store::books::totals;

use super::{Books, Of, section};
use crate::output::{Answer, Table};

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    of: Of<'a>,
    currencies: BTreeMap<&'a str, &'a Profit>,
}

/// Runs the command.
pub(super) async fn run(books: &Books) -> Result<Answer> {
    let found = profit_and_loss(&totals(&books.db, &books.row.tenant, books.period()).await?)?;
    let mut text = books.heading("profit and loss");
    for (currency, profit) in &found {
        text.push_str(&format!("\n{}", table(profit, *currency)));
    }
    let currencies = found.iter().map(|(currency, profit)| (currency.code(), profit)).collect();
    Ok(Answer::new(&Shown { of: books.said(), currencies }, text))
}

fn table(profit: &Profit, currency: Currency) -> Table {
    let mut table = section::table();
    section::add(&mut table, "income", &profit.income, currency);
    section::add(&mut table, "expenses", &profit.expenses, currency);
    table.rule();
    section::sum(&mut table, if profit.result < 0 { "loss" } else { "profit" }, profit.result, currency);
    table
}
