//! `daybook report`: the books as of any day, as known at any time. Days are those of the tenant's own zone.
//!
//! A report says when it was taken, to the microsecond. Asked again as known at that instant it answers with the same bytes,
//! whatever has been posted since: what was known at an instant does not change, once everything that was recorded by then is
//! folded.

mod aged;
mod balance_sheet;
mod profit_and_loss;
mod section;
mod statement;
mod trial_balance;

use anyhow::{Result, bail};
use chrono::{DateTime, Datelike, NaiveDate};
use clap::{Args, Subcommand};
use ledger::{Account, BusinessZone, Day, Timestamp};
use serde::Serialize;
use store::books::{AsOf, TenantRow};
use store::db::Db;

use crate::cli::OfTenant;
use crate::config::Settings;
use crate::output::Answer;
use crate::platform::now;
use crate::tenant;

/// Which statement.
#[derive(Debug, Subcommand)]
pub(crate) enum Report {
    /// Every account's balance, posted and pending; of a period's movements alone with --from
    TrialBalance(Asked),
    /// Income and expenses of a period; since the first of the month unless --from says otherwise
    ProfitAndLoss(Asked),
    /// Assets, liabilities, equity and what is retained
    BalanceSheet(AskedAsOf),
    /// An account's movements; since the first of the month unless --from says otherwise
    Statement(AskedStatement),
    /// Receivables by age, each part of the business from its first debit
    Aged(AskedAged),
}

/// A period, or everything up to a day.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// The first day that counts
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) from: Option<NaiveDate>,
    #[command(flatten)]
    pub(crate) as_of: AskedAsOf,
}

/// A day, and what was known of it.
#[derive(Debug, Args)]
pub(crate) struct AskedAsOf {
    #[command(flatten)]
    pub(crate) of: OfTenant,
    /// The last day that counts [default: today]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) as_of: Option<NaiveDate>,
    /// Only what was recorded by then: an instant such as 2026-03-31T18:00:00Z, or a day, which means its end [default: now]
    #[arg(long, value_name = "TIME", value_parser = known_at)]
    pub(crate) known_at: Option<KnownAt>,
}

/// An account and a period.
#[derive(Debug, Args)]
pub(crate) struct AskedStatement {
    /// The account, or a branch of the chart: `assets:cod-receivable` is every courier's
    pub(crate) account: Account,
    #[command(flatten)]
    pub(crate) asked: Asked,
}

/// Accounts, and a day.
#[derive(Debug, Args)]
pub(crate) struct AskedAged {
    /// The accounts, or branches of the chart
    #[arg(default_values = ["assets:cod-receivable", "assets:trade-receivable"])]
    pub(crate) accounts: Vec<Account>,
    #[command(flatten)]
    pub(crate) as_of: AskedAsOf,
}

/// Until when something must have been recorded to be known.
#[derive(Debug, Clone, Copy)]
pub(crate) enum KnownAt {
    /// Up to this instant.
    Instant(Timestamp),
    /// Up to the end of this day in the tenant's zone.
    EndOf(Day),
}

fn known_at(text: &str) -> Result<KnownAt, &'static str> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(KnownAt::EndOf(Day::from_date(day)));
    }
    let instant = DateTime::parse_from_rfc3339(text)
        .map_err(|_| "neither a day such as 2026-03-31 nor an instant such as 2026-03-31T18:00:00Z")?;
    Ok(KnownAt::Instant(Timestamp::from(instant)))
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings, report: &Report) -> Result<Answer> {
    match report {
        Report::TrialBalance(asked) => {
            trial_balance::run(&Books::open(settings, &asked.as_of, asked.from).await?).await
        }
        Report::ProfitAndLoss(asked) => {
            profit_and_loss::run(&Books::open(settings, &asked.as_of, asked.from).await?.since_the_first()).await
        }
        Report::BalanceSheet(asked) => balance_sheet::run(&Books::open(settings, asked, None).await?).await,
        Report::Statement(AskedStatement { account, asked }) => {
            let books = Books::open(settings, &asked.as_of, asked.from).await?.since_the_first();
            statement::run(&books, account).await
        }
        Report::Aged(asked) => aged::run(&Books::open(settings, &asked.as_of, None).await?, &asked.accounts).await,
    }
}

/// A tenant's books, and which entries of them count.
struct Books {
    db: Db,
    row: TenantRow,
    from: Option<Day>,
    through: Day,
    known_at: Option<Timestamp>,
    /// When the report is taken.
    taken: Timestamp,
}

/// What every report says of itself.
#[derive(Serialize)]
struct Of<'a> {
    tenant: &'a str,
    zone: &'static str,
    from: Option<String>,
    as_of: String,
    known_at: String,
}

impl Books {
    async fn open(settings: &Settings, asked: &AskedAsOf, from: Option<NaiveDate>) -> Result<Books> {
        let (db, row) = tenant::books_of(settings, &asked.of).await?;
        let taken = now();
        let through = asked.as_of.map_or_else(|| taken.day(row.zone), Day::from_date);
        let from = from.map(Day::from_date);
        if let Some(from) = from.filter(|from| *from > through) {
            bail!("--from {from} is after --as-of {through}");
        }
        let known_at = asked.known_at.map(|known| known.instant(row.zone));
        Ok(Books { db, row, from, through, known_at, taken })
    }

    /// A period that begins with the month, unless it was said where.
    fn since_the_first(self) -> Books {
        let first = self.through.date().with_day(1).map(Day::from_date);
        Books { from: self.from.or(first), ..self }
    }

    /// What counts.
    fn period(&self) -> AsOf {
        AsOf { from: self.from, ..self.to_date() }
    }

    /// What counts, from the first day on.
    fn to_date(&self) -> AsOf {
        AsOf { from: None, through: Some(self.through), known_at: self.known_at }
    }

    /// What counted before the period.
    fn before(&self) -> Option<AsOf> {
        let day = Day(self.from?.0.saturating_sub(1));
        Some(AsOf { through: Some(day), ..self.to_date() })
    }

    fn said(&self) -> Of<'_> {
        Of {
            tenant: self.row.tenant.as_str(),
            zone: self.row.zone.name(),
            from: self.from.map(|day| day.to_string()),
            as_of: self.through.to_string(),
            known_at: to_the_microsecond(self.known_at.unwrap_or(self.taken)),
        }
    }

    /// The line above a report for people.
    fn heading(&self, what: &str) -> String {
        let Of { tenant, zone, from, as_of, known_at } = self.said();
        let days = from.map_or_else(|| format!("as of {as_of}"), |from| format!("{from} to {as_of}"));
        format!("{what} of {tenant}, {days} ({zone}), as known at {known_at}\n")
    }
}

impl KnownAt {
    fn instant(self, zone: BusinessZone) -> Timestamp {
        match self {
            KnownAt::Instant(at) => at,
            KnownAt::EndOf(day) => day.end(zone),
        }
    }
}

/// RFC 3339 in UTC, such that asking for it again is asking for the same.
fn to_the_microsecond(at: Timestamp) -> String {
    at.to_utc().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_known_to_its_end_in_the_tenants_zone_and_an_instant_to_the_microsecond() {
        for (text, zone, expected) in [
            ("2026-03-31", BusinessZone::KARACHI, "2026-03-31T18:59:59.999999Z"),
            ("2026-03-31", BusinessZone::UTC, "2026-03-31T23:59:59.999999Z"),
            ("2026-03-31T18:00:00+05:00", BusinessZone::KARACHI, "2026-03-31T13:00:00.000000Z"),
            ("2026-03-31T18:00:00.123456Z", BusinessZone::KARACHI, "2026-03-31T18:00:00.123456Z"),
        ] {
            let instant = known_at(text).unwrap().instant(zone);
            assert_eq!(to_the_microsecond(instant), expected);
            assert_eq!(known_at(expected).unwrap().instant(zone), instant, "what is printed can be asked for");
        }
        assert!(known_at("yesterday").is_err() && known_at("2026-02-30").is_err());
    }
}
