//! `report aged`. Reads everything that was ever posted on the accounts, a page at a time: its cost grows with their history,
//! and its memory with the parts of the business they have seen.

use std::collections::BTreeMap;

use anyhow::Result;
use ledger::statements::{AccountTotals, Aged, Buckets, OpenItem, OpenItems};
use ledger::{Account, Currency};
use serde::Serialize;
use store::books::{PostedScan, totals};

use super::{Books, Of};
use crate::output::{Align, Answer, Table, amount};

/// How often receivables are read that something was posted to meanwhile.
const ATTEMPTS: u32 = 5;

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    of: Of<'a>,
    accounts: Vec<ShownAccount<'a>>,
    agrees: bool,
}

#[derive(Serialize)]
struct ShownAccount<'a> {
    account: &'a str,
    currency: &'a str,
    buckets: Buckets,
    open: i64,
    balance: i64,
    items: Vec<ShownItem<'a>>,
}

#[derive(Serialize)]
struct ShownItem<'a> {
    part: &'a str,
    since: String,
    days: i32,
    open: i64,
}

/// Receivables by account and currency.
type ByAccount = BTreeMap<(Account, Currency), Aged>;

/// Runs the command.
pub(super) async fn run(books: &Books, roots: &[Account]) -> Result<Answer> {
    let (aged, balances) = read(books, roots).await?;
    let agrees = agree(&aged, &balances);
    let mut text = books.heading("receivables by age");
    text.push_str(&format!("\n{}", table(&aged)));
    if !agrees {
        text.push_str("what is open differs from the accounts' balances: run `daybook verify`\n");
    }
    let accounts = aged.iter().map(|((account, currency), aged)| ShownAccount {
        account: account.as_str(),
        currency: currency.code(),
        buckets: aged.buckets,
        open: aged.total,
        balance: balances.get(&(account.clone(), *currency)).copied().unwrap_or(0),
        items: aged.items.iter().map(|item| shown(item, books)).collect(),
    });
    let shown = Shown { of: books.said(), accounts: accounts.collect(), agrees };
    Ok(Answer::new(&shown, text).with_verdict(agrees))
}

/// What is open, and the balances it should add up to. These are several queries: they are made again when something was
/// posted between them.
async fn read(books: &Books, roots: &[Account]) -> Result<(ByAccount, BTreeMap<(Account, Currency), i64>)> {
    let mut attempt = 1;
    loop {
        let aged = read_once(books, roots).await?;
        let balances = nets(roots, &totals(&books.db, &books.row.tenant, books.to_date()).await?)?;
        if attempt == ATTEMPTS || agree(&aged, &balances) {
            return Ok((aged, balances));
        }
        attempt += 1;
    }
}

async fn read_once(books: &Books, roots: &[Account]) -> Result<ByAccount> {
    let mut aged = ByAccount::new();
    for root in roots {
        let (mut scan, mut items) =
            (PostedScan::new(&books.db, &books.row.tenant, root, books.to_date()), OpenItems::default());
        loop {
            let page = scan.next().await?;
            if page.is_empty() {
                break;
            }
            page.iter().try_for_each(|posted| items.add(root, posted))?;
        }
        aged.extend(items.aged(books.through)?);
    }
    Ok(aged)
}

/// Net balances of the accounts on or below `roots` that are not zero.
fn nets(roots: &[Account], totals: &AccountTotals) -> Result<BTreeMap<(Account, Currency), i64>> {
    let mut nets = BTreeMap::new();
    for (at, total) in totals.iter().filter(|((account, _), _)| roots.iter().any(|root| account.is_within(root))) {
        let net = total.net()?;
        if net != 0 {
            nets.insert(at.clone(), net);
        }
    }
    Ok(nets)
}

fn agree(aged: &ByAccount, balances: &BTreeMap<(Account, Currency), i64>) -> bool {
    let open = aged.iter().filter(|(_, aged)| aged.total != 0);
    open.map(|(at, aged)| (at, &aged.total)).eq(balances)
}

fn shown<'a>(item: &'a OpenItem, books: &Books) -> ShownItem<'a> {
    ShownItem {
        part: item.part.as_str(),
        since: item.since.to_string(),
        days: books.through.since(item.since),
        open: item.open,
    }
}

fn table(aged: &ByAccount) -> Table {
    let mut table = Table::new([
        (Align::Left, "account"),
        (Align::Left, ""),
        (Align::Right, "0 to 7"),
        (Align::Right, "8 to 14"),
        (Align::Right, "15 to 30"),
        (Align::Right, "31 to 60"),
        (Align::Right, "61 and more"),
        (Align::Right, "balance"),
    ]);
    for ((account, currency), aged) in aged {
        let b = aged.buckets;
        let [a, b, c, d, e, total] = [b.days_0_7, b.days_8_14, b.days_15_30, b.days_31_60, b.days_61_up, aged.total]
            .map(|minor| amount(minor, currency.code()));
        table.row([account.to_string(), currency.to_string(), a, b, c, d, e, total]);
    }
    table
}
