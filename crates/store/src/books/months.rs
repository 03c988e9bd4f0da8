//! Balances by month: the sums of those by day, kept with them, so that reading the past adds up months and not days.

use std::collections::BTreeMap;

use commerce::TenantId;
use ledger::{Account, Currency, MoneyError, Month, Total};

use super::journal::BalancesByDayKnown;
use super::parsed;
use super::scan::Scan;
use super::tables::BALANCE_MONTH;
use crate::db::{Db, DbError, Row, Rows, Tx};

/// Tenant, account, currency, month in which entries count, and month (UTC) in which they were recorded.
pub type MonthKey = (TenantId, Account, Currency, Month, Month);

/// Sums by month.
pub type BalancesByMonth = BTreeMap<MonthKey, Total>;

/// Adds up days to months.
pub fn by_month(balances: &BalancesByDayKnown) -> Result<BalancesByMonth, MoneyError> {
    let mut months = BalancesByMonth::new();
    for ((tenant, known), balances) in balances {
        for ((account, currency, day), total) in balances.iter() {
            let at = (tenant.clone(), account.clone(), *currency, day.month(), known.month());
            let sum = months.entry(at).or_default();
            *sum = sum.checked_add(*total)?;
        }
    }
    Ok(months)
}

/// Adds to the balances by month.
pub(super) async fn add_months(tx: &mut Tx, balances: &BalancesByDayKnown) -> Result<(), DbError> {
    let overflow = |_| DbError::Misfit { what: "a month's balance does not fit 64 bits of minor units".to_owned() };
    let mut rows = Rows::new(&BALANCE_MONTH);
    for ((tenant, account, currency, month, known), total) in by_month(balances).map_err(overflow)? {
        rows.push([
            tenant.as_str().into(),
            account.as_str().into(),
            currency.code().into(),
            month.0.into(),
            known.0.into(),
            total.debits.into(),
            total.credits.into(),
            total.pending_debits.into(),
            total.pending_credits.into(),
        ]);
    }
    tx.upsert(&rows).await.map(|_| ())
}

/// Every stored balance by month.
pub async fn balances_by_month(db: &Db) -> Result<BalancesByMonth, DbError> {
    let (mut scan, mut found) = (Scan::new(db, &BALANCE_MONTH), BalancesByMonth::new());
    loop {
        let rows = scan.next().await?;
        if rows.is_empty() {
            return Ok(found);
        }
        for row in &rows {
            let at = (
                parsed("balance_month.tenant", row.text(0)?)?,
                parsed("balance_month.account", row.text(1)?)?,
                parsed("balance_month.currency", row.text(2)?)?,
                month("balance_month.month", row, 3)?,
                month("balance_month.known_month", row, 4)?,
            );
            let total = Total {
                debits: row.int(5)?,
                credits: row.int(6)?,
                pending_debits: row.int(7)?,
                pending_credits: row.int(8)?,
            };
            found.insert(at, total);
        }
    }
}

fn month(what: &'static str, row: &Row, column: usize) -> Result<Month, DbError> {
    i32::try_from(row.int(column)?).map(Month).map_err(|_| DbError::Corrupt { what: what.to_owned() })
}
