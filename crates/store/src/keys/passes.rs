//! When what is past its time goes, and the reports of every time it went.
//!
//! It goes an hour after the last time, wherever in between the platform was started again. If it has not gone for longer than
//! [`REGULAR`], something was down, or an old state was restored: then it waits an hour first, so that what waited is taken in and
//! whoever restored an old state can enter its holds again. That hour is on record too, so that being restarted in it does not begin
//! it anew.

use commerce::TenantId;
use ledger::Timestamp;

use super::{KeyStore, KeyStoreError};
use crate::db::{DbError, Row, Tx, Value};

const HOUR: i64 = 3_600_000_000;

/// How long after the last time it still counts as regular that it goes.
const REGULAR: i64 = 2 * HOUR;

/// How long it waits after something was down.
const WAIT: i64 = HOUR;

/// How long a wait that nobody was there for to end still counts.
const REMEMBERED: i64 = 24 * HOUR;

/// How long reports of times when nothing went are kept.
const EMPTY_KEPT: i64 = 90 * 24 * HOUR;

/// When it goes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextPass {
    /// Now.
    Due,
    /// Not before then.
    At(Timestamp),
}

/// What went for one tenant at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionReport {
    /// When.
    pub at: Timestamp,
    /// By whom: `daybook`, or a command's `operator`.
    pub by: String,
    /// People who were erased.
    pub erased: u64,
    /// Keys of people who live on.
    pub keys: u64,
    /// Inputs that left the quarantine.
    pub quarantined: u64,
    /// Rows of the access log.
    pub accesses: u64,
    /// Webhook secrets of a closed account.
    pub secrets: u64,
    /// Rows of its index.
    pub index_rows: u64,
    /// Cases whose detail was replaced by totals.
    pub replaced: u64,
    /// Whether something failed, and was left for the next time.
    pub failed: bool,
}

/// When it goes next, and whether a wait begins now.
fn next(last: Option<Timestamp>, waiting_since: Option<Timestamp>, now: Timestamp) -> (NextPass, bool) {
    let at = |from: Timestamp, after: i64| match from.0.saturating_add(after) {
        then if then <= now.0 => NextPass::Due,
        then => NextPass::At(Timestamp(then)),
    };
    let age = |then: Timestamp| now.0.saturating_sub(then.0);
    match (last, waiting_since) {
        // Also when the clock was set back: then it waits for the hour after what it says was the last time.
        (Some(last), _) if age(last) <= REGULAR => (at(last, HOUR), false),
        (_, Some(since)) if (0..=REMEMBERED).contains(&age(since)) => (at(since, WAIT), false),
        _ => (at(now, WAIT), true),
    }
}

impl KeyStore {
    /// When what is past its time goes next. Notes that a wait begins, if one does.
    pub async fn next_pass(&self, now: Timestamp) -> Result<NextPass, KeyStoreError> {
        let unit = self.db.run_tx("next-pass", move |tx| {
            Box::pin(async move {
                let sql = "SELECT last_at, waiting_since FROM retention_schedule WHERE one = 1";
                let rows = tx.query(sql, vec![]).await?;
                let time = |column| match rows.first() {
                    Some(row) => row.opt_int(column).map(|at| at.map(Timestamp)),
                    None => Ok(None),
                };
                let (next, begins) = next(time(0)?, time(1)?, now);
                if begins {
                    schedule(tx, None, Some(now)).await?;
                }
                Ok(next)
            })
        });
        Ok(unit.await.map_err(|error: DbError| error)?)
    }

    /// Notes that it goes by itself now: again in an hour.
    pub async fn begin_pass(&self, now: Timestamp) -> Result<(), KeyStoreError> {
        self.set_schedule(Some(now), None).await
    }

    /// Lets it wait an hour from now, because an old state of the key store was restored.
    pub(super) async fn hold_back(&self, now: Timestamp) -> Result<(), KeyStoreError> {
        self.set_schedule(None, Some(now)).await
    }

    async fn set_schedule(&self, last: Option<Timestamp>, waiting: Option<Timestamp>) -> Result<(), KeyStoreError> {
        let unit = self.db.run_tx("schedule-pass", move |tx| Box::pin(schedule(tx, last, waiting)));
        Ok(unit.await.map_err(|error: DbError| error)?)
    }

    /// Stores the report of what went for a tenant, and drops old ones that say that nothing did.
    pub async fn report_pass(&self, tenant: &TenantId, report: RetentionReport) -> Result<(), KeyStoreError> {
        let whose = (tenant.clone(), report);
        let unit = self.db.run_tx("report-pass", move |tx| {
            let (tenant, report) = whose.clone();
            Box::pin(async move {
                let old = "DELETE FROM retention_report WHERE tenant = $1 AND went_at < $2 AND failed = 0 AND \
                           erased + keys + quarantined + accesses + secrets + index_rows + replaced = 0";
                let before = report.at.0.saturating_sub(EMPTY_KEPT);
                tx.execute(old, vec![tenant.as_str().into(), before.into()]).await?;
                let insert = "INSERT INTO retention_report (tenant, went_at, went_by, erased, keys, quarantined, accesses, \
                              secrets, index_rows, replaced, failed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
                              ON CONFLICT (tenant, went_at) DO NOTHING";
                tx.execute(insert, cells(&tenant, &report)).await.map(drop)
            })
        });
        Ok(unit.await.map_err(|error: DbError| error)?)
    }

    /// The tenant's latest reports, at most so many, the latest first.
    pub async fn retention_reports(&self, tenant: &TenantId, most: u32) -> Result<Vec<RetentionReport>, KeyStoreError> {
        let sql = format!(
            "SELECT went_at, went_by, erased, keys, quarantined, accesses, secrets, index_rows, replaced, failed FROM retention_report \
             WHERE tenant = $1 ORDER BY went_at DESC LIMIT {most}"
        );
        let rows = self.db.query(&sql, vec![tenant.as_str().into()]).await?;
        Ok(rows.iter().map(report).collect::<Result<_, DbError>>()?)
    }
}

async fn schedule(tx: &mut Tx, last: Option<Timestamp>, waiting: Option<Timestamp>) -> Result<(), DbError> {
    let sql = "INSERT INTO retention_schedule (one, last_at, waiting_since) VALUES (1, $1, $2) \
               ON CONFLICT (one) DO UPDATE SET last_at = EXCLUDED.last_at, waiting_since = EXCLUDED.waiting_since";
    let time = |at: Option<Timestamp>| Value::from(at.map(|at| at.0));
    tx.execute(sql, vec![time(last), time(waiting)]).await.map(drop)
}

fn cells(tenant: &TenantId, report: &RetentionReport) -> Vec<Value> {
    let RetentionReport { at, by, erased, keys, quarantined, accesses, secrets, index_rows, replaced, failed } = report;
    let counts = [*erased, *keys, *quarantined, *accesses, *secrets, *index_rows, *replaced];
    let counts = counts.map(|count| Value::from(i64::try_from(count).unwrap_or(i64::MAX)));
    let head = [tenant.as_str().into(), at.0.into(), by.as_str().into()];
    head.into_iter().chain(counts).chain([i64::from(*failed).into()]).collect()
}

fn report(row: &Row) -> Result<RetentionReport, DbError> {
    let count = |column| row.int(column).map(i64::unsigned_abs);
    Ok(RetentionReport {
        at: Timestamp(row.int(0)?),
        by: row.text(1)?.to_owned(),
        erased: count(2)?,
        keys: count(3)?,
        quarantined: count(4)?,
        accesses: count(5)?,
        secrets: count(6)?,
        index_rows: count(7)?,
        replaced: count(8)?,
        failed: row.int(9)? != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000 * HOUR);

    fn minutes(ago: i64) -> Option<Timestamp> {
        Some(Timestamp(NOW.0 - ago * 60_000_000))
    }

    fn in_minutes(minutes: i64) -> NextPass {
        NextPass::At(Timestamp(NOW.0 + minutes * 60_000_000))
    }

    #[test]
    fn it_goes_by_the_time_it_last_went_however_often_the_platform_is_restarted() {
        let day = 24 * 60;
        for (last, waiting_since, expected, begins) in [
            (minutes(10), None, in_minutes(50), false),
            (minutes(60), None, NextPass::Due, false),
            (minutes(119), None, NextPass::Due, false),
            // Something was down: an hour from now, and a restart in it does not begin it anew.
            (minutes(121), None, in_minutes(60), true),
            (minutes(10 * day), minutes(40), in_minutes(20), false),
            (minutes(10 * day), minutes(60), NextPass::Due, false),
            // The wait was for a start that came to nothing.
            (minutes(10 * day), minutes(2 * day), in_minutes(60), true),
            (None, None, in_minutes(60), true),
            (None, minutes(30), in_minutes(30), false),
            // The clock was set back.
            (minutes(-30), None, in_minutes(90), false),
            (None, minutes(-5), in_minutes(60), true),
        ] {
            assert_eq!(next(last, waiting_since, NOW), (expected, begins), "{last:?} {waiting_since:?}");
        }
    }
}
