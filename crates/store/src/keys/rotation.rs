//! Rotation: what lives moves to the current epoch, and epochs whose backups have expired are destroyed.
//!
//! A page that lost nothing is wrapped anew; its keys need no touch, so the cost follows pages, not keys. A page that lost
//! a key to an erasure is *left*: the keys that live move to other pages, and the page's own key is never wrapped again.
//! So of an erased person's key nothing remains but what hangs on a retired epoch, and that ends with it.
//!
//! Every step is a transaction of its own, of [`PAGES`] pages, one left page, some [index pages](super::index_pages), or
//! [`TENANTS`] tenants: a rotation that was
//! interrupted goes on where it was, and others work meanwhile. A reader that found a key just before it moved opens it by
//! the page it was on, which stays until its epoch is destroyed.

use commerce::TenantId;
use ledger::Timestamp;
use subject_keys::{EpochId, KeyState, PageKey, RewrapError, rewrap_index, rewrap_page};

use super::epochs::epoch_id;
use super::keyring::KeyringError;
use super::resolve::tenant;
use super::schedule::{due_now, settled_by};
use super::subject_key::{PagesToFill, key_id, page_id, page_rows};
use super::tables::{INDEX_KEY_PLACE, PAGE, SUBJECT_KEY_PLACE};
use super::{KeyStore, KeyStoreError, random};
use crate::db::{DbError, Dialect, Row, Rows, Tx, Value};

/// Pages wrapped anew in one transaction.
const PAGES: i64 = 256;

/// Index keys wrapped anew in one transaction.
const TENANTS: i64 = 256;

/// What a rotation has moved so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Pages of keys that were wrapped anew.
    pub pages: u64,
    /// Pages that had lost a key and were left.
    pub left: u64,
    /// Keys that moved from a page that was left to another.
    pub keys: u64,
    /// Index pages that were wrapped anew.
    pub index_pages: u64,
    /// Index pages that had lost an identity, or had had their time, and were left.
    pub left_index_pages: u64,
    /// Identities that moved from an index page that was left to another.
    pub identities: u64,
    /// Index keys that were wrapped anew, one for each tenant.
    pub tenants: u64,
    /// Pages, keys and identities whose stored bytes do not unwrap. Pages are set aside; what hangs on them cannot be opened until their
    /// row is restored from a backup, while its epoch lasts.
    pub damaged: u64,
}

/// Why an epoch was not destroyed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DestroyEpochError {
    /// Living keys hang on it: move them first ([`KeyStore::rewrap`]).
    #[error("epoch {} still wraps {pages} pages and {tenants} index keys in use: rewrap them first", .epoch.0)]
    InUse {
        /// Which epoch.
        epoch: EpochId,
        /// Pages of keys, and index pages.
        pages: i64,
        /// Index keys.
        tenants: i64,
    },
    /// The key store or the keyring did not answer.
    #[error(transparent)]
    Store(#[from] KeyStoreError),
}

impl From<DbError> for DestroyEpochError {
    fn from(error: DbError) -> Self {
        DestroyEpochError::Store(error.into())
    }
}

impl From<KeyringError> for DestroyEpochError {
    fn from(error: KeyringError) -> Self {
        DestroyEpochError::Store(error.into())
    }
}

/// An epoch on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    /// Its number.
    pub epoch: EpochId,
    /// When it began.
    pub begun_at: Timestamp,
    /// When the next one began.
    pub retired_at: Option<Timestamp>,
    /// By when its key is destroyed: fixed when it began.
    pub destroy_by: Timestamp,
    /// When its key was destroyed.
    pub destroyed_at: Option<Timestamp>,
    /// Pages of living keys, and index pages, that hang on it.
    pub pages: i64,
    /// Of these, pages that lost a key or an identity since it began.
    pub lossy: i64,
    /// Index keys that hang on it.
    pub tenants: i64,
    /// Whether its key lies in the keyring.
    pub held: bool,
}

/// How many keys live, and how many were destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyCount {
    /// Keys that seal and open.
    pub active: i64,
    /// Keys of which only the record is left.
    pub destroyed: i64,
}

impl KeyStore {
    /// Moves everything that hangs on earlier epochs to the current one; gives what it moved. `told` hears of the sum so far
    /// after every step. Nothing to move is no error; after an interruption it goes on.
    pub async fn rewrap(&self, mut told: impl FnMut(&Moved) + Send) -> Result<Moved, KeyStoreError> {
        let mut moved = Moved::default();
        loop {
            let step = self.rewrap_pages().await?.and(self.leave_page().await?).and(self.rotate_index_pages().await?);
            let step = Moved { tenants: self.rewrap_index_keys().await?, ..step };
            if step == Moved::default() {
                return Ok(moved);
            }
            moved = moved.and(step);
            told(&moved);
        }
    }

    /// Destroys the keys of retired epochs whose date is near, up to an hour before it; gives their numbers. Whatever these
    /// epochs wrapped, in whichever copy, is unreadable from then on. One that is still in use keeps its key, and is told of in
    /// the end. The date is the one that was fixed when the epoch began: no setting brings it forward or puts it off. One that
    /// retired less than a minute ago waits, because readers may be about to open what has just moved off it.
    pub async fn destroy_epochs(&self, at: Timestamp) -> Result<Vec<EpochId>, DestroyEpochError> {
        let sql = "SELECT epoch FROM epoch WHERE state = 'retired' AND destroy_by <= $1 AND retired_at <= $2 \
                   ORDER BY epoch";
        let due = self.db.query(sql, vec![due_now(at).0.into(), settled_by(at).0.into()]).await?;
        let (mut destroyed, mut in_use) = (Vec::with_capacity(due.len()), None);
        for row in &due {
            let epoch = epoch_id(row.int(0)?)?;
            if let Err(refusal) = self.refuse_in_use(epoch).await {
                in_use = in_use.or(Some(refusal));
                continue;
            }
            // A retired epoch gets no new pages, so it cannot have come into use again. If a crash follows, the next call
            // finds the keyring done and records it.
            self.epochs.destroy(epoch).await?;
            self.record_destroyed(epoch, at).await?;
            destroyed.push(epoch);
        }
        in_use.map_or(Ok(destroyed), Err)
    }

    /// All epochs, oldest first.
    pub async fn epochs(&self) -> Result<Vec<Epoch>, KeyStoreError> {
        let sql = "SELECT e.epoch, e.created_at, e.retired_at, e.destroyed_at, e.destroy_by, \
                     (SELECT COUNT(*) FROM page p WHERE p.epoch = e.epoch AND p.state IN ('in-use', 'lossy')) \
                     + (SELECT COUNT(*) FROM index_page p WHERE p.epoch = e.epoch AND p.state <> 'damaged'), \
                     (SELECT COUNT(*) FROM page p WHERE p.epoch = e.epoch AND p.state = 'lossy') \
                     + (SELECT COUNT(*) FROM index_page p WHERE p.epoch = e.epoch AND p.state = 'lossy'), \
                     (SELECT COUNT(*) FROM index_key i WHERE i.epoch = e.epoch) \
                   FROM epoch e ORDER BY e.epoch";
        let rows = self.db.query(sql, vec![]).await?;
        rows.iter().map(|row| Ok(self.epoch(row)?)).collect()
    }

    /// How many keys there are. Counts them all.
    pub async fn count_keys(&self) -> Result<KeyCount, KeyStoreError> {
        let sql = "SELECT (SELECT COUNT(*) FROM subject_key WHERE state = 'active'), \
                          (SELECT COUNT(*) FROM subject_key WHERE state <> 'active')";
        let rows = self.db.query(sql, vec![]).await?;
        match rows.first() {
            Some(row) => Ok(KeyCount { active: row.int(0)?, destroyed: row.int(1)? }),
            None => Ok(KeyCount { active: 0, destroyed: 0 }),
        }
    }

    fn epoch(&self, row: &Row) -> Result<Epoch, DbError> {
        let (epoch, begun_at) = (epoch_id(row.int(0)?)?, Timestamp(row.int(1)?));
        Ok(Epoch {
            epoch,
            begun_at,
            retired_at: row.opt_int(2)?.map(Timestamp),
            destroyed_at: row.opt_int(3)?.map(Timestamp),
            // One that a program from before there were dates has just begun gets the same within a minute.
            destroy_by: row.opt_int(4)?.map_or_else(|| self.epochs.schedule().promised(begun_at), Timestamp),
            pages: row.int(5)?,
            lossy: row.int(6)?,
            tenants: row.int(7)?,
            held: self.epochs.keyring().holds(epoch),
        })
    }

    async fn rewrap_pages(&self) -> Result<Moved, KeyStoreError> {
        let store = self.clone();
        self.db
            .run_tx("rewrap-pages", move |tx| {
                let store = store.clone();
                Box::pin(async move { store.rewrap_pages_in(tx).await })
            })
            .await
    }

    async fn rewrap_pages_in(&self, tx: &mut Tx) -> Result<Moved, KeyStoreError> {
        let (epoch, key) = self.epochs.current(tx).await?;
        let sql = "SELECT page, epoch, wrapped, used FROM page WHERE state = 'in-use' AND epoch < $1 \
                   ORDER BY page LIMIT $2";
        let rows = tx.query(&locking(tx, sql), vec![epoch.0.into(), PAGES.into()]).await?;
        let (mut wrapped, mut damaged) = (Rows::new(&PAGE), 0);
        for row in &rows {
            let old = self.epochs.of(row.int(1)?).await?;
            match rewrap_page(&old, &key, page_id(row.int(0)?)?, row.blob(2)?, &mut random) {
                Ok(anew) => {
                    let row = [row.int(0)?.into(), epoch.0.into(), anew.into(), row.int(3)?.into(), "in-use".into()];
                    wrapped.push(row);
                }
                Err(RewrapError::Unwrap(_)) => {
                    set_aside(tx, row).await?;
                    damaged += 1;
                }
                Err(RewrapError::Exhausted(exhausted)) => return Err(exhausted.into()),
            }
        }
        tx.upsert(&wrapped).await?;
        Ok(Moved { pages: wrapped.len() as u64, damaged, ..Moved::default() })
    }

    async fn leave_page(&self) -> Result<Moved, KeyStoreError> {
        let store = self.clone();
        self.db
            .run_tx("leave-page", move |tx| {
                let store = store.clone();
                Box::pin(async move { store.leave_page_in(tx).await })
            })
            .await
    }

    /// Moves the living keys of one page that lost a key to others.
    async fn leave_page_in(&self, tx: &mut Tx) -> Result<Moved, KeyStoreError> {
        let current = self.epochs.current(tx).await?;
        let sql = "SELECT page, epoch, wrapped FROM page WHERE state = 'lossy' AND epoch < $1 \
                   ORDER BY page LIMIT 1";
        let rows = tx.query(&locking(tx, sql), vec![current.0.0.into()]).await?;
        let Some(row) = rows.first() else { return Ok(Moved::default()) };
        let old = match self.unwrap_page(row.int(0)?, row.int(1)?, row.blob(2)?).await {
            Err(KeyStoreError::Damaged { .. }) => {
                set_aside(tx, row).await?;
                return Ok(Moved { damaged: 1, ..Moved::default() });
            }
            unwrapped => unwrapped?,
        };
        let (keys, damaged) = move_keys(tx, PagesToFill::new_ones(current), row.int(0)?, &old).await?;
        tx.execute("UPDATE page SET state = 'left' WHERE page = $1", vec![row.int(0)?.into()]).await?;
        Ok(Moved { left: 1, keys, damaged, ..Moved::default() })
    }

    async fn rewrap_index_keys(&self) -> Result<u64, KeyStoreError> {
        let store = self.clone();
        self.db
            .run_tx("rewrap-index-keys", move |tx| {
                let store = store.clone();
                Box::pin(async move { store.rewrap_index_keys_in(tx).await })
            })
            .await
    }

    async fn rewrap_index_keys_in(&self, tx: &mut Tx) -> Result<u64, KeyStoreError> {
        let (epoch, key) = self.epochs.current(tx).await?;
        let sql = "SELECT tenant, epoch, wrapped FROM index_key WHERE epoch < $1 ORDER BY epoch, tenant LIMIT $2";
        let rows = tx.query(&locking(tx, sql), vec![epoch.0.into(), TENANTS.into()]).await?;
        let mut wrapped = Rows::new(&INDEX_KEY_PLACE);
        for row in &rows {
            let old = self.epochs.of(row.int(1)?).await?;
            let whose: TenantId = tenant(row.text(0)?)?;
            match rewrap_index(&old, &key, whose.as_str(), row.blob(2)?, &mut random) {
                Ok(anew) => wrapped.push([whose.as_str().into(), epoch.0.into(), anew.into()]),
                // Its epoch is not destroyed as long as it stays there.
                Err(RewrapError::Unwrap(_)) => tracing::error!(tenant = %whose, "a tenant's index key is damaged"),
                Err(RewrapError::Exhausted(exhausted)) => return Err(exhausted.into()),
            }
        }
        tx.upsert(&wrapped).await?;
        Ok(wrapped.len() as u64)
    }

    async fn refuse_in_use(&self, epoch: EpochId) -> Result<(), DestroyEpochError> {
        let sql = "SELECT (SELECT COUNT(*) FROM page WHERE epoch = $1 AND state IN ('in-use', 'lossy')) \
                          + (SELECT COUNT(*) FROM index_page WHERE epoch = $1 AND state <> 'damaged'), \
                          (SELECT COUNT(*) FROM index_key WHERE epoch = $1)";
        let rows = self.db.query(sql, vec![epoch.0.into()]).await?;
        let (pages, tenants) = rows.first().map_or(Ok((0, 0)), |row| Ok::<_, DbError>((row.int(0)?, row.int(1)?)))?;
        if pages == 0 && tenants == 0 { Ok(()) } else { Err(DestroyEpochError::InUse { epoch, pages, tenants }) }
    }

    async fn record_destroyed(&self, epoch: EpochId, at: Timestamp) -> Result<(), DestroyEpochError> {
        let unit = self.db.run_tx("destroy-epoch", move |tx| {
            Box::pin(async move {
                let which = || vec![epoch.0.into()];
                tx.execute("DELETE FROM page WHERE epoch = $1 AND state = 'left'", which()).await?;
                let sql =
                    "UPDATE epoch SET state = 'destroyed', destroyed_at = $2 WHERE epoch = $1 AND state = 'retired'";
                tx.execute(sql, vec![epoch.0.into(), at.0.into()]).await
            })
        });
        unit.await.map(|_| ()).map_err(|error: DbError| error.into())
    }
}

impl Moved {
    fn and(self, more: Moved) -> Moved {
        Moved {
            pages: self.pages + more.pages,
            left: self.left + more.left,
            keys: self.keys + more.keys,
            index_pages: self.index_pages + more.index_pages,
            left_index_pages: self.left_index_pages + more.left_index_pages,
            identities: self.identities + more.identities,
            tenants: self.tenants + more.tenants,
            damaged: self.damaged + more.damaged,
        }
    }
}

/// Moves the living keys of a page to others; gives how many moved, and how many are damaged and stay where they are.
async fn move_keys(tx: &mut Tx, mut pages: PagesToFill, from: i64, old: &PageKey) -> Result<(u64, u64), KeyStoreError> {
    let sql = "SELECT tenant, subject, month, key_id, wrapped FROM subject_key \
               WHERE page = $1 AND state = 'active' ORDER BY key_id";
    // Locked: whoever erases one of them meanwhile waits, and destroys it on its new page.
    let keys = tx.query(&locking(tx, sql), vec![from.into()]).await?;
    let mut moved = Rows::new(&SUBJECT_KEY_PLACE);
    for row in &keys {
        let id = key_id(row.text(3)?)?;
        let Ok(key) = old.unwrap_key(id, row.blob(4)?) else { continue };
        let (page, wrapped) = pages.put(id, &key)?;
        let place = [row.text(0)?, row.text(1)?, row.text(2)?, row.text(3)?].map(Value::from);
        let rest = [page.into(), wrapped.into(), KeyState::Active.as_str().into()];
        moved.push(place.into_iter().chain(rest));
    }
    tx.upsert(&page_rows(pages)).await?;
    tx.upsert(&moved).await?;
    Ok((moved.len() as u64, (keys.len() - moved.len()) as u64))
}

/// Sets a page aside whose bytes do not unwrap, so that it does not hold up the others.
async fn set_aside(tx: &mut Tx, page: &Row) -> Result<(), DbError> {
    tracing::error!(
        page = page.int(0)?,
        epoch = page.int(1)?,
        "a page of keys is damaged: restore its row from a backup"
    );
    let sql = "UPDATE page SET state = 'damaged' WHERE page = $1";
    tx.execute(sql, vec![page.int(0)?.into()]).await.map(|_| ())
}

/// The statement with its rows locked. SQLite has one writer, and it is this one.
fn locking(tx: &Tx, select: &str) -> String {
    match tx.dialect() {
        Dialect::Postgres => format!("{select} FOR UPDATE"),
        Dialect::Sqlite => select.to_owned(),
    }
}
