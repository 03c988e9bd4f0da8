//! Parts of cases: merged facts with what is posted for them.

use std::collections::{BTreeMap, BTreeSet};

use commerce::{OrderName, Part, PartKey, TenantId};
use ledger::{EntryKey, Live};

use super::tables::{PART, PART_NAMED_AS_STORED};
use super::{decode, encode, parsed, unsigned};
use crate::db::{Db, DbError, Keys, Row, Rows, Tx};

/// One part as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct PartRow {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub key: PartKey,
    /// Its merged facts.
    pub part: Part,
    /// What stands in the books for it.
    pub posted: BTreeMap<EntryKey, Live>,
    /// Why its case cannot be posted, if so.
    pub parked: Option<String>,
}

/// The parts with these keys that are stored.
pub async fn parts_by_key(tx: &mut Tx, keys: &BTreeSet<(TenantId, PartKey)>) -> Result<Vec<PartRow>, DbError> {
    let mut wanted = Keys::new(&PART);
    for (tenant, key) in keys {
        wanted.push([tenant.as_str().into(), key.to_string().into()]);
    }
    rows(tx.select_by_keys(&wanted).await?)
}

/// How many parts are stored.
pub async fn count_parts(db: &Db) -> Result<u64, DbError> {
    let rows = db.query("SELECT COUNT(*) FROM part", vec![]).await?;
    rows.first().map_or(Ok(0), |row| unsigned("COUNT(*)", row.int(0)?))
}

/// Orders that bear these printed names.
pub async fn orders_by_name(tx: &mut Tx, names: &BTreeSet<(TenantId, OrderName)>) -> Result<Vec<PartRow>, DbError> {
    by_name(tx, "order_name", names).await
}

/// Parcels whose couriers quote these names.
pub async fn parcels_by_quoted_name(
    tx: &mut Tx,
    names: &BTreeSet<(TenantId, OrderName)>,
) -> Result<Vec<PartRow>, DbError> {
    by_name(tx, "quoted_name", names).await
}

async fn by_name(tx: &mut Tx, column: &str, names: &BTreeSet<(TenantId, OrderName)>) -> Result<Vec<PartRow>, DbError> {
    let mut wanted = Keys::by(&PART, &["tenant", column]);
    for (tenant, name) in names {
        wanted.push([tenant.as_str().into(), name.as_str().into()]);
    }
    rows(tx.select_by_keys(&wanted).await?)
}

/// Whether a part bears or quotes the name it was stored with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// It does, or was never stored and has no name.
    AsStored,
    /// It has another one, or this is not known.
    Changed,
}

/// Parts to be stored. Most keep their names, and the indexes on names are left alone for them.
#[derive(Debug)]
pub struct PartRows {
    named_as_stored: Rows,
    renamed: Rows,
}

impl Default for PartRows {
    fn default() -> PartRows {
        PartRows { named_as_stored: Rows::new(&PART_NAMED_AS_STORED), renamed: Rows::new(&PART) }
    }
}

impl PartRows {
    /// Adds a part: whose, which, its merged facts, what stands in the books for it, and why its case cannot be posted, if so.
    pub fn add(
        &mut self,
        tenant: &TenantId,
        key: &PartKey,
        part: &Part,
        posted: &BTreeMap<EntryKey, Live>,
        parked: Option<&str>,
        names: Names,
    ) -> Result<(), DbError> {
        let rows = match names {
            Names::AsStored => &mut self.named_as_stored,
            Names::Changed => &mut self.renamed,
        };
        rows.push([
            tenant.as_str().into(),
            key.to_string().into(),
            part.order_name().map(OrderName::as_str).into(),
            part.quoted_name().map(OrderName::as_str).into(),
            encode("part.state", part)?.into(),
            encode("part.posted", posted)?.into(),
            parked.into(),
        ]);
        Ok(())
    }

    /// Stores them.
    pub async fn save(&self, tx: &mut Tx) -> Result<(), DbError> {
        tx.upsert(&self.named_as_stored).await?;
        tx.upsert(&self.renamed).await.map(|_| ())
    }
}

/// Up to `limit` keys after `after`, in the order of the stored text, over all tenants.
pub async fn all_keys(
    db: &Db,
    after: Option<(TenantId, PartKey)>,
    limit: u32,
) -> Result<Vec<(TenantId, PartKey)>, DbError> {
    let (tenant, part) = after.map_or_else(Default::default, |(t, p)| (t.to_string(), p.to_string()));
    let sql = "SELECT tenant, part FROM part WHERE (tenant, part) > ($1, $2) ORDER BY tenant, part LIMIT $3";
    let found = db.query(sql, vec![tenant.into(), part.into(), limit.into()]).await?;
    found.iter().map(|row| Ok((parsed("part.tenant", row.text(0)?)?, parsed("part.part", row.text(1)?)?))).collect()
}

fn rows(found: Vec<Row>) -> Result<Vec<PartRow>, DbError> {
    found.iter().map(row).collect()
}

pub(super) fn row(row: &Row) -> Result<PartRow, DbError> {
    Ok(PartRow {
        tenant: parsed("part.tenant", row.text(0)?)?,
        key: parsed("part.part", row.text(1)?)?,
        part: decode("part.state", row.blob(4)?)?,
        posted: decode("part.posted", row.blob(5)?)?,
        parked: row.opt_text(6)?.map(str::to_owned),
    })
}

impl PartRow {
    /// The merged facts as canonical bytes: equal facts are equal bytes, on either back end.
    pub fn fact_bytes(&self) -> Result<Vec<u8>, DbError> {
        encode("part.state", &self.part)
    }

    /// What stands in the books for it as canonical bytes, by entry key, without the numbers it was posted under.
    pub fn live_bytes(&self) -> Result<Vec<Vec<u8>>, DbError> {
        self.posted.values().map(|live| encode("part.posted", &live.transaction)).collect()
    }
}
