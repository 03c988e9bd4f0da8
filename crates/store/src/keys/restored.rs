//! What the database notes beside the marks in the keyring's lists, in rows of the same table: that it was restored
//! from a backup, and how many people were erased, and how much was decided, here when it was last compared. A state that is put together of two (a stale
//! write-ahead log beside a restored file) may have the mark of the one and the rows of the other: then there are fewer.

use super::decided::{DECIDED, Decision};
use super::epochs::on_disk;
use super::tombstones::{ERASED, Tombstone};
use super::{KeyStore, KeyStoreError};
use crate::db::{Db, DbError, Row, Tx, Value};

/// The row that says that this database was restored, until erasures were applied again.
const RESTORED: &str = "restored";

/// The row that says that the keyring's list of erasures was not the one of which this database knew, until somebody has asked the log.
const LOST_LIST: &str = "lost-list";

/// The row that says how many tombstones there were.
const TOMBSTONES: &str = "tombstones";

/// The row that says how many decisions there were of which the rows stay.
const DECISIONS: &str = "decisions";

/// People who were erased and have their request on record: as many look-ups as there are erasures.
const COUNTED: &str = "SELECT COUNT(*) FROM erasure e CROSS JOIN subject s \
                       WHERE s.tenant = e.tenant AND s.subject = e.subject AND s.state = 'erased'";

/// What was decided and only ever changes: rows of these tables are never deleted.
const COUNTED_DECISIONS: &str = "SELECT (SELECT COUNT(*) FROM restriction) + (SELECT COUNT(*) FROM objection) + \
                                 (SELECT COUNT(*) FROM consent) + (SELECT COUNT(*) FROM closure)";

/// Makes a key store that was just copied into this database serve nobody until erasures were applied again. Those that were
/// announced are announced again, as the same events: the log may be a copy from before they were.
pub(crate) async fn mark_restored(tx: &mut Tx) -> Result<(), DbError> {
    tx.execute("DELETE FROM erased_list", vec![]).await?;
    note(tx, RESTORED, 0).await?;
    tx.execute("UPDATE erasure SET stage = 'destroyed' WHERE stage = 'announced'", vec![]).await.map(|_| ())
}

/// Remembers how many tombstones there are.
pub(super) async fn count_tombstones(tx: &mut Tx) -> Result<(), DbError> {
    let counted = first_int(&tx.query(COUNTED, vec![]).await?)?.unwrap_or(0);
    note(tx, TOMBSTONES, counted).await
}

/// Remembers that the list of erasures was deleted, cut or put back from an older copy: it may lack what this database lacks too.
pub(super) async fn note_lost_list(db: &Db) -> Result<(), DbError> {
    db.run_tx("note-lost-list", |tx| Box::pin(note(tx, LOST_LIST, 0))).await
}

/// Remembers how much was decided.
pub(super) async fn count_decisions(tx: &mut Tx) -> Result<(), DbError> {
    let counted = first_int(&tx.query(COUNTED_DECISIONS, vec![]).await?)?.unwrap_or(0);
    note(tx, DECISIONS, counted).await
}

async fn note(tx: &mut Tx, what: &str, number: i64) -> Result<(), DbError> {
    let sql = "INSERT INTO erased_list (list, position, line) VALUES ($1, $2, '') \
               ON CONFLICT (list) DO UPDATE SET position = EXCLUDED.position";
    tx.execute(sql, vec![what.into(), number.into()]).await.map(|_| ())
}

async fn noted(db: &Db, what: &str) -> Result<Option<i64>, DbError> {
    first_int(&db.query("SELECT position FROM erased_list WHERE list = $1", vec![what.into()]).await?)
}

fn first_int(rows: &[Row]) -> Result<Option<i64>, DbError> {
    rows.first().map(|row| row.int(0)).transpose()
}

impl KeyStore {
    /// Whether it was restored from a backup, and erasures were not applied again since.
    pub async fn is_restored(&self) -> Result<bool, KeyStoreError> {
        Ok(noted(&self.db, RESTORED).await?.is_some())
    }

    /// Whether the keyring's list of erasures was deleted or cut since this key store last agreed with it. It was written anew from what
    /// stands here: if this is a restored state, only the log can tell whom both have forgotten.
    pub async fn lost_its_list(&self) -> Result<bool, KeyStoreError> {
        Ok(noted(&self.db, LOST_LIST).await?.is_some())
    }

    /// The log was asked, and the list has whomever it tells of.
    pub async fn has_its_list_again(&self) -> Result<(), KeyStoreError> {
        self.delete_notes(vec![LOST_LIST.into()]).await
    }

    /// Erasures that the keyring lists and this key store has forgotten, looked for from the beginning of the list if there are
    /// fewer tombstones than when they were last compared: then the mark up to which they agreed is of another state.
    pub(super) async fn forgotten_on_opening(&self) -> Result<Vec<Tombstone>, KeyStoreError> {
        if self.has_fewer(TOMBSTONES, COUNTED).await? {
            self.delete_notes(vec![ERASED.name.into()]).await?;
        }
        self.forgotten_erasures().await
    }

    /// The same of decisions.
    pub(super) async fn forgotten_decisions_on_opening(&self) -> Result<Vec<Decision>, KeyStoreError> {
        if self.has_fewer(DECISIONS, COUNTED_DECISIONS).await? {
            self.delete_notes(vec![DECIDED.name.into()]).await?;
        }
        let forgotten = self.forgotten_decisions().await?;
        if forgotten.is_empty() {
            self.count_decisions_anew().await?;
        }
        Ok(forgotten)
    }

    /// What is decided is counted now and then, and not each time: a number that is too low is compared in vain, and never wrong.
    async fn count_decisions_anew(&self) -> Result<(), KeyStoreError> {
        let now = first_int(&self.db.query(COUNTED_DECISIONS, vec![]).await?)?;
        if noted(&self.db, DECISIONS).await? == now {
            return Ok(());
        }
        let unit = self.db.run_tx("count-decisions", |tx| Box::pin(count_decisions(tx)));
        Ok(unit.await.map_err(|error: DbError| error)?)
    }

    async fn has_fewer(&self, what: &str, counted: &str) -> Result<bool, KeyStoreError> {
        let Some(before) = noted(&self.db, what).await? else { return Ok(false) };
        let now = first_int(&self.db.query(counted, vec![]).await?)?.unwrap_or(0);
        if now < before {
            tracing::warn!(
                what,
                before,
                now,
                "there are fewer than there were: comparing the whole list in the keyring"
            );
        }
        Ok(now < before)
    }

    /// How many lines the keyring's list of erasures has, all of which are read: opening compares only what was added.
    pub async fn listed_erasures(&self) -> Result<u64, KeyStoreError> {
        let listed = on_disk(self.epochs.keyring(), |ring| ring.erased_since(None)).await?;
        Ok(listed.entries.len() as u64)
    }

    /// From now on it serves again.
    pub(super) async fn is_restored_no_more(&self) -> Result<(), KeyStoreError> {
        self.delete_notes(vec![RESTORED.into()]).await
    }

    async fn delete_notes(&self, which: Vec<Value>) -> Result<(), KeyStoreError> {
        let unit = self.db.run_tx("forget-note", move |tx| {
            let which = which.clone();
            Box::pin(async move { tx.execute("DELETE FROM erased_list WHERE list = $1", which).await })
        });
        unit.await.map(|_| ()).map_err(|error: DbError| error.into())
    }
}
