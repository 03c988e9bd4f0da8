//! `daybook privacy register`: the record of processing activities (GDPR Art. 30), from the configuration in force and from the code
//! itself, so that it cannot fall behind either. It names no person.

mod code;
mod render;
mod running;

use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;

use crate::cli::OfTenant;
use crate::config::Settings;
use crate::output::Answer;
use crate::platform::Platform;
use crate::tenant;

#[derive(Debug, Args)]
pub(crate) struct Register {
    /// Which merchant [default: all, as the platform's own record]
    #[command(flatten)]
    of: OfTenant,
    /// Print comma-separated values for a spreadsheet
    #[arg(long)]
    csv: bool,
}

/// A part of the record: a table under a title.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Section {
    title: &'static str,
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Section {
    fn new<const N: usize>(title: &'static str, columns: [&'static str; N], rows: Vec<[String; N]>) -> Section {
        Section { title, columns: columns.to_vec(), rows: rows.into_iter().map(Vec::from).collect() }
    }
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings, asked: &Register, as_json: bool) -> Result<Answer> {
    if asked.csv && as_json {
        bail!("choose one: --csv or --json");
    }
    let platform = Platform::open(settings).await?;
    let rows = match &asked.of.tenant {
        Some(_) => vec![tenant::chosen(&platform.db, &asked.of).await?],
        None => store::books::tenants(&platform.db).await?,
    };
    let mut merchants = Vec::with_capacity(rows.len());
    for row in &rows {
        merchants.push(running::merchant(&platform, row).await?);
    }
    merchants.sort_by(|one, other| one.tenant.cmp(&other.tenant));
    let sections = record(&merchants, &running::Running::of(settings));
    let text = if asked.csv { render::csv(&sections) } else { render::markdown(&sections) };
    Ok(Answer::new(&serde_json::json!({ "sections": sections }), text))
}

/// The whole record.
fn record(merchants: &[running::Merchant], running: &running::Running) -> Vec<Section> {
    vec![
        running::roles(merchants),
        code::people(),
        code::data(),
        code::purposes(),
        running::recipients(merchants, running),
        running::retention(merchants),
        running::security(running),
        running::transfers(running),
    ]
}

#[cfg(test)]
mod tests;
