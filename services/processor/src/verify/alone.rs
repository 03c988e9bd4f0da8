//! The books alone: what an auditor asks of one tenant's books, or of all, without reading the log.

use commerce::TenantId;
use event_log::EventLog;
use store::books;
use store::db::Db;

use super::{
    PASSES, Report, balanced, chain, concerns, desired_is_posted, months, read_journal, standing_is_held, stock,
    stored_balances, sub_ledgers, totals,
};
use crate::ProcessError;

/// Checks chain, reversals, balances, sub-ledgers, and that what is posted is what the facts imply; of one tenant or of all.
/// `log` only says which partition a tenant is in. `progress` hears after every page how many rows were looked at, out of
/// [`books::rows_to_audit`]. What a processor at work moves meanwhile is checked again, as [`super::verify`] does.
pub async fn verify_books(
    log: &EventLog,
    db: &Db,
    tenant: Option<&TenantId>,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Report, ProcessError> {
    let mut report = Report::default();
    for _ in 0..PASSES {
        let before = books::progress(db).await?;
        report = pass(log, db, tenant, progress).await?;
        if report.holds() || books::progress(db).await? == before {
            break;
        }
    }
    Ok(report)
}

async fn pass(
    log: &EventLog,
    db: &Db,
    tenant: Option<&TenantId>,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Report, ProcessError> {
    let journal = read_journal(db, tenant, progress).await?;
    let mut heads = books::all_heads(db).await?;
    heads.retain(|of, _| concerns(tenant, of));
    let invariants = vec![
        chain(&journal, &heads),
        journal.reversals.invariant(),
        balanced(&journal)?,
        stored_balances(db, &journal, tenant).await?,
        months::summed(db, &journal.balances, tenant).await?,
        sub_ledgers(db, &journal, tenant).await?,
        stock::goods_are_worth_what_the_ledger_says(db, &journal, tenant, progress).await?,
        desired_is_posted(log, db, tenant, progress).await?,
        standing_is_held(db, &journal, tenant).await?,
        totals::stand_for_what_they_replaced(db, tenant).await?,
    ];
    Ok(Report { invariants })
}
