//! The journal, its chains' heads, the balances, and the mark up to which the ledger topic has it.

use std::collections::{BTreeMap, BTreeSet};

use commerce::TenantId;
use ledger::{Balances, ChainHash, Day, Entry, GENESIS, Layer, Side, Timestamp, Transaction};

use super::months::add_months;
use super::tables::{BALANCE, JOURNAL, JOURNAL_HEAD, RELAY};
use super::{corrupt, parsed, signed, unsigned};
use crate::db::{Db, DbError, Keys, Row, Rows, Table, Tx, Value};

/// The end of a tenant's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The last number given out; 0 before the first.
    pub number: u64,
    /// The link over the last stored bytes.
    pub link: ChainHash,
}

impl Head {
    /// Before the first transaction.
    pub const GENESIS: Head = Head { number: 0, link: GENESIS };
}

/// A transaction as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// Whose.
    pub tenant: TenantId,
    /// Its gapless number, from 1.
    pub number: u64,
    /// The partition its tenant is in.
    pub partition: u32,
    /// Its gapless place in the partition, from 1.
    pub position: u64,
    /// The part it belongs to.
    pub part: String,
    /// The day on which it counts.
    pub effective: Day,
    /// When its cause was recorded.
    pub recorded: Timestamp,
    /// Its entries as SQL reads them: see [`entries_json`].
    pub entries: String,
    /// The bytes of `daybook.ledger.v1.TransactionPosted`.
    pub body: Vec<u8>,
    /// The link over them.
    pub link: ChainHash,
}

/// A partition's journal: how far it reaches, and how far of it is on the ledger topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Relay {
    /// The last place given out; 0 before the first.
    pub position: u64,
    /// The last place that is on the topic.
    pub relayed: u64,
}

/// The heads of these tenants' chains; a tenant without transactions has [`Head::GENESIS`].
pub async fn heads(tx: &mut Tx, tenants: &BTreeSet<TenantId>) -> Result<BTreeMap<TenantId, Head>, DbError> {
    let mut keys = Keys::new(&JOURNAL_HEAD);
    for tenant in tenants {
        keys.push([tenant.as_str().into()]);
    }
    let mut heads: BTreeMap<TenantId, Head> = tenants.iter().map(|tenant| (tenant.clone(), Head::GENESIS)).collect();
    for row in tx.select_by_keys(&keys).await? {
        let head = Head { number: unsigned("journal_head.number", row.int(1)?)?, link: link(row.blob(2)?)? };
        heads.insert(parsed("journal_head.tenant", row.text(0)?)?, head);
    }
    Ok(heads)
}

/// Moves the heads.
pub async fn save_heads(tx: &mut Tx, heads: &BTreeMap<TenantId, Head>) -> Result<(), DbError> {
    let mut rows = Rows::new(&JOURNAL_HEAD);
    for (tenant, head) in heads {
        let number = signed("journal_head.number", head.number)?;
        rows.push([tenant.as_str().into(), number.into(), head.link.0.as_slice().into()]);
    }
    tx.upsert(&rows).await.map(|_| ())
}

/// Stores transactions. A number that is taken already is an error: somebody else has written this journal.
pub async fn append_journal(tx: &mut Tx, rows: &[JournalRow]) -> Result<(), DbError> {
    let mut buffer = Rows::new(&JOURNAL);
    for row in rows {
        buffer.push([
            row.tenant.as_str().into(),
            signed("journal.number", row.number)?.into(),
            row.partition.into(),
            signed("journal.position", row.position)?.into(),
            row.part.as_str().into(),
            row.effective.0.into(),
            row.recorded.0.into(),
            row.entries.as_str().into(),
            row.body.as_slice().into(),
            row.link.0.as_slice().into(),
        ]);
    }
    let stored = tx.upsert(&buffer).await?;
    let taken = || DbError::Unique { constraint: "journal (tenant, number)".to_owned() };
    if stored == rows.len() as u64 { Ok(()) } else { Err(taken()) }
}

/// A transaction's entries as JSON that SQL can read: an array of account, `D` or `C`, minor units, currency, and `posted` or
/// `pending`, in the transaction's order.
pub fn entries_json(transaction: &Transaction) -> String {
    let entry = |entry: &Entry| {
        let side = if entry.side == Side::Debit { "D" } else { "C" };
        let layer = if entry.layer == Layer::Posted { "posted" } else { "pending" };
        serde_json::json!([entry.account.as_str(), side, entry.amount.minor, entry.amount.currency.code(), layer])
    };
    serde_json::Value::from_iter(transaction.entries().iter().map(entry)).to_string()
}

/// What is added to a tenant's balances, by the day (UTC) on which it was recorded.
pub type BalancesByDayKnown = BTreeMap<(TenantId, Day), Balances>;

/// Adds to the balances of each tenant, by day and by month.
pub async fn add_balances(tx: &mut Tx, balances: &BalancesByDayKnown) -> Result<(), DbError> {
    tx.upsert(&balance_rows(&BALANCE, balances)).await?;
    add_months(tx, balances).await
}

/// Balances as rows of the table of balances, or of what was removed.
pub(super) fn balance_rows(table: &'static Table, balances: &BalancesByDayKnown) -> Rows {
    let mut rows = Rows::new(table);
    for ((tenant, known), balances) in balances {
        for ((account, currency, day), total) in balances.iter() {
            rows.push([
                tenant.as_str().into(),
                account.as_str().into(),
                currency.code().into(),
                day.0.into(),
                known.0.into(),
                total.debits.into(),
                total.credits.into(),
                total.pending_debits.into(),
                total.pending_credits.into(),
            ]);
        }
    }
    rows
}

/// The last place given out in each of these partitions' journals; one without transactions is absent.
pub async fn positions(tx: &mut Tx, partitions: &BTreeSet<u32>) -> Result<BTreeMap<u32, u64>, DbError> {
    let mut keys = Keys::new(&RELAY);
    for partition in partitions {
        keys.push([(*partition).into()]);
    }
    let read = |row: &Row| {
        let partition = u32::try_from(row.int(0)?).map_err(|_| corrupt("relay.partition_no"))?;
        Ok((partition, unsigned("relay.position", row.int(1)?)?))
    };
    tx.select_by_keys(&keys).await?.iter().map(read).collect()
}

/// Moves the ends of these partitions' journals; the marks of what is published stay where they are.
pub async fn save_positions(tx: &mut Tx, positions: &BTreeMap<u32, u64>) -> Result<(), DbError> {
    let mut rows = Rows::new(&RELAY);
    for (partition, position) in positions {
        rows.push([(*partition).into(), signed("relay.position", *position)?.into(), 0_u32.into()]);
    }
    tx.upsert(&rows).await.map(|_| ())
}

/// A transaction that the ledger topic may not have yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrelayed {
    /// Whose.
    pub tenant: TenantId,
    /// Its gapless number.
    pub number: u64,
    /// Its gapless place in the partition.
    pub position: u64,
    /// The bytes of `daybook.ledger.v1.TransactionPosted`.
    pub body: Vec<u8>,
    /// The link over them.
    pub link: ChainHash,
}

/// Up to `limit` transactions of a partition that the ledger topic may not have yet, in order.
pub async fn unrelayed(db: &Db, partition: u32, limit: u32) -> Result<Vec<Unrelayed>, DbError> {
    let mark = "COALESCE((SELECT relayed FROM relay WHERE partition_no = $1), 0)";
    read_behind(db, mark, vec![partition.into(), limit.into()]).await
}

/// Up to `limit` transactions of a partition behind a place in its journal, in order.
pub async fn posted_behind(db: &Db, partition: u32, after: u64, limit: u32) -> Result<Vec<Unrelayed>, DbError> {
    read_behind(db, "$3", vec![partition.into(), limit.into(), signed("journal.position", after)?.into()]).await
}

async fn read_behind(db: &Db, mark: &str, args: Vec<Value>) -> Result<Vec<Unrelayed>, DbError> {
    let sql = format!(
        "SELECT tenant, number, position, body, link FROM journal WHERE partition_no = $1 AND position > {mark} \
         ORDER BY position LIMIT $2"
    );
    let rows = db.query(&sql, args).await?;
    let unrelayed = |row: &Row| {
        Ok(Unrelayed {
            tenant: parsed("journal.tenant", row.text(0)?)?,
            number: unsigned("journal.number", row.int(1)?)?,
            position: unsigned("journal.position", row.int(2)?)?,
            body: row.blob(3)?.to_vec(),
            link: link(row.blob(4)?)?,
        })
    };
    rows.iter().map(unrelayed).collect()
}

/// Notes that the ledger topic has a partition's journal up to `position`, whose link is `link`. Never moves back, and does
/// nothing if another transaction stands there since: the journal was rebuilt while this one was being published.
pub async fn relayed(tx: &mut Tx, partition: u32, position: u64, link: ChainHash) -> Result<(), DbError> {
    let sql = "UPDATE relay SET relayed = $2 WHERE partition_no = $1 AND relayed < $2 AND EXISTS \
               (SELECT 1 FROM journal WHERE partition_no = $1 AND position = $2 AND link = $3)";
    let args = vec![partition.into(), signed("relay.relayed", position)?.into(), link.0.as_slice().into()];
    tx.execute(sql, args).await.map(|_| ())
}

pub(super) fn journal_row(row: &Row) -> Result<JournalRow, DbError> {
    Ok(JournalRow {
        tenant: parsed("journal.tenant", row.text(0)?)?,
        number: unsigned("journal.number", row.int(1)?)?,
        partition: u32::try_from(row.int(2)?).map_err(|_| corrupt("journal.partition_no"))?,
        position: unsigned("journal.position", row.int(3)?)?,
        part: row.text(4)?.to_owned(),
        effective: Day(i32::try_from(row.int(5)?).map_err(|_| corrupt("journal.effective"))?),
        recorded: Timestamp(row.int(6)?),
        entries: row.text(7)?.to_owned(),
        body: row.blob(8)?.to_vec(),
        link: link(row.blob(9)?)?,
    })
}

pub(super) fn link(bytes: &[u8]) -> Result<ChainHash, DbError> {
    bytes.try_into().map(ChainHash).map_err(|_| corrupt("a chain link"))
}
