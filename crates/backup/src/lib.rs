//! Backups: what no fold can rebuild, in two encrypted files that are kept apart, and the way back. Alone names age.
//!
//! The *log file* has every record of the log, and the platform's own record beside the books (merchants, how they keep their
//! books). The *keys file* has the key store. Neither has a key that opens it: the keyring and the root key are in no backup,
//! because destroying them is what erases.
//!
//! The log is copied before the key store, so that every key of every record in the one is in the other ([`back_up_log`],
//! [`back_up_keys`]). A file is written beside its place, synced, read back and compared, and only then named. It is read to
//! its end, and its closing digest compared, before anything is restored of it ([`verify`], [`restore_log`], [`restore_keys`]).
//!
//! Format: an age file of the text `daybook backup 1` and frames, see [`Manifest`] and `frame`. Memory is bounded by a few frames.

mod error;
mod frame;
mod made;
mod reader;
mod recipients;
mod restore;
mod writer;

pub use error::{BackupError, ReadBackupError, RestoreError};
pub use frame::{Counts, FileKind, Manifest};
pub use made::{back_up_keys, back_up_log};
pub use reader::{Verified, manifest, sha256_of_file, verify};
pub use recipients::{Identities, RecipientError, Recipients, create_identity};
pub use restore::{restore_keys, restore_log};
pub use writer::Written;
