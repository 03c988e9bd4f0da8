//! `daybook privacy accesses`: the access log for the person it is about, for the merchant, and for whoever watches.

use anyhow::{Result, bail};
use clap::Args;
use processor::{Finding, Invariant};
use serde::Serialize;
use serde_json::json;
use store::books::{self, TenantRow};
use store::keys::{Access, KeyStore, Unusual, hour_of, unusual};

use crate::cli::{OfTenant, Whom};
use crate::config::Settings;
use crate::erase::subject_of;
use crate::output::{Align, Answer, Table, csv_cell, plural};
use crate::platform::{Platform, now};
use crate::tenant;

/// How many days back unusual hours are listed; what is usual is looked for in as many before.
const DAYS: i64 = 30;

const HOUR: i64 = 3_600_000_000;

#[derive(Debug, Args)]
pub(crate) struct Accesses {
    #[command(flatten)]
    of: OfTenant,
    #[command(flatten)]
    whom: Whom,
    /// Without a person: how many, the latest first
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    latest: u32,
    /// The hours of the last 30 days in which somebody looked at unusually many people
    #[arg(long, conflicts_with_all = ["csv", "latest", "customer", "order", "phone", "email", "subject"])]
    unusual: bool,
    /// Print comma-separated values for a spreadsheet
    #[arg(long)]
    csv: bool,
}

/// An opening as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    number: i64,
    at: String,
    actor: String,
    role: String,
    purpose: String,
    request: String,
    subject: String,
    boxes: i64,
    labels: Vec<String>,
    fields: Vec<String>,
    shown: String,
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings, asked: &Accesses, as_json: bool) -> Result<Answer> {
    if asked.csv && as_json {
        bail!("choose one: --csv or --json");
    }
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    if asked.unusual {
        return unusual_hours(&platform.keys, &row).await;
    }
    let (subject, found) = match asked.whom.is_somebody() {
        true => {
            let subject = subject_of(&platform, &row, &asked.whom).await?;
            (Some(subject.to_string()), platform.keys.accesses_of(&row.tenant, subject).await?)
        }
        false => (None, platform.keys.latest_accesses(&row.tenant, asked.latest).await?),
    };
    let all: Vec<Shown> = found.into_iter().map(shown).collect();
    let text = if asked.csv { csv(&all) } else { text(&all) };
    Ok(Answer::new(&json!({ "tenant": row.tenant.as_str(), "subject": subject, "accesses": all }), text))
}

fn shown(access: Access) -> Shown {
    Shown {
        number: access.number,
        at: access.at.to_string(),
        actor: access.actor,
        role: access.role,
        purpose: access.purpose,
        request: access.request.to_string(),
        subject: access.subject.to_string(),
        boxes: access.boxes,
        labels: access.labels,
        fields: access.fields,
        shown: access.shown,
    }
}

impl Shown {
    /// `buyer, recipient: name, phone`.
    fn what(&self) -> String {
        format!("{}: {}", self.labels.join(", "), self.fields.join(", "))
    }
}

fn text(all: &[Shown]) -> String {
    if all.is_empty() {
        return "nobody has looked, as far as the access log goes back\n".to_owned();
    }
    let mut table = Table::new([
        (Align::Left, "when"),
        (Align::Left, "who"),
        (Align::Left, "why"),
        (Align::Left, "whom"),
        (Align::Left, "how"),
        (Align::Left, "what"),
    ]);
    for one in all {
        let who = format!("{} ({})", one.actor, one.role);
        table.row([one.at.clone(), who, one.purpose.clone(), one.subject.clone(), one.shown.clone(), one.what()]);
    }
    format!("{table}{}\n", plural(all.len() as u64, "opening", "openings"))
}

fn csv(all: &[Shown]) -> String {
    let mut text = "number,at,actor,role,purpose,request,subject,boxes,labels,fields,shown\n".to_owned();
    for one in all {
        let (labels, fields) = (one.labels.join(" "), one.fields.join(" "));
        let (number, boxes) = (one.number.to_string(), one.boxes.to_string());
        let cells = [
            &number,
            &one.at,
            &one.actor,
            &one.role,
            &one.purpose,
            &one.request,
            &one.subject,
            &boxes,
            &labels,
            &fields,
            &one.shown,
        ];
        text.push_str(&cells.map(|text| csv_cell(text)).join(","));
        text.push('\n');
    }
    text
}

async fn unusual_hours(keys: &KeyStore, row: &TenantRow) -> Result<Answer> {
    let (now, hours) = (now(), DAYS * 24);
    let since = hour_of(now) - hours;
    let from = ledger::Timestamp((since - hours).saturating_mul(HOUR));
    let counts = keys.hour_counts(from, ledger::Timestamp(now.0.saturating_add(HOUR))).await?;
    let mut found = unusual(&counts, since, &keys.access_limits().await?);
    found.retain(|one| one.count.tenant == row.tenant);
    let listed: Vec<_> = found.iter().map(as_json).collect();
    let mut table = Table::new([
        (Align::Left, "hour from"),
        (Align::Left, "who"),
        (Align::Right, "people"),
        (Align::Left, "more than"),
    ]);
    for Unusual { count, rule } in &found {
        let who = format!("{} ({})", count.actor, count.role);
        table.row([begins(count.hour), who, count.subjects.to_string(), rule.as_str().to_owned()]);
    }
    let text = match found.is_empty() {
        true => format!("nobody has looked at unusually many people in {DAYS} days\n"),
        false => table.to_string(),
    };
    Ok(Answer::new(&json!({ "tenant": row.tenant.as_str(), "unusual": listed }), text).with_verdict(found.is_empty()))
}

fn as_json(one: &Unusual) -> serde_json::Value {
    let Unusual { count, rule } = one;
    json!({
        "hour": begins(count.hour), "actor": count.actor, "role": count.role, "people": count.subjects,
        "rule": rule.as_str(),
    })
}

fn begins(hour: i64) -> String {
    ledger::Timestamp(hour.saturating_mul(HOUR)).to_string()
}

/// What `daybook verify` says of the access log: each tenant's is as it was written, from its first row to its last.
pub(crate) async fn invariant(platform: &Platform) -> Result<Invariant> {
    let (mut rows, mut findings) = (0, Vec::new());
    for row in books::tenants(&platform.db).await? {
        let audit = platform.keys.verify_access(&row.tenant).await?;
        rows += audit.rows;
        findings.extend(audit.first_bad.map(|number| Finding {
            place: format!("access log of {}, number {number}", row.tenant),
            problem: "is not as it was written, or not there".to_owned(),
        }));
    }
    let figures = plural(rows, "opening on record", "openings on record");
    Ok(Invariant { name: "the access log is unbroken", figures, findings })
}
