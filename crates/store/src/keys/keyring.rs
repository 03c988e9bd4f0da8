//! The keyring: where the root key is known and where epoch keys lie, outside every database.
//!
//! A key that is only in a database is in every backup of it, in its write-ahead log and in the archive of that, and
//! nobody can take it back. An epoch key therefore lies here alone, and destroying it here destroys it everywhere. So the
//! keyring is never part of a backup: a copy of it for the event of a broken disk is kept on a second disk that follows
//! every change, destruction included. For the same reason it holds the lists of erasures (`tombstones`) and of
//! what people decided (`decided`).

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use subject_keys::{EpochId, EpochKey, Exhausted, RootKey, UnwrapError};
use uuid::Uuid;

use super::random;

/// The file that names the key store which the keyring belongs to.
const STORE: &str = "store";

/// How the name of a file begins that is being written and has no place yet.
const BESIDE: &str = ".epoch-";

/// The root key, and a folder with one file for each epoch: its key, wrapped by the root key, in hexadecimal digits; and the
/// lists of erasures and decisions. Clones are cheap. Every call blocks for a few disk accesses.
#[derive(Clone)]
pub struct Keyring {
    root: Arc<RootKey>,
    folder: Arc<Path>,
}

/// What changes when the file of a key is written or replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyFile {
    length: u64,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Why an epoch key was not kept, found or destroyed. Nothing of any key is in here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// The folder or a file in it cannot be used.
    #[error("the keyring {} cannot be used: {reason}", .path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// The operating system's answer.
        reason: String,
    },
    /// The epoch has no key here. If it was not destroyed on purpose, restore the file from its copy: without it nothing
    /// that the epoch wraps opens.
    #[error("the key of epoch {} is not in the keyring: put {} back from the keyring's copy", .epoch.0, .path.display())]
    Missing {
        /// Which epoch.
        epoch: EpochId,
        /// Where its key should be.
        path: PathBuf,
    },
    /// Another root key wrapped it, and everything else here. Use the right one: without it everything sealed is unreadable.
    #[error("the root key does not belong to the key of epoch {}", .0.0)]
    WrongRoot(EpochId),
    /// The file was damaged, is another epoch's, or comes from a later version. Put it back from the keyring's copy.
    #[error("the key of epoch {} cannot be unwrapped: {reason}", .epoch.0)]
    Damaged {
        /// Which epoch.
        epoch: EpochId,
        /// What is wrong with it.
        reason: String,
    },
    /// The list of erasures, or of what people decided, was damaged. Restore the file from its copy: an old copy of the key store could
    /// undo what it tells.
    #[error("the list {} is damaged at byte {byte}: restore it from its copy", .path.display())]
    DamagedList {
        /// The file.
        path: PathBuf,
        /// Where the damaged line begins.
        byte: u64,
    },
    /// There is no number left for an epoch.
    #[error("epochs have run out of numbers")]
    OutOfNumbers,
    /// The root key has wrapped as much as one process may: find out what repeats itself.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// The process is ending.
    #[error("the keyring was not asked: the process is ending")]
    ShuttingDown,
}

impl Keyring {
    /// The keyring in this folder, which is made when the first epoch begins.
    pub fn in_folder(root: RootKey, folder: &Path) -> Keyring {
        Keyring { root: Arc::new(root), folder: folder.into() }
    }

    /// The root key, which also wraps what has no epoch.
    pub(super) fn root(&self) -> &RootKey {
        &self.root
    }

    /// The id of the key store that this keyring belongs to, and whether it holds the key of that epoch; None where there is no
    /// keyring. Refuses a root key that is not the one of that key.
    pub fn belongs_to(&self, epoch: u32) -> Result<Option<(Uuid, bool)>, KeyringError> {
        let Some(store) = self.store()? else { return Ok(None) };
        let epoch = EpochId(epoch);
        if self.holds(epoch) {
            self.open(epoch)?;
        }
        Ok(Some((store, self.holds(epoch))))
    }

    /// The id of the key store that this keyring belongs to; none for a new keyring.
    pub(super) fn store(&self) -> Result<Option<Uuid>, KeyringError> {
        let path = self.folder.join(STORE);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.map_err(io_at(&path))?,
        };
        let not_an_id = |_| KeyringError::Io { path, reason: "it holds no id".to_owned() };
        Uuid::parse_str(text.trim()).map(Some).map_err(not_an_id)
    }

    /// Refuses a folder that belongs to no key store: while the platform runs, that is one that has gone.
    pub(super) fn require_bound(&self) -> Result<(), KeyringError> {
        let gone = || KeyringError::Io {
            path: self.folder.join(STORE),
            reason: "it is missing: restore the keyring from its copy".to_owned(),
        };
        self.store()?.map(|_| ()).ok_or_else(gone)
    }

    /// Makes this the keyring of the key store with that id.
    pub(super) fn bind(&self, store: Uuid) -> Result<(), KeyringError> {
        let path = self.folder.join(STORE);
        let line = format!("{store}\n");
        self.make_folder().and_then(|()| write_whole(&path, line.as_bytes())).map_err(io_at(&path))
    }

    /// Where it is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Draws the key of a new epoch and keeps it; it is on the disk when this returns. The epoch's number is above `last`
    /// and above every number in the keyring: a database that was restored from an older state must not begin one again.
    pub(super) fn begin(&self, last: EpochId) -> Result<EpochId, KeyringError> {
        let highest = self.numbers()?.last().map_or(last, |highest| last.max(*highest));
        let epoch = highest.0.checked_add(1).map(EpochId).ok_or(KeyringError::OutOfNumbers)?;
        self.keep(epoch, &EpochKey::generate(&mut random))?;
        Ok(epoch)
    }

    /// Keeps the key of an epoch that has none here.
    pub(super) fn keep(&self, epoch: EpochId, key: &EpochKey) -> Result<(), KeyringError> {
        let line = format!("{}\n", hex::encode(self.root.wrap_epoch(epoch, key, &mut random)?));
        let path = self.path(epoch);
        self.make_folder().and_then(|()| write_whole(&path, line.as_bytes())).map_err(io_at(&path))
    }

    /// The numbers of all epochs whose keys lie here.
    pub(super) fn numbers(&self) -> Result<BTreeSet<EpochId>, KeyringError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
            read => read.map_err(io_at(&self.folder))?,
        };
        let number = |name: &str| name.strip_suffix(".key").and_then(|digits| digits.parse().ok()).map(EpochId);
        let mut numbers = BTreeSet::new();
        for entry in entries {
            let name = entry.map_err(io_at(&self.folder))?.file_name();
            numbers.extend(name.to_str().and_then(number));
        }
        Ok(numbers)
    }

    /// Tries the root key on the newest epoch key here, and gives its number; None where there is none to try it on.
    pub fn try_root(&self) -> Result<Option<u32>, KeyringError> {
        let Some(newest) = self.numbers()?.last().copied() else { return Ok(None) };
        self.open(newest)?;
        Ok(Some(newest.0))
    }

    /// The key of an epoch.
    pub(super) fn open(&self, epoch: EpochId) -> Result<EpochKey, KeyringError> {
        let path = self.path(epoch);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(self.missing(epoch)),
            read => read.map_err(io_at(&path))?,
        };
        let damaged = |reason: String| KeyringError::Damaged { epoch, reason };
        let wrapped = hex::decode(text.trim()).map_err(|_| damaged("it is no hexadecimal text".to_owned()))?;
        self.root.unwrap_epoch(epoch, &wrapped).map_err(|source| match source {
            UnwrapError::Rejected if self.opens_another(epoch) => {
                damaged("the root key opens others, so this file was changed, or is another epoch's".to_owned())
            }
            UnwrapError::Rejected => KeyringError::WrongRoot(epoch),
            source => damaged(source.to_string()),
        })
    }

    /// Whether the root key belongs to the key of some other epoch here: then it is not the root key that is wrong.
    fn opens_another(&self, than: EpochId) -> bool {
        let opens = |epoch: EpochId| {
            let wrapped = fs::read_to_string(self.path(epoch)).ok().and_then(|text| hex::decode(text.trim()).ok());
            wrapped.is_some_and(|wrapped| self.root.unwrap_epoch(epoch, &wrapped).is_ok())
        };
        self.numbers().is_ok_and(|held| held.into_iter().any(|epoch| epoch != than && opens(epoch)))
    }

    /// Removes what a process that was killed while it wrote has left beside its place. Only for who holds the lock under
    /// which everybody writes here. Not overwritten: it may be a second name of a key that is in use.
    pub(super) fn sweep(&self) -> Result<(), KeyringError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            read => read.map_err(io_at(&self.folder))?,
        };
        for entry in entries {
            let entry = entry.map_err(io_at(&self.folder))?;
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(BESIDE)) {
                fs::remove_file(entry.path()).map_err(io_at(&entry.path()))?;
            }
        }
        Ok(())
    }

    /// Destroys the key of an epoch for good: overwritten, then removed. Destroying twice is no error.
    ///
    /// A disk that writes elsewhere when it overwrites (most solid-state disks, file systems that copy on write and their
    /// snapshots) may hold the old bytes for a while: keep the keyring on an encrypted volume without snapshots.
    pub(super) fn destroy(&self, epoch: EpochId) -> Result<(), KeyringError> {
        let path = self.path(epoch);
        match overwrite(&path).and_then(|()| fs::remove_file(&path)) {
            // Another process may be a step ahead.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            done => done.and_then(|()| self.sync()).map_err(io_at(&path)),
        }
    }

    /// Whether the key of an epoch lies here, readable or not.
    pub(super) fn holds(&self, epoch: EpochId) -> bool {
        self.path(epoch).exists()
    }

    /// By what the file of an epoch's key is told from another in its place; None if there is none.
    pub(super) fn file(&self, epoch: EpochId) -> Option<KeyFile> {
        let found = fs::metadata(self.path(epoch)).ok()?;
        let (modified, changed) = ((found.mtime(), found.mtime_nsec()), (found.ctime(), found.ctime_nsec()));
        Some(KeyFile { length: found.len(), inode: found.ino(), modified, changed })
    }

    /// That the key of an epoch is not here.
    pub(super) fn missing(&self, epoch: EpochId) -> KeyringError {
        KeyringError::Missing { epoch, path: self.path(epoch) }
    }

    fn path(&self, epoch: EpochId) -> PathBuf {
        self.folder.join(format!("{}.key", epoch.0))
    }

    /// The folder is on the disk, in the folder that holds it, before a key is put into it.
    pub(super) fn make_folder(&self) -> io::Result<()> {
        if self.folder.is_dir() {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        match self.folder.parent() {
            Some(parent) if parent != Path::new("") => File::open(parent)?.sync_all(),
            _ => File::open(".")?.sync_all(),
        }
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

/// Shows nothing: what it holds are keys.
impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring")
    }
}

/// Writes a new file beside its place and links it there when it is on the disk: a crash leaves all of it or none, and
/// what is there already stays.
fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let beside = folder.join(format!("{BESIDE}{:016x}", rand::random::<u64>()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    let placed = file.write_all(content).and_then(|()| file.sync_all()).and_then(|()| fs::hard_link(&beside, path));
    let removed = fs::remove_file(&beside);
    placed.and(removed)?;
    File::open(folder)?.sync_all()
}

fn overwrite(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    file.write_all(&vec![b'0'; length])?;
    file.sync_all()
}

pub(super) fn io_at(path: &Path) -> impl Fn(io::Error) -> KeyringError {
    move |error| KeyringError::Io { path: path.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use subject_keys::{PageId, PageKey};

    fn keyring(folder: &Path, fill: u8) -> Keyring {
        Keyring::in_folder(RootKey::from_bytes([fill; 32]), &folder.join("epochs"))
    }

    /// Whether two epoch keys are one: what one wraps, the other opens.
    fn same(one: &EpochKey, other: &EpochKey) -> bool {
        let wrapped = one.wrap_page(PageId(1), &PageKey::generate(&mut random), &mut random).unwrap();
        other.unwrap_page(PageId(1), &wrapped).is_ok()
    }

    #[test]
    fn an_epochs_key_is_found_again_until_it_is_destroyed() {
        let folder = tempfile::tempdir().unwrap();
        let ring = keyring(folder.path(), 7);
        assert_eq!([0, 0].map(|last| ring.begin(EpochId(last)).unwrap()), [EpochId(1), EpochId(2)]);
        let [first, second] = [1, 2].map(|epoch| ring.open(EpochId(epoch)).unwrap());
        assert!(same(&first, &keyring(folder.path(), 7).open(EpochId(1)).unwrap()) && !same(&first, &second));

        for _ in 0..2 {
            ring.destroy(EpochId(1)).unwrap();
            assert!(matches!(ring.open(EpochId(1)), Err(KeyringError::Missing { epoch: EpochId(1), .. })));
        }
        assert!(!ring.holds(EpochId(1)) && same(&second, &ring.open(EpochId(2)).unwrap()));
        assert_eq!(fs::read_dir(folder.path().join("epochs")).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn no_epoch_begins_twice_and_no_key_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let ring = keyring(folder.path(), 7);
        for (last, begun) in [(0, 1), (4, 5), (4, 6), (1, 7)] {
            assert_eq!(ring.begin(EpochId(last)), Ok(EpochId(begun)), "after {last}");
        }
        let refused = ring.keep(EpochId(5), &EpochKey::generate(&mut random));
        assert!(matches!(refused, Err(KeyringError::Io { .. })));
        assert_eq!(ring.begin(EpochId(u32::MAX)), Err(KeyringError::OutOfNumbers));
    }

    #[test]
    fn nobody_else_may_look_into_it() {
        let folder = tempfile::tempdir().unwrap();
        keyring(folder.path(), 7).begin(EpochId(0)).unwrap();
        for (place, expected) in [("epochs", 0o700), ("epochs/1.key", 0o600)] {
            assert_eq!(fs::metadata(folder.path().join(place)).unwrap().permissions().mode() & 0o777, expected);
        }
    }

    #[test]
    fn what_is_not_the_epochs_key_is_refused_and_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let ring = keyring(folder.path(), 7);
        ring.begin(EpochId(0)).unwrap();
        assert!(matches!(keyring(folder.path(), 8).open(EpochId(1)), Err(KeyringError::WrongRoot(EpochId(1)))));
        fs::copy(folder.path().join("epochs/1.key"), folder.path().join("epochs/2.key")).unwrap();
        assert!(
            matches!(ring.open(EpochId(2)), Err(KeyringError::Damaged { .. })),
            "a copy is no key of another epoch"
        );
        fs::write(folder.path().join("epochs/1.key"), "").unwrap();
        assert!(
            matches!(ring.open(EpochId(2)), Err(KeyringError::WrongRoot(_))),
            "nothing here says that the root is right"
        );
        for content in ["", "zz", "0102"] {
            fs::write(folder.path().join("epochs/1.key"), content).unwrap();
            assert!(matches!(ring.open(EpochId(1)), Err(KeyringError::Damaged { .. })), "{content:?}");
        }
    }

    #[test]
    fn what_a_kill_left_behind_is_swept_and_no_key_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let ring = keyring(folder.path(), 7);
        ring.sweep().unwrap();
        ring.begin(EpochId(0)).unwrap();
        let at = |name: &str| folder.path().join("epochs").join(name);
        fs::write(at(".epoch-00"), "half a key").unwrap();
        fs::hard_link(at("1.key"), at(".epoch-01")).unwrap();
        ring.sweep().unwrap();
        assert_eq!(fs::read_dir(folder.path().join("epochs")).unwrap().count(), 1);
        ring.open(EpochId(1)).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("epochs"), "a file").unwrap();
        let refusal = keyring(folder.path(), 7).begin(EpochId(0)).err().unwrap();
        assert!(refusal.to_string().contains("epochs"), "{refusal}");
    }
}
