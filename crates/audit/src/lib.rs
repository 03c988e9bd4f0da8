//! What an auditor needs and nothing else: the form of an exported journal, the check of one from its bytes alone,
//! signed checkpoints, and signed certificates of erasures. Nothing here opens a database or a network connection.

mod certificate;
mod chain;
mod checkpoint;
mod export;
mod key_file;
mod record;
mod signing;

pub use certificate::{Certificate, CertificateError, CopiesOpen, Place, Statement};
pub use chain::{Chain, Problem};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use export::{AuditError, Audited, audit};
pub use key_file::{KeyFileError, load_signer, new_key_file};
pub use record::{End, FORMAT, FORMAT_WITH_REMOVED, Header, Line, LineEntry, Record, Removed};
pub use signing::{PublicKey, PublicKeyError, Signer};
