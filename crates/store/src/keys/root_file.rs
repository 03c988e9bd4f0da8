//! The root key in a local file that only its owner can read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use subject_keys::{RootKey, RootKeyFileError};
use zeroize::Zeroizing;

use super::random;

/// More than a root key file ever holds; a larger one is something else and is not read to its end.
const MOST_BYTES: usize = 1_024;

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
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => create(path).map_err(|source| io_at(path, source))?,
        Err(source) => return Err(io_at(path, source)),
        Ok(_) => {}
    }
    load(path)
}

fn load(path: &Path) -> Result<RootKey, RootKeyError> {
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
    RootKey::parse_file(&text).map_err(|source| RootKeyError::Content { path: path.to_owned(), source })
}

/// Writes the key beside its place and links it there when it is on the disk: a crash leaves no half-written key, and of
/// two processes that start at once the second finds the first one's.
fn create(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = folder.join(format!(".root-key-{:016x}", rand::random::<u64>()));
    let placed = write_new(&beside).and_then(|()| match fs::hard_link(&beside, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    let removed = fs::remove_file(&beside);
    placed.and(removed)?;
    File::open(folder)?.sync_all()
}

fn write_new(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(RootKey::generate(&mut random).to_file_text().as_bytes())?;
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
}
