//! `daybook ledger vouchers`: what people entered, and where it stands.

use anyhow::Result;
use commerce::StandingReversals;
use serde::Serialize;
use store::books::{self, PartRow};

use super::body::kind_name;
use super::standing::{Standing, state_name};
use crate::cli::OfTenant;
use crate::config::Settings;
use crate::output::{Align, Answer, Table};
use crate::tenant;

/// A voucher as it is listed.
#[derive(Serialize)]
struct Listed {
    voucher: String,
    kind: &'static str,
    day: String,
    #[serde(flatten)]
    standing: Standing,
    by: String,
    reason: String,
    reverses: Option<String>,
    attachments: Vec<String>,
    parked: Option<String>,
    numbers: Vec<u64>,
}

/// Runs the command.
pub(super) async fn run(settings: &Settings, of: &OfTenant) -> Result<Answer> {
    let (db, row) = tenant::books_of(settings, of).await?;
    let rows = books::vouchers(&db, &row.tenant).await?;
    let reversals = StandingReversals::among(rows.iter().filter_map(|row| row.part.voucher()));
    let listed: Vec<Listed> = rows.iter().filter_map(|row| listed(row, &reversals)).collect();
    let columns = ["voucher", "kind", "day", "state", "by", "reason", ""];
    let mut table = Table::new(columns.map(|name| (Align::Left, name)));
    for one in &listed {
        let (voucher, day, state) = (one.voucher.clone(), one.day.clone(), state_name(one.standing.state).to_owned());
        let (by, reason, why) = (one.by.clone(), one.reason.clone(), one.standing.why());
        table.row([voucher, one.kind.to_owned(), day, state, by, reason, why]);
    }
    let text = if listed.is_empty() { "no voucher was entered yet\n".to_owned() } else { table.to_string() };
    Ok(Answer::new(&serde_json::json!({ "tenant": row.tenant.as_str(), "vouchers": listed }), text))
}

fn listed(row: &PartRow, reversals: &StandingReversals<'_>) -> Option<Listed> {
    let voucher = row.part.voucher()?;
    let entered = voucher.entered.as_ref()?;
    Some(Listed {
        voucher: entered.voucher.to_string(),
        kind: kind_name(entered.kind),
        day: entered.day.to_string(),
        standing: Standing::of(voucher, reversals)?,
        by: entered.by.to_string(),
        reason: entered.reason.to_string(),
        reverses: entered.reverses.as_ref().map(ToString::to_string),
        attachments: entered.attachments.iter().map(ToString::to_string).collect(),
        parked: row.parked.clone(),
        numbers: row.posted.values().map(|live| live.number).collect(),
    })
}
