//! What waits for a person: paused read models and merchants, and inputs that were not understood.

use anyhow::{Error, Result};
use store::books::{self, WaitingInputs};
use store::db::Db;

use super::{Check, counted};
use crate::output::plural;
use crate::pause;

/// What is paused. It is what somebody wanted, so it is no problem; but it is easily forgotten.
pub(super) async fn paused(db: &Db) -> Check {
    match paused_in_words(db).await {
        Ok(paused) if paused.is_empty() => Check::good("paused", "nothing"),
        Ok(paused) => {
            Check::noted("paused", paused.join("; "), "`daybook resume` and `daybook tenant resume` end that")
        }
        Err(error) => counted("paused", Err(error), 0, "", ""),
    }
}

async fn paused_in_words(db: &Db) -> Result<Vec<String>> {
    let projections = pause::paused(db).await?;
    let tenants = books::intakes(db).await?.into_values().filter(|intake| intake.paused_at.is_some()).count();
    let mut words = Vec::new();
    if !projections.is_empty() {
        words.push(pause::in_words(&projections));
    }
    if tenants > 0 {
        words.push(format!("webhooks of {}", plural(tenants as u64, "merchant", "merchants")));
    }
    Ok(words)
}

/// What waits in quarantine, by reason, and since when.
pub(super) async fn quarantine(db: &Db) -> Check {
    let name = "quarantine";
    match books::waiting_inputs(db).await {
        Ok(waiting) if waiting.is_empty() => Check::good(name, "0 inputs wait in quarantine"),
        Ok(waiting) => Check::noted(name, in_words(&waiting), "see `daybook quarantine list`"),
        Err(error) => counted(name, Err(Error::from(error)), 0, "", ""),
    }
}

fn in_words(waiting: &[WaitingInputs]) -> String {
    let all = waiting.iter().fold(0, |sum, one| one.inputs.saturating_add(sum));
    let by_reason: Vec<String> = waiting.iter().map(|one| format!("{} {}", one.inputs, one.reason)).collect();
    let oldest = waiting.iter().map(|one| one.oldest).min().map(|at| at.to_string()).unwrap_or_default();
    format!(
        "{} in quarantine ({}), the oldest since {oldest}",
        plural(all, "input waits", "inputs wait"),
        by_reason.join(", ")
    )
}
