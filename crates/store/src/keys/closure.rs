//! The end of a merchant's account: closed, opened again within a time, or gone for good.
//!
//! Closing itself destroys nothing. From the first step that does on ([`KeyStore::begin_ending`]) the account cannot be opened again:
//! that, and whether it was opened before, is decided in one statement, so of two who come at once one loses. Every step after that
//! starts from what the stores say and is one that can be taken again, so whoever was interrupted begins anew.
//!
//! Of the tenant's index only its key stays, as long as there is an access log: its rows are linked under that key. Nothing hangs on it
//! any more by which anybody could be found.

use std::time::Duration;

use commerce::{SubjectId, TenantId};
use ledger::Timestamp;

use super::decided::{CLOSED, note};
use super::hold::unheld;
use super::resolve::{subject, tenant};
use super::restriction::unrestricted;
use super::{KeyStore, KeyStoreError, corrupt, lock};
use crate::db::{DbError, Dialect, Row, Tx, Value};

/// How long a process may go on taking input of an account that another has closed.
pub(super) const FRESH: Duration = Duration::from_secs(2);

/// How many people are given at once.
const CHUNK: usize = 1_000;

/// Who closed an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosedBy {
    /// The operator, asked by the merchant.
    Operator,
    /// The shop's own notice that everything is to go (`shop/redact`).
    Shop,
}

/// A closed account, or one that was opened again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    /// Whose.
    pub tenant: TenantId,
    /// Since when.
    pub closed_at: Timestamp,
    /// By whom.
    pub by: ClosedBy,
    /// When it was opened again.
    pub reopened_at: Option<Timestamp>,
    /// When what it left behind began to go.
    pub begun_at: Option<Timestamp>,
    /// When all of it was gone.
    pub done_at: Option<Timestamp>,
}

/// Whether an account could be opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reopened {
    /// It is open from now on.
    Now,
    /// It was not closed.
    WasOpen,
    /// What it left behind has begun to go.
    TooLate,
}

impl ClosedBy {
    /// `operator` or `shop`; also the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            ClosedBy::Operator => "operator",
            ClosedBy::Shop => "shop",
        }
    }
}

impl Closure {
    /// Whether the account is closed.
    pub fn stands(&self) -> bool {
        self.reopened_at.is_none()
    }

    /// Whether a shop's notice of that time has been answered by this closure, or by its end.
    pub fn answers(&self, requested_at: Timestamp) -> bool {
        self.reopened_at.is_none_or(|reopened| requested_at <= reopened)
    }
}

const COLUMNS: &str = "tenant, closed_at, closed_by, reopened_at, begun_at, done_at";

impl KeyStore {
    /// Closes an account. One that is closed stays so since then.
    pub async fn close(&self, tenant: &TenantId, by: ClosedBy, at: Timestamp) -> Result<Closure, KeyStoreError> {
        let args: Vec<Value> = vec![tenant.as_str().into(), at.0.into(), by.as_str().into()];
        let sql = "INSERT INTO closure (tenant, closed_at, closed_by) VALUES ($1, $2, $3) \
                   ON CONFLICT (tenant) DO UPDATE SET closed_at = EXCLUDED.closed_at, closed_by = EXCLUDED.closed_by, \
                   reopened_at = NULL WHERE closure.reopened_at IS NOT NULL";
        self.decide("close", sql, args, at).await?;
        self.caches.closed.invalidate(tenant);
        Ok(self.closure(tenant).await?.ok_or_else(|| corrupt("a closure that was written is not there"))?)
    }

    /// Opens an account again, if nothing of it has begun to go.
    pub async fn reopen(&self, tenant: &TenantId, at: Timestamp) -> Result<Reopened, KeyStoreError> {
        let sql = "UPDATE closure SET reopened_at = $2 WHERE tenant = $1 AND reopened_at IS NULL AND begun_at IS NULL";
        let changed = self.decide("reopen", sql, vec![tenant.as_str().into(), at.0.into()], at).await?;
        self.caches.closed.invalidate(tenant);
        if changed > 0 {
            return Ok(Reopened::Now);
        }
        let closed = self.closure(tenant).await?.is_some_and(|closure| closure.stands());
        Ok(if closed { Reopened::TooLate } else { Reopened::WasOpen })
    }

    /// The account's last closure, if it ever was closed.
    pub async fn closure(&self, tenant: &TenantId) -> Result<Option<Closure>, KeyStoreError> {
        let sql = format!("SELECT {COLUMNS} FROM closure WHERE tenant = $1");
        let rows = self.db.query(&sql, vec![tenant.as_str().into()]).await?;
        Ok(rows.first().map(closure).transpose()?)
    }

    /// Every account's.
    pub async fn closures(&self) -> Result<Vec<Closure>, KeyStoreError> {
        let rows = self.db.query(&format!("SELECT {COLUMNS} FROM closure ORDER BY tenant"), vec![]).await?;
        Ok(rows.iter().map(closure).collect::<Result<_, DbError>>()?)
    }

    /// Whether an account is closed. Cheap: kept for two seconds, then read anew.
    pub async fn is_closed(&self, tenant: &TenantId) -> Result<bool, KeyStoreError> {
        if let Some(closed) = self.caches.closed.get(tenant) {
            return Ok(closed);
        }
        let closed = self.closure(tenant).await?.is_some_and(|closure| closure.stands());
        self.caches.closed.insert(tenant.clone(), closed);
        Ok(closed)
    }

    /// From now on what the account left behind goes, if it was closed before that time and not opened again. True also if it had
    /// begun before.
    pub async fn begin_ending(
        &self,
        tenant: &TenantId,
        closed_before: Timestamp,
        at: Timestamp,
    ) -> Result<bool, KeyStoreError> {
        let sql = "UPDATE closure SET begun_at = $3 \
                   WHERE tenant = $1 AND reopened_at IS NULL AND begun_at IS NULL AND closed_at < $2";
        let args = vec![tenant.as_str().into(), closed_before.0.into(), at.0.into()];
        self.decide("begin-ending", sql, args, at).await?;
        Ok(self.closure(tenant).await?.is_some_and(|closure| closure.stands() && closure.begun_at.is_some()))
    }

    /// Counts the tenant's people who are not erased, keepers of the quarantine included.
    pub async fn count_people(&self, tenant: &TenantId) -> Result<u64, KeyStoreError> {
        let sql = "SELECT COUNT(*) FROM subject WHERE tenant = $1 AND state = 'active'";
        let rows = self.db.query(sql, vec![tenant.as_str().into()]).await?;
        Ok(rows.first().map_or(Ok(0), |row| row.int(0))?.unsigned_abs())
    }

    /// Some of the tenant's people whose erasure nobody has asked for, and who are neither held nor restricted: nothing is on record of
    /// those who are, so that whatever is entered about them meanwhile counts.
    pub async fn people_left(&self, tenant: &TenantId, now: Timestamp) -> Result<Vec<SubjectId>, KeyStoreError> {
        let sql = format!(
            "SELECT s.subject FROM subject s WHERE s.tenant = $1 AND s.state = 'active' AND {} AND {} AND NOT EXISTS \
             (SELECT 1 FROM erasure e WHERE e.tenant = s.tenant AND e.subject = s.subject) ORDER BY s.subject LIMIT {CHUNK}",
            unrestricted("s", 2),
            unheld("s", 2)
        );
        let rows = self.db.query(&sql, vec![tenant.as_str().into(), now.0.into()]).await?;
        Ok(rows.iter().map(|row| subject(row.text(0)?)).collect::<Result<_, DbError>>()?)
    }

    /// Deletes the tenant's webhook secrets: from then on nobody is authentic. Gives how many.
    pub async fn delete_secrets(&self, tenant: &TenantId) -> Result<u64, KeyStoreError> {
        let sql = "DELETE FROM webhook_secret WHERE tenant = $1";
        let deleted = self.change("delete-secrets", sql, vec![tenant.as_str().into()]).await?;
        self.caches.secrets.forget(|(whose, _)| whose == tenant);
        Ok(deleted)
    }

    /// Deletes everything by which anybody of the tenant could be found, fences included, once nobody is left who is not erased; and,
    /// once there is no access log either, the key of it. Gives how many rows.
    pub async fn delete_index(&self, tenant: &TenantId) -> Result<u64, KeyStoreError> {
        let whose = tenant.clone();
        let unit = self.db.run_tx("delete-index", move |tx| {
            let tenant = whose.clone();
            Box::pin(async move { delete_index_in(tx, &tenant).await })
        });
        let deleted = unit.await.map_err(|error: DbError| error)?;
        self.caches.index_keys.invalidate(tenant);
        if deleted > 0 {
            self.db.forget_wal().await?;
        }
        Ok(deleted)
    }

    /// Records that nothing is left of the account but its books.
    pub async fn mark_ended(&self, tenant: &TenantId, at: Timestamp) -> Result<(), KeyStoreError> {
        let sql = "UPDATE closure SET done_at = $2 WHERE tenant = $1 AND begun_at IS NOT NULL AND done_at IS NULL";
        self.change("mark-ended", sql, vec![tenant.as_str().into(), at.0.into()]).await.map(drop)
    }

    /// Changes a closure and tells the list of decisions. The first argument is the tenant.
    async fn decide(
        &self,
        name: &'static str,
        sql: &'static str,
        args: Vec<Value>,
        at: Timestamp,
    ) -> Result<u64, KeyStoreError> {
        let unit = self.db.run_tx(name, move |tx| {
            let args = args.clone();
            Box::pin(async move {
                let key = args.iter().take(1).cloned().collect();
                let changed = tx.execute(sql, args).await?;
                if changed > 0 {
                    note(tx, &CLOSED, &[key], at).await?;
                }
                Ok(changed)
            })
        });
        let changed = unit.await.map_err(|error: DbError| error)?;
        self.list_decided().await?;
        Ok(changed)
    }

    async fn change(&self, name: &'static str, sql: &'static str, args: Vec<Value>) -> Result<u64, KeyStoreError> {
        let unit = self.db.run_tx(name, move |tx| {
            let args = args.clone();
            Box::pin(async move { tx.execute(sql, args).await })
        });
        Ok(unit.await.map_err(|error: DbError| error)?)
    }
}

async fn delete_index_in(tx: &mut Tx, tenant: &TenantId) -> Result<u64, DbError> {
    let dialect = tx.dialect();
    if dialect == Dialect::Sqlite {
        // The writing connection overwrites with zeros what it deletes, from now on.
        tx.query("PRAGMA secure_delete = ON", vec![]).await?;
    }
    lock::tenants(tx, dialect, [tenant]).await?;
    lock::access(tx, dialect, [tenant]).await?;
    let whose = || -> Vec<Value> { vec![tenant.as_str().into()] };
    let left = "SELECT 1 FROM subject WHERE tenant = $1 AND state = 'active' LIMIT 1";
    if !tx.query(left, whose()).await?.is_empty() {
        return Ok(0);
    }
    let mut deleted = 0;
    for table in ["paged_identity", "index_page", "identity"] {
        deleted += tx.execute(&format!("DELETE FROM {table} WHERE tenant = $1"), whose()).await?;
    }
    if tx.query("SELECT 1 FROM access WHERE tenant = $1 LIMIT 1", whose()).await?.is_empty() {
        for table in ["access_chain", "index_key"] {
            deleted += tx.execute(&format!("DELETE FROM {table} WHERE tenant = $1"), whose()).await?;
        }
    }
    Ok(deleted)
}

fn closure(row: &Row) -> Result<Closure, DbError> {
    let time = |column| row.opt_int(column).map(|at| at.map(Timestamp));
    Ok(Closure {
        tenant: tenant(row.text(0)?)?,
        closed_at: Timestamp(row.int(1)?),
        by: match row.text(2)? {
            "operator" => ClosedBy::Operator,
            "shop" => ClosedBy::Shop,
            _ => return Err(corrupt("who closed an account is unknown")),
        },
        reopened_at: time(3)?,
        begun_at: time(4)?,
        done_at: time(5)?,
    })
}
