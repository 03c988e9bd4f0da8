//! `daybook privacy retention`: how long what is personal is kept, what is past its time now, and a limit of a merchant's own.

mod financial;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use privacy::retention::{self, Due, Expired};
use serde_json::json;
use store::keys::{Actor, Limit, RetentionClass, RetentionDays, RetentionReport};

use crate::cli::OfTenant;
use crate::config::Settings;
use crate::output::{Align, Answer, Table, plural};
use crate::platform::{Platform, now};
use crate::tenant;

#[derive(Debug, Args)]
pub(crate) struct Retention {
    #[command(subcommand)]
    command: RetentionCommand,
}

#[derive(Debug, Subcommand)]
enum RetentionCommand {
    /// How long each class is kept, and what is past its time now; nothing goes
    Show(OfTenant),
    /// Set how long a class is kept; `daybook up` and `daybook privacy` destroy what is past it, for good and without asking
    Set(Set),
    /// Destroy now, for good, what is past its time, as `daybook up` and `daybook privacy` do an hour after the last time
    Apply(Apply),
    /// What went, and when, and by whom
    Report(Report),
    /// Have the books keep the detail of financial records until a day, although its time is over
    HoldBooks(financial::HoldBooks),
    /// End that before its day
    ReleaseBooks(OfTenant),
    /// What came for cases after totals had taken the place of their detail: it is on the log, and in no books
    Late(financial::Late),
}

#[derive(Debug, Args)]
struct Set {
    /// `customers` (from the order on), `quarantine`, `accesses`, `closed` (everything, from the closing of the account on) or
    /// `financial` (finished cases, from their last entry on: totals by month take the place of their detail)
    class: RetentionClass,
    /// How many days, 7 to 3653, and 1827 at least for `financial`; `usual` for what the published policies promise. Customers, quarantine and financial go by whole months,
    /// when the last of the month is as old
    days: Days,
    /// Set it although something is past the new limit already
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    of: OfTenant,
}

#[derive(Debug, Args)]
struct Apply {
    /// Go ahead
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    of: OfTenant,
}

#[derive(Debug, Args)]
struct Report {
    /// How many times, the latest first
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    latest: u32,
    /// Also the times when nothing went
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    of: OfTenant,
}

/// A limit as it is typed.
#[derive(Debug, Clone, Copy)]
enum Days {
    Usual,
    Own(RetentionDays),
}

impl std::str::FromStr for Days {
    type Err = String;

    fn from_str(text: &str) -> Result<Days, String> {
        match text {
            "usual" => Ok(Days::Usual),
            _ => {
                let days: u16 = text.parse().map_err(|_| "a whole number of days, or `usual`".to_owned())?;
                RetentionDays::new(days).map(Days::Own).map_err(|error| error.to_string())
            }
        }
    }
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings, asked: &Retention) -> Result<Answer> {
    match &asked.command {
        RetentionCommand::Show(of) => show(settings, of).await,
        RetentionCommand::Set(asked) => set(settings, asked).await,
        RetentionCommand::Apply(asked) => apply(settings, asked).await,
        RetentionCommand::Report(asked) => report(settings, asked).await,
        RetentionCommand::HoldBooks(asked) => financial::hold(settings, asked).await,
        RetentionCommand::ReleaseBooks(of) => financial::release(settings, of).await,
        RetentionCommand::Late(asked) => financial::late(settings, asked).await,
    }
}

async fn show(settings: &Settings, of: &OfTenant) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, of).await?;
    let limits = platform.keys.retention(&row.tenant).await?;
    let due = retention::due(&platform.keys, &platform.log, &platform.db, &row, now()).await?;
    let mut table = Table::new([
        (Align::Left, "class"),
        (Align::Right, "days"),
        (Align::Left, "set by"),
        (Align::Left, "past its time now"),
    ]);
    for limit in &limits {
        let by = if limit.own { "the merchant" } else { "the published policies" };
        table.row([
            limit.class.as_str().to_owned(),
            limit.days.get().to_string(),
            by.to_owned(),
            due_of(limit.class, &due),
        ]);
    }
    let listed: Vec<_> = limits.iter().map(|limit| as_json(limit, &due)).collect();
    let books = financial::books(&platform, &row, &limits).await?;
    let json = json!({ "tenant": row.tenant.as_str(), "classes": listed, "books": books.json });
    Ok(Answer::new(&json, format!("{table}{}", books.text)))
}

fn due_of(class: RetentionClass, due: &Due) -> String {
    match class {
        RetentionClass::Customers => {
            format!("{} of {}", plural(due.keys.keys, "key", "keys"), plural(due.keys.subjects, "person", "people"))
        }
        RetentionClass::Quarantine => plural(due.quarantined, "input", "inputs"),
        RetentionClass::Accesses => plural(due.accesses, "opening", "openings"),
        RetentionClass::Closed => plural(due.closed, "person", "people"),
        RetentionClass::Financial => plural(due.cases, "finished case", "finished cases"),
    }
}

fn count_of(class: RetentionClass, due: &Due) -> u64 {
    match class {
        RetentionClass::Customers => due.keys.keys,
        RetentionClass::Quarantine => due.quarantined,
        RetentionClass::Accesses => due.accesses,
        RetentionClass::Closed => due.closed,
        RetentionClass::Financial => due.cases,
    }
}

fn as_json(limit: &Limit, due: &Due) -> serde_json::Value {
    let days = limit.days.get();
    json!({ "class": limit.class.as_str(), "days": days, "own": limit.own, "due": count_of(limit.class, due) })
}

async fn set(settings: &Settings, asked: &Set) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let (days, own) = match asked.days {
        Days::Usual => (asked.class.usual(), None),
        Days::Own(days) => (days, Some(days)),
    };
    if days < asked.class.shortest() {
        bail!(
            "{} records are kept for {} days at least: the law asks for them",
            asked.class.as_str(),
            asked.class.shortest().get()
        );
    }
    let limit = Limit { class: asked.class, days, own: own.is_some() };
    let due = retention::due_under(&platform.keys, &platform.log, &platform.db, &row, limit, now()).await?;
    let limits = platform.keys.retention(&row.tenant).await?;
    let shortens = limits.iter().any(|one| one.class == asked.class && one.days.get() > days.get());
    if shortens && count_of(asked.class, &due) > 0 && !asked.yes {
        bail!(
            "{} would be destroyed for good, within the hour where `daybook up` or `daybook privacy` runs: add --yes to go ahead",
            due_of(asked.class, &due)
        );
    }
    platform.keys.set_retention(&row.tenant, asked.class, own).await?;
    let whole = match asked.class {
        RetentionClass::Customers | RetentionClass::Quarantine => ", and until all of their month is as old",
        RetentionClass::Accesses | RetentionClass::Closed => "",
        RetentionClass::Financial => {
            ", and until all of their month is as old; then totals by month stand for their detail"
        }
    };
    let text = format!("{} of {} are kept for {} days{whole}\n", asked.class.as_str(), row.tenant, days.get());
    let json = json!({ "tenant": row.tenant.as_str(), "class": asked.class.as_str(), "days": days.get(), "own": own.is_some() });
    Ok(Answer::new(&json, text))
}

async fn apply(settings: &Settings, asked: &Apply) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    if !asked.yes {
        bail!("what goes cannot be brought back: see `daybook privacy retention show`, and add --yes to go ahead");
    }
    platform.keys.may_expire(now(), true).await?;
    let Platform { log, db, keys } = &platform;
    let gone = retention::expire_and_report(keys, log, db, &row, &Actor::Operator, now()).await?;
    let Expired { erased, keys, quarantined, accesses, secrets, index_rows, replaced } = gone;
    let closed = match (secrets, index_rows) {
        (0, 0) => String::new(),
        _ => format!(
            "; {} and {} of a closed account",
            plural(secrets, "secret", "secrets"),
            plural(index_rows, "index row", "index rows")
        ),
    };
    let cases = match replaced {
        0 => String::new(),
        _ => format!("; totals stand for the detail of {}", plural(replaced, "case", "cases")),
    };
    let text = format!(
        "{} erased; {} of others destroyed; {} out of quarantine; {} off the access log{closed}{cases}\n",
        plural(erased, "person", "people"),
        plural(keys, "key", "keys"),
        plural(quarantined, "input", "inputs"),
        plural(accesses, "opening", "openings"),
    );
    let json = json!({
        "tenant": row.tenant.as_str(), "erased": erased, "keys": keys, "quarantined": quarantined, "accesses": accesses,
        "secrets": secrets, "index_rows": index_rows, "replaced": replaced,
    });
    Ok(Answer::new(&json, text))
}

async fn report(settings: &Settings, asked: &Report) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let most = if asked.all { asked.latest } else { u32::MAX };
    let mut all = platform.keys.retention_reports(&row.tenant, most).await?;
    all.retain(|one| asked.all || one.failed || total(one) > 0);
    all.truncate(asked.latest as usize);
    let mut table = Table::new([
        (Align::Left, "when"),
        (Align::Left, "by"),
        (Align::Right, "people"),
        (Align::Right, "keys"),
        (Align::Right, "inputs"),
        (Align::Right, "openings"),
        (Align::Right, "secrets"),
        (Align::Right, "index rows"),
        (Align::Right, "cases"),
        (Align::Left, ""),
    ]);
    for one in &all {
        let counts = counts(one).map(|count| count.to_string());
        let [erased, keys, quarantined, accesses, secrets, index_rows, replaced] = counts;
        let failed = if one.failed { "not all of it" } else { "" }.to_owned();
        table.row([
            one.at.to_string(),
            one.by.clone(),
            erased,
            keys,
            quarantined,
            accesses,
            secrets,
            index_rows,
            replaced,
            failed,
        ]);
    }
    let text = if all.is_empty() { "nothing has gone yet\n".to_owned() } else { table.to_string() };
    let listed: Vec<_> = all.iter().map(report_json).collect();
    Ok(Answer::new(&json!({ "tenant": row.tenant.as_str(), "reports": listed }), text))
}

fn counts(one: &RetentionReport) -> [u64; 7] {
    [one.erased, one.keys, one.quarantined, one.accesses, one.secrets, one.index_rows, one.replaced]
}

fn total(one: &RetentionReport) -> u64 {
    counts(one).into_iter().fold(0, u64::saturating_add)
}

fn report_json(one: &RetentionReport) -> serde_json::Value {
    let [erased, keys, quarantined, accesses, secrets, index_rows, replaced] = counts(one);
    json!({
        "at": one.at.to_string(), "by": one.by, "erased": erased, "keys": keys, "quarantined": quarantined,
        "accesses": accesses, "secrets": secrets, "index_rows": index_rows, "replaced": replaced,
        "failed": one.failed,
    })
}
