//! Whether the keys of the epochs that somebody hangs on lie in the keyring, asked while the platform runs.
//!
//! A process has epoch keys in memory for a second. If a file is gone, or its folder, what is sealed from then on may be
//! unreadable for ever; so nothing more is sealed until it is back, and whoever asks is told. What that costs is in
//! [`KeyStore::missing_epoch_keys`].

use std::time::{Duration, Instant};

use subject_keys::EpochId;

use super::epochs::{epoch_id, on_disk};
use super::keyring::Keyring;
use super::{KeyStore, KeyStoreError};
use crate::db::Row;

/// How long an answer stands.
const LOOKED: Duration = Duration::from_secs(1);

/// An epoch in use whose key does not lie in the keyring. Restore its file from the keyring's copy: no restart is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingKey {
    /// Which epoch.
    pub epoch: EpochId,
    /// Whether what is new hangs on it: if so, nothing is sealed.
    pub is_current: bool,
}

/// When this process last looked, and what was missing then.
pub(super) type Looked = Option<(Instant, Vec<MissingKey>)>;

impl KeyStore {
    /// The epochs in use whose keys do not lie in the keyring. A change is in the log, and the number in the metric
    /// `store_epoch_keys_missing`.
    ///
    /// Looks once a second at most, however many ask: one query that indexes answer, and for each epoch in use, one or two
    /// as a rule, a look at its file where that may wait for the disk. All others take the last answer.
    pub async fn missing_epoch_keys(&self) -> Result<Vec<MissingKey>, KeyStoreError> {
        let mut looked = self.epochs.looked().lock().await;
        if let Some((_, missing)) = looked.as_ref().filter(|(at, _)| at.elapsed() < LOOKED) {
            return Ok(missing.clone());
        }
        let missing = self.look().await?;
        tell(looked.as_ref().map_or(&[], |(_, before)| before), &missing);
        *looked = Some((Instant::now(), missing.clone()));
        Ok(missing)
    }

    /// Refuses while the key of the current epoch does not lie in the keyring, with
    /// [`KeyringError::Missing`](super::KeyringError::Missing): nothing should be sealed then.
    pub async fn require_current_key(&self) -> Result<(), KeyStoreError> {
        let missing = self.missing_epoch_keys().await?;
        match missing.into_iter().find(|one| one.is_current) {
            Some(current) => Err(self.epochs.keyring().missing(current.epoch).into()),
            None => Ok(()),
        }
    }

    async fn look(&self) -> Result<Vec<MissingKey>, KeyStoreError> {
        let in_use = self.epochs_in_use().await?;
        let absent = |ring: &Keyring| Ok(in_use.into_iter().filter(|one| !ring.holds(one.epoch)).collect());
        let absent: Vec<MissingKey> = on_disk(self.epochs.keyring(), absent).await?;
        if absent.is_empty() {
            return Ok(absent);
        }
        // Between the two looks an epoch may have been moved off and destroyed.
        let mut still = self.epochs_in_use().await?;
        still.retain(|one| absent.iter().any(|other| other.epoch == one.epoch));
        Ok(still)
    }

    async fn epochs_in_use(&self) -> Result<Vec<MissingKey>, KeyStoreError> {
        let sql = "SELECT epoch, state FROM epoch e WHERE state = 'current' OR (state = 'retired' AND ( \
                     EXISTS (SELECT 1 FROM page p WHERE p.epoch = e.epoch AND p.state IN ('in-use', 'lossy')) OR \
                     EXISTS (SELECT 1 FROM index_page p WHERE p.epoch = e.epoch AND p.state <> 'damaged') OR \
                     EXISTS (SELECT 1 FROM index_key i WHERE i.epoch = e.epoch))) ORDER BY epoch";
        let rows = self.db.query(sql, vec![]).await?;
        let one = |row: &Row| Ok(MissingKey { epoch: epoch_id(row.int(0)?)?, is_current: row.text(1)? == "current" });
        rows.iter().map(one).collect()
    }
}

fn tell(before: &[MissingKey], now: &[MissingKey]) {
    metrics::gauge!("store_epoch_keys_missing").set(u32::try_from(now.len()).unwrap_or(u32::MAX));
    let epochs = |missing: &[MissingKey]| missing.iter().map(|one| one.epoch.0).collect::<Vec<u32>>();
    if before == now {
        return;
    }
    match now {
        [] => tracing::warn!(epochs = ?epochs(before), "the keys of these epochs are in the keyring again"),
        missing => tracing::error!(
            epochs = ?epochs(missing),
            "keys of epochs in use are not in the keyring: restore their files from its copy; until the current epoch's is \
             back nothing is sealed, and webhooks are told to come again"
        ),
    }
}
