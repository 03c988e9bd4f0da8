//! Balances by month must be the sums of the days, or the past would read otherwise by months than by days.

use commerce::TenantId;
use store::books::{self, BalancesByDayKnown};
use store::db::Db;

use super::{Findings, Invariant, concerns};
use crate::ProcessError;

/// Compares what is stored by month with the sums of the journal's days.
pub(super) async fn summed(
    db: &Db,
    days: &BalancesByDayKnown,
    tenant: Option<&TenantId>,
) -> Result<Invariant, ProcessError> {
    let mut findings = Findings::default();
    let mut stored = books::balances_by_month(db).await?;
    stored.retain(|(of, ..), _| concerns(tenant, of));
    let count = stored.len();
    match books::by_month(days) {
        Ok(mut expected) => {
            for (at, total) in stored {
                match expected.remove(&at) {
                    Some(sum) if sum == total => {}
                    Some(_) => findings.add(place(&at), "is not the sum of its days"),
                    None => findings.add(place(&at), "no transaction accounts for it"),
                }
            }
            expected.keys().for_each(|at| findings.add(place(at), "is missing"));
        }
        Err(_) => findings.add("balances by month", "a month's balance does not fit 64 bits"),
    }
    Ok(Invariant {
        name: "balances by month are the sums of their days",
        figures: format!("{count} balances by account, currency, month, and month known"),
        findings: findings.0,
    })
}

fn place((tenant, account, currency, month, known): &books::MonthKey) -> String {
    format!("balance of {tenant}, {account}, {currency}, month {month}, known in {known}")
}
