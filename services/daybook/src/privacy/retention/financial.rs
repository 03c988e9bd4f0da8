//! Financial records whose time is over: how many cases of which month are due, what holds a merchant's books, and what came too late.

use anyhow::{Result, bail};
use chrono::NaiveDate;
use clap::Args;
use commerce::StaffId;
use ledger::Day;
use serde_json::json;
use store::books::{self, TenantRow};
use store::keys::{BooksHeld, HoldReason, Limit, RetentionClass};

use crate::cli::OfTenant;
use crate::config::Settings;
use crate::output::{Align, Answer, Table, plural};
use crate::platform::{Platform, now};
use crate::tenant;

#[derive(Debug, Args)]
pub(super) struct HoldBooks {
    #[command(flatten)]
    of: OfTenant,
    /// Why: `dispute` or `legal`
    #[arg(long)]
    reason: HoldReason,
    /// The last day, in the merchant's time: it ends by itself after it
    #[arg(long, value_name = "DAY")]
    until: NaiveDate,
    /// Who says so: a slug such as `finance-2`, never a name
    #[arg(long, value_name = "SLUG", value_parser = crate::privacy::slug::staff)]
    by: StaffId,
}

#[derive(Debug, Args)]
pub(super) struct Late {
    #[command(flatten)]
    of: OfTenant,
    /// How many, the latest first
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    latest: u32,
}

/// How a merchant's books stand to the limit: which months are due, what is kept and why, what holds them, what was replaced.
pub(super) async fn books(platform: &Platform, row: &TenantRow, limits: &[Limit]) -> Result<Answer> {
    let Platform { log, db, keys } = platform;
    let Some(limit) = limits.iter().find(|limit| limit.class == RetentionClass::Financial) else {
        bail!("financial records have no limit");
    };
    let due = privacy::financial::due(keys, log, db, row, limit.days, now()).await?;
    let before = privacy::financial::old(row, limit.days, now()).before;
    let held = keys.books_held(&row.tenant, now()).await?;
    let (parts, late) = books::count_replaced(db, &row.tenant).await?;
    let month = |month: &Option<ledger::Month>| month.map_or_else(|| "never posted".to_owned(), |one| one.to_string());
    let months: Vec<(String, u64)> = due.cases.iter().map(|(one, count)| (month(one), *count)).collect();
    let kept: Vec<(&str, u64)> = due.kept.iter().map(|(why, count)| (why.as_str(), *count)).collect();
    let mut text = String::new();
    for (month, count) in &months {
        text += &format!("  {month}: {}\n", plural(*count, "finished case", "finished cases"));
    }
    for (why, count) in &kept {
        text += &format!("  kept, {why}: {}\n", plural(*count, "case", "cases"));
    }
    if let Some(held) = &held {
        text += &format!("the books keep their detail until {} ({})\n", held.until, held.reason.as_str());
    }
    if parts + late > 0 {
        let late = plural(late, "fact", "facts");
        text += &format!("{} without detail; {late} came too late for them\n", plural(parts, "part", "parts"));
    }
    let named = |pairs: Vec<(String, u64)>| serde_json::Map::from_iter(pairs.into_iter().map(|(a, b)| (a, json!(b))));
    let kept = kept.into_iter().map(|(why, count)| (why.to_owned(), count)).collect();
    let json = json!({
        "before": before.to_string(), "months": named(months), "kept": named(kept),
        "held": held.as_ref().map(as_json), "replaced_parts": parts, "late_facts": late,
    });
    Ok(Answer::new(&json, text))
}

fn as_json(held: &BooksHeld) -> serde_json::Value {
    let BooksHeld { reason, staff, since, until } = held;
    json!({
        "reason": reason.as_str(), "by": staff.as_str(), "since": since.to_string(), "until": until.to_string(),
    })
}

/// How long books are held at most: as long as the longest time limit.
const MOST_DAYS: i64 = 3_653;

/// Runs `daybook privacy retention hold-books`.
pub(super) async fn hold(settings: &Settings, asked: &HoldBooks) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let (since, until) = (now(), Day::from_date(asked.until).end(row.zone));
    if until <= since {
        bail!("a hold ends in the future");
    }
    if until.0.saturating_sub(since.0) > MOST_DAYS * 86_400_000_000 {
        bail!("books are held for {MOST_DAYS} days at most: enter it again before it ends if its reason still stands");
    }
    let held = BooksHeld { reason: asked.reason, staff: asked.by.clone(), since, until };
    platform.keys.hold_books(&row.tenant, &held).await?;
    tracing::info!(tenant = %row.tenant, reason = held.reason.as_str(), staff = %held.staff, "the books are held");
    let text = format!("the books of {} keep their detail until {until} ({})\n", row.tenant, held.reason.as_str());
    Ok(Answer::new(&as_json(&held), text))
}

/// Runs `daybook privacy retention release-books`.
pub(super) async fn release(settings: &Settings, of: &OfTenant) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, of).await?;
    if !platform.keys.release_books(&row.tenant, crate::platform::now()).await? {
        bail!("nothing holds the books of {}", row.tenant);
    }
    tracing::info!(tenant = %row.tenant, "the books are released");
    let json = json!({ "tenant": row.tenant.as_str(), "released": true });
    Ok(Answer::new(&json, "released: detail whose time is over goes with the next pass\n".to_owned()))
}

/// Runs `daybook privacy retention late`.
pub(super) async fn late(settings: &Settings, asked: &Late) -> Result<Answer> {
    let (db, row) = tenant::books_of(settings, &asked.of).await?;
    let late = books::late_facts(&db, &row.tenant, asked.latest).await?;
    let declined = books::declined_totals(&db, &row.tenant, asked.latest).await?;
    let mut table = Table::new([(Align::Left, "recorded"), (Align::Left, "for"), (Align::Left, "event")]);
    for one in &late {
        table.row([one.recorded.to_string(), one.part.to_string(), one.event.to_string()]);
    }
    let listed: Vec<_> = late
        .iter()
        .map(|one| {
            json!({
                "reason": "detail-replaced", "recorded": one.recorded.to_string(), "part": one.part.to_string(),
                "event": one.event.to_string(),
            })
        })
        .collect();
    let mut text = if late.is_empty() { "nothing came too late\n".to_owned() } else { table.to_string() };
    for one in &declined {
        text += &format!(
            "{}  totals/{} were declined: others stood for part of it (event {})\n",
            one.recorded, one.totals, one.event
        );
    }
    let declined: Vec<_> = declined
        .iter()
        .map(|one| json!({ "recorded": one.recorded.to_string(), "totals": one.totals.to_string(), "event": one.event.to_string() }))
        .collect();
    Ok(Answer::new(&json!({ "tenant": row.tenant.as_str(), "late": listed, "declined": declined }), text))
}
