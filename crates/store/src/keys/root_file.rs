//! The root key in a local file that only its owner can read; and how such a file is read, made and replaced whatever it holds, for
//! a root key that a service has sealed (`root-keys`).

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use subject_keys::{RootKey, RootKeyFileError};
use zeroize::Zeroizing;

use super::random;

/// More than a root key file ever holds; a larger one is something else and is not read to its end.
const MOST_BYTES: usize = 4_096;

/// How the name of a file begins that is being written and has no place yet.
const BESIDE: &str = ".root-key-";

/// Why there is no root key. Nothing of the file's content is in here.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// The file cannot be read or written.
    #[error("the root key file {} cannot be used: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// A folder, a device, a pipe.
    #[error("the root key file {} is not a regular file", .path.display())]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// Others than its owner may read or write it.
    #[error("the root key file {path} is open to others (mode {mode:03o}): run `chmod 600 {path}`", path = .path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The content is not a root key.
    #[error("the root key file {} is not valid: {source}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: RootKeyFileError,
    },
}

/// Reads the root key from this file, or draws one and writes it there (mode 0600) if there is no file.
///
/// Whoever loses this file loses everything that was ever sealed: keep a copy away from the databases' backups. Blocks
/// for a few disk accesses.
pub fn load_or_create_root(path: &Path) -> Result<RootKey, RootKeyError> {
    if !has_root_file(path)? {
        RootFileBeside::write(path, &RootKey::generate(&mut random).to_file_text())?.place()?;
    }
    parse_root_file(path, &read_root_file(path)?)
}

/// Whether something lies there, be it a root key or not.
pub fn has_root_file(path: &Path) -> Result<bool, RootKeyError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        found => found.map(|_| true).map_err(|source| io_at(path, source)),
    }
}

/// What lies in a root key file: the key in clear, or as a service has sealed it. Refuses one that is open to others.
pub fn read_root_file(path: &Path) -> Result<Zeroizing<String>, RootKeyError> {
    // Asked before opening, because opening a pipe would wait for a writer.
    let found = fs::metadata(path).map_err(|source| io_at(path, source))?;
    if !found.is_file() {
        return Err(RootKeyError::NotAFile { path: path.to_owned() });
    }
    let file = File::open(path).map_err(|source| io_at(path, source))?;
    let mode = file.metadata().map_err(|source| io_at(path, source))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(RootKeyError::OpenToOthers { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::with_capacity(MOST_BYTES));
    file.take(MOST_BYTES as u64).read_to_string(&mut text).map_err(|source| io_at(path, source))?;
    Ok(text)
}

/// The key that this file's text holds in clear.
pub fn parse_root_file(path: &Path, text: &str) -> Result<RootKey, RootKeyError> {
    RootKey::parse_file(text).map_err(|source| RootKeyError::Content { path: path.to_owned(), source })
}

/// A root key file that is on the disk (mode 0600) beside its place, and not in it yet: a crash leaves no half-written one in its
/// place. Dropping it removes it.
#[derive(Debug)]
pub struct RootFileBeside {
    beside: PathBuf,
    place: PathBuf,
}

impl RootFileBeside {
    /// Writes this text beside the place.
    pub fn write(place: &Path, text: &str) -> Result<RootFileBeside, RootKeyError> {
        let beside = folder_of(place).join(format!("{BESIDE}{:016x}", rand::random::<u64>()));
        // Made first, so that it is removed also if writing fails half-way.
        let file = RootFileBeside { beside, place: place.to_owned() };
        write_new(&file.beside, text).map_err(|source| io_at(place, source))?;
        Ok(file)
    }

    /// Where it is now.
    pub fn path(&self) -> &Path {
        &self.beside
    }

    /// Gives it its place if nothing lies there: of two processes that start at once the second finds the first one's.
    pub fn place(self) -> Result<(), RootKeyError> {
        let linked = match fs::hard_link(&self.beside, &self.place) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        };
        let placed = linked.and_then(|()| fs::remove_file(&self.beside)).and_then(|()| self.sync());
        placed.map_err(|source| io_at(&self.place, source))
    }

    /// Gives it its place whatever lies there. What lay there is gone from the folder, though not from the disk's free blocks.
    pub fn replace(self) -> Result<(), RootKeyError> {
        let replaced = fs::rename(&self.beside, &self.place).and_then(|()| self.sync());
        replaced.map_err(|source| io_at(&self.place, source))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(folder_of(&self.place))?.sync_all()
    }
}

impl Drop for RootFileBeside {
    fn drop(&mut self) {
        // It fails for one that has its place, and for one that was never made.
        drop(fs::remove_file(&self.beside));
    }
}

/// What killed processes left beside a root key file: each may hold a key, so they are to be removed.
pub fn left_beside_root_file(place: &Path) -> Result<Vec<PathBuf>, RootKeyError> {
    let list = || -> io::Result<Vec<PathBuf>> {
        let mut left = Vec::new();
        for entry in fs::read_dir(folder_of(place))? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(BESIDE) {
                left.push(entry.path());
            }
        }
        left.sort();
        Ok(left)
    };
    list().map_err(|source| io_at(place, source))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn io_at(path: &Path, source: io::Error) -> RootKeyError {
    RootKeyError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_first_call_creates_and_the_next_reads_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        let first = load_or_create_root(&path).unwrap().to_file_text();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(load_or_create_root(&path).unwrap().to_file_text() == first);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left in the folder");
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        let digits = load_or_create_root(&path).unwrap().to_file_text();
        mode(&path, 0o644);
        let refusal = load_or_create_root(&path).err().unwrap().to_string();
        assert!(
            refusal.contains(&format!("chmod 600 {}", path.display())) && refusal.contains("mode 644"),
            "{refusal}"
        );
        assert!(!refusal.contains(digits.trim()));
        mode(&path, 0o400);
        assert!(load_or_create_root(&path).is_ok());
    }

    #[test]
    fn what_is_not_a_key_is_refused_and_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(load_or_create_root(folder.path()), Err(RootKeyError::NotAFile { .. })));
        let path = folder.path().join("root.key");
        fs::write(&path, "not a key").unwrap();
        mode(&path, 0o600);
        let refusal = load_or_create_root(&path).err().unwrap();
        assert!(matches!(refusal, RootKeyError::Content { .. }));
        assert!(!refusal.to_string().contains("not a key"));
    }

    #[test]
    fn what_is_written_beside_gets_its_place_whole_or_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        let text = || read_root_file(&path).unwrap().to_string();
        let beside = |text: &str| RootFileBeside::write(&path, text).unwrap();
        drop(beside("dropped"));
        assert!(!has_root_file(&path).unwrap());
        beside("first").place().unwrap();
        beside("second").place().unwrap();
        assert_eq!(text(), "first");
        let third = beside("third");
        assert_eq!(left_beside_root_file(&path).unwrap(), [third.path().to_owned()]);
        third.replace().unwrap();
        assert_eq!(text(), "third");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left in the folder");
    }
}
