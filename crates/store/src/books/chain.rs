//! Reading a chain of which some transactions were taken out, because totals stand for them: each in its place, and what they came to.

use std::collections::VecDeque;

use commerce::TenantId;
use ledger::{ChainHash, Day, Total};

use super::audit::{Damaged, JournalAudit};
use super::journal::{BalancesByDayKnown, JournalRow, link};
use super::scan::Scan;
use super::tables::{BALANCE_REMOVED, JOURNAL_REMOVED};
use super::{corrupt, parsed, unsigned};
use crate::db::{Db, DbError, Row};

/// What is left of a transaction that was taken out of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedRow {
    /// Whose.
    pub tenant: TenantId,
    /// Its gapless number.
    pub number: u64,
    /// The partition its tenant is in.
    pub partition: u32,
    /// Its gapless place in the partition.
    pub position: u64,
    /// The link over what its bytes were.
    pub link: ChainHash,
}

/// A place in a tenant's chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chained {
    /// A transaction.
    Stored(JournalRow),
    /// One that was taken out, because totals stand for it.
    Removed(RemovedRow),
}

/// The journal as an auditor reads it, with what is left of removed transactions in their places: by tenant and number, page by page.
pub struct ChainAudit<'a> {
    journal: JournalAudit<'a>,
    removed: Scan<'a>,
    tenant: Option<TenantId>,
    waiting: VecDeque<RemovedRow>,
}

impl<'a> ChainAudit<'a> {
    /// Of one tenant, or of all.
    pub fn new(db: &'a Db, tenant: Option<&TenantId>) -> ChainAudit<'a> {
        let mut removed = Scan::new(db, &JOURNAL_REMOVED);
        if let Some(tenant) = tenant {
            // Numbers begin at 1.
            removed = removed.behind(vec![tenant.as_str().into(), 0.into()]);
        }
        ChainAudit {
            journal: JournalAudit::new(db, tenant),
            removed,
            tenant: tenant.cloned(),
            waiting: VecDeque::new(),
        }
    }

    /// The next page; empty at the end.
    pub async fn next(&mut self) -> Result<Vec<Result<Chained, Damaged>>, DbError> {
        let (rows, mut page) = (self.journal.next().await?, Vec::new());
        for row in rows {
            if let Ok(row) = &row {
                while let Some(gone) = self.before(Some((&row.tenant, row.number))).await? {
                    page.push(Ok(Chained::Removed(gone)));
                }
            }
            page.push(row.map(Chained::Stored));
        }
        if page.is_empty() {
            // Behind the last row of the journal.
            page.extend(self.before(None).await?.map(|gone| Ok(Chained::Removed(gone))));
            page.extend(self.waiting.drain(..).map(|gone| Ok(Chained::Removed(gone))));
        }
        Ok(page)
    }

    /// The next removed one that comes before this number of this tenant; whichever comes next without one.
    async fn before(&mut self, end: Option<(&TenantId, u64)>) -> Result<Option<RemovedRow>, DbError> {
        if self.waiting.is_empty() {
            self.waiting = self.removed.next().await?.iter().map(removed_row).collect::<Result<_, _>>()?;
            let asked = self.tenant.as_ref();
            if self.waiting.iter().any(|row| asked.is_some_and(|asked| row.tenant != *asked)) {
                self.waiting.retain(|row| asked == Some(&row.tenant));
                self.removed.end();
            }
        }
        let comes = |row: &RemovedRow| end.is_none_or(|end| (&row.tenant, row.number) < end);
        Ok(if self.waiting.front().is_some_and(comes) { self.waiting.pop_front() } else { None })
    }
}

/// Whether totals stand for any of a tenant's transactions.
pub async fn has_removed(db: &Db, tenant: &TenantId) -> Result<bool, DbError> {
    let sql = "SELECT 1 FROM journal_removed WHERE tenant = $1 LIMIT 1";
    Ok(!db.query(sql, vec![tenant.as_str().into()]).await?.is_empty())
}

fn removed_row(row: &Row) -> Result<RemovedRow, DbError> {
    Ok(RemovedRow {
        tenant: parsed("journal_removed.tenant", row.text(0)?)?,
        number: unsigned("journal_removed.number", row.int(1)?)?,
        partition: u32::try_from(row.int(2)?).map_err(|_| corrupt("journal_removed.partition_no"))?,
        position: unsigned("journal_removed.position", row.int(3)?)?,
        link: link(row.blob(4)?)?,
    })
}

/// What removed transactions came to, by tenant and the day on which they were recorded.
pub async fn removed_balances(db: &Db) -> Result<BalancesByDayKnown, DbError> {
    let (mut scan, mut found) = (Scan::new(db, &BALANCE_REMOVED), BalancesByDayKnown::new());
    let day = |what, number: i64| i32::try_from(number).map(Day).map_err(|_| corrupt(what));
    loop {
        let rows = scan.next().await?;
        if rows.is_empty() {
            return Ok(found);
        }
        for row in &rows {
            let account = parsed("balance_removed.account", row.text(1)?)?;
            let currency = parsed("balance_removed.currency", row.text(2)?)?;
            let at = (account, currency, day("balance_removed.day", row.int(3)?)?);
            let total = Total {
                debits: row.int(5)?,
                credits: row.int(6)?,
                pending_debits: row.int(7)?,
                pending_credits: row.int(8)?,
            };
            let known = (parsed("balance_removed.tenant", row.text(0)?)?, day("balance_removed.known", row.int(4)?)?);
            let overflow = |_| corrupt("balance_removed: a sum does not fit");
            found.entry(known).or_default().add_total(at, total).map_err(overflow)?;
        }
    }
}
