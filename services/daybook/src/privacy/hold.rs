//! `daybook privacy hold`, `release` and `holds`: who must not be erased yet, why, until when, and who said so.

use anyhow::{Result, bail};
use chrono::NaiveDate;
use clap::Args;
use commerce::StaffId;
use ledger::{Day, Timestamp};
use serde_json::json;
use store::keys::{Hold, HoldReason};

use crate::cli::{OfTenant, Whom};
use crate::config::Settings;
use crate::erase::subject_of;
use crate::output::{Align, Answer, Table};
use crate::platform::{Platform, now};
use crate::tenant;

#[derive(Debug, Args)]
pub(crate) struct Keep {
    #[command(flatten)]
    of: OfTenant,
    #[command(flatten)]
    whom: Whom,
    /// Why: `cod`, `dispute` or `legal`
    #[arg(long)]
    reason: HoldReason,
    /// The last day, in the merchant's time: the hold ends by itself after it
    #[arg(long, value_name = "DAY")]
    until: NaiveDate,
    /// Who says so: a slug such as `support-2`, never a name
    #[arg(long, value_name = "SLUG", value_parser = super::slug::staff)]
    by: StaffId,
}

#[derive(Debug, Args)]
pub(crate) struct Release {
    #[command(flatten)]
    of: OfTenant,
    #[command(flatten)]
    whom: Whom,
    /// Which hold: `cod`, `dispute` or `legal`
    #[arg(long)]
    reason: HoldReason,
}

#[derive(Debug, Args)]
pub(crate) struct BookHolds {
    /// `on` or `off`
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(["on", "off"]))]
    asked: String,
    #[command(flatten)]
    of: OfTenant,
    /// Turn it off although people who wait are erased at once then
    #[arg(long)]
    yes: bool,
}

/// Runs `daybook privacy book-holds`.
pub(crate) async fn ask_books(settings: &Settings, asked: &BookHolds) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let on = asked.asked == "on";
    let waiting = platform.keys.waiting_erasures(&row.tenant, now()).await?;
    let of_books = waiting.iter().filter(|one| one.hold.staff.as_str() == "daybook").count();
    if !on && !asked.yes && of_books > 0 {
        bail!(
            "{of_books} who wait because the books say that something is open would be erased at once: say so with --yes"
        );
    }
    let changed = platform.keys.set_book_holds(&row.tenant, on, now()).await?;
    tracing::info!(tenant = %row.tenant, on, changed, "whether the books are asked before somebody is erased");
    let text = match on {
        true => "whoever wishes to be erased is held while their cash or a dispute is open\n",
        false => "the books are not asked: whoever wishes to be erased is, unless somebody holds them\n",
    };
    Ok(Answer::new(&json!({ "tenant": row.tenant.as_str(), "book_holds": on, "changed": changed }), text.to_owned()))
}

/// How long a hold lasts at most: as long as the longest time limit, so that a slip of a digit keeps nobody for ever.
const MOST_DAYS: i64 = 3_653;

/// Runs `daybook privacy hold`.
pub(crate) async fn keep(settings: &Settings, asked: &Keep) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let subject = subject_of(&platform, &row, &asked.whom).await?;
    let until = Day::from_date(asked.until).end(row.zone);
    if until.0.saturating_sub(now().0) > MOST_DAYS * 86_400_000_000 {
        bail!("a hold lasts {MOST_DAYS} days at most: enter it again before it ends if its reason still stands");
    }
    let hold = Hold { subject, reason: asked.reason, staff: asked.by.clone(), since: now(), until };
    platform.keys.hold(&row.tenant, hold.clone()).await?;
    tracing::info!(tenant = %row.tenant, %subject, reason = hold.reason.as_str(), staff = %hold.staff, "held");
    let text = format!("subject {subject} of {} is not erased before {until} ({})\n", row.tenant, hold.reason.as_str());
    Ok(Answer::new(&as_json(&hold), text))
}

/// Runs `daybook privacy release`.
pub(crate) async fn release(settings: &Settings, asked: &Release) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let subject = subject_of(&platform, &row, &asked.whom).await?;
    if !platform.keys.release(&row.tenant, subject, asked.reason, now()).await? {
        bail!("there is no such hold: see `daybook privacy holds`");
    }
    tracing::info!(tenant = %row.tenant, %subject, reason = asked.reason.as_str(), "released");
    let left: Vec<_> = platform.keys.holds(&row.tenant, now()).await?;
    let text = match left.iter().filter(|hold| hold.subject == subject).map(|hold| hold.until).max() {
        Some(until) => format!("released; another hold stands until {until}\n"),
        None => "released; a wish to be erased that is on record is carried out by `daybook up` or `daybook privacy`\n"
            .to_owned(),
    };
    let json =
        json!({ "tenant": row.tenant.as_str(), "subject": subject.to_string(), "released": asked.reason.as_str() });
    Ok(Answer::new(&json, text))
}

/// Runs `daybook privacy holds`.
pub(crate) async fn list(settings: &Settings, of: &OfTenant) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, of).await?;
    let all = platform.keys.holds(&row.tenant, now()).await?;
    let mut table = Table::new([
        (Align::Left, "subject"),
        (Align::Left, "reason"),
        (Align::Left, "said by"),
        (Align::Left, "since"),
        (Align::Left, "until"),
    ]);
    for hold in &all {
        let (reason, staff) = (hold.reason.as_str().to_owned(), hold.staff.to_string());
        table.row([hold.subject.to_string(), reason, staff, hold.since.to_string(), hold.until.to_string()]);
    }
    let text = if all.is_empty() { "nobody is held\n".to_owned() } else { table.to_string() };
    let listed: Vec<_> = all.iter().map(as_json).collect();
    Ok(Answer::new(&json!({ "tenant": row.tenant.as_str(), "holds": listed }), text))
}

fn as_json(hold: &Hold) -> serde_json::Value {
    let time = |at: Timestamp| at.to_string();
    json!({
        "subject": hold.subject.to_string(), "reason": hold.reason.as_str(), "by": hold.staff, "since": time(hold.since),
        "until": time(hold.until),
    })
}
