//! Epochs: the keys that wrap pages and index keys for a time. One is current; those before it are retired, and destroyed
//! when the backups of their time have expired. With an epoch's key goes every copy of what it wrapped.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ledger::Timestamp;
use subject_keys::{EpochId, EpochKey, PageId, PageKey, UnwrapError};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::caches::{Cache, KEYS_LIVE};
use super::keyring::{Keyring, KeyringError};
use super::presence::Looked;
use super::reapply::mark_all_lossy;
use super::schedule::Schedule;
use super::{KeyStore, KeyStoreError, corrupt, lock, random};
use crate::db::{Db, DbError, Dialect, Row, Tx};

/// Why the key store did not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenKeysError {
    /// The database's answer, which says whether trying again helps.
    #[error("the key store cannot be read: {0}")]
    Db(#[from] DbError),
    /// The keyring does not belong to this key store, or cannot be read.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The keyring belongs to another key store. To go on would destroy that one's epochs in time, as epochs that nothing here
    /// knows: name the right folder or the right database; for a new key store, an empty folder.
    #[error("the keyring {} belongs to another key store", .0.display())]
    OtherKeyring(PathBuf),
    /// This key store has a keyring, and it is not there. Restore it from its copy: without it nothing that was sealed opens.
    #[error("the keyring of this key store is not in {}", .0.display())]
    NoKeyring(PathBuf),
    /// The key store was restored from before so many erasures and would bring those people back. Open it with
    /// [`KeyStore::open_for_repair`] and apply them again ([`KeyStore::reapply_erasures`]).
    #[error(
        "this key store has forgotten erasures ({0}): it was restored from before them, and would open those people's data again"
    )]
    ForgottenErasures(usize),
    /// The key store was restored from a backup, and nobody has made sure since that it undoes no erasure. Open it with
    /// [`KeyStore::open_for_repair`] and call [`KeyStore::reapply_erasures`].
    #[error("this key store was restored from a backup, and erasures have not been applied again since")]
    Restored,
    /// The key store was restored from before so many decisions of people, and would use data that it must not, or take what it
    /// must refuse. Open it with [`KeyStore::open_for_repair`] and enter them again ([`KeyStore::reapply_erasures`]).
    #[error(
        "this key store has forgotten decisions ({0}): it was restored from before them, and would go on as if nobody had made them"
    )]
    ForgottenDecisions(usize),
    /// The key of an epoch that an earlier version kept in the database is damaged, or wrapped by another root key.
    #[error("the key of epoch {} in the database cannot be unwrapped: {source}", .epoch.0)]
    Damaged {
        /// Which epoch.
        epoch: EpochId,
        /// What is wrong with it.
        source: UnwrapError,
    },
    /// Identities that an earlier version stored could not be moved to index pages. What has moved stays; opening again goes on.
    #[error("identities of an earlier version could not be moved to index pages: {0}")]
    Identities(#[source] KeyStoreError),
}

/// The keyring, what was lately read from it, and the schedule of epochs that this process begins.
pub(super) struct Epochs {
    keyring: Keyring,
    schedule: Schedule,
    keys: Cache<EpochId, Arc<EpochKey>>,
    looked: Mutex<Looked>,
}

impl Epochs {
    /// Opens the keyring of a store. A store without epochs gets its first, beginning now.
    pub(super) async fn open(
        db: &Db,
        keyring: Keyring,
        schedule: Schedule,
        now: Timestamp,
    ) -> Result<Epochs, OpenKeysError> {
        belong_together(db, &keyring).await?;
        let current = find_or_begin(db, &keyring, schedule, now).await?;
        let epochs = Epochs { keyring, schedule, keys: Cache::new(KEYS_LIVE, 1_000), looked: Mutex::default() };
        epochs.get(current).await?;
        Ok(epochs)
    }

    pub(super) fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    pub(super) fn schedule(&self) -> Schedule {
        self.schedule
    }

    /// When this process last looked whether the keys in use are there, and what it saw.
    pub(super) fn looked(&self) -> &Mutex<Looked> {
        &self.looked
    }

    /// The key of an epoch as it is held in memory, if it is.
    #[cfg(test)]
    pub(super) fn held(&self, epoch: EpochId) -> Option<std::sync::Weak<EpochKey>> {
        self.keys.get(&epoch).map(|key| Arc::downgrade(&key))
    }

    /// Drops the keys that were read too long ago.
    pub(super) fn sweep(&self) {
        self.keys.sweep();
    }

    /// The epoch that new pages and index keys are wrapped by. It does not retire before this transaction has ended. Taken
    /// before any lock on a page, as everybody does.
    pub(super) async fn current(&self, tx: &mut Tx) -> Result<(EpochId, Arc<EpochKey>), KeyStoreError> {
        let sql = match tx.dialect() {
            Dialect::Postgres => "SELECT epoch FROM epoch WHERE state = 'current' FOR SHARE",
            Dialect::Sqlite => "SELECT epoch FROM epoch WHERE state = 'current'",
        };
        // Whoever waited for the beginning of an epoch finds the one before retired; the new one shows at the next look.
        for _ in 0..8 {
            if let Some(row) = tx.query(sql, vec![]).await?.first() {
                let epoch = epoch_id(row.int(0)?)?;
                return Ok((epoch, self.get(epoch).await?));
            }
        }
        Err(corrupt("no epoch is current").into())
    }

    /// The key of the epoch that a row names.
    pub(super) async fn of(&self, stored: i64) -> Result<Arc<EpochKey>, KeyStoreError> {
        Ok(self.get(epoch_id(stored)?).await?)
    }

    async fn get(&self, epoch: EpochId) -> Result<Arc<EpochKey>, KeyringError> {
        if let Some(key) = self.keys.get(&epoch) {
            return Ok(key);
        }
        let key = Arc::new(on_disk(&self.keyring, move |ring| ring.open(epoch)).await?);
        self.keys.insert(epoch, Arc::clone(&key));
        Ok(key)
    }

    /// Destroys an epoch's key, in the keyring and in this process.
    pub(super) async fn destroy(&self, epoch: EpochId) -> Result<(), KeyringError> {
        on_disk(&self.keyring, move |ring| ring.destroy(epoch)).await?;
        self.keys.invalidate(&epoch);
        Ok(())
    }
}

impl KeyStore {
    /// Begins the next epoch and retires the one before; gives its number. With `unless_begun_after` nothing happens when
    /// the current one began after that time, so that of several processes one begins it.
    ///
    /// What is wrapped by earlier epochs stays so until [`KeyStore::rewrap`] has moved it.
    pub async fn begin_epoch(
        &self,
        at: Timestamp,
        unless_begun_after: Option<Timestamp>,
    ) -> Result<Option<EpochId>, KeyStoreError> {
        let (keyring, schedule) = (self.epochs.keyring().clone(), self.epochs.schedule());
        self.db
            .run_tx("begin-epoch", move |tx| {
                let keyring = keyring.clone();
                Box::pin(async move { begin_in(tx, &keyring, schedule, at, unless_begun_after).await })
            })
            .await
    }

    /// Begins the next epoch if the current one has lasted as long as it should. Of several processes that find so at once, one
    /// begins it.
    pub async fn begin_epoch_when_due(&self, at: Timestamp) -> Result<Option<EpochId>, KeyStoreError> {
        let (keyring, schedule) = (self.epochs.keyring().clone(), self.epochs.schedule());
        let unit = self.db.run_tx("begin-epoch", move |tx| {
            let keyring = keyring.clone();
            Box::pin(async move { begin_when_due_in(tx, &keyring, schedule, at).await })
        });
        unit.await
    }
}

/// Decided under the lock, because the one that is current may have begun after this time.
async fn begin_when_due_in(
    tx: &mut Tx,
    keyring: &Keyring,
    schedule: Schedule,
    at: Timestamp,
) -> Result<Option<EpochId>, KeyStoreError> {
    lock::epochs(tx).await?;
    let rows = tx.query("SELECT epoch, created_at, destroy_by FROM epoch WHERE state = 'current'", vec![]).await?;
    let mut current = None;
    if let Some(row) = rows.first()
        && let Some(by) = row.opt_int(2)?
    {
        let begun_at = Timestamp(row.int(1)?);
        if schedule.began_ahead(begun_at, at) {
            let (epoch, hours) = (row.int(0)?, begun_at.0.saturating_sub(at.0) / 3_600_000_000);
            tracing::error!(
                epoch,
                hours,
                "the current key epoch began so many hours in the future: a clock ran ahead; the next one begins now, but whoever \
                 was erased meanwhile was promised a date that is as much too late, and it stays"
            );
        }
        current = Some((begun_at, Timestamp(by)));
    }
    let until = schedule.ends_begun_until(current, at);
    begin_in(tx, keyring, schedule, at, Some(until)).await
}

impl KeyStore {
    /// Makes the keyring and the database agree again after one of them was restored; gives how many epochs differed.
    ///
    /// An epoch that only the keyring knows is retired from now on: it is of a state of the database that was lost, whose
    /// copies still open by it. If it is above the current one, the next epoch begins; and everything that lives moves to new
    /// pages with the next rotation. The key of an epoch that was destroyed, and came back with an old copy of the keyring, is
    /// destroyed again. An epoch without a date, which a program from before there were dates has begun meanwhile, gets one.
    pub async fn reconcile_epochs(&self, at: Timestamp) -> Result<usize, KeyStoreError> {
        let (keyring, schedule) = (self.epochs.keyring().clone(), self.epochs.schedule());
        let unit = self.db.run_tx("reconcile-epochs", move |tx| {
            let keyring = keyring.clone();
            Box::pin(async move { reconcile_in(tx, &keyring, schedule, at).await })
        });
        let (adopted, returned) = unit.await?;
        for epoch in &returned {
            self.epochs.destroy(*epoch).await?;
        }
        Ok(adopted + returned.len())
    }
}

/// Gives how many epochs it took over from the keyring, and those whose keys should not be there.
async fn reconcile_in(
    tx: &mut Tx,
    keyring: &Keyring,
    schedule: Schedule,
    at: Timestamp,
) -> Result<(usize, Vec<EpochId>), KeyStoreError> {
    // Whoever begins an epoch puts its key into the keyring under this lock.
    lock::epochs(tx).await?;
    let rows = tx.query("SELECT epoch, state FROM epoch ORDER BY epoch", vec![]).await?;
    let mut known = BTreeMap::new();
    for row in &rows {
        known.insert(epoch_id(row.int(0)?)?, row.text(1)?);
    }
    let held = on_disk(keyring, Keyring::numbers).await?;
    let returned = held.iter().filter(|epoch| known.get(*epoch) == Some(&"destroyed")).copied().collect();
    let strangers: Vec<EpochId> = held.into_iter().filter(|epoch| !known.contains_key(epoch)).collect();
    let last = known.keys().next_back().copied();
    let sql = "INSERT INTO epoch (epoch, wrapped, created_at, state, retired_at) VALUES ($1, $2, $3, 'retired', $3)";
    for epoch in &strangers {
        tx.execute(sql, vec![epoch.0.into(), Vec::<u8>::new().into(), at.0.into()]).await?;
    }
    promise(tx, schedule).await?;
    if strangers.last().copied() > last {
        begin_in(tx, keyring, schedule, at, None).await?;
    }
    if !strangers.is_empty() {
        // Keys that were made in the state that was lost, and erased since, may have been on any of its pages.
        mark_all_lossy(tx).await?;
    }
    Ok((strangers.len(), returned))
}

/// Gives every epoch that has no date the one by which its key is destroyed. It is not changed any more.
async fn promise(tx: &mut Tx, schedule: Schedule) -> Result<(), DbError> {
    let sql = "UPDATE epoch SET destroy_by = \
               CASE WHEN retired_at IS NULL THEN created_at + $1 ELSE retired_at + $2 END WHERE destroy_by IS NULL";
    let args = vec![schedule.after_beginning().into(), schedule.after_retiring().into()];
    tx.execute(sql, args).await.map(|_| ())
}

async fn begin_in(
    tx: &mut Tx,
    keyring: &Keyring,
    schedule: Schedule,
    at: Timestamp,
    unless_begun_after: Option<Timestamp>,
) -> Result<Option<EpochId>, KeyStoreError> {
    lock::epochs(tx).await?;
    let rows = tx.query("SELECT epoch, created_at FROM epoch ORDER BY epoch DESC LIMIT 1", vec![]).await?;
    let last = match rows.first() {
        Some(row) if unless_begun_after.is_some_and(|time| row.int(1).is_ok_and(|begun| begun > time.0)) => {
            return Ok(None);
        }
        Some(row) => epoch_id(row.int(0)?)?,
        None => EpochId(0),
    };
    tx.execute("UPDATE epoch SET state = 'retired', retired_at = $1 WHERE state = 'current'", vec![at.0.into()])
        .await?;
    // The key is on the disk before the database knows of it. If this transaction fails, that number is never used.
    // In a folder that has gone it is not put: what is restored there later would not go with it.
    let next = on_disk(keyring, move |ring| ring.require_bound().and_then(|()| ring.begin(last))).await?;
    let insert = "INSERT INTO epoch (epoch, wrapped, created_at, state, destroy_by) VALUES ($1, $2, $3, 'current', $4)";
    let promised = schedule.promised(at);
    tx.execute(insert, vec![next.0.into(), Vec::<u8>::new().into(), at.0.into(), promised.0.into()]).await?;
    Ok(Some(next))
}

/// Refuses a keyring of another key store; a new one is made this store's own, before anything is put into it.
async fn belong_together(db: &Db, keyring: &Keyring) -> Result<(), OpenKeysError> {
    let ring = keyring.clone();
    db.run_tx("bind-keyring", move |tx| {
        let ring = ring.clone();
        Box::pin(async move { belong_together_in(tx, &ring).await })
    })
    .await
}

async fn belong_together_in(tx: &mut Tx, keyring: &Keyring) -> Result<(), OpenKeysError> {
    lock::epochs(tx).await?;
    let rows = tx.query("SELECT id FROM keyring", vec![]).await?;
    let named = match rows.first() {
        Some(row) => Some(Uuid::parse_str(row.text(0)?).map_err(|_| corrupt("a keyring's id is no UUID"))?),
        None => None,
    };
    let (there, epochs) =
        on_disk(keyring, |ring| ring.sweep().and_then(|()| Ok((ring.store()?, ring.numbers()?)))).await?;
    let id = match (named, there) {
        (Some(named), Some(there)) if named == there => return Ok(()),
        (Some(_), None) => return Err(OpenKeysError::NoKeyring(keyring.folder().to_owned())),
        // A crash came after the keyring was bound and before the database was told.
        (None, Some(there)) if epochs.is_empty() => there,
        (None, None) if epochs.is_empty() => {
            let new = Uuid::new_v4();
            on_disk(keyring, move |ring| ring.bind(new)).await?;
            new
        }
        _ => return Err(OpenKeysError::OtherKeyring(keyring.folder().to_owned())),
    };
    tx.execute("INSERT INTO keyring (id) VALUES ($1)", vec![id.to_string().into()]).await?;
    Ok(())
}

/// The number of the current epoch. Keys of epochs that an earlier version kept in the database move to the keyring, and epochs
/// that it gave no date get one.
async fn find_or_begin(
    db: &Db,
    keyring: &Keyring,
    schedule: Schedule,
    now: Timestamp,
) -> Result<EpochId, OpenKeysError> {
    let ring = keyring.clone();
    let (current, moved) = db
        .run_tx("open-keys", move |tx| {
            let ring = ring.clone();
            Box::pin(async move { find_or_begin_in(tx, &ring, schedule, now).await })
        })
        .await?;
    if moved {
        db.forget_wal().await?;
    }
    Ok(current)
}

async fn find_or_begin_in(
    tx: &mut Tx,
    keyring: &Keyring,
    schedule: Schedule,
    now: Timestamp,
) -> Result<(EpochId, bool), OpenKeysError> {
    lock::epochs(tx).await?;
    promise(tx, schedule).await?;
    let rows = tx.query("SELECT epoch, wrapped, state FROM epoch WHERE state <> 'destroyed'", vec![]).await?;
    let Some(current) = rows.iter().find(|row| row.text(2) == Ok("current")) else {
        let begun = begin_in(tx, keyring, schedule, now, None).await.map_err(OpenKeysError::of)?;
        return Ok((begun.unwrap_or(EpochId(1)), false));
    };
    let current = epoch_id(current.int(0)?)?;
    let kept_here: Vec<&Row> = rows.iter().filter(|row| row.blob(1).is_ok_and(|wrapped| !wrapped.is_empty())).collect();
    for row in &kept_here {
        move_to_keyring(tx, keyring, row).await?;
    }
    Ok((current, !kept_here.is_empty()))
}

async fn move_to_keyring(tx: &mut Tx, keyring: &Keyring, row: &Row) -> Result<(), OpenKeysError> {
    let epoch = epoch_id(row.int(0)?)?;
    let unwrapped = keyring.root().unwrap_epoch(epoch, row.blob(1)?);
    let key = unwrapped.map_err(|source| match source {
        UnwrapError::Rejected => KeyringError::WrongRoot(epoch).into(),
        source => OpenKeysError::Damaged { epoch, source },
    })?;
    let kept = on_disk(keyring, move |ring| match ring.holds(epoch) {
        // It is there already if a crash came between the keyring and the database.
        true => ring.open(epoch).map(|there| same(&there, &key)),
        false => ring.keep(epoch, &key).map(|()| true),
    });
    if !kept.await? {
        return Err(OpenKeysError::OtherKeyring(keyring.folder().to_owned()));
    }
    tx.execute("UPDATE epoch SET wrapped = $2 WHERE epoch = $1", vec![epoch.0.into(), Vec::<u8>::new().into()]).await?;
    Ok(())
}

/// Whether two keys are one: what one wraps, the other opens.
fn same(one: &EpochKey, other: &EpochKey) -> bool {
    let (id, page) = (PageId(0), PageKey::generate(&mut random));
    one.wrap_page(id, &page, &mut random).is_ok_and(|wrapped| other.unwrap_page(id, &wrapped).is_ok())
}

impl OpenKeysError {
    pub(super) fn of(error: KeyStoreError) -> OpenKeysError {
        match error {
            KeyStoreError::Keyring(error) => error.into(),
            KeyStoreError::NotListed(error) => OpenKeysError::of(*error),
            KeyStoreError::Db(error) => error.into(),
            // Beginning an epoch and comparing erasures unwrap nothing and open nothing.
            KeyStoreError::Damaged { .. } | KeyStoreError::NotPermitted | KeyStoreError::Exhausted(_) => {
                corrupt("the key store could not be begun").into()
            }
        }
    }
}

/// Runs something on the keyring where it may wait for the disk.
pub(super) async fn on_disk<T: Send + 'static>(
    keyring: &Keyring,
    work: impl FnOnce(&Keyring) -> Result<T, KeyringError> + Send + 'static,
) -> Result<T, KeyringError> {
    let ring = keyring.clone();
    match tokio::task::spawn_blocking(move || work(&ring)).await {
        Ok(done) => done,
        Err(stopped) if stopped.is_panic() => std::panic::resume_unwind(stopped.into_panic()),
        Err(_) => Err(KeyringError::ShuttingDown),
    }
}

pub(super) fn epoch_id(stored: i64) -> Result<EpochId, DbError> {
    u32::try_from(stored).map(EpochId).map_err(|_| corrupt("an epoch's number is out of range"))
}
