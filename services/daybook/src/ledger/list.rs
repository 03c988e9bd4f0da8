//! `daybook ledger vouchers`: what people entered, and where it stands.

use anyhow::Result;
use commerce::{Part, VoucherState};
use serde::Serialize;
use store::books::{self, PartRow};

use super::body::kind_name;
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
    state: &'static str,
    by: String,
    reason: String,
    approved_by: Vec<String>,
    reverses: Option<String>,
    attachments: Vec<String>,
    parked: Option<String>,
    numbers: Vec<u64>,
}

/// The state in a word.
pub(super) fn state_name(state: VoucherState) -> &'static str {
    match state {
        VoucherState::Waiting => "waiting",
        VoucherState::Posted => "posted",
        VoucherState::Withdrawn => "withdrawn",
    }
}

/// Runs the command.
pub(super) async fn run(settings: &Settings, of: &OfTenant) -> Result<Answer> {
    let (db, row) = tenant::books_of(settings, of).await?;
    let listed: Vec<Listed> = books::vouchers(&db, &row.tenant).await?.iter().filter_map(listed).collect();
    let mut table = Table::new(["voucher", "kind", "day", "state", "by", "reason"].map(|name| (Align::Left, name)));
    for one in &listed {
        let (voucher, day) = (one.voucher.clone(), one.day.clone());
        table.row([voucher, one.kind.to_owned(), day, one.state.to_owned(), one.by.clone(), one.reason.clone()]);
    }
    let text = if listed.is_empty() { "no voucher was entered yet\n".to_owned() } else { table.to_string() };
    Ok(Answer::new(&serde_json::json!({ "tenant": row.tenant.as_str(), "vouchers": listed }), text))
}

fn listed(row: &PartRow) -> Option<Listed> {
    let Part::Voucher(voucher) = &row.part else { return None };
    let entered = voucher.entered.as_ref()?;
    Some(Listed {
        voucher: entered.voucher.to_string(),
        kind: kind_name(entered.kind),
        day: entered.day.to_string(),
        state: state_name(voucher.state()?),
        by: entered.by.to_string(),
        reason: entered.reason.to_string(),
        approved_by: voucher.approvals.keys().map(ToString::to_string).collect(),
        reverses: entered.reverses.as_ref().map(ToString::to_string),
        attachments: entered.attachments.iter().map(ToString::to_string).collect(),
        parked: row.parked.clone(),
        numbers: row.posted.values().map(|live| live.number).collect(),
    })
}
