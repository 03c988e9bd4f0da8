//! Balances and entries as of any day, as known at any time.
//!
//! [`totals`] adds up stored balances, which are sums by account, currency, day and the day (UTC) on which they were recorded,
//! and the same by months. It takes whole months where it can (see `pieces`), and days for the rest: at most a month's on
//! either side, and what was recorded in the month of the asked instant. So its cost grows with months, and not with
//! transactions. What was known at an instant inside a day is the balances of the days before it and that day's
//! transactions up to the instant, read one by one: one day's transactions at most. It is one or two statements.
//!
//! [`PostedScan`] reads the transactions themselves, in pages: its cost grows with the transactions of the days it is asked for.
//!
//! *Known* is what was recorded by then. A fact that a source sent in time and that was folded late counts from its recording.

use commerce::TenantId;
use ledger::statements::AccountTotals;
use ledger::{Account, BusinessZone, Currency, Day, MoneyError, Posted, Timestamp, Total};

use super::journal::journal_row;
use super::pieces::{Pieces, pieces};
use super::{corrupt, parsed};
use crate::db::{Db, DbError, Row, Value};

/// Transactions read at once.
const PAGE: u32 = 2_000;

const MICROS_OF_DAY: i64 = 86_400_000_000;

/// Which entries count. Everything counts by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AsOf {
    /// The first day, or from the beginning.
    pub from: Option<Day>,
    /// The last day, or to the end.
    pub through: Option<Day>,
    /// Only what was recorded up to this instant, or everything that is known.
    pub known_at: Option<Timestamp>,
}

impl AsOf {
    /// First and last day as SQL compares them.
    fn days(self) -> (i64, i64) {
        let (from, through) = (self.from.unwrap_or(Day(i32::MIN)), self.through.unwrap_or(Day(i32::MAX)));
        (from.0.into(), through.0.into())
    }
}

/// The first day (UTC) of which not everything was known at an instant: the balances of all days before it count.
fn first_partly_known(at: Timestamp) -> Day {
    Timestamp(at.0.saturating_add(1)).day(BusinessZone::UTC)
}

/// What was debited and credited on each account. A sum that does not fit is corruption: each of its parts did.
pub async fn totals(db: &Db, tenant: &TenantId, as_of: AsOf) -> Result<AccountTotals, DbError> {
    let pieces = pieces(as_of.from, as_of.through, as_of.known_at.map(first_partly_known));
    let mut totals = AccountTotals::new();
    for row in &db.query(&totals_sql(), totals_args(tenant, &pieces)).await? {
        let (at, total) = balance(row)?;
        totals.insert(at, total);
    }
    if let Some(known_at) = as_of.known_at {
        add_last_day(db, tenant, as_of, known_at, &mut totals).await?;
    }
    Ok(totals)
}

/// Each piece is read by the index that suits it. `+ 0` keeps the other range from being taken for one as small: a plan that
/// is made once for all values cannot tell.
fn totals_sql() -> String {
    let amounts = "account, currency, debits, credits, pending_debits, pending_credits";
    let days = |from: usize, through: usize| {
        format!(
            "SELECT {amounts} FROM balance WHERE tenant = $1 AND day >= ${from} AND day <= ${through} \
             AND known + 0 <= $13"
        )
    };
    format!(
        "SELECT account, currency, CAST(SUM(debits) AS BIGINT), CAST(SUM(credits) AS BIGINT), \
         CAST(SUM(pending_debits) AS BIGINT), CAST(SUM(pending_credits) AS BIGINT) FROM (\
         SELECT {amounts} FROM balance_month WHERE tenant = $1 AND month >= $2 AND month <= $3 \
         AND known_month <= $4 UNION ALL \
         SELECT {amounts} FROM balance WHERE tenant = $1 AND known >= $5 AND known <= $6 \
         AND day + 0 >= $7 AND day + 0 <= $8 UNION ALL {} UNION ALL {}) AS piece GROUP BY account, currency",
        days(9, 10),
        days(11, 12),
    )
}

fn totals_args(tenant: &TenantId, pieces: &Pieces) -> Vec<Value> {
    let Pieces { months, known_months_through, fresh, whole, head, tail, known_through } = *pieces;
    let mut args: Vec<Value> = vec![tenant.as_str().into(), months.0.into(), months.1.into()];
    args.push(known_months_through.into());
    args.extend([fresh, whole, head, tail].into_iter().flat_map(|range| [range.0.into(), range.1.into()]));
    args.push(known_through.into());
    args
}

fn balance(row: &Row) -> Result<((Account, Currency), Total), DbError> {
    let total =
        Total { debits: row.int(2)?, credits: row.int(3)?, pending_debits: row.int(4)?, pending_credits: row.int(5)? };
    Ok(((parsed("balance.account", row.text(0)?)?, parsed("balance.currency", row.text(1)?)?), total))
}

/// Adds the transactions of the day that was not over at `known_at`.
async fn add_last_day(
    db: &Db,
    tenant: &TenantId,
    as_of: AsOf,
    known_at: Timestamp,
    totals: &mut AccountTotals,
) -> Result<(), DbError> {
    let begin = i64::from(first_partly_known(known_at).0).saturating_mul(MICROS_OF_DAY);
    if begin > known_at.0 {
        return Ok(());
    }
    // `+ 0` keeps the plan to the index on what was recorded: an instant of a day is little, days up to another are much,
    // and a plan that is made once for all values cannot tell.
    let sql = "SELECT body FROM journal WHERE tenant = $1 AND recorded >= $2 AND recorded <= $3 \
               AND effective + 0 >= $4 AND effective + 0 <= $5";
    let (from, through) = as_of.days();
    let args = vec![tenant.as_str().into(), begin.into(), known_at.0.into(), from.into(), through.into()];
    for row in &db.query(sql, args).await? {
        let posted = events::posted_from_bytes(row.blob(0)?).map_err(|_| corrupt("journal.body"))?;
        add(totals, &posted).map_err(|_| corrupt("journal: a sum does not fit"))?;
    }
    Ok(())
}

fn add(totals: &mut AccountTotals, posted: &Posted) -> Result<(), MoneyError> {
    for entry in posted.transaction.entries() {
        let total = totals.entry((entry.account.clone(), entry.amount.currency)).or_default();
        *total = total.checked_add(Total::of(entry))?;
    }
    Ok(())
}

/// The transactions with entries on an account or below it, by the day on which they count, then by number, a page at a time.
pub struct PostedScan<'a> {
    db: &'a Db,
    tenant: &'a TenantId,
    branch: &'a Account,
    as_of: AsOf,
    after: (i64, i64),
    done: bool,
}

impl<'a> PostedScan<'a> {
    /// From the first transaction that counts.
    pub fn new(db: &'a Db, tenant: &'a TenantId, branch: &'a Account, as_of: AsOf) -> PostedScan<'a> {
        let before = as_of.days().0.saturating_sub(1);
        PostedScan { db, tenant, branch, as_of, after: (before, i64::MAX), done: false }
    }

    /// The next page; empty at the end.
    pub async fn next(&mut self) -> Result<Vec<Posted>, DbError> {
        // A page may hold nothing but accounts that only begin alike.
        while !self.done {
            let page = self.page().await?;
            if !page.is_empty() {
                return Ok(page);
            }
        }
        Ok(Vec::new())
    }

    async fn page(&mut self) -> Result<Vec<Posted>, DbError> {
        let sql = format!(
            "SELECT tenant, number, partition_no, position, part, effective, recorded, entries, body, link FROM journal \
             WHERE tenant = $1 AND effective >= $2 AND (effective > $2 OR number > $3) AND effective <= $4 \
             AND recorded + 0 <= $5 AND entries LIKE $6 ORDER BY effective, number LIMIT {PAGE}"
        );
        let rows = self.db.query(&sql, self.args()).await?;
        self.done = rows.len() < PAGE as usize;
        let mut page = Vec::new();
        for row in &rows {
            let row = journal_row(row)?;
            let posted = events::posted_from_bytes(&row.body).map_err(|_| corrupt("journal.body"))?;
            self.after = (row.effective.0.into(), i64::try_from(row.number).map_err(|_| corrupt("journal.number"))?);
            if posted.transaction.entries().iter().any(|entry| entry.account.is_within(self.branch)) {
                page.push(posted);
            }
        }
        Ok(page)
    }

    fn args(&self) -> Vec<Value> {
        let known_at = self.as_of.known_at.map_or(i64::MAX, |at| at.0);
        // An account's path has no characters that a pattern reads as others.
        let pattern = format!("%\"{}%", self.branch);
        let (day, number) = self.after;
        let through = self.as_of.days().1;
        vec![
            self.tenant.as_str().into(),
            day.into(),
            number.into(),
            through.into(),
            known_at.into(),
            pattern.as_str().into(),
        ]
    }
}
