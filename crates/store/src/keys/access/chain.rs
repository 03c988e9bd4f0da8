//! What makes the access log tamper-evident: each row is linked to the one before it, under a key.
//!
//! A link is an HMAC, under the tenant's index key, of the link before and of the row as it is stored. A bare hash would
//! not do: whoever can write to the database could compute the rest of the chain anew. With the key wrapped under the root
//! key, which no database has, a row that is changed, moved, removed or added shows, and so does an end that was cut off
//! or a beginning that was not purged here, because where the chain begins and ends is sealed under the same key.
//!
//! What cannot be seen from inside is an earlier end put back: somebody who kept the sealed end of then can remove the rows
//! after it and restore that end, alone or with the whole database. Nor can a tenant's log that was removed with everything that
//! says there was one. Compare the last number with one that was noted elsewhere.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use commerce::TenantId;
use ledger::Timestamp;
use sha2::{Digest, Sha256};
use subject_keys::IndexKey;

use super::super::identity::Blind;
use super::super::resolve::{blind, tenant};
use super::super::tables::{ACCESS, ACCESS_CHAIN};
use super::super::{KeyStore, KeyStoreError, corrupt, lock};
use crate::db::{DbError, Dialect, Keys, Row, Rows, Tx, Value};

/// How many rows are read at a time.
const PAGE: usize = 1_000;

/// A tenant's access log, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessAudit {
    /// Whose.
    pub tenant: TenantId,
    /// How many rows it has.
    pub rows: u64,
    /// The first number that is not as it was written, or not there; none if all is well.
    pub first_bad: Option<i64>,
}

/// What a purge removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purged {
    /// How many rows.
    pub rows: u64,
}

/// Where a tenant's chain ends, and what it begins after.
pub(super) struct Chain {
    tenant: TenantId,
    key: Arc<IndexKey>,
    number: i64,
    link: Blind,
    purged_number: i64,
    purged_link: Blind,
}

impl Chain {
    fn begin(tenant: TenantId, key: Arc<IndexKey>) -> Chain {
        let genesis = [0; 32];
        Chain { tenant, key, number: 0, link: genesis, purged_number: 0, purged_link: genesis }
    }

    /// The chain of a stored row, and whether the row is as it was sealed.
    fn read(row: &Row, key: &Arc<IndexKey>) -> Result<(Chain, bool), DbError> {
        let chain = Chain {
            tenant: tenant(row.text(0)?)?,
            key: Arc::clone(key),
            number: row.int(1)?,
            link: blind(row.blob(2)?)?,
            purged_number: row.int(3)?,
            purged_link: blind(row.blob(4)?)?,
        };
        let sound = row.blob(5)? == chain.seal();
        Ok((chain, sound))
    }

    /// The number of the next row.
    pub(super) fn next(&self) -> Result<i64, DbError> {
        self.number.checked_add(1).ok_or_else(|| corrupt("an access log is at the last number"))
    }

    /// The row with its link. From here on it is the last.
    pub(super) fn append(&mut self, mut cells: Vec<Value>) -> Vec<Value> {
        self.link = link(&self.key, &self.link, &cells);
        self.number = self.number.saturating_add(1);
        cells.push(self.link.as_slice().into());
        cells
    }

    fn ends(&self) -> [Value; 5] {
        let (link, purged) = (self.link.as_slice().into(), self.purged_link.as_slice().into());
        [self.tenant.as_str().into(), self.number.into(), link, self.purged_number.into(), purged]
    }

    /// The number to name when only the seal is wrong: where the log is said to begin, or the first one after its end.
    fn doubtful(&self) -> i64 {
        if self.purged_number == 0 { self.number.saturating_add(1) } else { self.purged_number }
    }

    fn seal(&self) -> Blind {
        self.key.blind("access-chain", &digest(&[], &self.ends()))
    }
}

/// The link after `before` over a row's other cells.
fn link(key: &IndexKey, before: &Blind, cells: &[Value]) -> Blind {
    key.blind("access-link", &digest(before, cells))
}

/// SHA-256, in hexadecimal, of the bytes before and of each cell as it is stored: its kind, length and bytes.
fn digest(before: &[u8], cells: &[Value]) -> String {
    let mut hash = Sha256::new();
    hash.update(before);
    for cell in cells {
        let (kind, bytes) = match cell {
            Value::Null => (0, Vec::new()),
            Value::Int(number) => (1, number.to_be_bytes().to_vec()),
            Value::Text(text) => (2, text.as_bytes().to_vec()),
            Value::Blob(bytes) => (3, bytes.clone()),
        };
        hash.update([kind]);
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
    hex::encode(hash.finalize())
}

/// The chains of these tenants; those that have none begin. Refuses one whose ends are not as they were sealed: to go on
/// from there would make a cut look whole.
pub(super) async fn load<'a>(
    tx: &mut Tx,
    tenants: impl Iterator<Item = &'a TenantId>,
    keys: &HashMap<TenantId, Arc<IndexKey>>,
) -> Result<HashMap<TenantId, Chain>, DbError> {
    let mut chains = HashMap::new();
    for tenant in tenants {
        let key = keys.get(tenant).ok_or_else(|| corrupt("a tenant with keys has no index key"))?;
        chains.entry(tenant.clone()).or_insert_with(|| Chain::begin(tenant.clone(), Arc::clone(key)));
    }
    let mut wanted = Keys::new(&ACCESS_CHAIN);
    chains.keys().for_each(|tenant| wanted.push([tenant.as_str().into()]));
    for row in tx.select_by_keys(&wanted).await? {
        let key = keys.get(&tenant(row.text(0)?)?).ok_or_else(|| corrupt("a chain that was not asked for"))?;
        let (chain, sound) = Chain::read(&row, key)?;
        if !sound {
            return Err(corrupt("where an access log begins and ends was changed by somebody else"));
        }
        chains.insert(chain.tenant.clone(), chain);
    }
    Ok(chains)
}

/// Writes where these chains begin and end.
pub(super) async fn save(tx: &mut Tx, chains: impl Iterator<Item = &Chain>) -> Result<(), DbError> {
    let mut rows = Rows::new(&ACCESS_CHAIN);
    for chain in chains {
        rows.push(chain.ends().into_iter().chain([chain.seal().as_slice().into()]));
    }
    tx.upsert(&rows).await.map(drop)
}

impl KeyStore {
    /// Recomputes a tenant's access log from its first row to its last.
    pub async fn verify_access(&self, tenant: &TenantId) -> Result<AccessAudit, KeyStoreError> {
        let (key, tenant) = (self.existing_index_key(tenant).await?, tenant.clone());
        self.db
            .run_read("verify-access", move |tx| {
                let (key, tenant) = (key.clone(), tenant.clone());
                Box::pin(async move { verify_in(tx, tenant, key).await })
            })
            .await
    }

    /// Counts the rows of a tenant's log that were written before then.
    pub async fn due_accesses(&self, tenant: &TenantId, before: Timestamp) -> Result<u64, KeyStoreError> {
        let sql = "SELECT COUNT(*) FROM access WHERE tenant = $1 AND opened_at < $2";
        let rows = self.db.query(sql, vec![tenant.as_str().into(), before.0.into()]).await?;
        Ok(rows.first().map_or(Ok(0), |row| row.int(0))?.unsigned_abs())
    }

    /// Removes a tenant's oldest rows, up to the first that was written at `before` or later. The rest still verifies. A log
    /// that was tampered with is kept, and that is an error.
    pub async fn purge_access(&self, tenant: &TenantId, before: Timestamp) -> Result<Purged, KeyStoreError> {
        match self.due_accesses(tenant, before).await? {
            0 => Ok(Purged { rows: 0 }),
            _ => Ok(Purged { rows: self.purge_of(tenant, before).await? }),
        }
    }

    async fn purge_of(&self, tenant: &TenantId, before: Timestamp) -> Result<u64, KeyStoreError> {
        let Some(key) = self.existing_index_key(tenant).await? else {
            return Err(corrupt("a tenant with an access log has no index key").into());
        };
        let (dialect, whose) = (self.db.dialect(), (tenant.clone(), key));
        self.db
            .run_tx("purge-access", move |tx| {
                let (tenant, key) = whose.clone();
                Box::pin(async move { purge_in(tx, dialect, tenant, key, before).await })
            })
            .await
    }
}

async fn purge_in(
    tx: &mut Tx,
    dialect: Dialect,
    tenant: TenantId,
    key: Arc<IndexKey>,
    before: Timestamp,
) -> Result<u64, KeyStoreError> {
    lock::access(tx, dialect, [&tenant]).await?;
    let keys = HashMap::from([(tenant.clone(), key)]);
    let mut chains = load(tx, [&tenant].into_iter(), &keys).await?;
    let chain = chains.get_mut(&tenant).ok_or_else(|| corrupt("an access log has no chain"))?;
    let sql = "SELECT MIN(number) FROM access WHERE tenant = $1 AND opened_at >= $2";
    let kept = tx.query(sql, vec![tenant.as_str().into(), before.0.into()]).await?;
    let kept = kept.first().map_or(Ok(None), |row| row.opt_int(0))?;
    let last = kept.map_or(chain.number, |number| number.saturating_sub(1));
    if last <= chain.purged_number {
        return Ok(0);
    }
    let whose = || vec![tenant.as_str().into(), last.into()];
    let boundary = tx.query("SELECT link FROM access WHERE tenant = $1 AND number = $2", whose()).await?;
    let boundary = boundary.first().ok_or_else(|| corrupt("the access log lacks a row"))?;
    (chain.purged_number, chain.purged_link) = (last, blind(boundary.blob(0)?)?);
    let removed = tx.execute("DELETE FROM access WHERE tenant = $1 AND number <= $2", whose()).await?;
    save(tx, chains.values()).await?;
    Ok(removed)
}

async fn verify_in(tx: &mut Tx, tenant: TenantId, key: Option<Arc<IndexKey>>) -> Result<AccessAudit, KeyStoreError> {
    let mut wanted = Keys::new(&ACCESS_CHAIN);
    wanted.push([tenant.as_str().into()]);
    let stored = tx.select_by_keys(&wanted).await?;
    let Some(key) = key else {
        let rows = page(tx, &tenant, i64::MIN).await?;
        let first_bad = rows.first().map_or(Ok(None), |row| row.opt_int(1))?;
        return Ok(AccessAudit { tenant, rows: rows.len() as u64, first_bad });
    };
    let (chain, sound) = match stored.first() {
        Some(row) => Chain::read(row, &key)?,
        None => (Chain::begin(tenant.clone(), key), true),
    };
    let mut walk = Walk { key: &chain.key, number: chain.purged_number, link: chain.purged_link };
    let (mut rows, mut from, mut first_bad) = (0, i64::MIN, None);
    while first_bad.is_none() {
        let page = page(tx, &tenant, from).await?;
        let Some(last) = page.last() else { break };
        from = last.int(1)?;
        rows += page.len() as u64;
        first_bad = page.into_iter().find_map(|row| walk.step(row));
    }
    let end = first_bad.or_else(|| walk.cut(&chain)).or_else(|| (!sound).then(|| chain.doubtful()));
    Ok(AccessAudit { tenant, rows, first_bad: end })
}

async fn page(tx: &mut Tx, tenant: &TenantId, from: i64) -> Result<Vec<Row>, DbError> {
    let columns: Vec<&str> = ACCESS.columns.iter().map(|column| column.name).collect();
    let columns = columns.join(", ");
    let sql = format!("SELECT {columns} FROM access WHERE tenant = $1 AND number > $2 ORDER BY number LIMIT {PAGE}");
    tx.query(&sql, vec![tenant.as_str().into(), from.into()]).await
}

/// A chain as far as it was recomputed.
struct Walk<'a> {
    key: &'a IndexKey,
    number: i64,
    link: Blind,
}

impl Walk<'_> {
    /// Goes on over the next row; gives the number that is bad, if one is.
    fn step(&mut self, row: Row) -> Option<i64> {
        let expected = self.number.saturating_add(1);
        let number = row.int(1).unwrap_or(expected);
        let mut cells = row.into_values();
        let stored = cells.pop();
        let link = link(self.key, &self.link, &cells);
        if number != expected {
            return Some(number.min(expected));
        }
        if stored != Some(Value::from(link.as_slice())) {
            return Some(number);
        }
        (self.number, self.link) = (number, link);
        None
    }

    /// The first number that is there and should not be, or the other way round, once all rows were walked.
    fn cut(&self, chain: &Chain) -> Option<i64> {
        match self.number.cmp(&chain.number) {
            Ordering::Equal => (self.link != chain.link).then_some(self.number),
            Ordering::Less | Ordering::Greater => Some(self.number.min(chain.number).saturating_add(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_tells_every_cell_and_every_boundary_apart() {
        let all: Vec<Vec<Value>> = vec![
            vec!["ab".into(), "c".into()],
            vec!["a".into(), "bc".into()],
            vec!["abc".into()],
            vec![1.into()],
            vec![vec![0_u8, 0, 0, 0, 0, 0, 0, 1].into()],
            vec![Value::Null],
            vec![],
        ];
        let digests: std::collections::BTreeSet<String> = all.iter().map(|cells| digest(b"", cells)).collect();
        assert_eq!(digests.len(), all.len());
        assert_ne!(digest(b"a", &[]), digest(b"", &["a".into()]));
    }
}
