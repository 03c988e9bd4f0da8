//! `daybook lag`: how far the read models are behind the log, over all or with one merchant.

use anyhow::Result;
use clap::Args;
use ledger::Timestamp;
use serde::Serialize;

use crate::cli::OfTenant;
use crate::config::Settings;
use crate::output::{Align, Answer, Table, plural};
use crate::pause::{self, Paused};
use crate::platform::Platform;
use crate::tenant;

#[derive(Debug, Args)]
pub(crate) struct Lag {
    /// Only the partition in which this merchant's facts lie, and since when the oldest record there waits
    #[arg(long)]
    tenant: Option<String>,
}

/// How far one projection is behind.
#[derive(Debug, Serialize)]
struct Behind {
    projection: &'static str,
    lag: u64,
    /// When the oldest that waits was recorded: what was recorded before is folded.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest: Option<String>,
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings, asked: &Lag) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let paused = pause::paused(&platform.db).await?;
    match &asked.tenant {
        Some(name) => of_tenant(&platform, name, &paused).await,
        None => of_all(&platform, &paused).await,
    }
}

async fn of_all(platform: &Platform, paused: &[Paused]) -> Result<Answer> {
    let all = processor::lags(&platform.log, &platform.db).await?;
    let projections: Vec<Behind> =
        all.into_iter().map(|(projection, lag)| Behind { projection, lag, oldest: None }).collect();
    let lag = sum(&projections);
    let text = match lag {
        0 => "nothing waits: every record is folded\n".to_owned(),
        lag => format!(
            "{} to be folded, added up over the projections: `daybook up` or `daybook processor` folds\n",
            plural(lag, "record waits", "records wait")
        ),
    };
    let json = serde_json::json!({ "lag": lag, "projections": projections, "paused": paused });
    Ok(Answer::new(&json, format!("{text}{}", paused_text(paused))))
}

async fn of_tenant(platform: &Platform, name: &str, paused: &[Paused]) -> Result<Answer> {
    let row = tenant::chosen(&platform.db, &OfTenant { tenant: Some(name.to_owned()) }).await?;
    let all = processor::tenant_lag(&platform.log, &platform.db, &row.tenant).await?;
    let oldest = |one: &processor::TenantLag| one.oldest.as_ref().map(Timestamp::to_string);
    let projections: Vec<Behind> =
        all.iter().map(|one| Behind { projection: one.projection, lag: one.records, oldest: oldest(one) }).collect();
    let (lag, partition) = (sum(&projections), platform.log.partition_of(&row.tenant));
    let mut text = match lag {
        0 => format!("nothing waits: all of {} is folded\n", row.tenant),
        _ => table(&projections).to_string(),
    };
    if lag > 0 {
        text.push_str(&format!(
            "so many records wait in partition {partition}, of {} and of the merchants beside it; what was recorded before the oldest is folded\n",
            row.tenant
        ));
    }
    let json = serde_json::json!({
        "tenant": row.tenant.as_str(), "partition": partition, "lag": lag, "projections": projections, "paused": paused,
    });
    Ok(Answer::new(&json, format!("{text}{}", paused_text(paused))))
}

fn sum(projections: &[Behind]) -> u64 {
    projections.iter().fold(0, |sum, one| one.lag.saturating_add(sum))
}

fn table(projections: &[Behind]) -> Table {
    let mut table = Table::new([(Align::Left, "projection"), (Align::Right, "waiting"), (Align::Left, "oldest")]);
    for one in projections {
        table.row([one.projection.to_owned(), one.lag.to_string(), one.oldest.clone().unwrap_or_default()]);
    }
    table
}

fn paused_text(paused: &[Paused]) -> String {
    match paused {
        [] => String::new(),
        paused => format!("paused: {}; `daybook resume` has it folded again\n", pause::in_words(paused)),
    }
}
