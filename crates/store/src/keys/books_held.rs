//! Books that keep their detail although its time is over: because a law or a court demands it, or a dispute runs. Like a hold on a
//! person, it says why, who said so, and until when; it ends by itself.

use commerce::{StaffId, TenantId};
use ledger::Timestamp;

use super::decided::{BOOKS_HELD, note};
use super::{HoldReason, KeyStore, KeyStoreError, corrupt};
use crate::db::{DbError, Row, Value};

/// That a merchant's books keep their detail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BooksHeld {
    /// Why.
    pub reason: HoldReason,
    /// Who said so: a slug.
    pub staff: StaffId,
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
}

impl KeyStore {
    /// Has a merchant's books keep their detail until a date. Again, what was said last stands.
    pub async fn hold_books(&self, tenant: &TenantId, held: &BooksHeld) -> Result<(), KeyStoreError> {
        let BooksHeld { reason, staff, since, until } = held;
        let since = *since;
        let args: Vec<Value> =
            vec![tenant.as_str().into(), reason.as_str().into(), staff.as_str().into(), since.0.into(), until.0.into()];
        let unit = self.db.run_tx("hold-books", move |tx| {
            let args = args.clone();
            let sql = "INSERT INTO books_held (tenant, reason, staff, since, until) VALUES ($1, $2, $3, $4, $5) \
                       ON CONFLICT (tenant) DO UPDATE SET reason = EXCLUDED.reason, staff = EXCLUDED.staff, \
                       since = EXCLUDED.since, until = EXCLUDED.until";
            Box::pin(async move {
                let key = args.iter().take(1).cloned().collect();
                tx.execute(sql, args).await?;
                note(tx, &BOOKS_HELD, &[key], since).await
            })
        });
        unit.await.map_err(|error: DbError| error)?;
        self.list_decided().await
    }

    /// Ends that before its date. False if nothing held them.
    pub async fn release_books(&self, tenant: &TenantId, at: Timestamp) -> Result<bool, KeyStoreError> {
        let args: Vec<Value> = vec![tenant.as_str().into()];
        let unit = self.db.run_tx("release-books", move |tx| {
            let args = args.clone();
            Box::pin(async move {
                let released = tx.execute("DELETE FROM books_held WHERE tenant = $1", args.clone()).await? > 0;
                if released {
                    note(tx, &BOOKS_HELD, &[args], at).await?;
                }
                Ok(released)
            })
        });
        let released = unit.await.map_err(|error: DbError| error)?;
        self.list_decided().await?;
        Ok(released)
    }

    /// What holds a merchant's books now, if anything does.
    pub async fn books_held(&self, tenant: &TenantId, now: Timestamp) -> Result<Option<BooksHeld>, KeyStoreError> {
        let sql = "SELECT reason, staff, since, until FROM books_held WHERE tenant = $1 AND until > $2";
        let rows = self.db.query(sql, vec![tenant.as_str().into(), now.0.into()]).await?;
        Ok(rows.first().map(read).transpose()?)
    }
}

fn read(row: &Row) -> Result<BooksHeld, DbError> {
    Ok(BooksHeld {
        reason: row.text(0)?.parse().map_err(|_| corrupt("a hold's reason is unknown"))?,
        staff: row.text(1)?.parse().map_err(|_| corrupt("a hold names nobody"))?,
        since: Timestamp(row.int(2)?),
        until: Timestamp(row.int(3)?),
    })
}
