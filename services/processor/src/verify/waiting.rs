//! What waits: in quarantine, parked, unreadable. The list of the quarantine must be what the log says.

use std::collections::BTreeSet;

use store::books::QuarantineKey;
use store::db::{Db, DbError};

use super::{Findings, Invariant};
use crate::ProcessError;

/// What is parked or waits in quarantine is listed, never hidden. That it waits is not a finding: the system did what it
/// promises. That it is on the log and not in the list, or cannot be read, is one.
pub(super) async fn nothing_is_lost(db: &Db, waiting: BTreeSet<QuarantineKey>) -> Result<Invariant, ProcessError> {
    let count = |sql: &'static str| async move {
        let rows = db.query(sql, vec![]).await?;
        rows.first().map_or(Ok(0), |row| row.int(0))
    };
    let parked = count("SELECT COUNT(*) FROM part WHERE parked IS NOT NULL").await?;
    let poison = count("SELECT COUNT(*) FROM poison").await?;
    let mut findings = Findings::default();
    if poison > 0 {
        findings.add("poison", format!("{poison} records on the log could not be read"));
    }
    let listed = listed(db).await?;
    let waiting: BTreeSet<_> =
        waiting.into_iter().map(|(tenant, event)| (tenant.to_string(), event.to_string())).collect();
    for (tenant, event) in waiting.difference(&listed) {
        let problem = "waits on the log and is not listed: run `daybook rebuild quarantine`";
        findings.add(format!("quarantine of {tenant}, {event}"), problem);
    }
    for (tenant, event) in listed.difference(&waiting) {
        findings.add(format!("quarantine of {tenant}, {event}"), "is listed, and the log does not say that it waits");
    }
    Ok(Invariant {
        name: "nothing rejected is lost",
        figures: format!("{} in quarantine, {parked} parts parked, {poison} unreadable records", listed.len()),
        findings: findings.0,
    })
}

/// Every tenant's quarantine as the read model has it: tenants and event ids.
async fn listed(db: &Db) -> Result<BTreeSet<(String, String)>, ProcessError> {
    let rows = db.query("SELECT tenant, event FROM quarantine", vec![]).await?;
    let ids = rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned())));
    Ok(ids.collect::<Result<_, DbError>>()?)
}
