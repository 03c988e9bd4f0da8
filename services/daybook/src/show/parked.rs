//! `show parked`: cases whose facts make no journal, each with the reason.

use anyhow::Result;
use serde::Serialize;

use crate::cli::OfTenant;
use crate::config::Settings;
use crate::output::{Align, Answer, Table};
use crate::tenant;

#[derive(Serialize)]
struct Parked {
    part: String,
    reason: String,
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings, of: &OfTenant) -> Result<Answer> {
    let (db, row) = tenant::books_of(settings, of).await?;
    let found = store::books::parked(&db, &row.tenant).await?;
    let parked: Vec<Parked> = found.into_iter().map(|(part, reason)| Parked { part, reason }).collect();
    let mut table = Table::new([(Align::Left, "part"), (Align::Left, "why it cannot be posted")]);
    for one in &parked {
        table.row([one.part.clone(), one.reason.clone()]);
    }
    let text = if parked.is_empty() { "no case is parked\n".to_owned() } else { table.to_string() };
    Ok(Answer::new(&serde_json::json!({ "tenant": row.tenant.as_str(), "parked": parked }), text))
}
