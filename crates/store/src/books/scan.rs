//! Reading whole tables in pages, for verification and hashes: memory stays that of one page.

use std::collections::BTreeMap;

use commerce::TenantId;
use ledger::{ChainHash, Total};
use sha2::{Digest, Sha256};

use super::alerts::waiting_alerts;
use super::journal::{Head, JournalRow, Relay, journal_row, link};
use super::parts::{PartRow, row as part_row};
use super::tables::{
    BALANCE, COD_POSITION, ERASED_SUBJECT, JOURNAL, ORDER_VIEW, PART, PERSON, PRIVACY_REQUEST, PRODUCT_COST,
    QUARANTINE, REDRIVEN, SHIPMENT, STOCK, STOCK_MOVEMENT,
};
use super::{corrupt, parsed, unsigned};
use crate::db::{Db, DbError, Role, Row, Table, Value};

/// Rows read at once.
const PAGE: u32 = 2_000;

/// A table's rows in key order, a page at a time.
pub(super) struct Scan<'a> {
    db: &'a Db,
    table: &'static Table,
    after: Option<Vec<Value>>,
    done: bool,
}

impl<'a> Scan<'a> {
    pub(super) fn new(db: &'a Db, table: &'static Table) -> Scan<'a> {
        Scan { db, table, after: None, done: false }
    }

    /// From the first row behind this key.
    pub(super) fn behind(self, key: Vec<Value>) -> Scan<'a> {
        Scan { after: Some(key), ..self }
    }

    /// Nothing more is wanted.
    pub(super) fn end(&mut self) {
        self.done = true;
    }

    /// The next page; empty at the end.
    pub(super) async fn next(&mut self) -> Result<Vec<Row>, DbError> {
        if self.done {
            return Ok(Vec::new());
        }
        let keys: Vec<&str> = self.table.columns.iter().filter(|c| c.role == Role::Key).map(|c| c.name).collect();
        let columns: Vec<&str> = self.table.columns.iter().map(|c| c.name).collect();
        let places: Vec<String> = (1..=keys.len()).map(|n| format!("${n}")).collect();
        let filter = match &self.after {
            Some(_) => format!("WHERE ({}) > ({})", keys.join(", "), places.join(", ")),
            None => String::new(),
        };
        let sql = format!(
            "SELECT {} FROM {} {filter} ORDER BY {} LIMIT {PAGE}",
            columns.join(", "),
            self.table.name,
            keys.join(", ")
        );
        let rows = self.db.query(&sql, self.after.take().unwrap_or_default()).await?;
        self.after = rows.last().map(|row| row.clone().into_values().into_iter().take(keys.len()).collect());
        self.done = rows.len() < PAGE as usize;
        Ok(rows)
    }
}

/// The journal, by tenant and number.
pub struct JournalScan<'a>(Scan<'a>);

impl<'a> JournalScan<'a> {
    /// From the first transaction.
    pub fn new(db: &'a Db) -> JournalScan<'a> {
        JournalScan(Scan::new(db, &JOURNAL))
    }

    /// The next page; empty at the end.
    pub async fn next(&mut self) -> Result<Vec<JournalRow>, DbError> {
        self.0.next().await?.iter().map(journal_row).collect()
    }
}

/// The parts, by tenant and key.
pub struct PartScan<'a>(Scan<'a>);

impl<'a> PartScan<'a> {
    /// From the first part.
    pub fn new(db: &'a Db) -> PartScan<'a> {
        PartScan(Scan::new(db, &PART))
    }

    /// The next page; empty at the end.
    pub async fn next(&mut self) -> Result<Vec<PartRow>, DbError> {
        self.0.next().await?.iter().map(part_row).collect()
    }
}

/// A hash over a set of rows that does not depend on their order: the wrapping sum of each row's SHA-256, in four lanes.
/// Databases sort text differently; the sum does not care, and keys make every row unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SetHash([u64; 4]);

impl SetHash {
    /// Adds one element, given as parts whose boundaries count.
    pub fn add<'p>(&mut self, parts: impl IntoIterator<Item = &'p [u8]>) {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        for (lane, bytes) in self.0.iter_mut().zip(digest.chunks_exact(8)) {
            *lane = lane.wrapping_add(u64::from_be_bytes(bytes.try_into().unwrap_or_default()));
        }
    }

    /// Takes an element out again that was added, or will be.
    pub fn remove<'p>(&mut self, parts: impl IntoIterator<Item = &'p [u8]>) {
        let mut element = SetHash::default();
        element.add(parts);
        for (lane, less) in self.0.iter_mut().zip(element.0) {
            *lane = lane.wrapping_sub(less);
        }
    }

    /// Sixty-four hexadecimal digits.
    pub fn to_hex(self) -> String {
        self.0.iter().map(|lane| format!("{lane:016x}")).collect()
    }
}

/// Hashes of the read models that both back ends must agree on, by table.
pub async fn read_model_hashes(db: &Db) -> Result<BTreeMap<&'static str, SetHash>, DbError> {
    let mut hashes = BTreeMap::new();
    for table in [&ORDER_VIEW, &SHIPMENT, &COD_POSITION, &STOCK, &PRODUCT_COST, &STOCK_MOVEMENT] {
        hashes.insert(table.name, table_hash(db, table).await?);
    }
    Ok(hashes)
}

/// Hashes of the tables that hold boxes and subjects. Two back ends draw different nonces and ids; a rebuild must not.
pub async fn sealed_table_hashes(db: &Db) -> Result<BTreeMap<&'static str, SetHash>, DbError> {
    let mut hashes = BTreeMap::new();
    for table in [&PERSON, &ERASED_SUBJECT, &PRIVACY_REQUEST, &QUARANTINE, &REDRIVEN] {
        hashes.insert(table.name, table_hash(db, table).await?);
    }
    Ok(hashes)
}

async fn table_hash(db: &Db, table: &'static Table) -> Result<SetHash, DbError> {
    let (mut scan, mut hash) = (Scan::new(db, table), SetHash::default());
    loop {
        let rows = scan.next().await?;
        if rows.is_empty() {
            return Ok(hash);
        }
        for row in rows {
            let cells: Vec<Vec<u8>> = row.into_values().into_iter().map(cell).collect();
            hash.add(cells.iter().map(Vec::as_slice));
        }
    }
}

fn cell(value: Value) -> Vec<u8> {
    match value {
        Value::Null => vec![0],
        Value::Int(number) => std::iter::once(1).chain(number.to_be_bytes()).collect(),
        Value::Text(text) => std::iter::once(2).chain(text.into_bytes()).collect(),
        Value::Blob(bytes) => std::iter::once(3).chain(bytes).collect(),
    }
}

/// A stored balance: tenant, account, currency, day, day known, and its total.
pub type BalanceRow = (TenantId, String, String, i64, i64, Total);

/// Every stored balance.
pub async fn balances(db: &Db) -> Result<Vec<BalanceRow>, DbError> {
    let (mut scan, mut found) = (Scan::new(db, &BALANCE), Vec::new());
    loop {
        let rows = scan.next().await?;
        if rows.is_empty() {
            return Ok(found);
        }
        for row in &rows {
            let total = Total {
                debits: row.int(5)?,
                credits: row.int(6)?,
                pending_debits: row.int(7)?,
                pending_credits: row.int(8)?,
            };
            let tenant = parsed("balance.tenant", row.text(0)?)?;
            found.push((tenant, row.text(1)?.to_owned(), row.text(2)?.to_owned(), row.int(3)?, row.int(4)?, total));
        }
    }
}

/// Every chain's head.
pub async fn all_heads(db: &Db) -> Result<BTreeMap<TenantId, Head>, DbError> {
    let rows = db.query("SELECT tenant, number, link FROM journal_head", vec![]).await?;
    let head = |row: &Row| {
        let link: ChainHash = link(row.blob(2)?)?;
        Ok((
            parsed("journal_head.tenant", row.text(0)?)?,
            Head { number: unsigned("journal_head.number", row.int(1)?)?, link },
        ))
    };
    rows.iter().map(head).collect()
}

/// Every partition's relay mark.
pub async fn relays(db: &Db) -> Result<BTreeMap<u32, Relay>, DbError> {
    let rows = db.query("SELECT partition_no, position, relayed FROM relay", vec![]).await?;
    let relay = |row: &Row| {
        let partition = u32::try_from(row.int(0)?).map_err(|_| corrupt("relay.partition_no"))?;
        let (position, relayed) = (unsigned("relay.position", row.int(1)?)?, unsigned("relay.relayed", row.int(2)?)?);
        Ok((partition, Relay { position, relayed }))
    };
    rows.iter().map(relay).collect()
}

/// Sums of a courier's cash positions, minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CashSums {
    /// Of what is stored as outstanding.
    pub outstanding: i64,
    /// Of expected less remitted less fees less written off.
    pub owed: i64,
}

/// Cash by tenant, courier and currency.
pub async fn outstanding(db: &Db) -> Result<BTreeMap<(TenantId, String, String), CashSums>, DbError> {
    let sql = "SELECT tenant, courier, currency, CAST(SUM(outstanding) AS BIGINT), \
               CAST(SUM(expected - remitted - fees - written_off) AS BIGINT) FROM cod_position GROUP BY tenant, courier, currency";
    let rows = db.query(sql, vec![]).await?;
    let total = |row: &Row| {
        let courier = (parsed("cod_position.tenant", row.text(0)?)?, row.text(1)?.to_owned(), row.text(2)?.to_owned());
        Ok((courier, CashSums { outstanding: row.int(3)?, owed: row.int(4)? }))
    };
    rows.iter().map(total).collect()
}

/// A mark that moves with everything that is folded or published: every checkpoint and relay mark, and how many alerts wait,
/// one text.
pub async fn progress(db: &Db) -> Result<String, DbError> {
    let checkpoints =
        db.query("SELECT consumer, partition_no, offsets, stage FROM checkpoint ORDER BY 1, 2", vec![]).await?;
    let mut progress = String::new();
    for row in &checkpoints {
        progress += &format!("{} {} {} {};", row.text(0)?, row.int(1)?, row.text(2)?, row.text(3)?);
    }
    Ok(format!("{progress} {:?} {}", relays(db).await?, waiting_alerts(db).await?))
}
