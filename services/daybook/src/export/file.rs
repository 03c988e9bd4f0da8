//! Files that are there whole or not at all: written beside their place under a passing name, mode 0600, and moved there.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file on its way. Dropping it leaves nothing behind.
pub(super) struct NewFile(BufWriter<NamedTempFile>);

impl NewFile {
    /// In the folder in which it is to be.
    pub(super) fn beside(path: &Path) -> io::Result<NewFile> {
        // The crate makes such files with mode 0600.
        Ok(NewFile(BufWriter::new(NamedTempFile::new_in(folder(path))?)))
    }

    pub(super) fn writer(&mut self) -> &mut impl Write {
        &mut self.0
    }

    /// Moves it to its place once it is on the disk.
    pub(super) fn place(self, path: &Path) -> io::Result<()> {
        let file = self.0.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|refused| refused.error)?;
        File::open(folder(path))?.sync_all()
    }
}

/// Writes a small file whole.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut new = NewFile::beside(path)?;
    new.writer().write_all(content)?;
    new.place(path)
}

fn folder(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_private_and_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        NewFile::beside(&path).unwrap().writer().write_all(b"half").unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        write_whole(&path, b"first").unwrap();
        write_whole(&path, b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
