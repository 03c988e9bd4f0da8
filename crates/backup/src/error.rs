//! What can go wrong, one enum per operation, by what the caller can do about it. Nothing of any record, row or key is in here.

use std::io;
use std::path::{Path, PathBuf};

use event_log::{CopyLogError, PutBackError};
use store::copy::CopyError;

use crate::frame::FileKind;

/// Why no backup was made. Nothing is left under its name.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The log was not read to its end.
    #[error("the log was not copied: {0}")]
    Log(#[from] CopyLogError),
    /// The database was not read to its end.
    #[error("the database was not copied: {0}")]
    Copy(#[from] CopyError),
    /// The folder or file cannot be written: make room, or name another folder.
    #[error("the backup {} cannot be written: {reason}", .path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// The operating system's answer.
        reason: String,
    },
    /// There is a file of that name already, and backups are never overwritten. Wait a second, or name another folder.
    #[error("{} is there already: nothing is overwritten", .0.display())]
    Exists(PathBuf),
    /// What was read back from the disk is not what was written: do not trust that disk.
    #[error("what was read back from {} is not what was written: do not trust this disk", .0.display())]
    ReadBack(PathBuf),
    /// The file does not open with the identity that was to check it, or not to its end.
    #[error("the backup was written and does not check: {0}")]
    Check(#[source] ReadBackupError),
    /// The recipients do not go together.
    #[error("the backup cannot be encrypted to these recipients: {0}")]
    Recipients(String),
}

/// Why a backup cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadBackupError {
    /// The file cannot be opened or read: name another, or mend the disk.
    #[error("the backup {} cannot be read: {reason}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        reason: String,
    },
    /// No age file, or no backup of this program.
    #[error("{} is no backup of daybook", .0.display())]
    NotABackup(PathBuf),
    /// It is encrypted to others: give the identity of one of its recipients.
    #[error("no identity that was given opens {}: it is encrypted to others, or its head is damaged", .0.display())]
    WrongIdentity(PathBuf),
    /// A byte was changed, or the end is missing: take another copy of it.
    #[error("{} is damaged or cut short: {what}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where it shows.
        what: &'static str,
    },
    /// A later version of this program wrote it: use that one.
    #[error("{} has format {found}; this program reads format {known}: use a newer program", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The format this program reads.
        known: u32,
    },
    /// A file of the log was given where one of the keys belongs, or the other way round.
    #[error("{} is a backup of the {found}, not of the {expected}", .path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// What it is of.
        found: FileKind,
        /// What was asked for.
        expected: FileKind,
    },
}

/// Why a backup was not restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file.
    #[error(transparent)]
    File(#[from] ReadBackupError),
    /// The log did not take it.
    #[error("the log was not restored: {0}")]
    Log(#[from] PutBackError),
    /// The database did not take it.
    #[error("the database was not restored: {0}")]
    Copy(#[from] CopyError),
}

pub(crate) fn cannot_write(path: &Path) -> impl Fn(io::Error) -> BackupError {
    move |error| BackupError::Io { path: path.to_owned(), reason: error.to_string() }
}
