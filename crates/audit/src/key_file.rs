//! The key that signs checkpoints or certificates, in a local file that only its owner can read: one line of 64 hexadecimal digits.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::Signer;

/// Why there is no key. Nothing of the file's content is in here.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read or written; a new one is never written over another.
    #[error("the signing key file {} cannot be used: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// Others than its owner may read or write it.
    #[error("the signing key file {path} is open to others (mode {mode:03o}): run `chmod 600 {path}`", path = .path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A folder, a device, a pipe, or another content than a key.
    #[error("the signing key file {} does not hold one line of 64 hexadecimal digits", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
    },
}

/// Writes a new key (mode 0600) where no file is yet. `seed` are 32 random bytes. Blocks for a few disk accesses.
pub fn new_key_file(path: &Path, seed: &[u8; 32]) -> Result<Signer, KeyFileError> {
    let text = Zeroizing::new(format!("{}\n", hex::encode(seed)));
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|source| KeyFileError::Io { path: path.to_owned(), source })?;
    Ok(Signer::from_seed(seed))
}

/// Reads the key from its file. Blocks for a few disk accesses.
pub fn load_signer(path: &Path) -> Result<Signer, KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_owned(), source };
    let content = || KeyFileError::Content { path: path.to_owned() };
    // Asked before opening, because opening a pipe would wait for a writer.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(content());
    }
    let file = File::open(path).map_err(io)?;
    let mode = file.metadata().map_err(io)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::OpenToOthers { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(Vec::with_capacity(128));
    file.take(128).read_to_end(&mut text).map_err(io)?;
    let mut seed = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim_ascii(), seed.as_mut_slice()).map_err(|_| content())?;
    Ok(Signer::from_seed(&seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_once_and_read_only_if_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.key");
        let made = new_key_file(&path, &[9; 32]).unwrap().public_key();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(load_signer(&path).unwrap().public_key(), made);
        assert!(matches!(new_key_file(&path, &[1; 32]), Err(KeyFileError::Io { .. })), "never written over");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(load_signer(&path), Err(KeyFileError::OpenToOthers { mode: 0o640, .. })));
        assert!(matches!(load_signer(folder.path()), Err(KeyFileError::Content { .. })));
        let short = folder.path().join("short");
        new_key_file(&short, &[2; 32]).unwrap();
        std::fs::write(&short, "abcd\n").unwrap();
        assert!(matches!(load_signer(&short), Err(KeyFileError::Content { .. })));
    }
}
