//! `daybook privacy restrict`, `lift`, `restrictions` and `object`: whose data is only kept, and what people object to.

use anyhow::Result;
use chrono::NaiveDate;
use clap::Args;
use commerce::StaffId;
use ledger::{Day, Timestamp};
use serde_json::{Value, json};
use store::keys::{Channel, Objection, Processing, Restriction, RestrictionReason, Told};

use crate::cli::{OfTenant, Whom};
use crate::config::Settings;
use crate::erase::subject_of;
use crate::output::{Align, Answer, Table};
use crate::platform::{Platform, now};
use crate::tenant;

#[derive(Debug, Args)]
pub(crate) struct Restrict {
    #[command(flatten)]
    of: OfTenant,
    #[command(flatten)]
    whom: Whom,
    /// Why: `accuracy` (contested), `unlawful`, `claims` (they need it for theirs) or `objection` (pending)
    #[arg(long)]
    reason: RestrictionReason,
    /// The last day, in the merchant's time; it ends then only if the person was told before [default: open-ended]
    #[arg(long, value_name = "DAY")]
    until: Option<NaiveDate>,
    /// Who says so: a slug such as `support-2`, never a name
    #[arg(long, value_name = "SLUG", value_parser = super::slug::staff)]
    by: StaffId,
}

#[derive(Debug, Args)]
pub(crate) struct Lift {
    #[command(flatten)]
    of: OfTenant,
    #[command(flatten)]
    whom: Whom,
    /// Which restriction: `accuracy`, `unlawful`, `claims` or `objection`
    #[arg(long)]
    reason: RestrictionReason,
    /// Record that the person was told that it ends, and how (page, email, message, phone or letter); lifts nothing yet
    #[arg(long, value_name = "CHANNEL")]
    told: Option<Channel>,
    /// Who told them, or lifts it: a slug such as `support-2`, never a name
    #[arg(long, value_name = "SLUG", value_parser = super::slug::staff)]
    by: StaffId,
}

#[derive(Debug, Args)]
pub(crate) struct Restrictions {
    #[command(flatten)]
    of: OfTenant,
    #[command(flatten)]
    whom: Whom,
}

#[derive(Debug, Args)]
pub(crate) struct Object {
    #[command(flatten)]
    of: OfTenant,
    #[command(flatten)]
    whom: Whom,
    /// To which purpose: `notices`, `support`, `marketing` or `operations`
    #[arg(long, value_name = "PURPOSE")]
    to: Processing,
    /// The objection was taken back, or answered: end it
    #[arg(long)]
    end: bool,
    /// Who enters it: a slug such as `support-2`, never a name
    #[arg(long, value_name = "SLUG", value_parser = super::slug::staff)]
    by: StaffId,
}

/// Runs `daybook privacy restrict`.
pub(crate) async fn restrict(settings: &Settings, asked: &Restrict) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let subject = subject_of(&platform, &row, &asked.whom).await?;
    let until = asked.until.map(|day| Day::from_date(day).end(row.zone));
    let (keys, at) = (&platform.keys, now());
    keys.restrict(&row.tenant, subject, asked.reason, until, (&asked.by, at)).await?;
    let reason = asked.reason.as_str();
    tracing::info!(tenant = %row.tenant, %subject, reason, staff = %asked.by, "restricted");
    let all = keys.restrictions_of(&row.tenant, subject).await?;
    let entered = all.iter().rfind(|one| one.reason == asked.reason && one.stands(at));
    let ends = until.map_or_else(String::new, |until| format!(" until {until}, if they are told before"));
    let text =
        format!("what is known of subject {subject} of {} is only kept from now on ({reason}){ends}\n", row.tenant);
    Ok(Answer::new(&entered.map(|one| restriction(one, at)), text))
}

/// Runs `daybook privacy lift`.
pub(crate) async fn lift(settings: &Settings, asked: &Lift) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let subject = subject_of(&platform, &row, &asked.whom).await?;
    let (keys, tenant, reason, by) = (&platform.keys, &row.tenant, asked.reason.as_str(), &asked.by);
    let text = match asked.told {
        Some(channel) => {
            let told = Told { channel, by: by.clone(), at: now() };
            keys.tell_of_lifting(tenant, subject, asked.reason, told).await?;
            tracing::info!(%tenant, %subject, reason, staff = %by, "told of the end of a restriction");
            "on record that they were told; the restriction stands until its day, or until it is lifted without --told\n"
        }
        None => {
            keys.lift(tenant, subject, asked.reason, (by, now())).await?;
            tracing::info!(%tenant, %subject, reason, staff = %by, "lifted a restriction");
            "lifted\n"
        }
    };
    let json = json!({
        "tenant": tenant.as_str(), "subject": subject.to_string(), "reason": reason,
        "told": asked.told.map(Channel::as_str), "lifted": asked.told.is_none(),
    });
    Ok(Answer::new(&json, text.to_owned()))
}

/// Runs `daybook privacy restrictions`.
pub(crate) async fn list(settings: &Settings, asked: &Restrictions) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let (keys, tenant, now) = (&platform.keys, &row.tenant, now());
    let (restrictions, objections) = match asked.whom.is_somebody() {
        true => {
            let subject = subject_of(&platform, &row, &asked.whom).await?;
            (keys.restrictions_of(tenant, subject).await?, keys.objections_of(tenant, subject).await?)
        }
        false => (keys.restrictions(tenant, now).await?, keys.objections(tenant).await?),
    };
    let json = json!({
        "tenant": tenant.as_str(),
        "restrictions": restrictions.iter().map(|one| restriction(one, now)).collect::<Vec<_>>(),
        "objections": objections.iter().map(objection).collect::<Vec<_>>(),
    });
    Ok(Answer::new(&json, text(&restrictions, &objections, now)))
}

/// Runs `daybook privacy object`.
pub(crate) async fn object(settings: &Settings, asked: &Object) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let subject = subject_of(&platform, &row, &asked.whom).await?;
    let (keys, to, by) = (&platform.keys, asked.to.as_str(), (&asked.by, now()));
    let changed = match asked.end {
        true => keys.end_objection(&row.tenant, subject, asked.to, by).await?,
        false => keys.object(&row.tenant, subject, asked.to, by).await?,
    };
    tracing::info!(tenant = %row.tenant, %subject, to, end = asked.end, changed, "an objection");
    let does = if asked.end { "objects no more" } else { "objects" };
    let before = if changed { "" } else { "; that was so before" };
    let text = format!("subject {subject} of {} {does} to {to}{before}\n", row.tenant);
    let json = json!({
        "tenant": row.tenant.as_str(), "subject": subject.to_string(), "to": to, "objects": !asked.end, "changed": changed,
    });
    Ok(Answer::new(&json, text))
}

fn restriction(one: &Restriction, now: Timestamp) -> Value {
    let told = one
        .told
        .as_ref()
        .map(|told| json!({ "channel": told.channel.as_str(), "by": told.by, "at": told.at.to_string() }));
    json!({
        "subject": one.subject.to_string(), "reason": one.reason.as_str(), "by": one.staff, "since": one.since.to_string(),
        "until": one.until.map(|at| at.to_string()), "told": told, "lifted": ended(&one.lifted), "stands": one.stands(now),
        "waits_for_telling": one.waits_for_telling(now),
    })
}

fn objection(one: &Objection) -> Value {
    json!({
        "subject": one.subject.to_string(), "to": one.processing.as_str(), "by": one.staff, "since": one.since.to_string(),
        "ended": ended(&one.ended),
    })
}

fn ended(by: &Option<(StaffId, Timestamp)>) -> Option<Value> {
    by.as_ref().map(|(by, at)| json!({ "by": by, "at": at.to_string() }))
}

fn text(restrictions: &[Restriction], objections: &[Objection], now: Timestamp) -> String {
    if restrictions.is_empty() && objections.is_empty() {
        return "nobody is restricted, and nobody objects\n".to_owned();
    }
    let mut table = Table::new([
        (Align::Left, "subject"),
        (Align::Left, "what"),
        (Align::Left, "said by"),
        (Align::Left, "since"),
        (Align::Left, "how it stands"),
    ]);
    for one in restrictions {
        let what = format!("restricted: {}", one.reason.as_str());
        table.row([one.subject.to_string(), what, one.staff.to_string(), one.since.to_string(), how(one, now)]);
    }
    for one in objections {
        let what = format!("objects to {}", one.processing.as_str());
        let how = one.ended.as_ref().map_or("stands".to_owned(), |(_, at)| format!("ended {at}"));
        table.row([one.subject.to_string(), what, one.staff.to_string(), one.since.to_string(), how]);
    }
    table.to_string()
}

fn how(one: &Restriction, now: Timestamp) -> String {
    match (one.ends(), one.until) {
        (Some(end), _) if end <= now => format!("ended {end}"),
        (Some(end), _) => format!("stands until {end}"),
        (None, Some(until)) if until <= now => {
            "stands, although its day has come: nobody has told the person (lift --told)".to_owned()
        }
        (None, Some(until)) => format!("stands until {until}, if they are told before"),
        (None, None) => "stands".to_owned(),
    }
}
