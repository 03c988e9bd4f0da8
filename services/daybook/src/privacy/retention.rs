//! `daybook privacy retention`: how long what is personal is kept, what is past its time now, and a limit of a merchant's own.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use privacy::retention::{self, Due, Expired};
use serde_json::json;
use store::keys::{Limit, RetentionClass, RetentionDays};

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
    /// Destroy now, for good, what is past its time, as `daybook up` and `daybook privacy` do every hour
    Apply(Apply),
}

#[derive(Debug, Args)]
struct Set {
    /// `customers` (from the order on), `quarantine` or `accesses`
    class: RetentionClass,
    /// How many days, 7 to 3653; `usual` for what the published policies promise. Customers and quarantine go by whole months,
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
    }
}

async fn show(settings: &Settings, of: &OfTenant) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, of).await?;
    let limits = platform.keys.retention(&row.tenant).await?;
    let due = retention::due(&platform.keys, &platform.db, &row, now()).await?;
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
    let listed = limits.iter().map(|limit| as_json(limit, &due));
    let json = json!({ "tenant": row.tenant.as_str(), "classes": listed.collect::<Vec<_>>() });
    Ok(Answer::new(&json, table.to_string()))
}

fn due_of(class: RetentionClass, due: &Due) -> String {
    match class {
        RetentionClass::Customers => {
            format!("{} of {}", plural(due.keys.keys, "key", "keys"), plural(due.keys.subjects, "person", "people"))
        }
        RetentionClass::Quarantine => plural(due.quarantined, "input", "inputs"),
        RetentionClass::Accesses => plural(due.accesses, "opening", "openings"),
    }
}

fn count_of(class: RetentionClass, due: &Due) -> u64 {
    match class {
        RetentionClass::Customers => due.keys.keys,
        RetentionClass::Quarantine => due.quarantined,
        RetentionClass::Accesses => due.accesses,
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
    let limit = Limit { class: asked.class, days, own: own.is_some() };
    let due = retention::due_under(&platform.keys, &platform.db, &row, limit, now()).await?;
    let limits = platform.keys.retention(&row.tenant).await?;
    let shortens = limits.iter().any(|one| one.class == asked.class && one.days.get() > days.get());
    if shortens && count_of(asked.class, &due) > 0 && !asked.yes {
        bail!("{} would be destroyed for good within the hour: add --yes to go ahead", due_of(asked.class, &due));
    }
    platform.keys.set_retention(&row.tenant, asked.class, own).await?;
    let whole = if asked.class == RetentionClass::Accesses { "" } else { ", and until all of their month is as old" };
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
    let gone = retention::expire(&platform.keys, &platform.log, &platform.db, &row, now()).await?;
    let Expired { erased, keys, quarantined, accesses } = gone;
    let text = format!(
        "{} erased; {} of others destroyed; {} out of quarantine; {} off the access log\n",
        plural(erased, "person", "people"),
        plural(keys, "key", "keys"),
        plural(quarantined, "input", "inputs"),
        plural(accesses, "opening", "openings"),
    );
    let json = json!({
        "tenant": row.tenant.as_str(), "erased": erased, "keys": keys, "quarantined": quarantined, "accesses": accesses,
    });
    Ok(Answer::new(&json, text))
}
