//! `daybook write-off` and `daybook chargeback`: what a person records when money that was due does not come. Each is one fact;
//! it takes the way of every other, onto the log and from there into the books.

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use commerce::{
    ApprovalLimits, ChargebackOutcome, ChargebackRecorded, ClaimKey, CodPosition, CodWrittenOff, Courier, Fact,
    OrderId, Part, PartKey, TrackingNumber, WriteOffKind,
};
use ledger::{Admitted, Currency, Day, Money, Refused};
use serde::Serialize;
use store::books::{self, TenantRow};

use crate::cli::OfTenant;
use crate::config::Settings;
use crate::ledger::{Counter, Declined, Entered, at_counter, earlier};
use crate::output::Answer;
use crate::platform::now;
use crate::show;

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
    /// Who else agreed, as a slug; needed above the limit of `daybook ledger limit`
    #[arg(long, value_name = "SLUG")]
    pub(crate) approved_by: Option<String>,
    /// The day on which it counts [default: today]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) on: Option<chrono::NaiveDate>,
    /// Say what would be, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
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
    /// Say what would be, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
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
    dry_run: bool,
}

const SLUG: &str = "lower-case letters, digits and hyphens";

/// Runs `daybook write-off`.
pub(crate) async fn run_write_off(settings: &Settings, asked: &WriteOff) -> Result<Answer> {
    at_counter(settings, &asked.of, asked.dry_run, async |counter| write_off(counter, asked).await).await
}

/// Runs `daybook chargeback`.
pub(crate) async fn run_chargeback(settings: &Settings, asked: &Chargeback) -> Result<Answer> {
    at_counter(settings, &asked.of, asked.dry_run, async |counter| chargeback(counter, asked).await).await
}

async fn write_off(counter: &Counter<'_>, asked: &WriteOff) -> Result<Answer> {
    let mut fact = written_off(asked, asked.on.map_or_else(|| counter.today(), Day::from_date))?;
    let part = PartKey::Parcel(fact.courier.clone(), fact.tracking.clone());
    let known = write_off_of(counter, &part, &fact.key).await?;
    if let Some(known) = known.as_ref().filter(|_| asked.on.is_none()) {
        fact.on = known.on;
    }
    let position = position(counter, &fact, &part).await?;
    let entered = Entered {
        day: fact.on,
        amounts: &[(fact.amount, 1)],
        total: fact.amount.minor.into(),
        currency: position.as_ref().map(|position| position.currency),
        earlier: earlier(known.as_ref(), &fact),
    };
    let limits = counter.limits().await?;
    let verdict = counter.take(&entered).await?.and_then(|admitted| match admitted {
        Admitted::New => within_outstanding(&fact, position.as_ref())
            .and_then(|()| by_two_above_limit(&fact, &limits))
            .map(|()| admitted),
        Admitted::Already => Ok(admitted),
    });
    let admitted = match verdict {
        Err(declined) => return Ok(declined.answer()),
        Ok(admitted) => admitted,
    };
    if admitted == Admitted::New && !asked.dry_run {
        counter.record(Fact::CodWrittenOff(fact.clone())).await?;
        // Somebody may have used the same key at the same moment: the log decides.
        if write_off_of(counter, &part, &fact.key).await?.as_ref() != Some(&fact) {
            return Ok(Declined::from(Refused::DuplicateKey).answer());
        }
    }
    Ok(answer(&counter.row, &part, fact.key.to_string(), admitted, asked.dry_run))
}

async fn chargeback(counter: &Counter<'_>, asked: &Chargeback) -> Result<Answer> {
    let order = show::find_order(&counter.platform.db, &counter.row, &asked.order).await?.order;
    let mut fact = disputed(asked, order, asked.on.map_or_else(|| counter.today(), Day::from_date))?;
    let part = PartKey::Order(order);
    let stored = counter.part(&part).await?;
    let known = stored.as_ref().and_then(|part| dispute_of(part, &fact));
    if let Some(known) = known {
        // The same words again are the same fact: they do not become a later version.
        fact.version = known.version;
        fact.on = asked.on.map_or(known.on, Day::from_date);
    }
    let entered = Entered {
        day: fact.on,
        amounts: &[(Money::new(fact.amount, fact.currency), 1), (Money::new(fact.fee, fact.currency), 0)],
        total: i128::from(fact.amount) + i128::from(fact.fee),
        currency: stored.as_ref().and_then(currency_of_order),
        earlier: earlier(known, &fact),
    };
    let admitted = match counter.take(&entered).await? {
        Err(declined) => return Ok(declined.answer()),
        Ok(admitted) => admitted,
    };
    if admitted == Admitted::New && !asked.dry_run {
        counter.record(Fact::ChargebackRecorded(fact.clone())).await?;
        let stored = counter.part(&part).await?;
        // Somebody may have used the same key at the same moment: the log decides.
        let stands = stored.as_ref().and_then(|part| dispute_of(part, &fact));
        if stands.is_none_or(|stands| *stands != ChargebackRecorded { version: stands.version, ..fact.clone() }) {
            return Ok(Declined::from(Refused::DuplicateKey).answer());
        }
    }
    Ok(answer(&counter.row, &part, fact.key.to_string(), admitted, asked.dry_run))
}

/// What is known under a key of a parcel's write-offs. An error if the parcel is unknown.
async fn write_off_of(counter: &Counter<'_>, part: &PartKey, key: &ClaimKey) -> Result<Option<CodWrittenOff>> {
    let Some(Part::Parcel(parcel)) = counter.part(part).await? else {
        bail!("no fact of {part} is known to `{}`: `daybook lag` says whether records wait", counter.row.tenant)
    };
    Ok(parcel.written_off.get(key).cloned())
}

/// Where the parcel's cash stands, seen with the order that owns it.
async fn position(counter: &Counter<'_>, fact: &CodWrittenOff, part: &PartKey) -> Result<Option<CodPosition>> {
    let (db, tenant) = (&counter.platform.db, &counter.row.tenant);
    let rows = match books::owner_of(db, tenant, &fact.courier, &fact.tracking).await? {
        Some(order) => books::case_of(db, tenant, order).await?,
        None => books::part(db, tenant, part).await?.into_iter().collect(),
    };
    let case = rows.iter().map(|row| (row.key.clone(), &row.part)).collect();
    Ok(commerce::cod_position(&case, part, &counter.row.policy()))
}

/// Cash that was not collected cannot be given up, nor more than is outstanding; damages may be claimed of either.
fn within_outstanding(fact: &CodWrittenOff, position: Option<&CodPosition>) -> Result<(), Declined> {
    let outstanding = position.map_or(0, |position| position.outstanding.max(0));
    // Damages for a parcel that brought no cash are no part of its cash.
    let is_damages = fact.kind == WriteOffKind::Claim && position.is_none_or(|position| position.expected == 0);
    if is_damages || fact.amount.minor <= outstanding {
        return Ok(());
    }
    Err(Declined::MoreThanOutstanding { outstanding, currency: fact.amount.currency })
}

/// Above the merchant's limit one person does not give cash up alone. Nobody is their own second person, whatever the amount.
fn by_two_above_limit(fact: &CodWrittenOff, limits: &ApprovalLimits) -> Result<(), Declined> {
    match &fact.approved_by {
        Some(second) if *second == fact.by => Err(Declined::SamePersonTwice),
        None if commerce::is_above_limit(fact.amount, limits) => Err(Declined::NeedsSecondPerson),
        _ => Ok(()),
    }
}

/// What is known of the dispute at this stage of it.
fn dispute_of<'p>(part: &'p Part, fact: &ChargebackRecorded) -> Option<&'p ChargebackRecorded> {
    let Part::Order(order) = part else { return None };
    order.chargebacks.get(&(fact.key.clone(), fact.outcome))
}

fn currency_of_order(part: &Part) -> Option<Currency> {
    let Part::Order(order) = part else { return None };
    order.terms.as_ref().map(|terms| terms.currency)
}

fn disputed(asked: &Chargeback, order: OrderId, on: Day) -> Result<ChargebackRecorded> {
    let currency: Currency = asked.currency.parse().context("--currency")?;
    Ok(ChargebackRecorded {
        version: now(),
        order,
        key: asked.key.parse().with_context(|| format!("--key is {SLUG}, up to 64"))?,
        on,
        amount: Money::parse(&asked.amount, currency).context("--amount")?.minor,
        fee: Money::parse(&asked.fee, currency).context("--fee")?.minor,
        currency,
        outcome: match asked.outcome {
            Outcome::Open => ChargebackOutcome::Open,
            Outcome::Won => ChargebackOutcome::Won,
            Outcome::Lost => ChargebackOutcome::Lost,
        },
    })
}

fn written_off(asked: &WriteOff, on: Day) -> Result<CodWrittenOff> {
    let currency: Currency = asked.currency.parse().context("--currency")?;
    Ok(CodWrittenOff {
        on,
        courier: asked.courier.parse::<Courier>().with_context(|| format!("--courier is {SLUG}, up to 40"))?,
        tracking: TrackingNumber::from_text(&asked.tracking)
            .context("a consignment number is letters, digits, hyphens")?,
        key: asked.key.parse().with_context(|| format!("--key is {SLUG}, up to 64"))?,
        amount: Money::parse(&asked.amount, currency).context("--amount")?,
        kind: match asked.kind {
            Kind::Shortfall => WriteOffKind::Shortfall,
            Kind::Lost => WriteOffKind::Lost,
            Kind::Claim => WriteOffKind::Claim,
        },
        by: asked.by.parse().with_context(|| format!("--by is {SLUG}, up to 40"))?,
        reason: asked.reason.parse().with_context(|| format!("--reason is {SLUG}, up to 80"))?,
        approved_by: asked
            .approved_by
            .as_ref()
            .map(|slug| slug.parse().with_context(|| format!("--approved-by is {SLUG}, up to 40")))
            .transpose()?,
    })
}

fn answer(row: &TenantRow, part: &PartKey, key: String, admitted: Admitted, dry_run: bool) -> Answer {
    let already = admitted == Admitted::Already;
    let text = match admitted {
        Admitted::Already => format!("{part}: `{key}` was recorded before; nothing changes\n"),
        Admitted::New if dry_run => format!("{part}: `{key}` would be recorded; nothing was written\n"),
        Admitted::New => format!("{part}: `{key}` recorded\n"),
    };
    Answer::new(&Recorded { tenant: row.tenant.to_string(), part: part.to_string(), key, already, dry_run }, text)
}
