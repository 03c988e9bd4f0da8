//! `report trial-balance`.

use std::collections::BTreeMap;

use anyhow::Result;
use ledger::statements::{Trial, TrialLine, trial};
use ledger::{Currency, Total};
use serde::Serialize;
use store::books::totals;

use super::{Books, Of};
use crate::output::{Align, Answer, Table, amount};

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    of: Of<'a>,
    accounts: &'a [TrialLine],
    sums: BTreeMap<&'a str, Total>,
    balanced: bool,
}

/// Runs the command.
pub(super) async fn run(books: &Books) -> Result<Answer> {
    let found = trial(&totals(&books.db, &books.row.tenant, books.period()).await?)?;
    let mut text = books.heading("trial balance");
    for (currency, sum) in &found.sums {
        text.push_str(&format!("\n{}", table(&found, *currency, *sum)));
    }
    let balanced = found.is_balanced();
    if !balanced {
        text.push_str("debits and credits differ: run `daybook verify`\n");
    }
    let sums = found.sums.iter().map(|(currency, sum)| (currency.code(), *sum)).collect();
    Ok(Answer::new(&Shown { of: books.said(), accounts: &found.lines, sums, balanced }, text).with_verdict(balanced))
}

fn table(trial: &Trial, currency: Currency, sum: Total) -> Table {
    let heading = format!("account ({currency})");
    let mut table = Table::new([
        (Align::Left, heading.as_str()),
        (Align::Right, "debit"),
        (Align::Right, "credit"),
        (Align::Right, "pending debit"),
        (Align::Right, "pending credit"),
    ]);
    let side = |minor: i64| if minor == 0 { String::new() } else { amount(minor, currency.code()) };
    for line in trial.lines.iter().filter(|line| line.currency == currency) {
        let [a, b, c, d] = [line.debit, line.credit, line.pending_debit, line.pending_credit].map(side);
        table.row([line.account.to_string(), a, b, c, d]);
    }
    table.rule();
    let [a, b] = [sum.debits, sum.credits].map(|minor| amount(minor, currency.code()));
    let [c, d] = [sum.pending_debits, sum.pending_credits].map(side);
    table.row(["total".to_owned(), a, b, c, d]);
    table
}
