//! `daybook write-off` and `daybook chargeback`: what a person records when money that was due does not come. Each is one fact;
//! it takes the way of every other, onto the log and from there into the books.

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use commerce::{
    ChargebackOutcome, ChargebackRecorded, CodWrittenOff, Courier, Fact, Part, PartKey, TrackingNumber, WriteOffKind,
};
use connectors::Draft;
use events::Source;
use ingest::Ingest;
use ledger::{Currency, Day, Money};
use serde::Serialize;
use store::books::{self, TenantRow};
use tokio_util::sync::CancellationToken;

use crate::cli::OfTenant;
use crate::config::Settings;
use crate::output::Answer;
use crate::platform::{Platform, now};
use crate::{show, tenant};

/// Why a parcel's cash will not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Paid short, and let go
    Shortfall,
    /// Collected, and gone
    Lost,
    /// Owed by the courier as damages
    Claim,
}

/// How a disputed payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Outcome {
    /// The gateway took the money back
    Open,
    /// The merchant got it again
    Won,
    /// It stays with the buyer
    Lost,
}

#[derive(Debug, Args)]
pub(crate) struct WriteOff {
    /// The parcel's consignment number
    pub(crate) tracking: String,
    /// Its courier, as a slug
    #[arg(long, value_name = "SLUG")]
    pub(crate) courier: String,
    /// How much, such as `76` or `1250.50`
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) amount: String,
    /// ISO 4217
    #[arg(long, default_value = "PKR")]
    pub(crate) currency: String,
    /// Why it will not come
    #[arg(long, value_enum)]
    pub(crate) kind: Kind,
    /// What makes it the same write-off when it is sent again: lower-case letters, digits and hyphens
    #[arg(long, value_name = "SLUG")]
    pub(crate) key: String,
    /// Who decided it, as a slug: `accounts-2`, not a name
    #[arg(long, value_name = "SLUG")]
    pub(crate) by: String,
    /// Why, as a slug
    #[arg(long, value_name = "SLUG")]
    pub(crate) reason: String,
    /// The day on which it counts [default: today]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) on: Option<chrono::NaiveDate>,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

#[derive(Debug, Args)]
pub(crate) struct Chargeback {
    /// The order: its id, or its printed name
    pub(crate) order: String,
    /// What the gateway took back
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) amount: String,
    /// What it charges for the dispute
    #[arg(long, default_value = "0", allow_negative_numbers = true)]
    pub(crate) fee: String,
    /// ISO 4217
    #[arg(long, default_value = "PKR")]
    pub(crate) currency: String,
    /// How it stands
    #[arg(long, value_enum, default_value = "open")]
    pub(crate) outcome: Outcome,
    /// Which dispute of the order: lower-case letters, digits and hyphens
    #[arg(long, value_name = "SLUG")]
    pub(crate) key: String,
    /// The day on which the money moved [default: today]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) on: Option<chrono::NaiveDate>,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

/// What became of an entry.
#[derive(Debug, Serialize)]
struct Recorded {
    tenant: String,
    part: String,
    key: String,
    already: bool,
}

const SLUG: &str = "lower-case letters, digits and hyphens";

/// Runs `daybook write-off`.
pub(crate) async fn write_off(settings: &Settings, asked: &WriteOff) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let fact = written_off(asked, on(asked.on, &row))?;
    let part = PartKey::Parcel(fact.courier.clone(), fact.tracking.clone());
    let stored = books::part(&platform.db, &row.tenant, &part).await?;
    let Some(Part::Parcel(parcel)) = stored.as_ref().map(|row| &row.part) else {
        bail!("no fact of {part} is known to `{}`: `daybook lag` says whether records wait", row.tenant)
    };
    let currency = parcel.booked.as_ref().and_then(|b| b.cod).map(|cod| cod.currency);
    if let Some(currency) =
        currency.or(parcel.charges.as_ref().map(|c| c.currency)).filter(|c| *c != fact.amount.currency)
    {
        bail!("the cash of {part} is in {currency}, not in {}", fact.amount.currency);
    }
    let already = match parcel.written_off.get(&fact.key) {
        Some(known) if *known != fact => {
            bail!("{part} has another write-off under the key `{}`: choose a new key", fact.key)
        }
        known => known.is_some(),
    };
    let key = fact.key.to_string();
    record(settings, &platform, &row, Fact::CodWrittenOff(fact)).await?;
    Ok(answer(&row, &part, key, already))
}

/// Runs `daybook chargeback`.
pub(crate) async fn chargeback(settings: &Settings, asked: &Chargeback) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let order = show::find_order(&platform.db, &row, &asked.order).await?.order;
    let currency: Currency = asked.currency.parse().context("--currency")?;
    let fee = Money::parse(&asked.fee, currency).context("--fee")?;
    if fee.minor < 0 {
        bail!("--fee is not less than zero");
    }
    let mut fact = ChargebackRecorded {
        version: now(),
        order,
        key: asked.key.parse().with_context(|| format!("--key is {SLUG}, up to 64"))?,
        on: on(asked.on, &row),
        amount: positive(&asked.amount, currency)?.minor,
        fee: fee.minor,
        currency,
        outcome: match asked.outcome {
            Outcome::Open => ChargebackOutcome::Open,
            Outcome::Won => ChargebackOutcome::Won,
            Outcome::Lost => ChargebackOutcome::Lost,
        },
    };
    let part = PartKey::Order(order);
    let stored = books::part(&platform.db, &row.tenant, &part).await?;
    let known = stored.as_ref().and_then(|row| match &row.part {
        Part::Order(order) => order.chargebacks.get(&(fact.key.clone(), fact.outcome)).cloned(),
        Part::Parcel(_)
        | Part::Payout(_)
        | Part::Voucher(_)
        | Part::Calendar(_)
        | Part::Accounts(_)
        | Part::Receipt(_) => None,
    });
    if let Some(known) = &known {
        // The same words again are the same fact: they do not become a later version.
        fact.version = known.version;
        if *known != fact {
            bail!("{part} has another dispute under the key `{}`: choose a new key", fact.key);
        }
    }
    let key = fact.key.to_string();
    record(settings, &platform, &row, Fact::ChargebackRecorded(fact)).await?;
    Ok(answer(&row, &part, key, known.is_some()))
}

fn written_off(asked: &WriteOff, on: Day) -> Result<CodWrittenOff> {
    let currency: Currency = asked.currency.parse().context("--currency")?;
    Ok(CodWrittenOff {
        on,
        courier: asked.courier.parse::<Courier>().with_context(|| format!("--courier is {SLUG}, up to 40"))?,
        tracking: TrackingNumber::from_text(&asked.tracking)
            .context("a consignment number is letters, digits, hyphens")?,
        key: asked.key.parse().with_context(|| format!("--key is {SLUG}, up to 64"))?,
        amount: positive(&asked.amount, currency)?,
        kind: match asked.kind {
            Kind::Shortfall => WriteOffKind::Shortfall,
            Kind::Lost => WriteOffKind::Lost,
            Kind::Claim => WriteOffKind::Claim,
        },
        by: asked.by.parse().with_context(|| format!("--by is {SLUG}, up to 40"))?,
        reason: asked.reason.parse().with_context(|| format!("--reason is {SLUG}, up to 60"))?,
    })
}

fn positive(text: &str, currency: Currency) -> Result<Money> {
    let amount = Money::parse(text, currency).context("--amount")?;
    if amount.minor <= 0 {
        bail!("--amount is more than zero");
    }
    Ok(amount)
}

fn on(asked: Option<chrono::NaiveDate>, row: &TenantRow) -> Day {
    asked.map_or_else(|| now().day(row.zone), Day::from_date)
}

/// Puts the fact on the log, as an import does, and folds it.
async fn record(settings: &Settings, platform: &Platform, row: &TenantRow, fact: Fact) -> Result<()> {
    let shutdown = CancellationToken::new();
    let (keys, log, db) = (platform.keys.clone(), platform.log.clone(), platform.db.clone());
    let ingest = Ingest::start(ingest::Config::default(), keys, log, db, shutdown.clone());
    let draft = Draft { fact, people: Vec::new() };
    let accepted = ingest.accept_drafts(&row.tenant, &Source::DAYBOOK, vec![draft]).await;
    shutdown.cancel();
    ingest.drained().await;
    accepted?;
    processor::catch_up(platform.processor_config(settings), &platform.log, &platform.db).await?;
    Ok(())
}

fn answer(row: &TenantRow, part: &PartKey, key: String, already: bool) -> Answer {
    let text = match already {
        true => format!("{part}: `{key}` was recorded before; nothing changes\n"),
        false => format!("{part}: `{key}` recorded\n"),
    };
    Answer::new(&Recorded { tenant: row.tenant.to_string(), part: part.to_string(), key, already }, text)
}
