//! Key epochs, kept in time: the next one begins, what lives moves to it, and epochs whose backups have expired are
//! destroyed.

use commerce::{SubjectId, TenantId};
use ledger::Timestamp;
use store::keys::{Copies, DestroyEpochError, Epoch, KeyStore, KeyStoreError, Moved};
use subject_keys::EpochId;

/// What was done for the epochs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// In how many epochs keyring and database differed, because one of them was restored.
    pub reconciled: usize,
    /// The epoch that began.
    pub begun: Option<EpochId>,
    /// What moved to it, or was left over from an interrupted rotation.
    pub moved: Moved,
    /// The epochs that were destroyed.
    pub destroyed: Vec<EpochId>,
}

/// Why the epochs are not as they should be. What was done stays done, and the next call goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeepEpochsError {
    /// The next epoch could not begin, or not everything could be moved to it.
    #[error(transparent)]
    Rotate(#[from] KeyStoreError),
    /// An epoch that is due was not destroyed.
    #[error(transparent)]
    Destroy(#[from] DestroyEpochError),
}

/// Does what is due now. Several processes may do so at once: one begins the epoch, and each moves what it finds.
pub async fn keep_epochs(keys: &KeyStore, now: Timestamp) -> Result<Kept, KeepEpochsError> {
    let reconciled = keys.reconcile_epochs(now).await?;
    let begun = keys.begin_epoch_when_due(now).await?;
    let moved = keys.rewrap(|_| {}).await;
    // What is due is destroyed also when not everything could be moved: what is in use keeps its epoch.
    let destroyed = keys.destroy_epochs(now).await?;
    Ok(Kept { reconciled, begun, moved: moved?, destroyed })
}

/// What copies of an erased subject's keys are worth, in whichever backup or archive they are. The date is that of the last
/// epoch that wrapped one: it was fixed before the erasure and stays, whatever is set later.
pub async fn copies(
    keys: &KeyStore,
    tenant: &TenantId,
    subject: SubjectId,
    now: Timestamp,
) -> Result<Copies, CopiesError> {
    let last = keys.erasure_of(tenant, subject).await?.and_then(|erasure| erasure.epoch).ok_or(CopiesError::Unknown)?;
    let epochs = keys.epochs().await?;
    let until_then: Vec<Epoch> = epochs.into_iter().filter(|epoch| epoch.epoch <= last).collect();
    Copies::of(&until_then, now).ok_or(CopiesError::Unknown)
}

/// Why nothing can be said of copies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopiesError {
    /// The key store did not answer.
    #[error(transparent)]
    Store(#[from] KeyStoreError),
    /// The subject's keys are not destroyed, or were before epochs ended: no date can be given.
    #[error("no date can be given: the subject's keys are not destroyed, or were by a version without key epochs")]
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::time::Duration;
    use store::db::{Db, Dialect, Durability};
    use store::keys::{Keyring, Schedule, load_or_create_root};
    use store::schema::keys_migrations;

    const DAY: Duration = Duration::from_secs(86_400);

    /// A process of its own on the key store in this folder.
    async fn process(folder: &Path, now: Timestamp) -> KeyStore {
        let schema = keys_migrations(Dialect::Sqlite);
        let db = Db::open_sqlite(&folder.join("keys.db"), Durability::Full, &schema).await.unwrap();
        let keyring =
            Keyring::in_folder(load_or_create_root(&folder.join("root.key")).unwrap(), &folder.join("epochs"));
        KeyStore::open(db, keyring, Schedule { epoch: DAY, backups: DAY }, now).await.unwrap()
    }

    #[tokio::test]
    async fn after_a_clock_that_ran_ahead_one_epoch_begins_however_many_processes_see_it() {
        let folder = tempfile::tempdir().unwrap();
        let (right, ahead) = (Timestamp(1_700_000_000_000_000), Timestamp(1_900_000_000_000_000));
        let mut processes = Vec::new();
        for _ in 0..4 {
            processes.push(process(folder.path(), ahead).await);
        }
        let mut at_work = tokio::task::JoinSet::new();
        for keys in processes.clone() {
            at_work.spawn(async move { keep_epochs(&keys, right).await.unwrap().begun });
        }
        let begun: Vec<EpochId> = at_work.join_all().await.into_iter().flatten().collect();
        assert_eq!(begun, [EpochId(2)]);
        let epochs = processes[0].epochs().await.unwrap();
        assert_eq!(epochs.iter().map(|epoch| epoch.begun_at).collect::<Vec<_>>(), [ahead, right]);
    }
}
