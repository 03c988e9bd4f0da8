//! The key-encryption keys of each epoch, loaded when the key store is opened, and the keys right below them.

use std::collections::BTreeMap;
use std::sync::Arc;

use subject_keys::{EpochId, EpochKey, Exhausted, RootKey, UnwrapError};

use super::{KeyStoreError, corrupt, lock, random};
use crate::db::{Db, DbError, Dialect, Row, Tx};

/// Why the key store did not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenKeysError {
    /// The database's answer, which says whether trying again helps.
    #[error("the key store cannot be read: {0}")]
    Db(#[from] DbError),
    /// Another root key wrapped what is stored here. Use that one: without it everything sealed is unreadable.
    #[error("the root key does not belong to this key store")]
    WrongRoot,
    /// The stored epoch key is damaged or of a later version.
    #[error("the key of epoch {} cannot be unwrapped: {source}", .epoch.0)]
    Damaged {
        /// Which epoch.
        epoch: EpochId,
        /// What is wrong with it.
        source: UnwrapError,
    },
    /// The root key has wrapped as much as one process may: find out what repeats itself.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
}

/// Every epoch's key; never empty.
pub(super) struct Epochs {
    current: EpochId,
    keys: BTreeMap<EpochId, EpochKey>,
}

impl Epochs {
    /// The epoch that new pages and index keys are wrapped by.
    pub(super) fn current(&self) -> Result<(EpochId, &EpochKey), KeyStoreError> {
        Ok((self.current, self.get(self.current)?))
    }

    /// The key of the epoch that a row names.
    pub(super) fn of(&self, stored: i64) -> Result<&EpochKey, KeyStoreError> {
        self.get(epoch_id(stored)?)
    }

    fn get(&self, epoch: EpochId) -> Result<&EpochKey, KeyStoreError> {
        self.keys.get(&epoch).ok_or(KeyStoreError::UnknownEpoch(epoch))
    }
}

/// Unwraps all epochs; a store without any gets its first.
pub(super) async fn load_or_begin(db: &Db, root: &Arc<RootKey>) -> Result<Epochs, OpenKeysError> {
    let dialect = db.dialect();
    let wrapping = Arc::clone(root);
    let rows = db
        .run_tx("open-keys", move |tx| {
            let root = Arc::clone(&wrapping);
            Box::pin(async move { rows_or_first(tx, dialect, &root).await })
        })
        .await?;
    unwrap(root, &rows)
}

async fn rows_or_first(tx: &mut Tx, dialect: Dialect, root: &RootKey) -> Result<Vec<Row>, OpenKeysError> {
    const SELECT: &str = "SELECT epoch, wrapped FROM epoch ORDER BY epoch";
    lock::epochs(tx, dialect).await?;
    let rows = tx.query(SELECT, vec![]).await?;
    if !rows.is_empty() {
        return Ok(rows);
    }
    let first = EpochId(1);
    let wrapped = root.wrap_epoch(first, &EpochKey::generate(&mut random), &mut random)?;
    let insert = "INSERT INTO epoch (epoch, wrapped, created_at) VALUES ($1, $2, $3)";
    tx.execute(insert, vec![first.0.into(), wrapped.into(), now().into()]).await?;
    Ok(tx.query(SELECT, vec![]).await?)
}

fn unwrap(root: &RootKey, rows: &[Row]) -> Result<Epochs, OpenKeysError> {
    let mut epochs = Epochs { current: EpochId(0), keys: BTreeMap::new() };
    for row in rows {
        let epoch = epoch_id(row.int(0)?)?;
        let key = root.unwrap_epoch(epoch, row.blob(1)?).map_err(|source| match source {
            UnwrapError::Rejected => OpenKeysError::WrongRoot,
            source => OpenKeysError::Damaged { epoch, source },
        })?;
        epochs.current = epochs.current.max(epoch);
        epochs.keys.insert(epoch, key);
    }
    Ok(epochs)
}

fn epoch_id(stored: i64) -> Result<EpochId, DbError> {
    u32::try_from(stored).map(EpochId).map_err(|_| corrupt("an epoch's number is out of range"))
}

/// When an epoch began, in microseconds since 1970. Only the operator's eye reads it.
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
