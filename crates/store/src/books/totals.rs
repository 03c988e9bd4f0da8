//! Detail that was replaced by totals: which parts still have it in the journal, what is left of the transactions that were taken
//! out, what came too late, which totals were declined, and which parts may be old enough.
//!
//! When a part's detail is replaced, the books reverse what stood for it. [`sweep`] then takes each such transaction and its
//! reversal out of the journal, once the ledger topic has them: number, place and link stay, so the chain is whole, and what they
//! came to stays too, by the day on which it was known, so the past reads as it did. A reversal counts there as an amount taken off the
//! side on which it was, so that no month has more going in and out than before.

use std::collections::{BTreeMap, BTreeSet};

use commerce::{PartKey, SubjectId, TenantId, TotalsId};
use ledger::{Balances, BusinessZone, Day, Posted, Timestamp, Total};
use uuid::Uuid;

use super::journal::{BalancesByDayKnown, JournalRow, add_balances, balance_rows, journal_row};
use super::parts::{PartRow, parts_by_key};
use super::tables::{BALANCE_REMOVED, DECLINED_TOTALS, JOURNAL, JOURNAL_REMOVED, LATE_FACT, PERSON, REPLACED_PART};
use super::{corrupt, parsed, signed, unsigned};
use crate::db::{Db, DbError, Keys, Row, Rows, Tx};

/// Parts that one transaction sweeps.
const SWEPT_AT_ONCE: u32 = 500;

/// A fact that came for a part whose detail was replaced. It is on the log, and in no books.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LateFact {
    /// Whose.
    pub tenant: TenantId,
    /// Its event.
    pub event: Uuid,
    /// For which part.
    pub part: PartKey,
    /// When it was recorded.
    pub recorded: Timestamp,
}

/// Totals that were declined, because others stand for a part that they name. They are on the log, and stand for nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeclinedTotals {
    /// Whose.
    pub tenant: TenantId,
    /// Their event.
    pub event: Uuid,
    /// Which.
    pub totals: TotalsId,
    /// When they were recorded.
    pub recorded: Timestamp,
}

/// What a batch finds out about replaced detail.
#[derive(Debug, Default)]
pub struct ReplacedRows {
    parts: BTreeSet<(TenantId, PartKey)>,
    late: BTreeSet<LateFact>,
    declined: BTreeSet<DeclinedTotals>,
}

impl ReplacedRows {
    /// Adds a part whose detail is replaced, and may still be in the journal.
    pub fn add(&mut self, tenant: &TenantId, key: &PartKey) {
        self.parts.insert((tenant.clone(), key.clone()));
    }

    /// Adds a fact that came too late. A row about a person may have come with it, which is to be swept too.
    pub fn add_late(&mut self, late: LateFact) {
        self.add(&late.tenant, &late.part);
        self.late.insert(late);
    }

    /// Adds totals that were declined.
    pub fn add_declined(&mut self, declined: DeclinedTotals) {
        self.declined.insert(declined);
    }

    /// Adds what another has.
    pub fn add_all(&mut self, other: ReplacedRows) {
        self.parts.extend(other.parts);
        self.late.extend(other.late);
        self.declined.extend(other.declined);
    }

    /// How many facts came too late.
    pub fn late(&self) -> usize {
        self.late.len()
    }

    /// How many totals were declined.
    pub fn declined(&self) -> usize {
        self.declined.len()
    }

    /// Stores them: three writes.
    pub async fn save(&self, tx: &mut Tx) -> Result<(), DbError> {
        let mut parts = Rows::new(&REPLACED_PART);
        for (tenant, part) in &self.parts {
            parts.push([tenant.as_str().into(), part.to_string().into(), 0.into()]);
        }
        tx.upsert(&parts).await?;
        let mut rows = Rows::new(&LATE_FACT);
        for LateFact { tenant, event, part, recorded } in &self.late {
            rows.push([tenant.as_str().into(), event.to_string().into(), part.to_string().into(), recorded.0.into()]);
        }
        tx.upsert(&rows).await?;
        let mut rows = Rows::new(&DECLINED_TOTALS);
        for DeclinedTotals { tenant, event, totals, recorded } in &self.declined {
            rows.push([tenant.as_str().into(), event.to_string().into(), totals.to_string().into(), recorded.0.into()]);
        }
        tx.upsert(&rows).await.map(|_| ())
    }
}

/// A tenant's facts that came too late, the latest first; at most `limit`.
pub async fn late_facts(db: &Db, tenant: &TenantId, limit: u32) -> Result<Vec<LateFact>, DbError> {
    let sql = "SELECT event, part, recorded FROM late_fact WHERE tenant = $1 ORDER BY recorded DESC, event LIMIT $2";
    let late = |row: &Row| {
        Ok(LateFact {
            tenant: tenant.clone(),
            event: parsed("late_fact.event", row.text(0)?)?,
            part: parsed("late_fact.part", row.text(1)?)?,
            recorded: Timestamp(row.int(2)?),
        })
    };
    db.query(sql, vec![tenant.as_str().into(), limit.into()]).await?.iter().map(late).collect()
}

/// A tenant's totals that were declined, the latest first; at most `limit`.
pub async fn declined_totals(db: &Db, tenant: &TenantId, limit: u32) -> Result<Vec<DeclinedTotals>, DbError> {
    let sql =
        "SELECT event, totals, recorded FROM declined_totals WHERE tenant = $1 ORDER BY recorded DESC, event LIMIT $2";
    let declined = |row: &Row| {
        Ok(DeclinedTotals {
            tenant: tenant.clone(),
            event: parsed("declined_totals.event", row.text(0)?)?,
            totals: parsed("declined_totals.totals", row.text(1)?)?,
            recorded: Timestamp(row.int(2)?),
        })
    };
    db.query(sql, vec![tenant.as_str().into(), limit.into()]).await?.iter().map(declined).collect()
}

/// How many parts of a tenant are stubs, and how many facts came too late for them.
pub async fn count_replaced(db: &Db, tenant: &TenantId) -> Result<(u64, u64), DbError> {
    let sql = "SELECT (SELECT COUNT(*) FROM replaced_part WHERE tenant = $1), \
               (SELECT COUNT(*) FROM late_fact WHERE tenant = $1)";
    let rows = db.query(sql, vec![tenant.as_str().into()]).await?;
    let count = |column| rows.first().map_or(Ok(0), |row| unsigned("COUNT(*)", row.int(column)?));
    Ok((count(0)?, count(1)?))
}

/// The orders that name a person, as parts.
pub async fn order_parts_of(db: &Db, tenant: &TenantId, subject: SubjectId) -> Result<Vec<PartKey>, DbError> {
    let sql = "SELECT part FROM part WHERE tenant = $1 AND part IN \
               (SELECT about FROM person WHERE tenant = $1 AND subject = $2 AND about LIKE 'order/%')";
    let rows = db.query(sql, vec![tenant.as_str().into(), subject.to_string().into()]).await?;
    rows.iter().map(|row| parsed("part.part", row.text(0)?)).collect()
}

/// Up to `limit` parts of a tenant after `after`, in the order of the stored text, that may be old enough: the journal has something
/// of them that counted before `before`, or they are orders that were placed before `placed_before`. What stands for others is not
/// among them.
pub async fn old_parts(
    db: &Db,
    tenant: &TenantId,
    (before, placed_before): (Day, Timestamp),
    after: Option<&PartKey>,
    limit: u32,
) -> Result<Vec<PartKey>, DbError> {
    let sql = "SELECT part FROM (\
               SELECT part FROM journal WHERE tenant = $1 AND effective < $2 AND part > $4 \
               AND part NOT LIKE 'totals/%' UNION \
               SELECT 'order/' || order_id FROM order_view WHERE tenant = $1 AND placed_at < $3 \
               AND 'order/' || order_id > $4) AS old ORDER BY part LIMIT $5";
    let after = after.map_or_else(String::new, ToString::to_string);
    let args = vec![tenant.as_str().into(), before.0.into(), placed_before.0.into(), after.into(), limit.into()];
    db.query(sql, args).await?.iter().map(|row| parsed("journal.part", row.text(0)?)).collect()
}

/// Takes what replaced parts had posted out of the journal, as far as the ledger topic has it, and the rows of erased people about
/// replaced orders with it. Gives how many transactions that were; 0 when nothing waits. May be repeated and interrupted.
pub async fn sweep(db: &Db) -> Result<u64, DbError> {
    let (mut removed, mut after) = (0, (String::new(), String::new()));
    loop {
        let sql = "SELECT tenant, part FROM replaced_part WHERE swept = 0 AND (tenant, part) > ($1, $2) \
                   ORDER BY tenant, part LIMIT $3";
        let args = vec![after.0.as_str().into(), after.1.as_str().into(), SWEPT_AT_ONCE.into()];
        let found = db.query(sql, args).await?;
        let parts: Vec<(String, String)> = found
            .iter()
            .map(|row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned())))
            .collect::<Result<_, DbError>>()?;
        let Some(last) = parts.last().cloned() else { return Ok(removed) };
        after = last;
        let swept = db.run_tx("sweep-replaced", move |tx| {
            let parts = parts.clone();
            Box::pin(async move { sweep_some(tx, &parts).await })
        });
        removed += swept.await?;
    }
}

/// Has every replaced order swept once more.
pub async fn sweep_again(db: &Db) -> Result<(), DbError> {
    let sql = "UPDATE replaced_part SET swept = 0 WHERE swept = 1 AND part LIKE 'order/%'";
    db.run_tx("sweep-again", move |tx| Box::pin(async move { tx.execute(sql, vec![]).await.map(|_| ()) })).await
}

async fn sweep_some(tx: &mut Tx, parts: &[(String, String)]) -> Result<u64, DbError> {
    let mut wanted = Keys::by(&JOURNAL, &["tenant", "part"]);
    parts.iter().for_each(|(tenant, part)| wanted.push([tenant.as_str().into(), part.as_str().into()]));
    let mut rows: BTreeMap<(String, String), Vec<JournalRow>> =
        parts.iter().map(|key| (key.clone(), Vec::new())).collect();
    for row in tx.select_by_keys(&wanted).await?.iter().map(journal_row) {
        let row = row?;
        rows.entry((row.tenant.to_string(), row.part.clone())).or_default().push(row);
    }
    let (published, since) = (published(tx).await?, replaced_since(tx, parts).await?);
    let is_published = |row: &JournalRow| published.get(&row.partition).is_some_and(|mark| row.position <= *mark);
    rows.retain(|_, rows| rows.iter().all(is_published));
    let mut gone = Vec::new();
    for (key, rows) in &rows {
        gone.extend(undone(rows, since.get(key).copied())?);
    }
    remove(tx, &gone).await?;
    forget_erased(tx).await?;
    let mut swept = Rows::new(&REPLACED_PART);
    for (tenant, part) in rows.keys() {
        swept.push([tenant.as_str().into(), part.as_str().into(), 1.into()]);
    }
    tx.upsert(&swept).await?;
    Ok(gone.len() as u64)
}

/// Since when each of these parts is a stub.
async fn replaced_since(
    tx: &mut Tx,
    parts: &[(String, String)],
) -> Result<BTreeMap<(String, String), Timestamp>, DbError> {
    let key = |(tenant, part): &(String, String)| {
        Ok((parsed("replaced_part.tenant", tenant)?, parsed("replaced_part.part", part)?))
    };
    let keys = parts.iter().map(key).collect::<Result<BTreeSet<(TenantId, PartKey)>, DbError>>()?;
    let stubs = parts_by_key(tx, &keys).await?;
    let since = |row: PartRow| Some(((row.tenant.to_string(), row.key.to_string()), row.part.replaced()?.at));
    Ok(stubs.into_iter().filter_map(since).collect())
}

/// A transaction that goes.
struct Gone<'a> {
    row: &'a JournalRow,
    posted: Posted,
    /// It is a reversal that was posted when totals took its place, and not a correction of before.
    replaces: bool,
}

/// Of one part's transactions those that were undone on the day on which they counted, each with its reversal. What was undone on
/// another day, because its own was closed, stays: the days between could not be told without it.
fn undone(rows: &[JournalRow], since: Option<Timestamp>) -> Result<Vec<Gone<'_>>, DbError> {
    let read = |row: &JournalRow| events::posted_from_bytes(&row.body).map_err(|_| corrupt("journal.body"));
    let posted = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let effective: BTreeMap<u64, Day> = rows.iter().map(|row| (row.number, row.effective)).collect();
    let same_day = |one: &&Posted| {
        let undone = one.reverses.and_then(|number| effective.get(&number));
        undone == Some(&one.transaction.effective())
    };
    let pairs = posted.iter().filter(same_day).flat_map(|one| [Some(one.number), one.reverses]);
    let numbers: BTreeSet<u64> = pairs.flatten().collect();
    let gone = |(row, posted): (_, Posted)| {
        let replaces = posted.reverses.is_some() && since.is_some_and(|since| posted.recorded >= since);
        Gone { row, posted, replaces }
    };
    Ok(rows.iter().zip(posted).filter(|(row, _)| numbers.contains(&row.number)).map(gone).collect())
}

async fn published(tx: &mut Tx) -> Result<BTreeMap<u32, u64>, DbError> {
    let mark = |row: &Row| {
        let partition = u32::try_from(row.int(0)?).map_err(|_| corrupt("relay.partition_no"))?;
        Ok((partition, unsigned("relay.relayed", row.int(1)?)?))
    };
    tx.query("SELECT partition_no, relayed FROM relay", vec![]).await?.iter().map(mark).collect()
}

/// Takes these out of the journal. What they came to is kept, and is nothing on any account and day.
async fn remove(tx: &mut Tx, gone: &[Gone<'_>]) -> Result<(), DbError> {
    let (mut keys, mut left) = (Keys::new(&JOURNAL), Rows::new(&JOURNAL_REMOVED));
    let (mut removed, mut less) = (BalancesByDayKnown::new(), BalancesByDayKnown::new());
    let mut all: BTreeMap<&TenantId, Balances> = BTreeMap::new();
    let overflow = |_| DbError::Misfit { what: "a day's balance does not fit 64 bits of minor units".to_owned() };
    for Gone { row, posted, replaces } in gone {
        let number = signed("journal.number", row.number)?;
        keys.push([row.tenant.as_str().into(), number.into()]);
        left.push([
            row.tenant.as_str().into(),
            number.into(),
            row.partition.into(),
            signed("journal.position", row.position)?.into(),
            row.link.0.as_slice().into(),
        ]);
        let known = (row.tenant.clone(), row.recorded.day(BusinessZone::UTC));
        for entry in posted.transaction.entries() {
            let at = (entry.account.clone(), entry.amount.currency, posted.transaction.effective());
            let (counted, is) = (Total::of(entry), |total| (at.clone(), total));
            let counts = if *replaces { taken_back(counted) } else { counted };
            for (balances, (at, total)) in [
                (removed.entry(known.clone()).or_default(), is(counts)),
                (less.entry(known.clone()).or_default(), is(counts.checked_sub(counted).map_err(overflow)?)),
                (all.entry(&row.tenant).or_default(), is(counts)),
            ] {
                balances.add_total(at, total).map_err(overflow)?;
            }
        }
    }
    // Only what was undone goes; anything else would take an amount with it.
    if all.values().any(|balances| balances.nets().is_ok_and(|nets| !nets.is_empty())) {
        return Err(corrupt("replaced_part: what is posted for it was not undone"));
    }
    if tx.delete_by_keys(&keys).await? != gone.len() as u64 {
        // Somebody else is sweeping; they are not to be counted twice.
        return Err(DbError::Unique { constraint: "journal_removed (tenant, number)".to_owned() });
    }
    tx.upsert(&left).await?;
    add_balances(tx, &less).await?;
    tx.upsert(&balance_rows(&BALANCE_REMOVED, &removed)).await.map(|_| ())
}

/// A reversal as an amount taken off the side on which it was: so that what was undone moved nothing, in and out.
fn taken_back(reversal: Total) -> Total {
    Total {
        debits: reversal.credits.saturating_neg(),
        credits: reversal.debits.saturating_neg(),
        pending_debits: reversal.pending_credits.saturating_neg(),
        pending_credits: reversal.pending_debits.saturating_neg(),
    }
}

/// Rows about these orders, and about their refunds, whose boxes are gone: they say only that there was somebody.
async fn forget_erased(tx: &mut Tx) -> Result<(), DbError> {
    let about = |condition: &str| {
        format!(
            "SELECT p.tenant, p.about, p.role FROM replaced_part r JOIN person p ON p.tenant = r.tenant AND {condition} \
             WHERE r.swept = 0 AND r.part LIKE 'order/%' AND p.sealed IS NULL"
        )
    };
    // What lies below `order/7/`: `0` follows `/`. A range of the key, on either database.
    let below = about("p.about > r.part || '/' AND p.about < r.part || '0'");
    let sql = format!("{} UNION ALL {below}", about("p.about = r.part"));
    let mut gone = Keys::new(&PERSON);
    for row in tx.query(&sql, vec![]).await? {
        gone.push([row.text(0)?.into(), row.text(1)?.into(), row.text(2)?.into()]);
    }
    tx.delete_by_keys(&gone).await.map(|_| ())
}
