//! `daybook stock`: goods that came in, what is in stock, and what is missing.

pub(crate) mod alerts;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, NaiveDate};
use clap::{Args, Subcommand};
use commerce::{Fact, GoodsReceipt, LocationId, Part, PartKey, Sku, StockReceived, VariantId};
use ledger::{Admitted, BusinessZone, Currency, Money, Refused, Timestamp};
use serde::Serialize;
use store::books::{self, OnHand};

use crate::cli::OfTenant;
use crate::config::Settings;
use crate::ledger::{Counter, Declined, Entered, at_counter, earlier};
use crate::output::{Align, Answer, Table, amount};
use crate::platform::now;
use crate::tenant;

#[derive(Debug, Subcommand)]
pub(crate) enum Stock {
    /// Record goods that came in, at what they cost
    Receive(Box<StockReceive>),
    /// What is in stock: pieces by location as the shop counts them, pieces and value by the books
    Show(StockShow),
    /// What is out of stock or oversold now: as the shop counts it by location, and by the books
    Alerts(StockAlerts),
}

#[derive(Debug, Args)]
pub(crate) struct StockReceive {
    #[command(flatten)]
    pub(crate) of: OfTenant,
    /// The document they came with: lower-case letters, digits, hyphens and dots. The same one again changes nothing
    #[arg(long, value_name = "NAME")]
    pub(crate) receipt: String,
    #[command(flatten)]
    pub(crate) what: What,
    /// Pieces
    #[arg(long, value_name = "PIECES", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) quantity: i64,
    /// What one piece cost, such as 612.50
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub(crate) unit_cost: String,
    /// ISO 4217 code [default: the one the item's cost is known in]
    #[arg(long, value_name = "CODE")]
    pub(crate) currency: Option<String>,
    /// When they came in: a day, which begins at midnight here, or an instant such as 2026-03-01T10:30:00+05:00 [default: now]
    #[arg(long, value_name = "WHEN")]
    pub(crate) at: Option<String>,
    /// The shop's id of the location they were put to
    #[arg(long, value_name = "ID")]
    pub(crate) location: Option<LocationId>,
    /// Who records it, by a short name that is no personal name, such as `warehouse`
    #[arg(long, value_name = "NAME")]
    pub(crate) by: String,
    /// Say what would be, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct What {
    /// The shop's id of the variant
    #[arg(long, value_name = "ID")]
    pub(crate) variant: Option<VariantId>,
    /// Its SKU
    #[arg(long, value_name = "SKU")]
    pub(crate) sku: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct StockShow {
    #[command(flatten)]
    pub(crate) of: OfTenant,
    /// Only this SKU
    #[arg(long, value_name = "SKU")]
    pub(crate) sku: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct StockAlerts {
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings, command: &Stock) -> Result<Answer> {
    match command {
        Stock::Receive(asked) => {
            at_counter(settings, &asked.of, asked.dry_run, async |counter| receive(counter, asked).await).await
        }
        Stock::Show(asked) => show(settings, asked).await,
        Stock::Alerts(asked) => alerts::run(settings, asked).await,
    }
}

async fn receive(counter: &Counter<'_>, asked: &StockReceive) -> Result<Answer> {
    let items = books::on_hand(&counter.platform.db, &counter.row.tenant).await?;
    let (variant, item) = meant(&asked.what, &items)?;
    let fact = fact(asked, variant, item, counter.row.zone)?;
    let before = recorded(counter, &fact.receipt).await?;
    let received_at = before.as_ref().filter(|_| asked.at.is_none()).map_or(fact.received_at, |it| it.received_at);
    let fact = StockReceived { received_at, ..fact };
    let entered = Entered {
        day: received_at.day(counter.row.zone),
        amounts: &[(fact.unit_cost, 0)],
        total: i128::from(fact.unit_cost.minor) * i128::from(fact.quantity),
        currency: item.stock.currency,
        earlier: earlier(before.as_ref(), &fact),
    };
    match counter.take(&entered).await? {
        Err(declined) => return Ok(declined.answer()),
        Ok(Admitted::Already) => return Ok(answer(&fact, "recorded already")),
        Ok(Admitted::New) if asked.dry_run => return Ok(answer(&fact, "would be recorded")),
        Ok(Admitted::New) => {}
    }
    counter.record(Fact::StockReceived(fact.clone())).await?;
    // Somebody may have used the same receipt at the same moment: the log decides.
    if recorded(counter, &fact.receipt).await?.as_ref() != Some(&fact) {
        return Ok(Declined::from(Refused::DuplicateKey).answer());
    }
    Ok(answer(&fact, "recorded"))
}

fn fact(asked: &StockReceive, variant: VariantId, item: &OnHand, zone: BusinessZone) -> Result<StockReceived> {
    Ok(StockReceived {
        received_at: asked.at.as_deref().map_or(Ok(now()), |text| instant(text, zone))?,
        receipt: asked
            .receipt
            .parse()
            .context("a receipt is lower-case letters, digits, hyphens and dots, up to 60")?,
        variant,
        item: item.item,
        sku: item.sku.clone(),
        location: asked.location,
        quantity: asked.quantity,
        unit_cost: unit_cost(asked, item)?,
        by: asked.by.parse().context("--by is lower-case letters, digits and hyphens, up to 40")?,
    })
}

/// The item that is meant. A variant need not be known yet; a SKU must be, and be one item's.
fn meant<'a>(what: &What, items: &'a BTreeMap<VariantId, OnHand>) -> Result<(VariantId, &'a OnHand)> {
    static UNKNOWN: OnHand = OnHand {
        sku: None,
        item: None,
        levels: BTreeMap::new(),
        stock: commerce::stock::Stock { currency: None, lots: Vec::new(), unit_cost: None },
        uncosted: 0,
    };
    if let Some(variant) = what.variant {
        return Ok((variant, items.get(&variant).unwrap_or(&UNKNOWN)));
    }
    let sku = what.sku.as_deref().and_then(Sku::from_text);
    let mut found = items.iter().filter(|(_, item)| sku.is_some() && item.sku == sku);
    match (found.next(), found.next()) {
        (Some((variant, item)), None) => Ok((*variant, item)),
        (None, _) => bail!("no product has this SKU: name its variant with --variant"),
        (Some(_), Some(_)) => bail!("several products have this SKU: name one with --variant"),
    }
}

fn unit_cost(asked: &StockReceive, known: &OnHand) -> Result<Money> {
    let currency = match (&asked.currency, known.stock.currency) {
        (Some(code), _) => code.parse::<Currency>()?,
        (None, Some(currency)) => currency,
        (None, None) => bail!("what currency does it cost in? Say so with --currency"),
    };
    Money::parse(&asked.unit_cost, currency).context("--unit-cost is an amount such as 612.50")
}

/// A day's first instant in the tenant's zone, or an instant with its offset.
fn instant(text: &str, zone: BusinessZone) -> Result<Timestamp> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Ok(Timestamp::from(instant));
    }
    let day: NaiveDate = text.parse().context("--at is a day such as 2026-03-01, or an instant with its offset")?;
    let midnight = Timestamp::from(day.and_time(chrono::NaiveTime::MIN).and_utc());
    // What the zone's clocks show then, less what they should, is the zone's offset.
    let offset = midnight.wall_clock(zone) - midnight.to_utc().naive_utc();
    Ok(Timestamp::from(midnight.to_utc() - offset))
}

/// What is recorded under a receipt.
async fn recorded(counter: &Counter<'_>, receipt: &GoodsReceipt) -> Result<Option<StockReceived>> {
    let part = counter.part(&PartKey::Receipt(receipt.clone())).await?;
    Ok(if let Some(Part::Receipt(receipt)) = part { receipt.received } else { None })
}

fn answer(fact: &StockReceived, word: &str) -> Answer {
    let cost = amount(fact.unit_cost.minor, fact.unit_cost.currency.code());
    let text = format!(
        "{word}: receipt {}, {} pieces of variant {} at {} {cost}\n",
        fact.receipt, fact.quantity, fact.variant, fact.unit_cost.currency
    );
    let json = serde_json::json!({
        "receipt": fact.receipt.as_str(),
        "variant": fact.variant.to_string(),
        "quantity": fact.quantity,
        "unit_cost": fact.unit_cost.minor,
        "currency": fact.unit_cost.currency.code(),
        "received_at": fact.received_at.to_string(),
        "outcome": word,
    });
    Answer::new(&json, text)
}

/// One item as it is shown. Amounts are minor units.
#[derive(Serialize)]
struct Shown {
    variant: String,
    sku: Option<String>,
    levels: BTreeMap<String, Option<i64>>,
    pieces: i64,
    value: i64,
    currency: Option<String>,
    uncosted: i64,
}

async fn show(settings: &Settings, asked: &StockShow) -> Result<Answer> {
    let (db, row) = tenant::books_of(settings, &asked.of).await?;
    let wanted = asked.sku.as_deref().map(Sku::from_text);
    let items = books::on_hand(&db, &row.tenant).await?;
    let items = items.iter().filter(|(_, item)| wanted.as_ref().is_none_or(|sku| item.sku == *sku));
    let shown: Vec<Shown> = items.map(|(variant, item)| shown(*variant, item)).collect();
    let text = if shown.is_empty() { "nothing is in stock\n".to_owned() } else { table(&shown) };
    Ok(Answer::new(&serde_json::json!({ "tenant": row.tenant.as_str(), "items": shown }), text))
}

fn shown(variant: VariantId, item: &OnHand) -> Shown {
    Shown {
        variant: variant.to_string(),
        sku: item.sku.as_ref().map(ToString::to_string),
        levels: item.levels.iter().map(|(location, pieces)| (location.to_string(), *pieces)).collect(),
        pieces: item.stock.pieces(),
        value: item.stock.value(),
        currency: item.stock.currency.map(|currency| currency.code().to_owned()),
        uncosted: item.uncosted,
    }
}

fn table(shown: &[Shown]) -> String {
    let mut table = Table::new([
        (Align::Left, "variant"),
        (Align::Left, "SKU"),
        (Align::Left, "counted at location"),
        (Align::Right, "pieces"),
        (Align::Right, "value"),
        (Align::Left, ""),
        (Align::Right, "without cost"),
    ]);
    for one in shown {
        let level = |(location, pieces): (&String, &Option<i64>)| match pieces {
            Some(pieces) => format!("{location}: {pieces}"),
            None => format!("{location}: not tracked"),
        };
        let currency = one.currency.clone().unwrap_or_default();
        table.row([
            one.variant.clone(),
            one.sku.clone().unwrap_or_default(),
            one.levels.iter().map(level).collect::<Vec<_>>().join(", "),
            one.pieces.to_string(),
            amount(one.value, &currency),
            currency,
            if one.uncosted == 0 { String::new() } else { one.uncosted.to_string() },
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::instant;
    use ledger::BusinessZone;

    #[test]
    fn a_day_begins_at_the_tenants_midnight() {
        for (text, expected) in
            [("2026-03-01", "2026-02-28T19:00:00Z"), ("2026-03-01T10:30:00+05:00", "2026-03-01T05:30:00Z")]
        {
            assert_eq!(instant(text, BusinessZone::KARACHI).unwrap().to_string(), expected);
        }
        assert!(instant("yesterday", BusinessZone::KARACHI).is_err());
    }
}
