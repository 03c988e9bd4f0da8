//! `daybook ledger account` and `limit`: what people may enter on, and how much of it alone.

use anyhow::{Context, Result, bail};
use commerce::{AccountOpened, Fact};
use ledger::Money;
use serde_json::json;
use store::books;

use super::arguments::{AccountAdd, AccountCommand, Limit};
use super::counter::{Counter, at_counter};
use crate::config::Settings;
use crate::output::{Align, Answer, Table, amount};
use crate::platform::now;

/// Runs `daybook ledger account`.
pub(super) async fn run(settings: &Settings, command: &AccountCommand) -> Result<Answer> {
    match command {
        AccountCommand::Add(asked) => {
            at_counter(settings, &asked.of, false, async |counter| add(counter, asked).await).await
        }
        AccountCommand::List(of) => answer(&Counter::open(settings, of).await?).await,
    }
}

async fn add(counter: &Counter<'_>, asked: &AccountAdd) -> Result<Answer> {
    let (accounts, policy) = (counter.rules().await?.accounts, counter.row.policy());
    if !accounts.opened.contains_key(&asked.account) && accounts.rule(&policy.chart, &asked.account).is_some() {
        bail!("{} is in every merchant's chart", asked.account);
    }
    let opened = AccountOpened {
        opened_at: now(),
        account: asked.account.clone(),
        currency: asked.currency,
        never_negative: asked.never_negative,
        by: asked.by.clone(),
    };
    let stands = accounts.opened.get(&opened.account);
    let same = stands.is_some_and(|known| AccountOpened { opened_at: known.opened_at, ..opened.clone() } == *known);
    if !same {
        counter.record(Fact::AccountOpened(opened)).await?;
    }
    answer(counter).await
}

async fn answer(counter: &Counter<'_>) -> Result<Answer> {
    let (accounts, policy) = (counter.rules().await?.accounts, counter.row.policy());
    let mut table = Table::new(["account", "currency", ""].map(|name| (Align::Left, name)));
    let mut listed = Vec::new();
    for (account, rule) in accounts.listed(&policy.chart) {
        let currency = rule.currency.map(|currency| currency.code().to_owned());
        let guarded = if rule.never_negative { "never below zero" } else { "" };
        table.row([account.to_string(), currency.clone().unwrap_or_default(), guarded.to_owned()]);
        listed.push(json!({ "account": account, "currency": currency, "never_negative": rule.never_negative }));
    }
    Ok(Answer::new(&json!({ "tenant": counter.row.tenant.as_str(), "accounts": listed }), table.to_string()))
}

/// Runs `daybook ledger limit`: sets or lifts a limit if it is told to, and shows those that stand.
pub(super) async fn limit(settings: &Settings, asked: &Limit) -> Result<Answer> {
    let counter = Counter::open(settings, &asked.of).await?;
    let (db, tenant) = (&counter.platform.db, &counter.row.tenant);
    if let (Some(currency), Some(text)) = (asked.currency, &asked.amount) {
        let limit = Money::parse(text, currency).context("--amount")?.minor;
        if limit < 0 {
            bail!("--amount: a limit is not negative");
        }
        books::save_approval_limit(db, tenant, currency, Some(limit)).await?;
    } else if let (Some(currency), true) = (asked.currency, asked.none) {
        books::save_approval_limit(db, tenant, currency, None).await?;
    }
    let limits = counter.limits().await?;
    let line = |(currency, minor): (&ledger::Currency, &i64)| {
        format!("vouchers and write-offs above {currency} {} need a second person\n", amount(*minor, currency.code()))
    };
    let text: String = limits.iter().map(line).collect();
    let text = if text.is_empty() { "nothing needs a second person\n".to_owned() } else { text };
    let named: serde_json::Map<_, _> = limits.iter().map(|(c, minor)| (c.code().to_owned(), json!(minor))).collect();
    Ok(Answer::new(&json!({ "tenant": tenant.as_str(), "limits": named }), text))
}
