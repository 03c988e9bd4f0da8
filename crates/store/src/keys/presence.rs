//! Whether the keys of the epochs that somebody hangs on lie in the keyring, asked while the platform runs.
//!
//! A process has epoch keys in memory for a second. If a file is gone or another lies in its place, or if its folder has gone, what
//! is sealed from then on may be unreadable for ever; so nothing more is sealed until it is back, and whoever asks is told. What
//! that costs is in [`KeyStore::missing_epoch_keys`].

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use subject_keys::EpochId;

use super::epochs::{epoch_id, on_disk};
use super::keyring::{KeyFile, Keyring, KeyringError};
use super::{KeyStore, KeyStoreError};
use crate::db::Row;

/// How long an answer stands.
const LOOKED: Duration = Duration::from_secs(1);

/// An epoch in use whose key does not lie in the keyring, or not the right one. Restore its file from the keyring's copy: no restart is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingKey {
    /// Which epoch.
    pub epoch: EpochId,
    /// Whether what is new hangs on it: if so, nothing is sealed.
    pub is_current: bool,
}

/// When this process last looked, and what it saw then.
pub(super) type Looked = Option<Look>;

/// One look at the keyring.
pub(super) struct Look {
    at: Instant,
    missing: Vec<MissingKey>,
    /// Files that held the right key: as long as they stay as they are, they hold it.
    right: Right,
}

type Right = BTreeMap<EpochId, KeyFile>;

impl KeyStore {
    /// The epochs in use whose keys do not lie in the keyring. A change is in the log, and the number in the metric
    /// `store_epoch_keys_missing`.
    ///
    /// Looks once a second at most, however many ask: one query that indexes answer, and for each epoch in use, one or two
    /// as a rule, a look at its file where that may wait for the disk; a file that changed is read. All others take the last answer.
    pub async fn missing_epoch_keys(&self) -> Result<Vec<MissingKey>, KeyStoreError> {
        let mut looked = self.epochs.looked().lock().await;
        if let Some(look) = looked.as_ref().filter(|look| look.at.elapsed() < LOOKED) {
            return Ok(look.missing.clone());
        }
        let before = looked.as_ref().map(|look| (look.missing.clone(), look.right.clone())).unwrap_or_default();
        let (missing, right) = self.look(before.1).await?;
        tell(&before.0, &missing);
        *looked = Some(Look { at: Instant::now(), missing: missing.clone(), right });
        Ok(missing)
    }

    /// Refuses while the key of the current epoch does not lie in the keyring, with
    /// [`KeyringError::Missing`](super::KeyringError::Missing), or with what is wrong with the one that does: nothing should be
    /// sealed then.
    pub async fn require_current_key(&self) -> Result<(), KeyStoreError> {
        let missing = self.missing_epoch_keys().await?;
        match missing.into_iter().find(|one| one.is_current) {
            Some(current) => Err(self.what_is_wrong(current.epoch).await),
            None => Ok(()),
        }
    }

    async fn what_is_wrong(&self, epoch: EpochId) -> KeyStoreError {
        let look = move |ring: &Keyring| -> Result<(), KeyringError> {
            ring.open(epoch)?;
            ring.require_bound()
        };
        // It may have come back meanwhile; whoever asked is told to come again all the same.
        let found = on_disk(self.epochs.keyring(), look).await;
        found.err().unwrap_or_else(|| self.epochs.keyring().missing(epoch)).into()
    }

    async fn look(&self, right: Right) -> Result<(Vec<MissingKey>, Right), KeyStoreError> {
        let in_use = self.epochs_in_use().await?;
        let found = on_disk(self.epochs.keyring(), move |ring| Ok(not_right(ring, in_use, right))).await;
        let (absent, right): (Vec<MissingKey>, Right) = found?;
        if absent.is_empty() {
            return Ok((absent, right));
        }
        // Between the two looks an epoch may have been moved off and destroyed.
        let mut still = self.epochs_in_use().await?;
        still.retain(|one| absent.iter().any(|other| other.epoch == one.epoch));
        Ok((still, right))
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

/// The epochs whose files are not there or do not unwrap, and the files that do. In a folder that does not say whose it is,
/// none is right.
fn not_right(ring: &Keyring, in_use: Vec<MissingKey>, before: Right) -> (Vec<MissingKey>, Right) {
    let bound = ring.require_bound().is_ok();
    let (mut absent, mut right) = (Vec::new(), Right::new());
    for one in in_use {
        // Asked before it is read: if it changes meanwhile, the next look reads it again.
        let file = ring.file(one.epoch).filter(|_| bound);
        let opens = |file: &KeyFile| before.get(&one.epoch) == Some(file) || ring.open(one.epoch).is_ok();
        match file.filter(opens) {
            Some(file) => drop(right.insert(one.epoch, file)),
            None => absent.push(one),
        }
    }
    (absent, right)
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
            "keys of epochs in use are not in the keyring, or others lie in their places: restore their files from its copy; until the current epoch's is \
             back nothing is sealed, and webhooks are told to come again"
        ),
    }
}
