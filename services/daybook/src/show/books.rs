//! `show books`: the trial balance. Nothing in it depends on the clock, so the same books are the same bytes.

use std::collections::BTreeMap;

use anyhow::Result;
use commerce::TenantId;
use ledger::{Total, TrialBalance, TrialBalanceRow};
use serde::Serialize;

use crate::cli::OfTenant;
use crate::config::Settings;
use crate::output::{Align, Answer, Table, amount, cross, strong};
use crate::tenant;

/// A currency's sums; they are equal.
#[derive(Serialize)]
struct Sums {
    debits: i64,
    credits: i64,
}

#[derive(Serialize)]
struct Shown<'a> {
    tenant: &'a str,
    accounts: &'a [TrialBalanceRow],
    sums: BTreeMap<String, Sums>,
    balanced: bool,
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings, of: &OfTenant) -> Result<Answer> {
    let (db, row) = tenant::books_of(settings, of).await?;
    let balance = store::books::trial_balance(&db, &row.tenant).await?;
    answer(&row.tenant, &balance)
}

/// A trial balance as an answer.
pub(crate) fn answer(tenant: &TenantId, balance: &TrialBalance) -> Result<Answer> {
    let sums = balance.sums()?;
    let mut text = String::new();
    for (currency, total) in &sums {
        text.push_str(&table_of(balance, currency.code(), *total));
    }
    if sums.is_empty() {
        text = "nothing is posted yet\n".to_owned();
    }
    let shown = Shown {
        tenant: tenant.as_str(),
        accounts: &balance.rows,
        sums: sums
            .iter()
            .map(|(currency, total)| {
                (currency.code().to_owned(), Sums { debits: total.debits, credits: total.credits })
            })
            .collect(),
        balanced: balance.is_balanced(),
    };
    Ok(Answer::new(&shown, text).with_verdict(balance.is_balanced()))
}

fn table_of(balance: &TrialBalance, currency: &str, total: Total) -> String {
    let heading = format!("account ({currency})");
    let mut table = Table::new([(Align::Left, heading.as_str()), (Align::Right, "debit"), (Align::Right, "credit")]);
    let side = |minor: i64| if minor == 0 { String::new() } else { amount(minor, currency) };
    for row in balance.rows.iter().filter(|row| row.currency.code() == currency) {
        table.row([row.account.to_string(), side(row.debit), side(row.credit)]);
    }
    table.rule();
    table.row(["total".to_owned(), amount(total.debits, currency), amount(total.credits, currency)]);
    let verdict = if total.debits == total.credits {
        String::new()
    } else {
        format!("{} {}\n", cross(), strong("debits and credits differ: run `daybook verify`"))
    };
    format!("{table}{verdict}")
}
