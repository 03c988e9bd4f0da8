//! `report statement ACCOUNT`. Holds every movement of the period in memory: its cost grows with the period's transactions.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use ledger::statements::{AccountStatement, AccountTotals, StatementLine, account_statement, balances};
use ledger::{Account, Currency};
use serde::Serialize;
use store::books::{PostedScan, totals};

use super::{Books, Of};
use crate::output::{Align, Answer, Table, amount};

/// How often a statement is read that something was posted into meanwhile.
const ATTEMPTS: u32 = 5;

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    of: Of<'a>,
    account: &'a str,
    currencies: BTreeMap<&'a str, ShownStatement>,
}

#[derive(Serialize)]
struct ShownStatement {
    opening: i64,
    lines: Vec<ShownLine>,
    debits: i64,
    credits: i64,
    closing: i64,
}

#[derive(Serialize)]
struct ShownLine {
    number: u64,
    reverses: Option<u64>,
    effective: String,
    occurred: String,
    key: String,
    about: String,
    account: String,
    debit: i64,
    credit: i64,
    balance: i64,
}

/// Runs the command.
pub(super) async fn run(books: &Books, account: &Account) -> Result<Answer> {
    let found = read(books, account).await?;
    let mut text = books.heading(&format!("statement of {account}"));
    for (currency, statement) in &found {
        text.push_str(&format!("\n{}", table(statement, account, *currency)));
    }
    let currencies = found.iter().map(|(currency, statement)| (currency.code(), shown(statement))).collect();
    Ok(Answer::new(&Shown { of: books.said(), account: account.as_str(), currencies }, text))
}

/// The statement, which closes at the account's balance. Its parts are several queries: it is read again when something was
/// posted between them.
async fn read(books: &Books, account: &Account) -> Result<BTreeMap<Currency, AccountStatement>> {
    for _ in 0..ATTEMPTS {
        let found = read_once(books, account).await?;
        let to_date = balances(account, &totals(&books.db, &books.row.tenant, books.to_date()).await?)?;
        let closing = found.iter().map(|(currency, statement)| (currency, &statement.closing));
        // A currency in which there are only promises has a balance, and no statement.
        if closing.filter(|(_, balance)| **balance != 0).eq(to_date.iter().filter(|(_, balance)| **balance != 0)) {
            return Ok(found);
        }
    }
    bail!("the statement does not close at the account's balance: ask with --known-at, or run `daybook verify`")
}

async fn read_once(books: &Books, account: &Account) -> Result<BTreeMap<Currency, AccountStatement>> {
    let tenant = &books.row.tenant;
    let before = match books.before() {
        Some(before) => totals(&books.db, tenant, before).await?,
        None => AccountTotals::new(),
    };
    let (mut scan, mut period) = (PostedScan::new(&books.db, tenant, account, books.period()), Vec::new());
    loop {
        let page = scan.next().await?;
        if page.is_empty() {
            return Ok(account_statement(account, &before, &period)?);
        }
        period.extend(page);
    }
}

fn shown(statement: &AccountStatement) -> ShownStatement {
    let AccountStatement { opening, lines, debits, credits, closing } = statement;
    let lines = lines.iter().map(shown_line).collect();
    ShownStatement { opening: *opening, lines, debits: *debits, credits: *credits, closing: *closing }
}

fn shown_line(line: &StatementLine) -> ShownLine {
    ShownLine {
        number: line.number,
        reverses: line.reverses,
        effective: line.effective.to_string(),
        occurred: line.occurred.to_string(),
        key: line.key.to_string(),
        about: line.about.to_string(),
        account: line.account.to_string(),
        debit: line.debit,
        credit: line.credit,
        balance: line.balance,
    }
}

fn table(statement: &AccountStatement, root: &Account, currency: Currency) -> Table {
    let heading = format!("balance ({currency})");
    let mut table = Table::new([
        (Align::Left, "day"),
        (Align::Right, "no."),
        (Align::Left, "about"),
        (Align::Right, "debit"),
        (Align::Right, "credit"),
        (Align::Right, heading.as_str()),
    ]);
    let cell = |minor: i64| amount(minor, currency.code());
    let side = |minor: i64| if minor == 0 { String::new() } else { cell(minor) };
    let [none, opening] = [String::new(), cell(statement.opening)];
    table.row([none.clone(), none.clone(), "opening balance".to_owned(), none.clone(), none.clone(), opening]);
    for line in &statement.lines {
        let [debit, credit] = [line.debit, line.credit].map(side);
        let (number, balance) = (line.number.to_string(), cell(line.balance));
        table.row([line.effective.to_string(), number, about(line, root), debit, credit, balance]);
    }
    table.rule();
    let [debits, credits, closing] = [statement.debits, statement.credits, statement.closing].map(cell);
    table.row([none.clone(), none, "closing balance".to_owned(), debits, credits, closing]);
    table
}

/// What a line is about, with what is not as usual: another account of the branch, an earlier day, a reversal.
fn about(line: &StatementLine, root: &Account) -> String {
    let mut text = line.about.to_string();
    if line.account != *root {
        text.push_str(&format!(" on {}", line.account));
    }
    if line.occurred != line.effective {
        text.push_str(&format!(", occurred {}", line.occurred));
    }
    if let Some(number) = line.reverses {
        text.push_str(&format!(", reverses no. {number}"));
    }
    text
}
